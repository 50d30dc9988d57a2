"""One cluster as its page needs it: what the analysis says of it, and the evidence of its hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailcensus.analysis.cause_rules import MEANINGS
from mailcensus.analysis.cause_rules import Reading as Cause
from mailcensus.report.cells import address_sort_key
from mailcensus.report.cluster_groups import Place
from mailcensus.report.evidence import CertificateNote, HostEvidence

_SAID_MAX = 160
"""Characters of a greeting on the page; the CSV file has all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Why hosts share a key, or those of a cluster their keys, as the analysis reads it."""

    reading: str
    confidence: str | None
    evidence: Sequence[str]
    """fact=number."""
    supports: Sequence[str]
    doubts: Sequence[str]

    @property
    def title(self) -> str:
        """The reading in words."""
        return self.reading.replace("_", " ")

    @property
    def meaning(self) -> str:
        """What it means."""
        return MEANINGS[Cause(self.reading)]

    @property
    def sureness(self) -> str:
        """How sure it is, in words."""
        return f"{self.confidence} confidence" if self.confidence else "no confidence"


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A shared key of the cluster, from the analysis."""

    spki_sha256: str
    via: str
    services: Sequence[str]
    algorithm: str | None
    bits: int | None
    curve: str | None
    reading: Reading

    @property
    def kind(self) -> str:
        """Algorithm and size in words."""
        size = self.curve or (f"{self.bits} bits" if self.bits else "")
        return " ".join(part for part in (self.algorithm or "unknown", size) if part)


@dataclass(frozen=True, slots=True)
class Word:
    """A word in the names of a cluster's hosts."""

    word: str
    hosts: int
    greetings: int
    certificates: int
    reverse_names: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: the analysis' links, and the evidence of its hosts."""

    number: int
    keys: Sequence[SharedKey]
    """Most shared first."""
    links: Sequence[tuple[str, str, tuple[str, ...]]]
    """Address, canonical key, services."""
    hosts: Mapping[str, HostEvidence]
    notes: Mapping[str, CertificateNote]
    reading: Reading
    readings: Sequence[str]
    """reading=hosts, for each reading of its keys."""
    places: Mapping[str, Place]
    """Where its hosts are, of those that were looked up."""
    words: Sequence[Word]
    """Words in the names of its hosts, most hosts first."""

    @property
    def addresses(self) -> list[str]:
        """Its hosts, by number."""
        return sorted({ip for ip, _, _ in self.links}, key=address_sort_key)

    def hosts_per_key(self) -> dict[str, int]:
        """How many of its hosts show each shared key."""
        hosts: dict[str, set[str]] = {}
        for ip, spki, _ in self.links:
            hosts.setdefault(spki, set()).add(ip)
        return {spki: len(ips) for spki, ips in hosts.items()}

    def services_per_host(self) -> dict[str, int]:
        """On how many services each host showed a shared key."""
        services: dict[str, set[str]] = {}
        for ip, _, shown in self.links:
            services.setdefault(ip, set()).update(shown)
        return {ip: len(names) for ip, names in services.items()}


def clipped(text: str) -> str:
    """As much of a greeting as a page shows."""
    return text if len(text) <= _SAID_MAX else f"{text[:_SAID_MAX]}…"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: one, two and three."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
