"""What runs on a worker: one function, sent once to every worker there is or comes to be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition
from typing import Any

from distributed import WorkerPlugin, get_worker

from mdlens.errors import MdlensError


class Seats:
    """Threads of a worker, taken by tasks so that together they never run more than it was given.

    Args:
        count: Threads of the worker.
    """

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._freed = Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[int]:
        """Wait until `wanted` threads are free, or all of them if the worker has fewer; give how many."""
        number = min(wanted, self._count)
        with self._freed:
            self._freed.wait_for(lambda: self._free >= number)
            self._free -= number
        try:
            yield number
        finally:
            with self._freed:
                self._free += number
                self._freed.notify_all()


class Resident(WorkerPlugin):  # type: ignore[misc]  # the checker does not follow Dask's imports
    """A function that stays on each worker, with whatever it holds (a model), for many calls.

    A plugin, not an argument or a scattered object: a worker that joins late or comes back gets it too.

    Args:
        function: Called with an argument and the number of threads to use.
        name: Tells this function from others on the same cluster.
    """

    def __init__(self, function: Callable[[Any, int], Any], name: str) -> None:
        self.function = function
        self.name = name
        self.seats = Seats(1)

    def __reduce__(self) -> tuple[type["Resident"], tuple[Callable[[Any, int], Any], str]]:
        """Travel without the seats, which belong to one worker."""
        return Resident, (self.function, self.name)

    def setup(self, worker: Any) -> None:
        """Count the seats of the worker."""
        self.seats = Seats(worker.state.nthreads)


def call_resident(name: str, values: Sequence[object], threads: int) -> list[Any]:
    """Call a `Resident` function for each value; this is what a task does.

    Args:
        name: The function's name.
        values: What to call it with.
        threads: Threads it may use, if the worker has as many.

    Returns:
        What the function returns for each. An error of mdlens ends the list, as a result: raised, it would
        fill the log of the worker.
    """
    resident = get_worker().plugins[name]
    with resident.seats.taken(threads) as number:
        return list(_outcomes(resident.function, values, number))


def _outcomes(function: Callable[[Any, int], Any], values: Sequence[object], threads: int) -> Iterator[Any]:
    try:
        for value in values:
            yield function(value, threads)
    except MdlensError as error:
        yield error


__all__ = ["Resident", "Seats", "call_resident"]
