"""Who was put off already, in conditions that change: the same sender comes back from another address of its own.

A sender is known again by its network (/24, /48) or by the registered domain of the name it says. Both are guesses: a
small operator among others in one network may be taken for a neighbour that was there before. The record says in
which phase each attempt was.
"""

from __future__ import annotations

import ipaddress
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
from publicsuffixlist import PublicSuffixList

from mailcensus.dataset.parts import visible_files
from mailcensus.model import Attempt, AttemptOutcome

_BITS = {4: 24, 6: 48}
_CAP = 100_000
"""Identities remembered; more than any experiment has senders, so only floods are forgotten."""


class Deferrals:
    """Senders that were put off, by condition."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    @classmethod
    def of_dataset(cls, data: Path, run_id: str) -> Deferrals:
        """Those that the attempts of an experiment tell of."""
        made = cls()
        columns = ["run_id", "condition", "client_ip", "ehlo_name", "outcome"]
        for file in visible_files(data / "attempts"):
            for row in pq.read_table(file, columns=columns).to_pylist():
                if row["run_id"] == run_id and row["outcome"] == AttemptOutcome.DEFERRED:
                    made.add(row["condition"], row["client_ip"], row["ehlo_name"])
        return made

    def note(self, record: Attempt) -> None:
        """Remember an attempt that is over, where it was put off."""
        if record.outcome is AttemptOutcome.DEFERRED:
            self.add(record.condition, record.client_ip, record.ehlo_name)

    def add(self, condition: str, client_ip: str, ehlo_name: str | None) -> None:
        """Remember a sender."""
        if len(self._known) < _CAP:
            self._known.update((condition, who) for who in identities(client_ip, ehlo_name))

    def knows(self, condition: str, client_ip: str, ehlo_name: str | None) -> bool:
        """Whether this sender was put off there."""
        return any((condition, who) in self._known for who in identities(client_ip, ehlo_name))


def identities(client_ip: str, *names: str | None) -> list[str]:
    """What a sender is known by: its network, and the registered domains of its names."""
    address = ipaddress.ip_address(client_ip)
    network = ipaddress.ip_network((address, _BITS[address.version]), strict=False)
    domains = (registered_domain(name) for name in names if name)
    return [str(network), *(domain for domain in domains if domain is not None)]


def registered_domain(name: str) -> str | None:
    """The domain somebody registered, e.g. example.com of mx1.example.com; None: no such, as of localhost or [::1]."""
    host = name.rstrip(".").lower()
    if "." not in host or host.startswith("[") or host.replace(".", "").isdigit():
        return None
    domain: str | None = _suffixes().privatesuffix(host)
    return domain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
