"""CPU time of this process, all its threads, told apart into our own work and the kernel's for us."""

from __future__ import annotations

import gc
import resource
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time of one grab."""

    user_us: float
    system_us: float

    @property
    def total_us(self) -> float:
        """Both together."""
        return self.user_us + self.system_us


async def cpu_per_grab(grab_many: Callable[[int], Awaitable[None]], grabs: int) -> Cpu:
    """Await `grab_many(grabs)` and divide the CPU time it took; garbage of what ran before is not counted."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF)
    await grab_many(grabs)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return Cpu(
        user_us=(after.ru_utime - before.ru_utime) * 1e6 / grabs,
        system_us=(after.ru_stime - before.ru_stime) * 1e6 / grabs,
    )


def median_round(rounds: Sequence[Cpu]) -> Cpu:
    """The round in the middle by its total (the lower one of two)."""
    middle = statistics.median_low(cpu.total_us for cpu in rounds)
    return next(cpu for cpu in rounds if cpu.total_us == middle)
