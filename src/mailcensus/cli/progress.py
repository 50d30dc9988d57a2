"""How far a stage is: a bar on a terminal, a line every few seconds elsewhere, nothing when told to be quiet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from mailcensus.cli.talk import TALK, draws_bars, say

_LINE_S = 5.0
"""Between two lines where there is no terminal."""
_RATE_OVER_S = 30.0
"""The rate is that of so many last seconds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far a stage is at one moment."""

    done: int
    total: int
    unit: str
    """What is counted, e.g. addresses."""
    good: int
    """The hits among `tried`."""
    tried: int
    good_word: str
    """What became of the good ones, e.g. answer."""
    note: str = ""
    """Whatever else there is to say."""


class StageTalk:
    """Shows snapshots of one stage. Use as a context manager."""

    def __init__(
        self,
        stage: str,
        *,
        quiet: bool,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        below: StageTalk | None = None,
    ) -> None:
        """Begin to watch.

        Args:
            done: how much of it an earlier session has done.
            below: another stage at the same time, whose bar this one's is to stand under.
        """
        self._stage = stage
        self._quiet = quiet
        self._clock = clock
        self._samples = deque([(clock(), done)])
        self._line_at = clock() + _LINE_S
        self._last = ""
        self._bar: Progress | None = None
        self._below = below
        self._task = TaskID(0)

    def show(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot, and show it if it is time."""
        if self._quiet:
            return
        now = self._clock()
        self._last = words(snapshot, self._rate_per_s(now, snapshot.done))
        if self._bar is not None:
            self._bar.update(self._task, completed=snapshot.done, total=snapshot.total, words=self._last)
        elif now >= self._line_at:
            self._line_at = now + _LINE_S
            say(f"{self._stage}: {self._last}")

    def __enter__(self) -> StageTalk:
        if draws_bars() and not self._quiet:
            self._bar = _new_bar() if self._below is None else self._below._bar
            assert self._bar is not None
            self._task = self._bar.add_task(self._stage, total=None, words="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            if self._below is None:
                self._bar.stop()
        elif self._last:
            say(f"{self._stage}: {self._last}")

    def _rate_per_s(self, now: float, done: int) -> float:
        samples = self._samples
        samples.append((now, done))
        while len(samples) > 2 and now - samples[1][0] > _RATE_OVER_S:
            samples.popleft()
        then, done_then = samples[0]
        return (done - done_then) / (now - then) if now > then else 0.0


def _new_bar() -> Progress:
    numbers = TextColumn("{task.fields[words]}", table_column=Column(no_wrap=True))
    bar = Progress(TextColumn("{task.description}"), BarColumn(16), numbers, console=TALK)
    bar.start()
    return bar


def words(snapshot: Snapshot, rate_per_s: float) -> str:
    """A snapshot in words: done/total, rate, share of good ones, time left."""
    parts = [f"{snapshot.done:,}/{snapshot.total:,} {snapshot.unit}", f"{rate_per_s:,.0f}/s"]
    if snapshot.tried:
        share = 100 * snapshot.good / snapshot.tried
        parts.append(f"{snapshot.good:,} {snapshot.good_word} ({share:{'.0f' if share >= 10 else '.2g'}} %)")
    left = snapshot.total - snapshot.done
    if left and rate_per_s:
        parts.append(f"{duration(left / rate_per_s)} left")
    if snapshot.note:
        parts.append(snapshot.note)
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time in its two largest units: 45 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
    whole = round(seconds)
    for size, big, small_size, small in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {big}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
