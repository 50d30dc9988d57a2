"""Reads what a TLS client offers: ClientHello of SSL 2.0's form to TLS 1.3.

An extension that is not what its type says keeps its place in the list, and its field stays None: that a client
is broken in one point is no reason to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from struct import unpack
from typing import TypeVar

from mailcensus.model import ClientHello
from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsError
from mailcensus.wire.exchange import Limits, printable
from mailcensus.wire.tls.client_fingerprints import ja3, ja4, without_grease
from mailcensus.wire.tls.codes import ContentType, ExtensionType, HandshakeType
from mailcensus.wire.tls.messages import Extensions, pull_extensions
from mailcensus.wire.tls.reader import Reader
from mailcensus.wire.tls.records import MessageReader, RecordReader

_PRE_SHARED_KEY = 41
_HOST_NAME = 0
_SSLV2_CLIENT_HELLO = 1
_HANDSHAKE = int(ContentType.HANDSHAKE)
_CLIENT_HELLO = int(HandshakeType.CLIENT_HELLO)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class OfferedHello:
    """A hello with what only the handshake itself needs."""

    offered: ClientHello
    random: bytes
    session_id: bytes
    extensions: Extensions


def pull_client_hello(body: bytes, record_version: int | None = None) -> OfferedHello:
    """ClientHello of SSL 3.0 to TLS 1.3, RFC 8446 section 4.1.2; without its 4-byte header.

    Raises:
        ProtocolError: it is cut short, or bytes are left over.
    """
    reader = Reader(body)
    legacy_version, random, session_id = reader.uint16(), reader.take(32), reader.block8()
    suites, compressions = _codes16(reader.block16()), tuple(reader.block8())
    has_extensions = bool(reader)
    extensions = pull_extensions(reader.block16()) if has_extensions else ()
    reader.end("ClientHello")
    first_of: dict[int, bytes] = {}
    for kind, value in extensions:
        first_of.setdefault(kind, value)
    kinds = tuple(kind for kind, _ in extensions)
    versions = _read(_versions, first_of.get(ExtensionType.SUPPORTED_VERSIONS))
    groups = _read(_list16, first_of.get(ExtensionType.SUPPORTED_GROUPS))
    point_formats = _read(_bytes8, first_of.get(ExtensionType.EC_POINT_FORMATS))
    schemes = _read(_list16, first_of.get(ExtensionType.SIGNATURE_ALGORITHMS))
    alpn = _read(_protocols, first_of.get(ExtensionType.ALPN))
    ticket = first_of.get(ExtensionType.SESSION_TICKET)
    highest = max(without_grease(versions or ()), default=legacy_version)
    offered = ClientHello(
        legacy_version=legacy_version,
        record_version=record_version,
        versions=versions,
        cipher_suites=suites,
        compressions=compressions,
        extensions=kinds if has_extensions else None,
        sni=_read(_server_name, first_of.get(ExtensionType.SERVER_NAME)),
        alpn=None if alpn is None else tuple(map(printable, alpn)),
        groups=groups,
        point_formats=point_formats,
        signature_schemes=schemes,
        key_shares=_read(_shares, first_of.get(ExtensionType.KEY_SHARE)),
        psk_offered=_PRE_SHARED_KEY in first_of,
        ticket_bytes=None if ticket is None else len(ticket),
        session_id_bytes=len(session_id),
        ja3=ja3(legacy_version, suites, kinds, groups or (), point_formats or ()),
        ja4=ja4(highest, suites, kinds, schemes or (), alpn[0] if alpn else None),
    )
    return OfferedHello(offered, random, session_id, extensions)


def pull_sslv2_client_hello(message: bytes) -> OfferedHello:
    """CLIENT-HELLO in SSL 2.0's form, which clients of SSL 3.0 and TLS sent too (RFC 5246 appendix E.2).

    Args:
        message: without its record header, the message type first.

    Raises:
        ProtocolError: it is another message or cut short.
    """
    reader = Reader(message)
    if reader.uint8() != _SSLV2_CLIENT_HELLO:
        raise ProtocolError("not an SSL 2.0 CLIENT-HELLO")
    version = reader.uint16()
    sizes = [reader.uint16() for _ in range(3)]
    specs, session_id, challenge = (reader.take(size) for size in sizes)
    reader.end("CLIENT-HELLO")
    if len(specs) % 3:
        raise ProtocolError("CLIENT-HELLO with a broken list of ciphers")
    kinds = tuple(int.from_bytes(specs[at : at + 3], "big") for at in range(0, len(specs), 3))
    suites = tuple(kind for kind in kinds if kind <= 0xFFFF)
    offered = ClientHello(
        legacy_version=version,
        cipher_suites=suites,
        sslv2_ciphers=tuple(kind for kind in kinds if kind > 0xFFFF),
        session_id_bytes=min(len(session_id), 255),
        ja3=ja3(version, suites, (), (), ()),
        ja4=ja4(version, suites, (), (), None),
    )
    return OfferedHello(offered, challenge, session_id, ())


class ClientHelloReader:
    """The first hello out of a client's bytes, however they arrive, in linear time and within caps."""

    __slots__ = ("_first", "_left", "_messages", "_records")

    def __init__(self, limits: Limits) -> None:
        self._records = RecordReader()
        self._messages = MessageReader(limits.handshake)
        self._left = limits.handshake
        self._first = bytearray()

    def feed(self, data: bytes) -> OfferedHello | None:
        """Take bytes; the hello once it is whole. Call no more after that.

        Raises:
            TlsError: the bytes are no TLS, or another message came first.
            ProtocolError: a malformed hello.
            LimitExceeded: it is longer than our cap.
        """
        self._left -= len(data)
        if self._left < 0:
            raise LimitExceeded("the client sent more handshake bytes than our cap")
        if len(self._first) < 3:  # enough to tell the two forms apart
            self._first += data
            if len(self._first) < 3:
                return None
            data = bytes(self._first)
        elif is_sslv2(self._first):
            self._first += data
        if is_sslv2(self._first):
            return self._sslv2()
        for kind, header, fragment in self._records.feed(data):
            if kind != _HANDSHAKE:
                raise TlsError(f"a record of type {kind} before the ClientHello")
            for message_kind, message in self._messages.feed(fragment):
                if message_kind != _CLIENT_HELLO:
                    raise TlsError(f"handshake message {message_kind} before the ClientHello")
                return pull_client_hello(message[4:], int.from_bytes(header[1:3], "big"))
        return None

    def _sslv2(self) -> OfferedHello | None:
        length = 2 + ((self._first[0] & 0x7F) << 8 | self._first[1])
        return pull_sslv2_client_hello(bytes(self._first[2:length])) if len(self._first) >= length else None


