"""The little DER that keys and certificates need: walk it by offsets, write it back minimally (X.690).

Reading is lenient where real certificates are wrong (lengths and integers that are not minimal), because the
walk looks for a key in them, not for a reason to refuse them. Writing is strict. Nothing is copied while walking,
so finding the key of a certificate costs a handful of steps whatever the certificate's size.
"""

from __future__ import annotations

from typing import NamedTuple

from mailcensus.wire.errors import ProtocolError

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30
SET = 0x31

_LONGEST_LENGTH_BYTES = 4
_HIGH_TAG = 0x1F


class Element(NamedTuple):
    """Where one element lies in its buffer: tag octet, first octet of the header, and span of the content."""

    tag: int
    at: int
    start: int
    stop: int


def read(data: bytes, at: int, end: int) -> Element:
    """The element that begins at offset `at`, within `data[:end]`.

    Raises:
        ProtocolError: cut short, or of indefinite length, or with a tag above 30 (X.509 has none).
    """
    start = at + 2
    if start > end:
        raise ProtocolError("DER: cut short")
    tag, length = data[at], data[at + 1]
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise ProtocolError("DER: tag above 30")
    if length >= 0x80:
        count = length & 0x7F
        if not 0 < count <= _LONGEST_LENGTH_BYTES:
            raise ProtocolError("DER: indefinite or oversized length")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    stop = start + length
    if stop > end:
        raise ProtocolError("DER: cut short")
    return Element(tag, at, start, stop)


def expect(data: bytes, at: int, end: int, tag: int) -> Element:
    """The element at `at`, which must have this tag.

    Raises:
        ProtocolError: it has another, or cannot be read.
    """
    element = read(data, at, end)
    if element.tag != tag:
        raise ProtocolError(f"DER: tag 0x{element.tag:02x} where 0x{tag:02x} belongs")
    return element


def whole(data: bytes, tag: int) -> Element:
    """The element that fills `data` from end to end.

    Raises:
        ProtocolError: it has another tag, cannot be read, or something follows it.
    """
    element = expect(data, 0, len(data), tag)
    if element.stop != len(data):
        raise ProtocolError("DER: something follows the element")
    return element


def children(data: bytes, parent: Element) -> list[Element]:
    """The elements inside a constructed element, in order.

    Raises:
        ProtocolError: one cannot be read.
    """
    found = []
    at, end = parent.start, parent.stop
    while at < end:
        child = read(data, at, end)
        found.append(child)
        at = child.stop
    return found


def content(data: bytes, element: Element) -> bytes:
    """An element's content octets."""
    return data[element.start : element.stop]


def magnitude(data: bytes, element: Element) -> int:
    """An INTEGER read as unsigned: what a modulus is even where its encoder forgot the leading zero.

    Raises:
        ProtocolError: it is no INTEGER.
    """
    if element.tag != INTEGER:
        raise ProtocolError(f"DER: tag 0x{element.tag:02x} where an INTEGER belongs")
    return int.from_bytes(data[element.start : element.stop], "big")


def bit_string(data: bytes, element: Element) -> bytes:
    """The octets of a BIT STRING without unused bits.

    Raises:
        ProtocolError: it is no BIT STRING, or has unused bits.
    """
    if element.tag != BIT_STRING or element.start == element.stop or data[element.start] != 0:
        raise ProtocolError("DER: not a BIT STRING of whole octets")
    return data[element.start + 1 : element.stop]


def dotted(oid: bytes) -> str:
    """An object identifier's content octets as text, e.g. 1.2.840.113549.1.1.1; linear in its length.

    Raises:
        ProtocolError: empty, cut short, or with an arc of more than 128 bits.
    """
    if not oid or oid[-1] & 0x80:
        raise ProtocolError("DER: object identifier cut short")
    arcs = []
    value = 0
    for octet in oid:
        value = value << 7 | octet & 0x7F
        if value >> 128:
            raise ProtocolError("DER: object identifier with an arc of more than 128 bits")
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def write(tag: int, *parts: bytes) -> bytes:
    """One element with the parts as its content, its length in the fewest octets."""
    body = b"".join(parts)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def write_integer(value: int) -> bytes:
    """A non-negative INTEGER in the fewest octets."""
    return write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def write_bit_string(octets: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return write(BIT_STRING, b"\0", octets)
