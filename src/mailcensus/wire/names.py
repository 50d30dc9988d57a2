"""Names inside certificates as text: distinguished names (RFC 4514) and subject alternative names (RFC 5280).

What a name's author wrote is kept, control characters included: the text is data, and whoever shows it escapes it.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from mailcensus.wire import der
from mailcensus.wire.der import Element
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.exchange import printable

_SHORT_NAMES = {
    bytes.fromhex("550403"): "CN",
    bytes.fromhex("550404"): "SN",
    bytes.fromhex("550405"): "serialNumber",
    bytes.fromhex("550406"): "C",
    bytes.fromhex("550407"): "L",
    bytes.fromhex("550408"): "ST",
    bytes.fromhex("550409"): "street",
    bytes.fromhex("55040a"): "O",
    bytes.fromhex("55040b"): "OU",
    bytes.fromhex("55040c"): "title",
    bytes.fromhex("55040d"): "description",
    bytes.fromhex("55040f"): "businessCategory",
    bytes.fromhex("550411"): "postalCode",
    bytes.fromhex("55042a"): "GN",
    bytes.fromhex("55042e"): "dnQualifier",
    bytes.fromhex("550461"): "organizationIdentifier",
    bytes.fromhex("0992268993f22c640101"): "UID",
    bytes.fromhex("0992268993f22c640119"): "DC",
    bytes.fromhex("2a864886f70d010901"): "emailAddress",
    bytes.fromhex("2a864886f70d010902"): "unstructuredName",
    bytes.fromhex("2b0601040182373c020101"): "jurisdictionL",
    bytes.fromhex("2b0601040182373c020102"): "jurisdictionST",
    bytes.fromhex("2b0601040182373c020103"): "jurisdictionC",
}
"""The short names that OpenSSL prints; types beyond these are written as their dotted identifier."""

_COMMON_NAME = bytes.fromhex("550403")

_NUMERIC, _PRINTABLE, _T61, _IA5, _VISIBLE, _UTF8 = 0x12, 0x13, 0x14, 0x16, 0x1A, 0x0C
_UNIVERSAL, _BMP = 0x1C, 0x1E
_ENCODINGS = {
    _UTF8: "utf-8",
    _NUMERIC: "ascii",
    _PRINTABLE: "ascii",
    _IA5: "ascii",
    _VISIBLE: "ascii",
    _T61: "latin-1",  # what issuers put there; nobody writes real T.61
    _BMP: "utf-16-be",
    _UNIVERSAL: "utf-32-be",
}

_ESCAPED = str.maketrans({**{c: "\\" + c for c in '"+,;<>\\'}, "\0": "\\00"})
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
"""Choices of GeneralName, RFC 5280 section 4.2.1.6."""


class DistinguishedName(NamedTuple):
    """A distinguished name as text."""

    text: str
    """RFC 4514: the last relative name first."""
    common_name: str | None
    """The last common name, as it is."""
    clean: bool
    """Every string was in the encoding its tag promises."""


class AlternativeNames(NamedTuple):
    """The DNS and IP names among the subject alternative names, in order."""

    names: tuple[str, ...]
    total: int
    """How many there are; `names` may hold fewer."""
    clean: bool
    """Every one could be read as what its tag promises."""


def distinguished_name(data: bytes, name: Element) -> DistinguishedName:
    """Read a Name (RFC 5280 section 4.1.2.4).

    Raises:
        ProtocolError: it is not built as a Name.
    """
    relative_names = [
        [_attribute(data, attribute) for attribute in der.children(data, relative)]
        for relative in der.children(data, name)
    ]
    attributes = [attribute for relative in relative_names for attribute in relative]
    return DistinguishedName(
        text=",".join("+".join(a.written for a in relative) for relative in reversed(relative_names)),
        common_name=next((a.text for a in reversed(attributes) if a.oid == _COMMON_NAME), None),
        clean=all(a.clean for a in attributes),
    )


class _Attribute(NamedTuple):
    oid: bytes
    text: str
    written: str
    """type=value as RFC 4514 writes it."""
    clean: bool


def _attribute(data: bytes, attribute: Element) -> _Attribute:
    pair = der.children(data, attribute)
    if len(pair) != 2 or pair[0].tag != der.OID:
        raise ProtocolError("not an attribute of a name")
    oid = der.content(data, pair[0])
    name = _SHORT_NAMES.get(oid) or der.dotted(oid)
    if pair[1].tag not in _ENCODINGS:
        text = "#" + data[pair[1].at : pair[1].stop].hex()
        return _Attribute(oid, text, f"{name}={text}", True)
    text, clean = _text(der.content(data, pair[1]), _ENCODINGS[pair[1].tag])
    return _Attribute(oid, text, f"{name}={_escape(text)}", clean)


def _text(raw: bytes, encoding: str) -> tuple[str, bool]:
    try:
        return raw.decode(encoding), True
    except UnicodeDecodeError:
        return printable(raw) if encoding == "ascii" else raw.decode(encoding, "backslashreplace"), False


def _escape(text: str) -> str:
    """RFC 4514 section 2.4."""
    escaped = text.translate(_ESCAPED)
    if text.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    leads = text.startswith("#") or (text.startswith(" ") and len(text) > 1)
    return "\\" + escaped if leads else escaped


def alternative_names(extension: bytes, at_most: int) -> AlternativeNames:
    """Read a SubjectAltName extension's value: its DNS names and IP addresses.

    Raises:
        ProtocolError: it is not built as GeneralNames.
    """
    names = [
        element
        for element in der.children(extension, der.whole(extension, der.SEQUENCE))
        if element.tag in (_DNS_NAME, _IP_ADDRESS)
    ]
    clean = True
    texts = []
    for element in names[:at_most]:
        text, was_clean = _alternative_name(der.content(extension, element), element.tag)
        clean &= was_clean
        texts.append(text)
    return AlternativeNames(tuple(texts), len(names), clean)


def _alternative_name(raw: bytes, tag: int) -> tuple[str, bool]:
    if tag == _DNS_NAME:
        return printable(raw), raw.isascii()
    if len(raw) in (4, 16):
        return str(ipaddress.ip_address(raw)), True
    return printable(raw), False  # often the address as text, where octets belong
