"""Networks are small here: threads would only cost time."""

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Every contract is checked with one thread of torch."""
