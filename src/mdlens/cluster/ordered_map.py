"""A function over a stream on a cluster: results in order, few items in flight, lost work done again."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker

from mdlens.cluster.worker import Resident, call_resident
from mdlens.errors import ClusterError, MdlensError

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2
"""Bundles sent per bundle that the cluster can work on at once: the next is there when one is done."""

_COUNT_EVERY = 1.0
"""Seconds between two looks at the size of the cluster, which may grow or shrink."""

_SETTINGS = {
    "distributed.admin.large-graph-warning-threshold": "1TB",
    "distributed.diagnostics.computations.nframes": 0,
}
"""Dask warns of values above 10 MB, but here the scheduler has to hold them, to give them to another worker;
and it would look up the caller's source code for each call."""

_ENVIRONMENTS = "install the same versions of mdlens and Dask there as here"


def map_in_order(
    client: Client,
    function: Callable[[T, int], R],
    items: Iterable[tuple[K, T | None]],
    *,
    threads: int = 1,
    weight: Callable[[T], float] = lambda value: 1.0,
    place: Callable[[K], str] = str,
) -> Generator[tuple[K, R | None], None, None]:
    """Call ``function(value, threads)`` on the workers for every ``(key, value)``, in order.

    The function travels once to each worker, the values in bundles. The scheduler keeps the bundles that are
    not done, so those of a worker that is lost are done again by another. At most `AHEAD` times as many
    bundles as the cluster can work on at once are in flight; `items` is not read further.

    Args:
        client: The connection to the cluster.
        function: What to call; it must be importable on the workers.
        items: What to keep here beside each result, and what to send. None is not sent: it only keeps its
            place. An error raised by `items` is raised after the results before it.
        threads: Threads for each call; a worker of fewer gives all it has.
        weight: Values are sent together until their weights reach 1, but the first ones alone, so that
            every worker has some.
        place: Tells, from the key, which call an error is of: the beginning of its message.

    Yields:
        Each key with its result, None where nothing was sent.

    Raises:
        MdlensError: As the function raised it.
        ClusterError: If the workers cannot run the function, the same bundle lost several workers, or the
            scheduler is gone.
    """
    waiting: deque[_Bundle[K]] = deque()
    source, failure = _caught(items)
    with _resident(client, function) as name:
        window = _Window(client, threads)
        bundles = _bundles(source, weight, alone=AHEAD * window.size())
        try:
            while True:
                while len(waiting) < window.size() and (bundle := next(bundles, None)) is not None:
                    waiting.append(_submit(client, name, bundle, threads))
                if not waiting:
                    break
                yield from waiting.popleft().results(place)
        finally:
            _cancel(client, [bundle.future for bundle in waiting])
    for error in failure:
        raise error


def _bundles(
    items: Iterable[tuple[K, T | None]], weight: Callable[[T], float], alone: int
) -> Iterator[list[tuple[K, T | None]]]:
    """Gather items until their weights reach 1, but only one value at a time for so many at first."""
    bundle: list[tuple[K, T | None]] = []
    total = 0.0
    for key, value in items:
        bundle.append((key, value))
        if value is not None:
            total += weight(value) if alone < 1 else 1.0
            alone -= 1
        if total >= 1.0:
            yield bundle
            bundle, total = [], 0.0
    if bundle:
        yield bundle


@dataclass(frozen=True)
class _Bundle(Generic[K]):
    """Values under way: what is kept here of each, and whether it was sent."""

    kept: list[tuple[K, bool]]
    future: Future

    def results(self, place: Callable[[K], str]) -> Iterator[tuple[K, Any]]:
        """Wait for the results; yield them up to the first error, and raise that."""
        sent = [key for key, was_sent in self.kept if was_sent]
        others = f"(or one of the {len(sent) - 1} sent with it) " if len(sent) > 1 else ""
        with _telling("the work could not be done", f"{place(sent[0])}{others}" if sent else ""):
            results = iter(self.future.result())
        for key, was_sent in self.kept:
            result = next(results) if was_sent else None
            if isinstance(result, MdlensError):
                result.args = (f"{place(key)}{result}",)
                raise result
            yield key, result


def _caught(items: Iterable[T]) -> tuple[Iterator[T], list[Exception]]:
    """Give the items, and a list that takes the error at which they end."""
    failure: list[Exception] = []

    def walk() -> Iterator[T]:
        try:
            yield from items
        except Exception as error:
            failure.append(error)

    return walk(), failure


class _Window:
    """How many bundles may be in flight."""

    def __init__(self, client: Client, threads: int) -> None:
        self._client = client
        self._threads = threads
        self._size = 0
        self._counted = float("-inf")

    def size(self) -> int:
        """Count what the workers of this moment can do at once, `AHEAD` times; 1 at least."""
        if time.monotonic() - self._counted > _COUNT_EVERY:
            with _telling("the scheduler is gone"):
                at_once = sum(max(1, n // self._threads) for n in self._client.nthreads().values())
            self._size, self._counted = max(1, AHEAD * at_once), time.monotonic()
        return self._size


@contextmanager
def _resident(client: Client, function: Callable[[Any, int], Any]) -> Iterator[str]:
    """Keep a function on the workers; give the name to call it by."""
    name = f"mdlens-{uuid4().hex}"
    try:
        with _telling("a worker cannot take the work"):
            client.register_plugin(Resident(function, name))
        yield name
    finally:
        if client.status == "running":
            with suppress(Exception):  # the workers forget it when they end
                client.unregister_worker_plugin(name)


def _submit(client: Client, name: str, bundle: list[tuple[K, T | None]], threads: int) -> _Bundle[K]:
    values = [value for _, value in bundle if value is not None]
    with dask.config.set(_SETTINGS), _telling("the scheduler is gone"):
        future = client.submit(call_resident, name, values, threads, pure=False)
    return _Bundle([(key, value is not None) for key, value in bundle], future)


def _cancel(client: Client, futures: list[Future]) -> None:
    if client.status == "running":
        with suppress(Exception):  # on the way out: another error may be under way
            client.cancel(futures)


@contextmanager
def _telling(what: str, place: str = "") -> Iterator[None]:
    """Turn every error of the cluster into one line."""
    try:
        yield
    except KilledWorker as error:
        raise ClusterError(
            f"{place}the same work took {error.allowed_failures + 1} workers down with it: look into their "
            "logs, and give them more memory"
        ) from error
    except ImportError as error:
        raise ClusterError(f"a worker lacks a module ({error}): {_ENVIRONMENTS}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ClusterError(f"{place}Dask cluster: {what} ({type(error).__name__}: {reason})") from error
