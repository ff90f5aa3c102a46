"""Property tests draw the same examples on every machine, and none of them is timed."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("same everywhere", derandomize=True, deadline=None)
settings.load_profile("same everywhere")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Give torch one thread for the length of a test."""
    import torch  # here: tests of the base installation do without it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
