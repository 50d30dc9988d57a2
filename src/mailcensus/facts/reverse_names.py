"""Reverse names and whether they lead back: PTR, then A or AAAA of every name (forward-confirmed reverse DNS)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mailcensus.model import DnsState
from mailcensus.population.address import parse_address
from mailcensus.probe.resolver import Answer, Resolver


@dataclass(frozen=True, slots=True)
class ReverseName:
    """What DNS says of one address; the fields are columns of `hosts`."""

    ptr_state: DnsState
    ptr_at: datetime
    ptr: str | None = None
    ptr_names: tuple[str, ...] | None = None
    ptr_names_forward_confirmed: tuple[str, ...] | None = None
    ptr_confirmed: bool | None = None


async def reverse_name(resolver: Resolver, ip: str) -> ReverseName:
    """Ask for the names of an address, and for the addresses of each."""
    asked_at = datetime.now(UTC)
    reverse = await resolver.reverse_names(ip)
    if reverse.state is not DnsState.OK:
        return ReverseName(reverse.state, asked_at)
    address = parse_address(ip)
    forward = {name: await resolver.addresses(name, address[0]) for name in reverse.values}
    confirmed = tuple(
        name for name, answer in forward.items() if address in map(parse_address, answer.values)
    )
    return ReverseName(
        DnsState.OK,
        asked_at,
        ptr=[*confirmed, *reverse.values][0],
        ptr_names=reverse.values,
        ptr_names_forward_confirmed=confirmed,
        ptr_confirmed=True if confirmed else _not_confirmed(forward),
    )


def _not_confirmed(forward: Mapping[str, Answer]) -> bool | None:
    """False where all names have been answered for; None where one has not."""
    answered = (DnsState.OK, DnsState.NXDOMAIN, DnsState.NODATA)
    return False if all(answer.state in answered for answer in forward.values()) else None
