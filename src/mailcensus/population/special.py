"""Addresses set aside for special purposes, which no study asks unless it says `allow_special`.

The rows of the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, updated by RFC 8190), and the
blocks beside them that are no unicast addresses of anybody: multicast and what the IPv6 architecture withdrew.
Registry rows that are globally reachable (AS112, AMT and PCP anycast) are left out of studies as well: what
answers there is infrastructure shared by everyone, not a mail host.
"""

from __future__ import annotations

from typing import NamedTuple

from mailcensus.population.prefixes import PrefixSet


class SpecialPurpose(NamedTuple):
    """One row: a block, what it is for, and the document that says so."""

    prefix: str
    name: str
    rfc: str


SPECIAL_PURPOSE = (
    SpecialPurpose("0.0.0.0/8", "this network", "RFC 791 section 3.2"),
    SpecialPurpose("0.0.0.0/32", "this host on this network", "RFC 1122 section 3.2.1.3"),
    SpecialPurpose("10.0.0.0/8", "private use", "RFC 1918"),
    SpecialPurpose("100.64.0.0/10", "shared address space", "RFC 6598"),
    SpecialPurpose("127.0.0.0/8", "loopback", "RFC 1122 section 3.2.1.3"),
    SpecialPurpose("169.254.0.0/16", "link local", "RFC 3927"),
    SpecialPurpose("172.16.0.0/12", "private use", "RFC 1918"),
    SpecialPurpose("192.0.0.0/24", "IETF protocol assignments", "RFC 6890 section 2.1"),
    SpecialPurpose("192.0.0.0/29", "IPv4 service continuity", "RFC 7335"),
    SpecialPurpose("192.0.0.8/32", "IPv4 dummy address", "RFC 7600"),
    SpecialPurpose("192.0.0.9/32", "Port Control Protocol anycast", "RFC 7723"),
    SpecialPurpose("192.0.0.10/32", "TURN anycast", "RFC 8155"),
    SpecialPurpose("192.0.0.170/32", "NAT64/DNS64 discovery", "RFC 8880"),
    SpecialPurpose("192.0.0.171/32", "NAT64/DNS64 discovery", "RFC 8880"),
    SpecialPurpose("192.0.2.0/24", "documentation (TEST-NET-1)", "RFC 5737"),
    SpecialPurpose("192.31.196.0/24", "AS112-v4", "RFC 7535"),
    SpecialPurpose("192.52.193.0/24", "AMT", "RFC 7450"),
    SpecialPurpose("192.88.99.0/24", "6to4 relay anycast, deprecated", "RFC 7526"),
    SpecialPurpose("192.88.99.2/32", "6a44 relay anycast", "RFC 6751"),
    SpecialPurpose("192.168.0.0/16", "private use", "RFC 1918"),
    SpecialPurpose("192.175.48.0/24", "direct delegation AS112 service", "RFC 7534"),
    SpecialPurpose("198.18.0.0/15", "benchmarking", "RFC 2544"),
    SpecialPurpose("198.51.100.0/24", "documentation (TEST-NET-2)", "RFC 5737"),
    SpecialPurpose("203.0.113.0/24", "documentation (TEST-NET-3)", "RFC 5737"),
    SpecialPurpose("224.0.0.0/4", "multicast", "RFC 5771"),
    SpecialPurpose("240.0.0.0/4", "reserved (class E)", "RFC 1112 section 4"),
    SpecialPurpose("255.255.255.255/32", "limited broadcast", "RFC 919 section 7"),
    SpecialPurpose("::/128", "unspecified address", "RFC 4291 section 2.5.2"),
    SpecialPurpose("::1/128", "loopback", "RFC 4291 section 2.5.3"),
    SpecialPurpose("::/96", "IPv4-compatible addresses, deprecated", "RFC 4291 section 2.5.5.1"),
    SpecialPurpose("::ffff:0:0/96", "IPv4-mapped addresses", "RFC 4291 section 2.5.5.2"),
    SpecialPurpose("64:ff9b::/96", "IPv4/IPv6 translation", "RFC 6052"),
    SpecialPurpose("64:ff9b:1::/48", "IPv4/IPv6 translation", "RFC 8215"),
    SpecialPurpose("100::/64", "discard only", "RFC 6666"),
    SpecialPurpose("100:0:0:1::/64", "dummy IPv6 prefix", "RFC 9780"),
    SpecialPurpose("2001::/23", "IETF protocol assignments", "RFC 2928"),
    SpecialPurpose("2001::/32", "Teredo", "RFC 4380"),
    SpecialPurpose("2001:1::1/128", "Port Control Protocol anycast", "RFC 7723"),
    SpecialPurpose("2001:1::2/128", "TURN anycast", "RFC 8155"),
    SpecialPurpose("2001:1::3/128", "DNS-SD service registration anycast", "RFC 9665"),
    SpecialPurpose("2001:2::/48", "benchmarking", "RFC 5180"),
    SpecialPurpose("2001:3::/32", "AMT", "RFC 7450"),
    SpecialPurpose("2001:4:112::/48", "AS112-v6", "RFC 7535"),
    SpecialPurpose("2001:10::/28", "ORCHID, deprecated", "RFC 4843"),
    SpecialPurpose("2001:20::/28", "ORCHIDv2", "RFC 7343"),
    SpecialPurpose("2001:30::/28", "drone remote ID tags", "RFC 9374"),
    SpecialPurpose("2001:db8::/32", "documentation", "RFC 3849"),
    SpecialPurpose("2002::/16", "6to4", "RFC 3056"),
    SpecialPurpose("2620:4f:8000::/48", "direct delegation AS112 service", "RFC 7534"),
    SpecialPurpose("3fff::/20", "documentation", "RFC 9637"),
    SpecialPurpose("5f00::/16", "segment routing (SRv6) SIDs", "RFC 9602"),
    SpecialPurpose("fc00::/7", "unique local", "RFC 4193"),
    SpecialPurpose("fe80::/10", "link local", "RFC 4291 section 2.5.6"),
    SpecialPurpose("fec0::/10", "site local, deprecated", "RFC 3879"),
    SpecialPurpose("ff00::/8", "multicast", "RFC 4291 section 2.7"),
)

SPECIAL_PREFIXES = PrefixSet.of(row.prefix for row in SPECIAL_PURPOSE)
"""All of them as one set."""


def is_special(ip: str) -> bool:
    """Whether an address is set aside for a special purpose.

    Raises:
        ValueError: not an address.
    """
    return SPECIAL_PREFIXES.contains(ip)
