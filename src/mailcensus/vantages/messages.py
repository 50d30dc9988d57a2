"""What vantages and the office say to each other. A message is a dict of plain values on its way (`asdict`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mailcensus.vantages.mirror import Changes

ASK, WAIT, DONE = "ask", "wait", "done"


@dataclass(frozen=True, slots=True)
class Start:
    """The office's answer to a vantage that has been given a piece."""

    todo: str
    """ASK it; WAIT and say so again, since somebody may still be asking it; it is DONE."""
    run_id: str = ""
    unit: float = 1.0
    """The share of the study's limits that one unit of a lease is."""
    settings_json: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """The study's files."""
    parts: tuple[str, ...] = ()
    """What earlier vantages have written of it, to be fetched, in the order of writing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece is."""

    addresses: int = 0
    addresses_done: int = 0
    answered: int = 0
    hosts: int = 0
    hosts_done: int = 0
    grabs: int = 0
    ok: int = 0
    noise: int = 0
    """Addresses to ask on noise ports."""
    noise_done: int = 0
    again: int = 0
    """Hosts with follow-ups."""
    again_done: int = 0


@dataclass(frozen=True, slots=True)
class Renewed:
    """The office's answer to who renews a lease."""

    number: int
    units: int
    exclusions_version: int
    exclusions: Mapping[str, str] | None
    """The files, where the vantage has others."""


class Unreachable(Exception):
    """No answer came from the office; another try may get one."""


class Office(Protocol):
    """The office, as a vantage sees it. Every call may raise Unreachable."""

    async def begin(self, piece: str, holder: str, vantage: str) -> Start:
        """Say that a piece is going to be asked, under a name for the lease."""

    async def fetch(self, piece: str, part: str) -> bytes:
        """A part that an earlier vantage has written."""

    async def renew(
        self, holder: str, kept_to: int, wants: int | None, progress: Progress, exclusions_version: int
    ) -> Renewed:
        """Renew the lease (`Leases.renew`). Raises LeaseLost."""

    async def bring(self, holder: str, new: Changes, progress: Progress, *, is_done: bool) -> None:
        """Hand over what has been written; at last with the word that the piece is done. Raises LeaseLost."""

    async def end(self, holder: str) -> None:
        """Give the lease back."""
