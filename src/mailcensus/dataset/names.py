"""A set of names that may grow to hundreds of millions: fourteen bytes each.

A name is a digest. Its first two bytes choose one of 65,536 strings, and its next fourteen stand there beside those of
other names. So 128 bits of a name are kept: of a billion names any two would be taken for one with a chance of 1e-21.
A set of Python's takes 114 bytes for a digest and 194 for an address with its port.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

_KEPT = 16
_CHOOSE = 2
_STEP = _KEPT - _CHOOSE


class Names:
    """Digests of at least 16 bytes."""

    __slots__ = ("_count", "_of_prefix")

    def __init__(self, names: Iterable[bytes] = ()) -> None:
        self._of_prefix = [b""] * (1 << 8 * _CHOOSE)
        self._count = 0
        for name in names:
            self.add(name)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, name: bytes) -> bool:
        return _is_in(self._of_prefix[int.from_bytes(name[:_CHOOSE])], name[_CHOOSE:_KEPT])

    def add(self, name: bytes) -> bool:
        """Take a name; False where it is there already."""
        prefix, rest = int.from_bytes(name[:_CHOOSE]), name[_CHOOSE:_KEPT]
        known = self._of_prefix[prefix]
        if _is_in(known, rest):
            return False
        self._of_prefix[prefix] = known + rest
        self._count += 1
        return True


def name_of(text: str) -> bytes:
    """A name for a text that is none."""
    return blake2b(text.encode(), digest_size=_KEPT).digest()


def _is_in(known: bytes, rest: bytes) -> bool:
    at = known.find(rest)
    while at % _STEP and at >= 0:  # found across two names
        at = known.find(rest, at + 1)
    return at >= 0
