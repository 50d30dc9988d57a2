"""The metadata at the end of a MaxMind DB file, which says how to read the rest.

Source: MaxMind DB File Format Specification 2.0, "Database Metadata".
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.population.databases.mmdb_values import DamagedDatabase, Value, ValueReader

MARKER = b"\xab\xcd\xefMaxMind.com"
SEARCHED_BYTES = 128 * 1024
"""The marker is among the last so many."""
_RECORD_BITS = (24, 28, 32)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is needed of it."""

    node_count: int
    record_bits: int
    address_bits: int
    """32 for a tree of IPv4 addresses alone, else 128."""
    built_at: int | None
    """Seconds since the epoch; None where the file does not say, or says 0."""

    @property
    def tree_bytes(self) -> int:
        """Size of the search tree."""
        return self.node_count * self.record_bits // 4


def metadata_of(content: bytes) -> Metadata:
    """The metadata of a file.

    Raises:
        DamagedDatabase: there is none, or none that makes sense.
    """
    found = content.rfind(MARKER, max(0, len(content) - SEARCHED_BYTES))
    if found < 0:
        raise DamagedDatabase("no metadata at its end")
    said = ValueReader(content, found + len(MARKER)).at(0)
    if not isinstance(said, dict):
        raise DamagedDatabase("its metadata are no map")
    count, bits, version = (_number(said, name) for name in ("node_count", "record_size", "ip_version"))
    if bits not in _RECORD_BITS or version not in (4, 6):
        raise DamagedDatabase(f"records of {bits} bits, IP version {version}")
    built = said.get("build_epoch")
    metadata = Metadata(
        count, bits, 32 if version == 4 else 128, built if isinstance(built, int) and built else None
    )
    if not 0 < metadata.tree_bytes <= found:
        raise DamagedDatabase("its search tree is longer than the file")
    return metadata


def _number(said: dict[str, Value], name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int):
        raise DamagedDatabase(f"its metadata have no {name}")
    return value
