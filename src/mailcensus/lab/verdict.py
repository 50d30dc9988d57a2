"""Compares what a study of a lab found with the truth, line by line; and what a study must be told to ask a lab."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mailcensus.lab.plan import Plan
from mailcensus.lab.products import LISTENERS
from mailcensus.lab.truth import Truth

T = TypeVar("T")

PREFIXES_FILE = "prefixes.txt"
"""Beside study.toml: the block of the lab."""

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


def _outcomes(service: str, expected: Mapping[str, int], found: Mapping[str, int]) -> Line:
    here, there = ({outcome: n for outcome, n in counts.items() if n} for counts in (expected, found))
    return Line(
        what=f"outcomes of {service}", expected=_counts(here), found=_counts(there), equal=here == there
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{outcome} {counts[outcome]}" for outcome in sorted(counts)) or "none"


def study_toml(plan: Plan, directory: Path) -> str:
    """The study.toml of a study of this lab; writes the prefixes file it names into `directory`."""
    (directory / PREFIXES_FILE).write_text(f"{plan.block}\n", encoding="ascii")
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

[ports]
""" + "".join(f"{name} = {ports[name]}\n" for name in plan.services)
