"""Who asks: the address of the connection, or, behind proxies of our own, the one that they say."""

from __future__ import annotations

from collections.abc import Sequence

from mailcensus.population.address import format_address, parse_address, reached_address
from mailcensus.population.prefixes import PrefixSet

_MOST_FORWARDED = 20


class BadForwarding(Exception):
    """A proxy of ours says something that is no address."""


def client_of(peer: str, forwarded: Sequence[str], proxies: PrefixSet) -> str:
    """The address that a request comes from.

    Args:
        peer: the address of the connection.
        forwarded: values of all X-Forwarded-For headers, in order; each proxy adds at the end whom it heard from.
        proxies: whose word is taken. What others say is not looked at: anybody can send the header.

    Raises:
        BadForwarding: a proxy that is believed passed on something else than an address.
        ValueError: `peer` is no address.
    """
    client = _plain(peer.partition("%")[0])
    said = ",".join(forwarded).split(",") if forwarded else []
    for text in said[: -_MOST_FORWARDED - 1 : -1]:
        if not proxies.contains(client):
            return client
        try:
            client = _plain(text.strip())
        except ValueError:
            raise BadForwarding from None
    return client


def _plain(ip: str) -> str:
    return format_address(*reached_address(*parse_address(ip)))
