"""Compares what a study of a lab found with the truth, line by line; and what a study must be told to ask a lab."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mailcensus.lab.networks import asn_csv, country_csv
from mailcensus.lab.plan import Plan
from mailcensus.lab.products import LISTENERS
from mailcensus.lab.truth import Truth

T = TypeVar("T")

PREFIXES_FILE = "prefixes.txt"
"""Beside study.toml: the block of the lab."""

INFERRED_RIGHT = 0.9
"""Share of machines and causes that a study must tell right; what is counted must be equal."""
ASN_FILE, COUNTRY_FILE = "asn.csv", "country.csv"
"""Beside study.toml: the networks of the lab, where its plan has any."""

_SHOWN = 3
"""So many examples of what is missing or too much are named in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a study came to, as plain data."""

    responding: frozenset[str]
    """Addresses discovery found."""
    clusters: frozenset[frozenset[str]]
    """Addresses of each cluster of two or more."""
    cross_protocol: frozenset[tuple[str, frozenset[str]]]
    """Address and the TLS services on which it shows its SSH host key."""
    hark_hosts: int
    key_hosts: int
    outcomes: Mapping[str, Mapping[str, int]]
    """Service to outcome to count, the last attempt of each service of each hit."""
    machines: frozenset[frozenset[str]] = frozenset()
    """Addresses of each machine of two or more."""
    readings: Mapping[frozenset[str], str] = field(default_factory=dict)
    """Cluster to why its hosts share keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison."""

    what: str
    expected: str
    found: str
    equal: bool
    difference: str = ""
    """What is missing and what is too much; empty when equal."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every comparison of a study with the truth."""

    lines: tuple[Line, ...]

    @property
    def equal(self) -> bool:
        """Everything that was found is the truth, and all of it."""
        return all(line.equal for line in self.lines)


def compare(truth: Truth, found: Found) -> Verdict:
    """The verdict on a study of a lab."""
    clusters = {frozenset(cluster.addresses) for cluster in truth.clusters}
    cross = {(shown.ip, frozenset(shown.services)) for shown in truth.cross_protocol}
    return Verdict(
        (
            _sets("addresses that answer", set(truth.responding), found.responding, str),
            _sets("clusters of shared keys", clusters, found.clusters, _cluster_text),
            _sets("hosts whose SSH key is a TLS key", cross, found.cross_protocol, _cross_text),
            _hark(truth, found),
            _machines(truth, found),
            _readings(truth, found),
            *(_outcomes(name, truth.outcomes[name], found.outcomes.get(name, {})) for name in truth.services),
        )
    )


def _sets(what: str, expected: AbstractSet[T], found: AbstractSet[T], text: Callable[[T], str]) -> Line:
    difference = [
        *_examples("missing", expected - found, text),
        *_examples("too much", found - expected, text),
    ]
    return Line(
        what=what,
        expected=str(len(expected)),
        found=str(len(found)),
        equal=expected == found,
        difference="; ".join(difference),
    )


def _examples(label: str, items: AbstractSet[T], text: Callable[[T], str]) -> list[str]:
    if not items:
        return []
    shown = sorted(text(item) for item in items)[:_SHOWN]
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return [f"{label}: {', '.join(shown)}{more}"]


def _cluster_text(addresses: frozenset[str]) -> str:
    return "{" + " ".join(sorted(addresses)) + "}"


def _cross_text(shown: tuple[str, frozenset[str]]) -> str:
    return f"{shown[0]} on {'+'.join(sorted(shown[1]))}"


def _hark(truth: Truth, found: Found) -> Line:
    expected = f"{truth.hark_hosts} of {truth.key_hosts} hosts"
    got = f"{found.hark_hosts} of {found.key_hosts} hosts"
    return Line(what="hosts that re-use keys (HARK)", expected=expected, found=got, equal=expected == got)


def _machines(truth: Truth, found: Found) -> Line:
    """Machines are inferred: most must be found, and hardly anything else be taken for one."""
    expected = {frozenset(machine) for machine in truth.machines}
    right = len(expected & found.machines)
    return Line(
        what="machines with several addresses",
        expected=f"{_least(len(expected))} or more of {len(expected)}",
        found=f"{right}, and {len(found.machines) - right} wrong",
        equal=right >= _least(len(expected))
        and len(found.machines) - right <= len(expected) - _least(len(expected)),
        difference="; ".join(_examples("missing", expected - found.machines, _cluster_text)),
    )


def _readings(truth: Truth, found: Found) -> Line:
    """Causes are read, not known: most must be right."""
    expected = {
        frozenset(cluster.addresses): cluster.reading for cluster in truth.clusters if cluster.reading
    }
    wrong = {ips for ips, reading in expected.items() if found.readings.get(ips) != reading}

    def text(ips: frozenset[str]) -> str:
        return f"{_cluster_text(ips)} {expected[ips]} read as {found.readings.get(ips, 'nothing')}"

    return Line(
        what="causes of clusters",
        expected=f"{_least(len(expected))} or more of {len(expected)}",
        found=str(len(expected) - len(wrong)),
        equal=len(expected) - len(wrong) >= _least(len(expected)),
        difference="; ".join(_examples("wrong", wrong, text)),
    )


def _least(count: int) -> int:
    """So many of what is inferred must be right."""
    return math.ceil(INFERRED_RIGHT * count)


def _outcomes(service: str, expected: Mapping[str, int], found: Mapping[str, int]) -> Line:
    here, there = ({outcome: n for outcome, n in counts.items() if n} for counts in (expected, found))
    return Line(
        what=f"outcomes of {service}", expected=_counts(here), found=_counts(there), equal=here == there
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{outcome} {counts[outcome]}" for outcome in sorted(counts)) or "none"


def study_toml(plan: Plan, directory: Path) -> str:
    """The study.toml of a study of this lab; writes the files it names into `directory`."""
    (directory / PREFIXES_FILE).write_text(f"{plan.block}\n", encoding="ascii")
    databases = ""
    if plan.networks:
        (directory / ASN_FILE).write_text(asn_csv(plan.networks), encoding="ascii")
        (directory / COUNTRY_FILE).write_text(country_csv(plan.networks), encoding="ascii")
        databases = f'"{ASN_FILE}", "{COUNTRY_FILE}"'
    ports = {row.name: row.port + plan.port_offset for row in LISTENERS}
    services = ", ".join(f'"{name}"' for name in plan.services)
    return f"""\
# A study of a lab on loopback: mailcensus lab serve --seed {plan.seed} --block {plan.block}

[study]
name = "lab {plan.seed}"
vantage = "loopback"
ehlo_name = "scanner.lab.example"
allow_special = true

[population]
prefixes = "{PREFIXES_FILE}"

# A lab is ours: no need to be slow. One connection at a time per address stays.
[politeness]
connections_per_s = 5000.0
prefix_connections_per_s = 5000.0
prefix_connections = 500
in_flight = 500

[discovery]
ports = [{plan.discovery_port}]
timeout_s = 2.0

[collect]
services = [{services}]
rate_limited_pauses_s = [1.0, 2.0]

[collect.deadlines]
connect_s = 2.0

[facts]
databases = [{databases}]

[ports]
""" + "".join(f"{name} = {ports[name]}\n" for name in plan.services)
