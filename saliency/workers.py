"""The threads of a job beside the one that runs the network: they read ahead, encode, and write in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")
Arguments = ParamSpec("Arguments")
# Calls of `Workers.in_order` that may wait for their turn: one is at work, and one is ready when it is done.
WAITING = 2


class Workers:
    """Threads that work for as long as a ``with`` block runs.

    Decoders and codecs do most of their work without Python's lock, so that threads keep as many cores busy.

    Parameters
    ----------
    threads
        How many compute at the same time. One more, which writes, mostly waits.

    Examples
    --------
    >>> written = []
    >>> with Workers(2) as workers:
    ...     for found in workers.ahead(abs, [-1, -2, -3], held=2):
    ...         workers.in_order(written.append, found)
    ...     workers.finish()
    >>> written
    [1, 2, 3]
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "worker")
        self._writer = ThreadPoolExecutor(1, "writer")
        self._waiting: deque[Future[None]] = deque()

    def ahead(self, work: Callable[[Given], Found], items: Iterable[Given], held: int) -> Iterator[Found]:
        """Results of `work` for each item, in their order; `held` of them are computed before they are needed."""
        left = iter(items)
        waiting = deque(self._pool.submit(work, item) for item in islice(left, held))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(self._pool.submit(work, item) for item in islice(left, 1))
            yield found

    def start(
        self, work: Callable[Arguments, Found], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Future[Found]:
        """Call `work` as soon as a thread is free."""
        return self._pool.submit(work, *arguments, **named)

    def in_order(self, work: Callable[Arguments, None], *arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        """Call `work` after what was given here before; wait while too many calls do, and raise what one has raised."""
        while len(self._waiting) >= WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._writer.submit(work, *arguments, **named))

    def finish(self) -> None:
        """Wait for all that was given to `in_order`."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what has not begun, and wait for the rest."""
        self._pool.shutdown(cancel_futures=True)
        self._writer.shutdown(cancel_futures=True)
