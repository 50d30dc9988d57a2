"""Deadlines of thousands of connections under one timer.

A timer per stage and connection would cost more than the stage. Here everything that has a deadline stands in one
set, which is looked through a few times a second. A look costs some 50 ns for each, so 10,000 connections cost
two thousandths of a core; for that, a deadline may be moved at any time by setting it, and adding and removing cost
no more than a set does. Deadlines are met up to one resolution late, never early.

A machine that stalls (too busy, suspended, stopped) must not take its own silence for that of its peers: what they said
meanwhile lies in the kernel, and a task that waits for it wakes some turns of the loop after timers that are due. So a
look that comes late expires nobody; the next one does, and in between everything was read.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

STALLED_S = 0.5
"""A look that comes so much later than it should is late."""


class Expiring(Protocol):
    """Something that must not take for ever. It is known by its identity."""

    deadline: float
    """On the scale of `loop.time()`; it may be moved while watched. `math.inf` is none."""

    def expire(self) -> None:
        """Called once when the deadline has passed; the target is no longer watched then."""


class Deadlines:
    """Watches targets of one event loop and expires those whose deadline has passed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, resolution_s: float = 0.25) -> None:
        self._loop = loop
        self._resolution_s = resolution_s
        self._targets: set[Expiring] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        self._was_late = False

    def __len__(self) -> int:
        """How many targets are watched."""
        return len(self._targets)

    def add(self, target: Expiring) -> None:
        """Watch a target until it expires or is removed."""
        self._targets.add(target)
        if self._timer is None:
            self._arm()

    def remove(self, target: Expiring) -> None:
        """Watch a target no longer; nothing happens where it is not watched."""
        self._targets.discard(target)

    def _arm(self) -> None:
        self._due_at = self._loop.time() + self._resolution_s
        self._timer = self._loop.call_later(self._resolution_s, self._look)

    def _look(self) -> None:
        """Expire what is due. The timer is set first: an error in one `expire` must not end the watch.

        Such an error goes to the loop's exception handler; what else was due then goes at the next look.
        """
        if not self._targets:
            self._timer = None
            return
        now = self._loop.time()
        self._was_late = not self._was_late and now > self._due_at + STALLED_S
        self._arm()
        if self._was_late:
            return
        for target in [target for target in self._targets if target.deadline <= now]:
            if target in self._targets:
                self._targets.remove(target)
                target.expire()
