"""Could we have seen them? What canaries say about a run, by a stated rule.

The rule compares two explanations of the canaries' record. Were the way open, a known responder would answer at
least 9 questions in 10 (servers are down at times, packets get lost). Were it closed, at most 1 in 100 (something on
the way may answer for others). The ratio of the two likelihoods of k answers to n questions,

    (0.9 / 0.01)^k * (0.1 / 0.99)^(n - k),

is decisive from 100 to 1 on, either way: two answers of two say open, three silences of three say closed. Below it
nobody can tell. Without canaries nobody can tell at all: an empty population and a blocked port look the same.

Questions count where they stand beside addresses that count. What was asked between a last good answer and the end
of a pause was asked again, so its questions tell of a time that left no trace in the results; where discovery is done
they are set aside. Where it is not done, canaries that are silent to the end say that the way is closed now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import ibis
import pyarrow as pa
from scipy.special import betaincinv

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.vantage_rows import VantageVerdictRow
from mailcensus.model import schema_of

OPEN_ANSWERS = 0.9
CLOSED_ANSWERS = 0.01
DECISIVE_LOG10 = 2.0
_CONFIDENCE = 0.95

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to a canary."""

    at: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Blindness:
    """A time whose addresses were asked again: after `since`, up to `until` (None: it has not ended)."""

    since: datetime
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether a question falls into it."""
        return self.since < at and (self.until is None or at < self.until)


def canary_record(evidence: Evidence) -> ibis.Table:
    """How often each canary was asked and answered; the most silent first."""
    asks = evidence.canaries
    record = asks.group_by("ip", "port").agg(
        asked=asks.count(),
        answered=asks.answered.sum(),
        share=asks.answered.cast("float64").mean(),
        asked_in_pauses=asks.paused.sum(),
        first_asked_at=asks["at"].min(),
        last_asked_at=asks["at"].max(),
        last_answered_at=asks["at"].max(where=asks.answered),
        median_rtt_ms=asks.rtt_ms.median(),
    )
    return record.order_by("share", "ip", "port")


def pauses(evidence: Evidence) -> ibis.Table:
    """Every pause, by time."""
    rows = evidence.pauses
    return rows.mutate(asked_again=rows.reached - rows.back_to).order_by("began_at")


def vantage_verdict(evidence: Evidence) -> ibis.Table:
    """One row: whether the run could have seen what it did not find."""
    columns = ["at", "ip", "port", "answered"]
    rows = evidence.canaries.select(*columns).order_by("at").to_pyarrow().to_pylist()
    asks = [Ask(row["at"], row["answered"]) for row in rows]
    stopped = evidence.pauses.order_by("began_at").to_pyarrow().to_pylist()
    done = "discover" in evidence.runs.stage.to_pyarrow().to_pylist()
    counted = asks_that_count(asks, blindnesses(asks, stopped), done=done)
    answered, hits = sum(ask.answered for ask in counted), _hits(evidence)
    verdict = judge(counted, done=done)
    row = VantageVerdictRow(
        verdict=verdict,
        canaries=len({(row["ip"], row["port"]) for row in rows}),
        asks=len(counted),
        answered=answered,
        share=answered / len(counted) if counted else None,
        closed_share_upper=closed_share_upper(len(counted), answered),
        log10_odds=log10_odds(len(counted), answered) if counted else None,
        last_answered_at=max((ask.at for ask in asks if ask.answered), default=None),
        pauses=len(stopped),
        paused_s=sum(_seconds(pause) for pause in stopped),
        hits=hits,
        zero_is_finding={"open": True, "blind": False}.get(verdict),
    )
    schema = schema_of(VantageVerdictRow)
    return ibis.memtable(pa.Table.from_pylist([{name: getattr(row, name) for name in schema.names}], schema))


def judge(asks: Sequence[Ask], *, done: bool) -> str:
    """The verdict on the questions that count, in the order in which they were asked."""
    silent = sum(1 for _ in takewhile(lambda ask: not ask.answered, reversed(asks)))
    if not done and _decides(-log10_odds(silent, 0)):
        return "blind"
    odds = log10_odds(len(asks), sum(ask.answered for ask in asks))
    if _decides(odds):
        return "open" if done else "open_so_far"
    return "blind" if _decides(-odds) else "cannot_tell"


def blindnesses(asks: Sequence[Ask], stopped: Sequence[Row]) -> list[Blindness]:
    """The times that pauses made up for. One that never ended lasted until a canary answered again, if one did."""
    times = []
    for pause in stopped:
        later = (ask.at for ask in asks if ask.answered and ask.at > pause["began_at"])
        since = pause["silent_since"] or pause["began_at"]
        times.append(Blindness(since, pause["ended_at"] or min(later, default=None)))
    return times


def asks_that_count(asks: Sequence[Ask], times: Sequence[Blindness], *, done: bool) -> list[Ask]:
    """Questions outside the times that were made up for."""
    over = [time for time in times if done or time.until is not None]
    return [ask for ask in asks if not any(time.holds(ask.at) for time in over)]


def log10_odds(asks: int, answered: int) -> float:
    """How much likelier so many answers are from an open way than from a closed one, as a power of ten."""
    silent = asks - answered
    return answered * math.log10(OPEN_ANSWERS / CLOSED_ANSWERS) + silent * math.log10(
        (1 - OPEN_ANSWERS) / (1 - CLOSED_ANSWERS)
    )


def closed_share_upper(asks: int, answered: int) -> float | None:
    """The upper end of the one-sided 95 % interval of the share of questions that go unanswered.

    With no silence at all this is about 3 / asks, the rule of three. None where nothing was asked.

    Source: C. Clopper, E. Pearson, Biometrika 26 (1934) 404.
    """
    if not asks:
        return None
    silent = asks - answered
    return 1.0 if silent == asks else float(betaincinv(silent + 1, asks - silent, _CONFIDENCE))


def _decides(odds: float) -> bool:
    return odds >= DECISIVE_LOG10


def _hits(evidence: Evidence) -> int:
    return int(evidence.hits.ip.nunique().to_pyarrow().as_py() or 0)


def _seconds(pause: Row) -> float:
    ended: datetime | None = pause["ended_at"]
    return 0.0 if ended is None else (ended - pause["began_at"]).total_seconds()
