"""The rows of the tables on what the vantage could see; declarations only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecordRow:
    """One canary over a run."""

    ip: Annotated[str, Column("the canary's address")]
    port: Annotated[int, Column("the port asked")]
    asked: Annotated[int, Column("questions to it")]
    answered: Annotated[int, Column("of these: answered")]
    share: Annotated[float | None, Column("answered / asked")]
    asked_in_pauses: Annotated[
        int, Column("of the questions: those sent while nobody else was asked (roll calls and pauses)")
    ]
    first_asked_at: Annotated[datetime, Column("its first question")]
    last_asked_at: Annotated[datetime, Column("its last question")]
    last_answered_at: Annotated[
        datetime | None, Column("the last question that it answered; null: it never did")
    ]
    median_rtt_ms: Annotated[float | None, Column("median time to its answers")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageVerdictRow:
    """Whether a run could have seen what it did not find."""

    verdict: Annotated[
        str,
        Column(
            "open: canaries vouch for all that was asked; open_so_far: the same of a discovery that goes on; "
            "blind: they say that the way was closed; cannot_tell: there were none, or too few answers"
        ),
    ]
    canaries: Annotated[int, Column("canaries asked")]
    asks: Annotated[
        int,
        Column("questions that count: those beside what was asked for good, not those of times made up for"),
    ]
    answered: Annotated[int, Column("of these: answered")]
    share: Annotated[float | None, Column("answered / asks")]
    closed_share_upper: Annotated[
        float | None,
        Column("with 95 % confidence no larger share of questions goes unanswered (Clopper and Pearson)"),
    ]
    log10_odds: Annotated[
        float | None,
        Column(
            "how much likelier this record is from an open way (at least 9 of 10 questions answered) than from a "
            "closed one (at most 1 of 100), as a power of ten; 2 or more: open, -2 or less: blind"
        ),
    ]
    last_answered_at: Annotated[datetime | None, Column("the last question that any canary answered")]
    pauses: Annotated[int, Column("times in which nobody was asked, since no canary answered")]
    paused_s: Annotated[float, Column("length of the pauses that ended, in seconds")]
    hits: Annotated[int, Column("addresses that answered, canaries left out")]
    zero_is_finding: Annotated[
        bool | None,
        Column("whether no hit, or few, says something about the population; null: cannot tell"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRow:
    """One pause of a run."""

    silent_since: Annotated[
        datetime | None, Column("the last good answer of a canary before it; null: none in that session")
    ]
    began_at: Annotated[datetime, Column("when nobody was asked any more")]
    ended_at: Annotated[datetime | None, Column("when a canary answered; null: the command was ended before")]
    asks: Annotated[int, Column("questions to canaries meanwhile")]
    asked_again: Annotated[int, Column("positions of the asking order that were gone through again after it")]
