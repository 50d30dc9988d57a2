"""The preflight's look at the machine itself; asks nobody."""

from __future__ import annotations

import ctypes
import resource
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.discovery.preflight_line import Line
from mailcensus.model import Verdict
from mailcensus.probe.descriptors import OTHERS
from mailcensus.study import Study

_TIMEX_BYTES = 256
"""`struct timex` has 208 bytes on 64-bit Linux; the kernel writes no more than that."""
_STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)
"""modes (padded), offset, freq, maxerror, esterror come before status; adjtimex(2)."""
_STA_UNSYNC = 0x40
_TIME_ERROR = 5
_SLACK_S = 0.05

HIT_SHARE = 0.02
"""Assumed for the estimate of disk space: more than port 25 has in any country we know of."""
BYTES_PER_GRAB = 1_500
"""On disk, certificates and keys included: from the lab's studies, rounded up."""
_LEAST_FREE_BYTES = 64 << 20


class ClockWatch:
    """Compares the wall clock with the steady one over the time that the other looks take."""

    def __init__(self) -> None:
        self._wall, self._steady = time.time(), time.monotonic()

    def line(self) -> Line:
        """Whether the wall clock ran as the steady one did."""
        gone = time.monotonic() - self._steady
        jump = time.time() - self._wall - gone
        if abs(jump) > _SLACK_S:
            found = f"jumped by {jump:+.3f} s within {gone:.1f} s"
            return Line("clock", "steadiness", Verdict.WARNING, found, "let the time service settle first")
        return Line("clock", "steadiness", Verdict.OK, f"runs evenly over {gone:.1f} s")


def clock_lines(data: Path) -> list[Line]:
    """Whether the date can be right, and whether a time service keeps it; no other machine is asked."""
    return [_date(data), _synchronised()]


def _date(data: Path) -> Line:
    """Nothing on disk comes from the future: our own code, the last thing written to the study."""
    now = time.time()
    known = [path for path in (Path(__file__), data / "run.json") if path.exists()]
    newest = max(path.stat().st_mtime for path in known)
    said = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if newest > now + 1:
        later = f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S} UTC"
        found = f"{said}, but there are files of {later}"
        return Line("clock", "date", Verdict.FAILED, found, "set this machine's clock")
    return Line("clock", "date", Verdict.OK, said)


def _synchronised() -> Line:
    status = _ntp_status()
    if status is None:
        return Line("clock", "synchronised", Verdict.UNKNOWN, "the system does not say")
    if status:
        return Line("clock", "synchronised", Verdict.OK, "kept by a time service, says the kernel")
    found = "the kernel knows of no time service that keeps it"
    return Line("clock", "synchronised", Verdict.WARNING, found, "run chrony or systemd-timesyncd")


def _ntp_status() -> bool | None:
    """Whether the kernel's clock is synchronised, by adjtimex(2) with nothing to change."""
    if not sys.platform.startswith("linux"):
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    status = ctypes.c_int.from_buffer(buffer, _STATUS_OFFSET).value
    return state != _TIME_ERROR and not status & _STA_UNSYNC


def descriptor_line(study: Study) -> Line:
    """Whether the system allows as many open files as connections may be in flight."""
    wanted = study.settings.politeness.in_flight + OTHERS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        found = f"{hard:,} allowed, {wanted:,} needed"
        mend = f"set politeness.in_flight to {max(1, hard - OTHERS)}, or raise the limit (ulimit -Hn)"
        return Line("open files", "in_flight", Verdict.FAILED, found, mend, stops=True)
    return Line("open files", "in_flight", Verdict.OK, f"{wanted:,} needed and allowed")


def disk_line(study: Study, addresses: int) -> Line:
    """Whether the records of a run would find room."""
    services = len(study.settings.collect.services)
    wanted = _LEAST_FREE_BYTES + round(addresses * HIT_SHARE * services * BYTES_PER_GRAB)
    free = shutil.disk_usage(study.directory).free
    found = f"{_megabytes(free)} free; {_megabytes(wanted)} for {addresses:,} addresses, if {HIT_SHARE:.0%} answer"
    if free < _LEAST_FREE_BYTES:
        return Line("disk", str(study.directory), Verdict.FAILED, found, "free some space", stops=True)
    if free < wanted:
        return Line("disk", str(study.directory), Verdict.WARNING, found, "free some space")
    return Line("disk", str(study.directory), Verdict.OK, found)


def engine_line(study: Study) -> Line:
    """Whether the packet engine that the study wants is there."""
    engine = study.settings.discovery.engine
    if engine == "connect":
        return Line("engine", engine, Verdict.OK, "built in")
    path = shutil.which(engine)
    if path is None:
        mend = f'install {engine}, or set discovery.engine = "connect"'
        return Line("engine", engine, Verdict.FAILED, "not found on the PATH", mend, stops=True)
    return Line("engine", engine, Verdict.OK, path)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
