"""A day of asking in fifteen minutes: one run of 24 hours, and nothing in its process that grows.

Time is compressed by libfaketime, which makes the clocks of that process run quicker: its deadlines, the pauses after
a 421, the canaries' rest, the rates and the hours of its ledger pass as in a day, on an event loop that knows no
better. The rate of asking is so low that the lab's hosts last for the day. The lab's own clock is left alone.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from mailcensus.dataset.tables import Dataset
from torture.invariants import check
from torture.machine import faketime_library
from torture.scene import CONNECT_S, Fault, Scene, ended, scene

QUICKER = 120
HOURS = 24.0
_HOSTS = 600
_SERVICES = 9
_GROWN_MB = 60.0
_SETTLED = 0.25
"""Of the run: after that nothing but lists of what has been seen may grow."""
_FILES = 40
_PATIENT = 40.0
"""Deadlines are longer by this: others load the machine, and a second of stalling is two minutes of that clock."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at one moment."""

    resident_mb: float
    files: int


def soak(directory: Path, chance: random.Random, *, hours: float = HOURS) -> str:
    """One run over so many hours of its own clock."""
    library = faketime_library()
    if library is None:
        return "skipped: libfaketime is not installed (Debian package: faketime)"
    block = f"127.{200 + os.getpid() % 40}.{os.getpid() // 40 * 4 % 256}.0/22"
    with scene(directory, chance.randrange(1 << 16), hosts=_HOSTS, block=block) as here:
        _slow_down(here, hours)
        told = {"LD_PRELOAD": str(library), "FAKETIME": f"+0 x{QUICKER}"}
        began_s = time.monotonic()
        process = here.start("discover", environment=told)
        samples = _watch(process)
        process = here.start("collect", environment=told)
        samples = _watch(process)
        lasted_h = (time.monotonic() - began_s) * QUICKER / 3_600
        if lasted_h < hours:
            raise Fault(f"it was over after {lasted_h:.1f} h, not {hours:g}")
        _check_growth(samples)
        hours_seen = (
            Dataset(here.directory / "data").table("politeness_peaks").hour.nunique().to_pyarrow().as_py()
        )
        return (
            f"{check(here)}; {lasted_h:.1f} h, {hours_seen} hours in the ledger; resident "
            f"{samples[len(samples) // 4].resident_mb:.0f} to {samples[-1].resident_mb:.0f} MB"
        )


def _slow_down(here: Scene, hours: float) -> None:
    """A rate at which the lab lasts for so long, and the pauses of a real study."""
    path = here.directory / "study.toml"
    connections = 1_024 + len(here.truth.responding) * _SERVICES
    text = path.read_text()
    for old, new in (
        ("connections_per_s = 250.0", f"connections_per_s = {connections / hours / 3_600:.4f}"),
        ("rate_limited_pauses_s = [1.0, 2.0]", "rate_limited_pauses_s = [300.0, 1200.0, 3600.0]"),
        ("flush_s = 0.1", "flush_s = 300.0"),
        (f"timeout_s = {CONNECT_S}", f"timeout_s = {5.0 * _PATIENT}"),
        (f"connect_s = {CONNECT_S}", _deadlines()),
    ):
        if old not in text:
            raise Fault(f"study.toml of a lab has no {old!r} any more")
        text = text.replace(old, new, 1)
    path.write_text(text)


def _deadlines() -> str:
    usual = {"connect_s": 10.0, "greeting_s": 35.0, "reply_s": 20.0, "tls_s": 20.0, "grab_s": 120.0}
    return "\n".join(f"{name} = {seconds * _PATIENT}" for name, seconds in usual.items())


def _watch(process: subprocess.Popen[str]) -> list[Sample]:
    """Look at a process every second, to its end."""
    samples: list[Sample] = []
    while process.poll() is None:
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            samples.append(Sample(pages * resource.getpagesize() / 1e6, files))
        except OSError:
            break
        time.sleep(1.0)
    said = ended(process)
    if process.returncode:
        raise Fault(f"it ended with {process.returncode}: {said}")
    return samples


def _check_growth(samples: list[Sample]) -> None:
    settled = samples[int(len(samples) * _SETTLED)]
    if samples[-1].resident_mb - settled.resident_mb > _GROWN_MB:
        raise Fault(
            f"resident memory grew from {settled.resident_mb:.0f} to {samples[-1].resident_mb:.0f} MB"
        )
    if max(sample.files for sample in samples) - settled.files > _FILES:
        raise Fault(f"open files grew from {settled.files} to {max(sample.files for sample in samples)}")
