"""What the report says about its own eyes: first whether a zero, or little more, means something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from mailcensus.model import Verdict
from mailcensus.report.cells import percent
from mailcensus.report.provenance import ports_in_words
from mailcensus.study import Settings

FEW_OF = 1_000
"""Fewer hits than one in so many addresses asked is little enough to ask whether more could have been seen."""

_Row = Mapping[str, Any]


def vantage_notice(settings: Settings, tables: Mapping[str, pa.Table], runs: pa.Table) -> list[str]:
    """Sentences about a zero, about few hits, or about a run that stands still; none where all is well.

    Args:
        tables: the analysis; `vantage_verdict` is read.
        runs: the run's rows of `runs`.
    """
    (verdict,) = tables["vantage_verdict"].to_pylist()
    asked = _asked(runs)
    if asked is None and not verdict["canaries"]:
        return []
    if verdict["hits"] == 0:
        return _zero(verdict, asked, ports_in_words(settings.discovery.ports))
    if verdict["verdict"] == "blind":
        return [f"Discovery cannot go on: {_silence(verdict)} The numbers are of what was asked before."]
    if asked is not None and verdict["hits"] * FEW_OF < asked:
        return _few(verdict, asked)
    return []


def preflight_facts(preflights: pa.Table) -> list[str]:
    """The last preflight of the run, what is well in one line."""
    rows = preflights.to_pylist()
    newest = max((row["at"] for row in rows), default=None)
    last = [row for row in rows if row["at"] == newest]
    if newest is None:
        return ["none recorded"]
    well = [f"{row['check']}, {row['subject']}" for row in last if row["verdict"] == Verdict.OK]
    others = [row for row in last if row["verdict"] != Verdict.OK]
    lines = [f"ok on {_moment(newest)}: {'; '.join(well) or 'nothing'}"]
    return lines + [f"{row['check']}, {row['subject']}: {row['verdict']}: {row['found']}" for row in others]


def canary_facts(verdict: pa.Table) -> list[str]:
    """What canaries say, in a line or two."""
    (row,) = verdict.to_pylist()
    if not row["canaries"]:
        return ["none: whether this vantage could see was not watched"]
    lines = [f"{_answers(row)}: {_WORDS[row['verdict']]}"]
    if row["pauses"]:
        times = "once" if row["pauses"] == 1 else f"{row['pauses']:,} times"
        lines.append(f"paused {times}, for {row['paused_s']:,.0f} s, since none answered")
    return lines


_WORDS = {
    "open": "the way was open",
    "open_so_far": "the way has been open so far",
    "blind": "the way is closed",
    "cannot_tell": "too little to tell",
}


def _zero(verdict: _Row, asked: int | None, port: str) -> list[str]:
    """A zero is a finding only if the scanner could have found something."""
    many = f" asked on {port}" if asked is None else f": {asked:,} addresses were asked on {port}"
    match verdict["verdict"]:
        case "open":
            return [
                f"Nothing answered{many}, and this is a finding: the vantage could have seen a server there. "
                f"Meanwhile it asked known responders too: {_answers(verdict)}.",
                f"With 95 % confidence at most {percent(verdict['closed_share_upper'])} of all questions were lost. "
                "It is a finding about these addresses, from this vantage, at that time.",
            ]
        case "open_so_far":
            return [
                f"Nothing has answered on {port} so far, and this vantage can see: {_answers(verdict)}. "
                "Discovery has not finished; go on with: mailcensus run"
            ]
        case "blind":
            return [
                f"Nothing answered{many}, and this is no finding: the vantage cannot see {port}, so it says nothing "
                f"about the population. {_silence(verdict)}",
                "Many networks block the port. Ask the provider, or ask from another vantage.",
            ]
    if not verdict["canaries"]:
        return [
            f"Nothing answered{many}, and no service of any of them spoke. What that means nobody can tell.",
            "It can mean that there is no such server in the population, or that this vantage cannot reach "
            f"{port}: many networks block it. The study had no canaries (servers known to answer), so the two cannot "
            "be told apart. Name some in canaries.hosts of study.toml, and run it again.",
        ]
    return [
        f"Nothing answered{many}. Whether the vantage could have seen anybody, nobody can tell: "
        f"{_answers(verdict)}. Name more canaries in canaries.hosts of study.toml."
    ]


def _few(verdict: _Row, asked: int) -> list[str]:
    said = f"{verdict['hits']:,} of {asked:,} addresses answered, fewer than 1 in {FEW_OF:,}."
    if verdict["verdict"] == "open":
        return [f"{said} The vantage could have seen more: {_answers(verdict)}."]
    if not verdict["canaries"]:
        return [
            f"{said} Whether this vantage could have seen more, nobody can tell: the study had no canaries "
            "(servers known to answer)."
        ]
    return [f"{said} Whether this vantage could have seen more, nobody can tell: {_answers(verdict)}."]


def _answers(verdict: _Row) -> str:
    canaries = "1 canary" if verdict["canaries"] == 1 else f"{verdict['canaries']:,} canaries"
    return f"{canaries} answered {verdict['answered']:,} of {verdict['asks']:,} questions"


def _silence(verdict: _Row) -> str:
    last = verdict["last_answered_at"]
    since = "has answered" if last is None else f"has answered since {_moment(last)}"
    return f"No canary {since}; they are known responders."


def _asked(runs: pa.Table) -> int | None:
    """Addresses asked; None: discovery has not ended."""
    found = [run["asked"] for run in runs.to_pylist() if run["stage"] == "discover"]
    return sum(found) if found else None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
