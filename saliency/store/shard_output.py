"""The files that one job writes of a shard, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from saliency.store.codec import Packed, ShardWriter
from saliency.store.shard import Shard
from saliency.workers import Workers


class ShardOutput:
    """Files of a shard, which appear one after the other when all samples of all of them are written.

    Of a ``with`` block that ends before, nothing is left.

    Parameters
    ----------
    shard
        Whose samples they are.
    arrays
        Paths in the store.

    Attributes
    ----------
    workers
        The job's threads, as many as it has cores; one of them writes.
    writers
        By path in the store.
    """

    def __init__(self, shard: Shard, arrays: Iterable[str]) -> None:
        self.workers = Workers(shard.config["threads"])
        self.writers = {name: ShardWriter(shard.files[name], len(shard), shard.specs[name]) for name in arrays}
        self._given: list[tuple[str, Packed | Callable[[], Packed]]] = []

    def put(self, array: str, packed: Packed | Callable[[], Packed]) -> None:
        """Take the next samples of an array, or what makes them when it is their turn to be written."""
        self._given.append((array, packed))

    def flush(self) -> None:
        """Have written what was given since the last time; other threads go on meanwhile."""
        given, self._given = self._given, []
        self.workers.in_order(self._write, given)

    def _write(self, given: list[tuple[str, Packed | Callable[[], Packed]]]) -> None:
        for name, packed in given:
            self.writers[name].add(packed() if callable(packed) else packed)

    def finish(self) -> None:
        """Wait until all is written that was given."""
        self.flush()
        self.workers.finish()

    def commit(self) -> None:
        """Put the files in their places."""
        self.finish()
        for writer in self.writers.values():
            writer.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Nothing is written any more when the files go.
        self.workers.__exit__(kind, error, trace)
        for writer in self.writers.values():
            writer.__exit__(kind, error, trace)
