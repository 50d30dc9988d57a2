"""How a study's numbers came to be: who was asked, from where, when, how, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from mailcensus.study import Settings

_Run = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the account."""

    label: str
    lines: Sequence[str]


def ports_in_words(ports: Sequence[int]) -> str:
    """Port 25; ports 25 and 587; ports 25, 465 and 587."""
    *others, last = map(str, ports)
    return f"ports {', '.join(others)} and {last}" if others else f"port {last}"


def facts(settings: Settings, runs: pa.Table) -> list[Fact]:
    """The account, from study.toml and the recorded runs."""
    rows: list[_Run] = runs.sort_by("started_at").to_pylist()
    study, collect = settings.study, settings.collect
    account = [
        Fact("Population", _population(settings)),
        Fact("Asked and answered", [_counts(run) for run in rows] or ["no stage has finished yet"]),
        Fact("Exclusions", _exclusions(settings, rows)),
        Fact("Vantage", _distinct(rows, "vantage") or [study.vantage]),
        Fact("Named itself", [f"EHLO {study.ehlo_name}"]),
        Fact(
            "Contact and opt-out", [line for line in (study.contact, study.opt_out) if line] or ["none given"]
        ),
        Fact("When", [_times(run) for run in rows] or ["not yet"]),
        Fact("Services", [", ".join(_with_port(settings, name) for name in collect.services)]),
        Fact("ClientHello", [_hello(settings, rows)]),
        Fact("Rate", [_rate(settings)]),
        Fact("Runs", [_identity(run) for run in rows] or ["none"]),
    ]
    return [fact for fact in account if fact.lines]


def dek(settings: Settings, runs: pa.Table) -> str:
    """One sentence: what was asked, from where and when."""
    services = len(settings.collect.services)
    noun = "service" if services == 1 else "services"
    asked = f"{services} {noun} of every host that answered on {ports_in_words(settings.discovery.ports)}"
    rows: list[_Run] = runs.to_pylist()
    if not rows:
        return f"{asked}; no stage has finished yet."
    begin, end = min(run["started_at"] for run in rows), max(run["ended_at"] for run in rows)
    vantage = ", ".join(_distinct(rows, "vantage"))
    return f"{asked}, asked from {vantage} {_between(begin, end)}."


def is_unfinished(runs: pa.Table) -> bool:
    """No collection has been recorded as complete."""
    return "collect" not in runs["stage"].to_pylist()


def sample_words(runs: pa.Table) -> str | None:
    """What a sample is one of and what that means for the numbers; None where everybody was asked."""
    sampled = [run for run in runs.to_pylist() if run["sampled_from"] is not None]
    if not sampled:
        return None
    return (
        f"This is a random sample: {sampled[-1]['asked']:,} addresses were asked of the "
        f"{sampled[-1]['sampled_from']:,} that may be asked. The numbers count the sample, where they do not say "
        "that they are estimates for all; keys shared with addresses outside it are not seen."
    )


def _population(settings: Settings) -> list[str]:
    population = settings.population
    numbers = ", ".join(f"AS{number}" for number in population.as_numbers)
    sources = (
        ("prefixes in", population.prefixes),
        ("addresses in", population.hosts),
        (f"{_countries(population.countries)} by", population.countries and population.country_database),
        (f"{numbers} by", numbers and population.as_database),
        ("hits of", population.hits_of),
    )
    narrowed = (
        ("only what is announced by", population.routed),
        ("only shard", population.shard),
        ("only a random sample:", population.sample),
    )
    special = "asked too" if settings.study.allow_special else "left out"
    return [
        *([f"{kind} {what}" for kind, what in sources if what] or ["none configured"]),
        *(f"{kind} {what}" for kind, what in narrowed if what),
        f"special-purpose ranges (RFC 6890) {special}",
        f"order from seed {population.seed}",
    ]


def _countries(codes: Sequence[str]) -> str:
    return f"{'country' if len(codes) == 1 else 'countries'} {', '.join(codes)}"


def _counts(run: _Run) -> str:
    if run["stage"] == "discover":
        return f"discovery: {run['asked']:,} addresses asked, {run['answered']:,} answered"
    if run["stage"] == "collect":
        return f"collection: {run['asked']:,} grabs, {run['answered']:,} ended well"
    return f"{run['stage']}: {run['asked']:,} asked, {run['answered']:,} answered"


def _exclusions(settings: Settings, rows: Sequence[_Run]) -> list[str]:
    files = ", ".join(str(path) for path in settings.population.exclusions) or "no exclusion files"
    left_out = [f"{run['stage']}: {run['excluded']:,} addresses left out" for run in rows if run["excluded"]]
    return [files, *left_out]


def _times(run: _Run) -> str:
    taken_up = run["interruptions"]
    again = (
        f", interrupted and taken up again {taken_up} time{'' if taken_up == 1 else 's'}" if taken_up else ""
    )
    return f"{run['stage']}: {_at(run['started_at'])} to {_at(run['ended_at'])}{again}"


def _with_port(settings: Settings, service: str) -> str:
    port = settings.ports.get(service)
    return f"{service} (on port {port})" if port else service


def _hello(settings: Settings, rows: Sequence[_Run]) -> str:
    profiles = _distinct(rows, "hello_profile") or [settings.collect.hello_profile]
    finished = "handshakes finished where possible" if settings.collect.finish_tls else "first flight only"
    return f"profile {', '.join(profiles)}; {finished}"


def _rate(settings: Settings) -> str:
    politeness = settings.politeness
    return (
        f"at most {politeness.connections_per_s:g} new connections a second, "
        f"{politeness.prefix_connections_per_s:g} to one /24 or /48, one at a time to an address"
    )


def _identity(run: _Run) -> str:
    return f"{run['run_id']}: {run['stage']} by mailcensus {run['mailcensus_version']}"


def _distinct(rows: Sequence[_Run], column: str) -> list[str]:
    return list(dict.fromkeys(str(run[column]) for run in rows if run[column] is not None))


def _between(begin: datetime, end: datetime) -> str:
    if begin.date() == end.date():
        return f"on {begin.day} {begin:%B %Y}, {begin:%H:%M} to {end:%H:%M} UTC"
    return f"between {begin.day} {begin:%B %Y} and {end.day} {end:%B %Y}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
