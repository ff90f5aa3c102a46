"""Finding the scheduler of a Dask cluster."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mdlens.errors import ClusterError, MissingExtraError

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 10.0
"""Seconds a scheduler may take to answer."""


@contextmanager
def connect(address: str) -> Iterator["Client"]:
    """Connect to a running Dask scheduler, and leave it as it was at the end.

    Args:
        address: ``tcp://host:8786``, ``host:8786``, or the path of a scheduler file (``.json``).

    Raises:
        MissingExtraError: If the ``dask`` extra is not installed.
        ClusterError: If no scheduler answers there within `PATIENCE` seconds.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("distributed", "dask") from error
    place = {"scheduler_file": address} if Path(address).suffix == ".json" else {"address": address}
    try:
        if "scheduler_file" in place:
            Path(address).read_bytes()  # the client would wait for ever for a file that is not there
        with _silent("distributed"):
            client = Client(**place, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # what the transports raise shares no base class
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({_reason(error)}); start one with `dask scheduler`, "
            "and give the address it prints"
        ) from error
    try:
        yield client
    finally:
        with _silent("distributed"):  # a scheduler that is gone has been told of by then
            client.close()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a library's log off the terminal: what it reports here is raised too."""
    known = [log for log in logging.root.manager.loggerDict.values() if isinstance(log, logging.Logger)]
    loud = [log for log in known if f"{log.name}.".startswith(f"{name}.") and not log.disabled]
    for log in loud:
        log.disabled = True
    try:
        yield
    finally:
        for log in loud:
            log.disabled = False


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:120] or type(error).__name__
