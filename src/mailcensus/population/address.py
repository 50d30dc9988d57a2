"""Addresses and prefixes as numbers: the text of one in, (version, integer) out, and back.

`socket.inet_pton` reads addresses: it is strict (no leading zeros, no zone, no shortened IPv4) and several
times quicker than the `ipaddress` module, which matters for every connection and for long lists.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

BITS = {4: 32, 6: 128}
"""Length of an address, by IP version."""

_MAPPED = 0xFFFF
"""Upper 96 bits of an IPv4-mapped IPv6 address, RFC 4291 section 2.5.5.2."""


def parse_address(text: str) -> tuple[int, int]:
    """The IP version and value of an address.

    Raises:
        ValueError: the text is not an IPv4 or IPv6 address (a zone such as `%eth0` is none either).
    """
    version, family = (6, AF_INET6) if ":" in text else (4, AF_INET)
    try:
        return version, int.from_bytes(inet_pton(family, text), "big")
    except (OSError, ValueError):
        raise ValueError("not an IPv4 or IPv6 address") from None


def format_address(version: int, value: int) -> str:
    """The usual text of an address (IPv6 as in RFC 5952)."""
    return inet_ntop(AF_INET if version == 4 else AF_INET6, value.to_bytes(BITS[version] // 8, "big"))


def reached_address(version: int, value: int) -> tuple[int, int]:
    """The address that packets would really go to: an IPv4-mapped IPv6 address is the IPv4 address in it."""
    if version == 6 and value >> 32 == _MAPPED:
        return 4, value & 0xFFFF_FFFF
    return version, value


def parse_prefix(text: str, *, widen: bool = False) -> tuple[int, int, int]:
    """The IP version, first address and address after the last one of a prefix; a lone address is one too.

    Args:
        widen: take `10.1.2.3/16` as the whole `10.1.0.0/16`, which is right for what must not be asked.

    Raises:
        ValueError: not a prefix; the message says what is wrong and how to mend it.
    """
    head, slash, tail = text.partition("/")
    version, value = parse_address(head)
    length = _prefix_length(tail, BITS[version]) if slash else BITS[version]
    size = 1 << (BITS[version] - length)
    start = value & -size
    if start != value and not widen:
        mend = f"{format_address(version, start)}/{length}"
        raise ValueError(f"has bits beyond its length; write {mend} for the network or {head} for the host")
    return version, start, start + size


def _prefix_length(text: str, bits: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= bits:
        return int(text)
    raise ValueError(f"the length after / must be 0 to {bits}")
