"""Property tests draw the same examples on every machine, and none of them is timed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

settings.register_profile("same everywhere", derandomize=True, deadline=None)
settings.load_profile("same everywhere")


@pytest.fixture
def study(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., ModuleType]]:
    """Import modules of a test file's `STUDY_FOLDERS` as scripts there do; skip without its `STUDY_NEEDS`."""
    for package in getattr(request.module, "STUDY_NEEDS", ()):
        pytest.importorskip(package)
    before = set(sys.modules)
    folders = [Path(__file__).parents[1] / "studies" / name for name in request.module.STUDY_FOLDERS]
    for folder in folders:
        monkeypatch.syspath_prepend(str(folder))
    yield __import__
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent in folders:
            del sys.modules[name]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Give torch one thread for the length of a test."""
    import torch  # here: tests of the base installation do without it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
