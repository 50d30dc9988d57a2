"""Both sides of a TLS handshake, as far as it is in the clear.

    version        seen of the server                                        established when
    up to TLS 1.2  everything up to ChangeCipherSpec                         both changed, and an encrypted record came
    TLS 1.3        ServerHello; no certificate, no ALPN, no signature        both sent encrypted records

Source: RFC 5246 section 7.3, RFC 8446 section 2; RFC 5077 section 3.4 for tickets in short handshakes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailcensus.model import ClientHello, Tls
from mailcensus.passive.watch.side import Side, words_of
from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsAlert, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.client_hello import (
    OfferedHello,
    is_sslv2,
    pull_client_hello,
    pull_sslv2_client_hello,
)
from mailcensus.wire.tls.codes import TLS_1_3, ContentType, HandshakeType, alert_name
from mailcensus.wire.tls.observer import Observer
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.possession import signature_verifies
from mailcensus.wire.tls.records import MessageReader, RecordReader
from mailcensus.wire.tls.sslv2 import Sslv2Session

_CHANGE, _ALERT, _HANDSHAKE, _APPLICATION, _HEARTBEAT = map(int, ContentType)
_CLIENT_HELLO, _SERVER_HELLO, _TICKET = (
    int(HandshakeType.CLIENT_HELLO),
    int(HandshakeType.SERVER_HELLO),
    int(HandshakeType.NEW_SESSION_TICKET),
)
_CERTIFICATE, _DONE = int(HandshakeType.CERTIFICATE), int(HandshakeType.SERVER_HELLO_DONE)
_PRE_SHARED_KEY = 41
_NO_CERTIFICATES = 3
"""Bytes of an empty Certificate message."""


@dataclass(frozen=True, slots=True)
class TlsSeen:
    """What a handshake came to; fields as in `model.Flow`."""

    tls: Tls | None
    client_hello: ClientHello | None
    chain: tuple[bytes, ...]
    established: bool
    resumed: bool | None
    client_alert: str | None
    last_alert: str | None
    client_cert_sent: bool | None


class _Half:
    """The records of one side."""

    __slots__ = ("changed", "encrypted", "left", "messages", "records")

    def __init__(self, limits: Limits) -> None:
        self.records = RecordReader()
        self.messages = MessageReader(limits.handshake)
        self.left = limits.handshake
        self.changed = False
        """ChangeCipherSpec came, and meant it (up to TLS 1.2)."""
        self.encrypted = False
        """An encrypted record came."""


class TlsWatch:
    """One handshake. Bytes of either side go in as they come; after `done` nothing is read any more.

    Attributes:
        error: what could not be read, quoting nobody.
    """

    __slots__ = (
        "_client",
        "_client_alert",
        "_client_cert_sent",
        "_head",
        "_hello",
        "_last_alert",
        "_limits",
        "_observer",
        "_server",
        "_sslv2",
        "done",
        "error",
        "established",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._client, self._server = _Half(limits), _Half(limits)
        self._observer = Observer(limits)
        self._hello: OfferedHello | None = None
        self._head: bytearray | None = bytearray()
        """The client's first bytes, for as long as they may be, or are, in SSL 2.0's form; None: records follow."""
        self._sslv2: Sslv2Session | None = None
        self._client_alert: str | None = None
        self._last_alert: str | None = None
        self._client_cert_sent: bool | None = None
        self.done = False
        self.established = False
        self.error: str | None = None

    def receive(self, side: Side, data: bytes) -> None:
        """Take what one side sent, in order."""
        if self.done:
            return
        half = self._server if side is Side.SERVER else self._client
        half.left -= len(data)
        try:
            if half.left < 0:
                raise LimitExceeded("more handshake bytes than our cap")
            if side is Side.SERVER:
                self._of_server(data)
            else:
                self._of_client(data)
        except WireError as error:
            self.done = True
            if not isinstance(error, TlsAlert):
                self.error = words_of(side, error)

    @property
    def anything_read(self) -> bool:
        """A hello of either side, or a server's record, was read."""
        return self._hello is not None or self._server_spoke

    @property
    def _server_spoke(self) -> bool:
        return self._server.records.seen_any or (self._sslv2 is not None and self._sslv2.spoken)

    # the client's side

    def _of_client(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            if len(self._head) < 3:
                return
            if is_sslv2(self._head):
                self._sslv2_hello(self._head)
                return
            data, self._head = bytes(self._head), None
        for kind, header, fragment in self._client.records.feed(data):
            self._client_record(kind, header, fragment)
            if self.done:
                return

    def _sslv2_hello(self, head: bytearray) -> None:
        length = 2 + ((head[0] & 0x7F) << 8 | head[1])
        if len(head) < length:
            return
        self._hello = pull_sslv2_client_hello(bytes(head[2:length]))
        self._head = None
        if len(head) > length:
            self._of_client(bytes(head[length:]))

    def _client_record(self, kind: int, header: bytes, fragment: bytes) -> None:
        half = self._client
        if half.changed or (self._is_13 and kind == _APPLICATION):
            self._encrypted(half)
        elif kind == _HANDSHAKE:
            for message_kind, message in half.messages.feed(fragment):
                self._client_message(message_kind, message, header)
        elif kind == _CHANGE:
            half.changed = not self._is_13_or_retried
        elif kind == _ALERT and len(fragment) == 2:
            self._client_alert = self._last_alert = alert_name(fragment[1])

    def _client_message(self, kind: int, message: bytes, header: bytes) -> None:
        if kind == _CLIENT_HELLO:
            self._hello = pull_client_hello(message[4:], int.from_bytes(header[1:3], "big"))
        elif kind == _CERTIFICATE:
            self._client_cert_sent = len(message) - 4 > _NO_CERTIFICATES

    # the server's side

    def _of_server(self, data: bytes) -> None:
        if self._sslv2 is None and self._may_be_sslv2(data):
            self._sslv2 = Sslv2Session(self._limits)
        if self._sslv2 is not None:
            self._sslv2.receive(data)
            self.done = self._sslv2.phase is Phase.OBSERVED
            return
        for kind, _, fragment in self._server.records.feed(data):
            self._server_record(kind, fragment)
            if self.done:
                return

    def _may_be_sslv2(self, data: bytes) -> bool:
        """A server's answer in SSL 2.0 begins with its length; one in SSL 3.0 and later with a content type."""
        hello = self._hello
        asked = hello is not None and hello.offered.sslv2_ciphers is not None
        return asked and not self._server.records.seen_any and data[0] not in (_ALERT, _HANDSHAKE)

    def _server_record(self, kind: int, fragment: bytes) -> None:
        half, observer = self._server, self._observer
        if half.changed or (self._is_13 and kind == _APPLICATION):
            if not half.encrypted:
                self._longest(fragment)
            self._encrypted(half)
            return
        self._longest(fragment)
        if kind == _HANDSHAKE:
            for message_kind, message in half.messages.feed(fragment):
                self._server_message(message_kind, message)
        elif kind == _CHANGE:
            half.changed = not self._is_13_or_retried
        elif kind == _ALERT and len(fragment) == 2:
            observer.alert = self._last_alert = alert_name(fragment[1])
        elif kind != _HEARTBEAT:
            raise ProtocolError(f"a record of type {kind} before the ServerHello")

    def _longest(self, fragment: bytes) -> None:
        if len(fragment) > (self._observer.record_bytes or 0):
            self._observer.record_bytes = len(fragment)

    def _server_message(self, kind: int, message: bytes) -> None:
        observer = self._observer
        if kind == _TICKET and observer.hello is not None:
            # In a short handshake, which no session of ours makes, it comes sooner; in a long one it is the last
            # message in the clear, and the flight is as complete as before.
            observer.ticket = True
            return
        observer.message(kind, message[4:])
        if kind == _DONE:
            self._check_signature()

    def _check_signature(self) -> None:
        """As a session of ours does: the server proves that it holds the key (up to TLS 1.2)."""
        observer, client = self._observer, self._hello
        exchange = observer.key_exchange
        if exchange is None or observer.hello is None or client is None or not observer.chain:
            return
        signed = client.random + observer.hello.random + exchange.signed_params
        observer.signature_verified = signature_verifies(
            observer.signature_scheme, observer.chain[0], observer.signature, signed
        )

    # both

    @property
    def _is_13(self) -> bool:
        return (self._observer.version or 0) >= TLS_1_3

    @property
    def _is_13_or_retried(self) -> bool:
        return self._observer.retry is not None or self._is_13

    def _encrypted(self, half: _Half) -> None:
        half.encrypted = True
        client, server = self._client, self._server
        both = (client.changed and server.changed) or (client.encrypted and server.encrypted)
        if both:
            self.established = self.done = True

    @property
    def has_data_of_one_side(self) -> bool:
        """One side has gone on to encrypted records; the other was not seen that far."""
        return self._client.encrypted != self._server.encrypted

    def seen(self) -> TlsSeen:
        """What was read."""
        hello = None if self._hello is None else self._hello.offered
        if self._sslv2 is not None and self._sslv2.spoken:
            return TlsSeen(
                self._sslv2.record(), hello, self._sslv2.chain or (), False, None, None, None, None
            )
        observer = self._observer
        tls = None
        if self._server.records.seen_any:
            tls = observer.record(
                server_name=hello.sni if hello else None,
                finished=self.established,
                unfinished_reason=None if self.established else "not established",
            )
            if self._is_13:  # what stands in EncryptedExtensions or comes later is hidden
                tls = replace(tls, heartbeat=None, session_ticket=None, record_bytes=None)
        return TlsSeen(
            tls=tls,
            client_hello=hello,
            chain=observer.chain or (),
            established=self.established,
            resumed=self._resumed(),
            client_alert=self._client_alert,
            last_alert=self._last_alert,
            client_cert_sent=self._sent_certificate(),
        )

    def _resumed(self) -> bool | None:
        """A short handshake: keys of an earlier one, so nothing to show."""
        observer = self._observer
        if observer.hello is None:
            return None
        if self._is_13:
            return observer.hello.extension(_PRE_SHARED_KEY) is not None
        if observer.flight_done or observer.chain is not None:
            return False
        return True if self._server.changed else None

    def _sent_certificate(self) -> bool | None:
        if self._client_cert_sent is not None:
            return self._client_cert_sent
        clear = not self._is_13 and self._observer.flight_done
        return False if clear and self._client.changed else None


def begins_tls(data: bytes) -> bool:
    """Some bytes begin a record of a handshake or an alert, or a hello in SSL 2.0's form; three of them decide."""
    if data[0] in (_ALERT, _HANDSHAKE):
        return data[1:2] in (b"", b"\x03")
    return len(data) >= 3 and is_sslv2(data)


def may_begin_tls(data: bytes) -> bool:
    """Too few bytes to tell."""
    return len(data) < 3 and (data[0] in (_ALERT, _HANDSHAKE) or data[0] >= 0x80)
