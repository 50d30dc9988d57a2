"""What reads TLS: records, messages, sessions of all versions, message bodies, record protection, SSL 2.0.

A target takes the fuzzer's bytes and a way to cut, and gives what came of them. The first byte of most is a choice.
"""

from __future__ import annotations

from functools import cache

from fuzz.cutting import Cut, check
from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsError, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls import messages
from mailcensus.wire.tls.cbc import CBC_CIPHERS, CbcProtection, block_bytes, mac_bytes
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.hello import PROFILES
from mailcensus.wire.tls.observer import ocsp_status
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.protection import AEAD_CIPHERS, Protection, Protection12, Protection13
from mailcensus.wire.tls.records import MessageReader, RecordReader
from mailcensus.wire.tls.schedule import Secret
from mailcensus.wire.tls.session import Session
from mailcensus.wire.tls.shares import KeyPairs
from mailcensus.wire.tls.sslv2 import Sslv2Session
from mailcensus.wire.tls.suites import Suite, suite_of

LIMITS = Limits(line=512, text=4_096, handshake=8_192, certificate=2_048, chain_certificates=4)
"""Small, so that short inputs pass them."""
SESSIONS = tuple(
    (name, finish) for name in sorted(PROFILES) if "sslv2" not in name for finish in (True, False)
)
"""Profile and whether the handshake is finished, by the first byte."""
_ALERT, _CHANGE_CIPHER_SPEC, _APPLICATION_DATA, _FRAGMENT = 0x80, 0x81, 0x82, 0x83
"""Kinds of a structured input's pieces that are no handshake message."""
_RECORD_TYPES = {_ALERT: 21, _CHANGE_CIPHER_SPEC: 20, _APPLICATION_DATA: 23, _FRAGMENT: 22}
TAG = bytes(16)


@cache
def key_pairs() -> KeyPairs:
    """One for all: making pairs would cost more than everything else."""
    return KeyPairs()


def session(choice: int) -> Session:
    """A session that has sent its hello."""
    name, finish = SESSIONS[choice % len(SESSIONS)]
    made = Session(PROFILES[name], key_pairs(), server_name=None, limits=LIMITS, finish=finish)
    made.start()
    return made


def drive(session: Session | Sslv2Session, pieces: tuple[bytes, ...]) -> tuple[object, ...]:
    """Feed a session as a conversation does: what it came to, and what it read."""
    error, plaintext = "", b""
    try:
        for piece in pieces:
            session.receive(piece)
            plaintext += session.plaintext()
            if session.phase in (Phase.OBSERVED, Phase.CLOSED):
                break
    except WireError as wire:
        error = f"{type(wire).__name__}: {str(wire).partition(': b')[0]}"
    plaintext += session.plaintext()
    return session.phase, session.record(), session.spoken, plaintext, error


def tls_stream(data: bytes, cut: Cut) -> object:
    """A session, fed whatever bytes; under glass."""
    return check(lambda pieces: drive(session(data[0] if data else 0), pieces), data[1:], cut)


def tls_messages(data: bytes, cut: Cut) -> object:
    """A session, fed well-formed records of well-formed length with whatever in them; under glass.

    The input is a choice, then pieces: kind (a handshake type, or one of those above), length (2 bytes), body.
    """
    choice, stream = data[0] if data else 0, b""
    peer = session(choice)
    try:
        for kind, body in _structured(data[1:]):
            protected = peer._reading is not None
            record = _record(kind, body, tls_13=protected and peer._schedule is not None, protected=protected)
            stream += record
            peer.receive(record)
    except WireError:
        pass
    return check(lambda pieces: drive(session(choice), pieces), stream, cut)


def _structured(data: bytes) -> list[tuple[int, bytes]]:
    pieces, at = [], 0
    while at + 3 <= len(data):
        end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        pieces.append((data[at], data[at + 3 : end]))
        at = end
    return pieces


def _record(kind: int, body: bytes, *, tls_13: bool, protected: bool) -> bytes:
    content_type = _RECORD_TYPES.get(kind, 22)
    if kind not in _RECORD_TYPES:
        body = bytes((kind,)) + len(body).to_bytes(3, "big") + body
    if tls_13 and content_type != 20:
        return sealed_13(content_type, body)
    if protected:
        body = bytes(8) + body + TAG
    body = body[:16_384]
    return bytes((content_type,)) + b"\x03\x03" + len(body).to_bytes(2, "big") + body


def sealed_13(content_type: int, body: bytes) -> bytes:
    """A record of TLS 1.3 under glass."""
    body = body[:16_384] + bytes((content_type,)) + TAG
    return b"\x17\x03\x03" + len(body).to_bytes(2, "big") + body


def tls_records(data: bytes, cut: Cut) -> object:
    """The record reader and, on what it gives, the message reader."""

    def run(pieces: tuple[bytes, ...]) -> object:
        records, reader = RecordReader(), MessageReader(LIMITS.handshake)
        found: list[object] = []
        try:
            for piece in pieces:
                for content_type, header, fragment in records.feed(piece):
                    found.append((content_type, header, fragment))
                    found.extend(reader.feed(fragment))
        except WireError as error:
            found.append(type(error))
        return found, records.seen_any

    return check(run, data, cut)


def sslv2(data: bytes, cut: Cut) -> object:
    """An SSL 2.0 session."""
    return check(lambda pieces: drive(Sslv2Session(LIMITS), pieces), data, cut)


def tls_bodies(data: bytes, _cut: Cut) -> object:
    """The body of one message or extension, and OCSP responses."""
    readers = (
        messages.pull_server_hello,
        messages.pull_extensions,
        lambda body: messages.pull_certificate(body, LIMITS),
        lambda body: messages.pull_certificate_13(body, LIMITS),
        lambda body: messages.pull_server_key_exchange_dhe(body, 0x0303),
        lambda body: messages.pull_server_key_exchange_ecdhe(body, 0x0301),
        messages.pull_certificate_status,
        messages.pull_key_share,
        messages.pull_alpn,
        messages.count_scts,
    )
    choice, body = data[0] if data else 0, data[1:]
    if choice % (len(readers) + 1) == len(readers):
        return ocsp_status(body)
    try:
        return readers[choice % (len(readers) + 1)](body)
    except (ProtocolError, LimitExceeded) as error:
        return type(error)


@cache
def _suites() -> tuple[Suite, ...]:
    suites = (suite_of(code) for code in CIPHER_SUITES)
    usable = (
        suite for suite in suites if suite and suite.key_bytes and suite.cipher in AEAD_CIPHERS | CBC_CIPHERS
    )
    return tuple({(suite.cipher, suite.mac): suite for suite in usable}.values())


def _protection(choice: int) -> Protection:
    suite = _suites()[choice % len(_suites())]
    key, iv = bytes(suite.key_bytes), bytes(block_bytes(suite))
    if suite.cipher in CBC_CIPHERS:
        version, etm = (0x0301, 0x0303)[choice & 1], bool(choice & 2)
        return CbcProtection(suite, version, bytes(mac_bytes(suite)), key, iv, encrypt_then_mac=etm)
    if suite.key_exchange == "TLS13":
        return Protection13(suite, Secret(suite.prf_hash, bytes(32)))
    return Protection12(suite, key, bytes(12 if suite.cipher == "CHACHA20_POLY1305" else 4))


def protection(data: bytes, _cut: Cut) -> object:
    """Opening one record, of every kind of protection; under glass."""
    try:
        return _protection(data[0] if data else 0).open(data[1:6].ljust(5, b"\0"), data[6:])
    except TlsError:
        return TlsError
