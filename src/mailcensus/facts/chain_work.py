"""Judging many chains: in this process, or in one for each processor."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from mailcensus.dataset.processes import pool_of
from mailcensus.facts.chain_rows import Judge, SentChain
from mailcensus.facts.known_intermediates import KnownIntermediates
from mailcensus.facts.revocation import RevocationLists
from mailcensus.facts.root_stores import RootStore
from mailcensus.model import Chain

BATCH = 500
_WORTH_PROCESSES = 4 * BATCH
"""Verifications below which starting processes takes longer than the work."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Whom and what to judge by."""

    stores: tuple[RootStore, ...]
    intermediates: tuple[bytes, ...]
    """DER of those seen anywhere in the dataset."""
    crls: tuple[bytes, ...]
    """Contents of the files."""

    def judge(self) -> Judge:
        """A judge who goes by them."""
        return Judge(self.stores, KnownIntermediates(self.intermediates), RevocationLists(self.crls))


@dataclass(frozen=True, slots=True)
class Task:
    """One chain to judge by one store."""

    hashes: tuple[str, ...]
    store_sha256: str
    seen: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks, and the certificates they are about by their hashes; those that were not kept are not there."""

    tasks: tuple[Task, ...]
    certificates: Mapping[str, bytes]


def batches(tasks: Sequence[Task], certificates: Mapping[str, bytes]) -> Iterator[Batch]:
    """Tasks in pieces, each with what it needs."""
    for first in range(0, len(tasks), BATCH):
        some = tuple(tasks[first : first + BATCH])
        needed = {name for task in some for name in task.hashes}
        yield Batch(some, {name: certificates[name] for name in needed if name in certificates})


class Workers:
    """Judges batches, in several processes where `tasks` are many. A context manager."""

    def __init__(self, grounds: Grounds, tasks: int) -> None:
        self._judge: Judge | None = None
        self._pool: ProcessPoolExecutor | None = None
        count = len(os.sched_getaffinity(0))
        if tasks < _WORTH_PROCESSES or count < 2:
            self._judge = grounds.judge()
        else:
            self._pool = pool_of(count, _begin, grounds)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def rows(self, some: Sequence[Batch]) -> Iterator[list[Chain]]:
        """The rows of each batch, in order."""
        if self._pool is not None:
            yield from self._pool.map(_work, some)
        elif self._judge is not None:
            for batch in some:
                yield _rows(self._judge, batch)


_of_process: list[Judge] = []


def _begin(grounds: Grounds) -> None:
    _of_process.append(grounds.judge())


def _work(batch: Batch) -> list[Chain]:
    return _rows(_of_process[0], batch)


def _rows(judge: Judge, batch: Batch) -> list[Chain]:
    return [
        row
        for task in batch.tasks
        for row in judge.rows(
            SentChain(task.hashes, tuple(map(batch.certificates.get, task.hashes)), task.seen),
            task.store_sha256,
        )
    ]