def is_sslv2(first: bytes | bytearray) -> bool:
    """The first three bytes begin a CLIENT-HELLO in SSL 2.0's form: a two-byte header, then message type 1."""
    return first[0] >= 0x80 and first[2] == _SSLV2_CLIENT_HELLO


def _read(pull: Callable[[bytes], _Read], body: bytes | None) -> _Read | None:
    """What an extension holds; None: it is not there, or malformed."""
    if body is None:
        return None
    try:
        return pull(body)
    except ProtocolError:
        return None


@lru_cache(maxsize=4096)  # few distinct clients make most of a day's hellos
def _codes16(block: bytes) -> tuple[int, ...]:
    if len(block) % 2:
        raise ProtocolError("a list of two-byte codes of odd length")
    return unpack(f">{len(block) // 2}H", block)


def _list16(body: bytes) -> tuple[int, ...]:
    return _codes16(Reader(body).block16())


def _versions(body: bytes) -> tuple[int, ...]:
    return _codes16(Reader(body).block8())


def _bytes8(body: bytes) -> tuple[int, ...]:
    return tuple(Reader(body).block8())


def _protocols(body: bytes) -> tuple[bytes, ...]:
    """ProtocolNameList, RFC 7301 section 3.1."""
    reader = Reader(Reader(body).block16())
    names = []
    while reader:
        names.append(reader.block8())
    return tuple(names)


def _server_name(body: bytes) -> str | None:
    """The first host_name of a ServerNameList, RFC 6066 section 3; None: the list has none."""
    reader = Reader(Reader(body).block16())
    while reader:
        kind, name = reader.uint8(), reader.block16()
        if kind == _HOST_NAME:
            return printable(name)
    return None


def _shares(body: bytes) -> tuple[int, ...]:
    """Groups of a KeyShareClientHello, RFC 8446 section 4.2.8."""
    reader = Reader(Reader(body).block16())
    groups = []
    while reader:
        groups.append(reader.uint16())
        reader.block16()
    return tuple(groups)
