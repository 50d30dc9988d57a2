"""What a run knows about its own eyes: canaries, pauses, and the look at the vantage before it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column

_PORT = pa.uint16()
_POSITION = pa.uint64()


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryAsk:
    """One question to a canary: a responder that is known to answer."""

    run_id: Annotated[str, Column("the run that asked")]
    at: Annotated[datetime, Column("when the connection was begun")]
    ip: Annotated[str, Column("the canary's address")]
    port: Annotated[int, Column("the port asked", _PORT)]
    answered: Annotated[bool, Column("the TCP connection stood")]
    rtt_ms: Annotated[float | None, Column("time to the answer")] = None
    position: Annotated[
        int, Column("all addresses before this position of the asking order were done with", _POSITION)
    ]
    paused: Annotated[bool, Column("asked while nobody else was: at the start, in a pause or to end one")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which no address was asked, since no canary answered."""

    run_id: Annotated[str, Column("the run that paused")]
    silent_since: Annotated[
        datetime | None, Column("the last good answer of a canary; null: none had answered in this session")
    ]
    began_at: Annotated[datetime, Column("when the run paused")]
    ended_at: Annotated[
        datetime | None, Column("when a canary answered again; null: the command was ended before")
    ]
    asks: Annotated[int, Column("questions to canaries during it", pa.uint32())]
    back_to: Annotated[int, Column("the position from which addresses were asked again", _POSITION)]
    reached: Annotated[int, Column("the position up to which addresses had been asked", _POSITION)]


class Verdict(StrEnum):
    """How a line of the preflight ended."""

    OK = "ok"
    WARNING = "warning"
    """The results hold; somebody asked may not find out who asked, or the run may stop early."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could not be found out; never a reason to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightCheck:
    """One line of the preflight."""

    run_id: Annotated[str, Column("the run before which it was looked at")]
    at: Annotated[datetime, Column("when")]
    check: Annotated[str, Column("what was looked at, e.g. egress, reverse_dns, clock")]
    subject: Annotated[str, Column("of what, e.g. an address, a name, a port")]
    verdict: Annotated[Verdict, Column("ok, warning, failed or unknown")]
    found: Annotated[str, Column("what was found, in words")]
    mend: Annotated[str | None, Column("what to do about it; null: nothing")] = None
    stops: Annotated[bool, Column("failed, it makes results meaningless: a run does not begin")] = False
