"""The smallest country database: one IPv4 network in one country (MaxMind DB File Format Specification 2.0)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Network

_METADATA_START = b"\xab\xcd\xefMaxMind.com"
_DATA_SEPARATOR = bytes(16)
_MAP, _TEXT, _UINT16, _UINT32 = 7, 2, 5, 6
_ARRAY, _UINT64 = 11, 9


def country_database(network: IPv4Network, country: str) -> bytes:
    """The file's bytes; its record is the flat `{"country_code": ...}`."""
    nodes = network.prefixlen
    metadata = _write(
        {
            "binary_format_major_version": (_UINT16, 2),
            "binary_format_minor_version": (_UINT16, 0),
            "build_epoch": (_UINT64, 0),
            "database_type": "country",
            "description": {"en": "one network"},
            "ip_version": (_UINT16, 4),
            "languages": ["en"],
            "node_count": (_UINT32, nodes),
            "record_size": (_UINT16, 24),
        }
    )
    tree = b"".join(_node(network, depth, nodes) for depth in range(nodes))
    return tree + _DATA_SEPARATOR + _write({"country_code": country}) + _METADATA_START + metadata


def _node(network: IPv4Network, depth: int, nodes: int) -> bytes:
    """One bit of the network's address leads on, the other to nothing."""
    onward = depth + 1 if depth + 1 < nodes else nodes + len(_DATA_SEPARATOR)
    bit = int(network.network_address) >> (31 - depth) & 1
    records = (nodes, onward) if bit else (onward, nodes)
    return b"".join(record.to_bytes(3, "big") for record in records)


def _write(value: object) -> bytes:
    match value:
        case dict():
            return _control(_MAP, len(value)) + b"".join(
                _write(name) + _write(item) for name, item in value.items()
            )
        case list():
            return _control(_ARRAY, len(value)) + b"".join(map(_write, value))
        case str():
            return _control(_TEXT, len(value)) + value.encode()
        case (int() as kind, int() as number):
            raw = struct.pack(">Q", number).lstrip(b"\0")
            return _control(kind, len(raw)) + raw
    raise TypeError(f"no MaxMind form of {value!r}")


def _control(kind: int, size: int) -> bytes:
    """Control byte; types from 8 on stand in a second one. Sizes here are all below 29."""
    return bytes((kind << 5 | size,)) if kind < 8 else bytes((size, kind - 7))
