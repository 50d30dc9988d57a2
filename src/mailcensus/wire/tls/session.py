"""A TLS client that observes first and finishes the handshake where something is to be asked behind it.

It is an observer, not a secure channel: it authenticates nobody, reuses its key shares, and must never carry a
secret. RFC 8446 and RFC 5246; sans-IO.
"""

from __future__ import annotations

import hashlib

from mailcensus.model import Tls
from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsAlert, TlsError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.codes import TLS_1_2, TLS_1_3, ContentType, ExtensionType, HandshakeType, alert_name
from mailcensus.wire.tls.finish12 import Finishing, obstacle
from mailcensus.wire.tls.hello import ClientHello, HelloProfile, build_client_hello
from mailcensus.wire.tls.messages import ServerHello, pull_key_share
from mailcensus.wire.tls.observer import Observer
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.possession import signature_verifies, signed_content_13
from mailcensus.wire.tls.protection import Protection, Protection13
from mailcensus.wire.tls.reader import Reader
from mailcensus.wire.tls.records import MessageReader, RecordReader
from mailcensus.wire.tls.schedule import Schedule13, finished_data
from mailcensus.wire.tls.shares import KeyPair, KeyPairs
from mailcensus.wire.tls.suites import Suite, suite_of

_CHANGE_CIPHER_SPEC = b"\x14\x03\x03\x00\x01\x01"
_MAX_RECORD = 2**14
# Enum members cost a look-up each; these are asked once a record or message.
_HANDSHAKE, _ALERT = int(ContentType.HANDSHAKE), int(ContentType.ALERT)
_CHANGE_CIPHER_SPEC_TYPE = int(ContentType.CHANGE_CIPHER_SPEC)
_SERVER_HELLO, _FINISHED = int(HandshakeType.SERVER_HELLO), int(HandshakeType.FINISHED)
_SERVER_HELLO_DONE = int(HandshakeType.SERVER_HELLO_DONE)


class Session:
    """One TLS connection.

    Drive it with `start`, then `receive` until `phase` is no longer FLIGHT or FINISHING; `plaintext` empties what
    application data came; `send` protects ours; `close` says goodbye.
    """

    def __init__(
        self,
        profile: HelloProfile,
        key_pairs: KeyPairs,
        *,
        server_name: str | None,
        alpn: tuple[str, ...] = (),
        limits: Limits,
        finish: bool = True,
    ) -> None:
        self._profile = profile
        self._key_pairs = key_pairs
        self._server_name = server_name
        self._alpn = alpn
        self._finish = finish
        self._limits = limits
        self._bytes_left = limits.handshake
        self._records = RecordReader()
        self._messages = MessageReader(limits.handshake)
        self._pairs: dict[int, KeyPair] = {}
        self._hello: ClientHello | None = None
        self._transcript: list[bytes] = []
        self._hash = hashlib.sha256()
        self._schedule: Schedule13 | None = None
        self._reading: Protection | None = None
        self._writing: Protection | None = None
        self._second_half: Finishing | None = None
        self._plaintext: list[bytes] = []
        self._out: list[bytes] = []
        self.observer = Observer(limits)
        self.phase = Phase.FLIGHT
        self.unfinished_reason: str | None = None

    # what the driver calls

    def start(self) -> bytes:
        """The ClientHello, as a record."""
        for group in self._profile.key_shares:
            self._add_share(group)
        return self._send_hello(None)

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the server; give what is to be sent now.

        Raises:
            TlsAlert: the server ended it with an alert.
            WireError: what came is not TLS, out of order, over a cap, or does not decrypt.
        """
        if self.phase in (Phase.FLIGHT, Phase.FINISHING):
            data, over = data[: self._bytes_left], data[self._bytes_left :]
            self._bytes_left -= len(data)
            self._read(data)
            if over and self.phase in (Phase.FLIGHT, Phase.FINISHING):
                raise LimitExceeded("the server sent more handshake bytes than our cap")
            data = over
        if data:
            self._read(data)
        out = b"".join(self._out)
        self._out.clear()
        return out

    def plaintext(self) -> bytes:
        """Application data received since the last call."""
        data = b"".join(self._plaintext)
        self._plaintext.clear()
        return data

    def send(self, data: bytes) -> bytes:
        """Records that carry application data; the session must be OPEN."""
        if self.phase is not Phase.OPEN or self._writing is None:
            raise RuntimeError("application data before the handshake is finished")
        pieces = [data[i : i + _MAX_RECORD] for i in range(0, len(data), _MAX_RECORD)]
        return b"".join(self._writing.seal(ContentType.APPLICATION_DATA, piece) for piece in pieces)

    def close(self) -> bytes:
        """close_notify, protected where keys are there (RFC 8446 sections 6 and 6.1)."""
        alert, change, suite = b"\x01\x00", b"", self._suite()
        if self._writing is None and self._schedule is not None and suite is not None:
            # A server of TLS 1.3 has changed its keys: in the clear, GnuTLS takes this for damaged data and logs so.
            self._writing = Protection13(suite, self._schedule.client_handshake())
            change = self._compatible_change()
        if self._writing is not None:
            return change + self._writing.seal(ContentType.ALERT, alert)
        return b"\x15\x03\x03\x00\x02" + alert

    @property
    def chain(self) -> tuple[bytes, ...] | None:
        """Certificates, exactly as sent."""
        return self.observer.chain

    @property
    def spoken(self) -> bool:
        """Something that looks like TLS came back."""
        return self._records.seen_any

    def record(self) -> Tls:
        """What was observed, as a record."""
        return self.observer.record(
            server_name=self._server_name,
            finished=self.phase in (Phase.OPEN, Phase.CLOSED),
            unfinished_reason=self.unfinished_reason,
        )

    # records

    def _read(self, data: bytes) -> None:
        if self.phase in (Phase.OBSERVED, Phase.CLOSED):
            return
        for content_type, header, fragment in self._records.feed(data):
            self._record(content_type, header, fragment)
            if self.phase in (Phase.OBSERVED, Phase.CLOSED):
                return

    def _record(self, content_type: int, header: bytes, fragment: bytes) -> None:
        if len(fragment) > (self.observer.record_bytes or 0) and self.phase is not Phase.OPEN:
            self.observer.record_bytes = len(fragment)
        if self._reading is not None:
            if self._schedule is not None and self._is_clear_13(content_type, fragment):
                return
            content_type, fragment = self._reading.open(header, fragment)
        if content_type == _HANDSHAKE:
            for kind, message in self._messages.feed(fragment):
                self._message(kind, message)
        elif content_type == ContentType.ALERT:
            self._alert(fragment)
        elif content_type == ContentType.CHANGE_CIPHER_SPEC:
            self._change_cipher_spec()
        elif content_type == ContentType.APPLICATION_DATA and self.phase is Phase.OPEN:
            self._plaintext.append(fragment)
        elif content_type != ContentType.HEARTBEAT:
            raise ProtocolError(f"record of type {content_type} in phase {self.phase.name.lower()}")

    def _is_clear_13(self, content_type: int, fragment: bytes) -> bool:
        """Deal with the two kinds of record that TLS 1.3 sends in the clear after its ServerHello."""
        if content_type == _CHANGE_CIPHER_SPEC_TYPE:
            return True  # middlebox compatibility, RFC 8446 appendix D.4
        if content_type == _ALERT and len(fragment) == 2:
            self._alert(fragment)  # a server that failed before it had keys
            return True
        return False

    def _alert(self, fragment: bytes) -> None:
        if len(fragment) != 2:
            raise ProtocolError("malformed alert")
        level, code = fragment
        if code == 0 and self.phase is Phase.OPEN:
            self.phase = Phase.CLOSED
            return
        self.observer.alert = alert_name(code)
        if level == 2 or code in (0, 90) or self._schedule is not None:
            raise TlsAlert(f"the server sent alert {self.observer.alert}")

    def _change_cipher_spec(self) -> None:
        if self.phase is Phase.FINISHING and self._second_half is not None:
            self._reading = self._second_half.server_protection
        elif not (self.observer.retry or (self.observer.version or 0) >= TLS_1_3):
            raise ProtocolError("ChangeCipherSpec before its time")

    # messages

    def _message(self, kind: int, message: bytes) -> None:
        if self.phase is Phase.OPEN:
            self._post_handshake(kind, message)
            return
        if self.phase is Phase.FINISHING:
            self._message_finishing(kind, message)
            return
        self.observer.message(kind, message[4:])
        if kind == _SERVER_HELLO:
            self._server_hello(message)
        elif self._schedule is not None:
            self._message_13(kind, message)
        else:
            self._transcript.append(message)
            if kind == _SERVER_HELLO_DONE:
                self._first_flight_12()

    def _server_hello(self, message: bytes) -> None:
        hello = self.observer.hello
        if hello is None:
            self._retry(message)
            return
        self._transcript.append(message)
        if hello.version < TLS_1_3:
            return
        if self._messages.pending:
            raise ProtocolError("handshake bytes after ServerHello outside of protection")
        suite = suite_of(hello.cipher_suite)
        if (
            suite is None
            or suite.key_exchange != "TLS13"
            or hello.cipher_suite not in self._profile.cipher_suites
        ):
            raise ProtocolError(
                f"TLS 1.3 with cipher suite 0x{hello.cipher_suite:04x}, which was not offered"
            )
        self._hash = hashlib.new(suite.prf_hash, b"".join(self._transcript))
        self._schedule = Schedule13.start(suite.prf_hash, self._agree(hello), self._hash.digest())
        self._reading = Protection13(suite, self._schedule.server_handshake)

    def _agree(self, hello: ServerHello) -> bytes:
        share = hello.extension(ExtensionType.KEY_SHARE)
        if share is None:
            raise ProtocolError("TLS 1.3 ServerHello without key_share")
        group, public = pull_key_share(share)
        pair = self._pairs.get(group)
        if pair is None:
            raise ProtocolError(f"the server chose group {group}, for which no share was sent")
        return pair.agree(public)

    def _retry(self, message: bytes) -> None:
        """Answer a HelloRetryRequest, RFC 8446 section 4.1.4."""
        retry = self.observer.retry
        suite = suite_of(retry.cipher_suite) if retry else None
        if retry is None or suite is None:
            raise ProtocolError("HelloRetryRequest with an unknown cipher suite")
        first = hashlib.new(suite.prf_hash, self._transcript[0]).digest()
        self._transcript = [b"\xfe\x00\x00" + bytes((len(first),)) + first, message]
        share = retry.extension(ExtensionType.KEY_SHARE)
        if share is not None:
            group = Reader(share).uint16()
            self._pairs.clear()
            if not self._add_share(group):
                raise TlsError(f"the server asks for a share of group {group}, which we cannot make")
        self._out.append(_CHANGE_CIPHER_SPEC + self._send_hello(retry.extension(ExtensionType.COOKIE)))

    # TLS 1.3

    def _message_13(self, kind: int, message: bytes) -> None:
        if kind != _FINISHED:
            if self._finish:
                if kind == HandshakeType.CERTIFICATE_VERIFY:
                    self._verify_signature(signed_content_13(self._hash.digest()))
                self._hash.update(message)
            return
        if self._finish:
            self._finish_13(message)
        else:
            self._stop_unfinished("not asked for")

    def _finish_13(self, message: bytes) -> None:
        schedule, suite = self._schedule, self._suite()
        if schedule is None or suite is None:
            raise ProtocolError("Finished before ServerHello")
        if message[4:] != finished_data(schedule.server_handshake, self._hash.digest()):
            raise TlsError("the server's Finished does not verify")
        self._hash.update(message)
        client_secret, server_secret = schedule.application(self._hash.digest())
        client_handshake = schedule.client_handshake()
        writing = Protection13(suite, client_handshake)
        flight = b""
        if self.observer.certificate_request is not None:
            context = Reader(self.observer.certificate_request).block8()
            body = bytes((len(context),)) + context + b"\x00\x00\x00"
            certificate = b"\x0b" + len(body).to_bytes(3, "big") + body
            self._hash.update(certificate)
            flight = certificate
        verify_data = finished_data(client_handshake, self._hash.digest())
        flight += b"\x14" + len(verify_data).to_bytes(3, "big") + verify_data
        self._out.append(self._compatible_change() + writing.seal(ContentType.HANDSHAKE, flight))
        self._writing = Protection13(suite, client_secret)
        self._reading = Protection13(suite, server_secret)
        self.phase = Phase.OPEN

    def _compatible_change(self) -> bytes:
        """Once, before our second flight (RFC 8446 appendix D.4): after a retry, the second hello was that."""
        return b"" if self.observer.retry else _CHANGE_CIPHER_SPEC

    def _post_handshake(self, kind: int, message: bytes) -> None:
        if kind == HandshakeType.NEW_SESSION_TICKET:
            self.observer.ticket = True
        elif kind == HandshakeType.KEY_UPDATE and isinstance(self._reading, Protection13):
            self._reading.update()
            if message[4:] == b"\x01" and isinstance(self._writing, Protection13):
                self._out.append(self._writing.seal(ContentType.HANDSHAKE, b"\x18\x00\x00\x01\x00"))
                self._writing.update()
        elif kind != HandshakeType.HELLO_REQUEST:
            raise ProtocolError(f"handshake message {kind} after the handshake")

    # TLS 1.2 and before

    def _first_flight_12(self) -> None:
        if not self._finish:
            self._stop_unfinished("not asked for")
            return
        hello = self._hello
        reason = obstacle(self.observer)
        if reason is not None or hello is None:
            self._stop_unfinished(reason or "no hello was sent")
            return
        exchange = self.observer.key_exchange
        if exchange is not None and self.observer.hello is not None:
            self._verify_signature(hello.random + self.observer.hello.random + exchange.signed_params)
        try:
            finishing = Finishing(self.observer, hello, self._transcript, self._key_pairs)
        except TlsError as error:
            self._stop_unfinished(str(error))
            return
        self._second_half = finishing
        self._writing = finishing.client_protection
        self._out.append(finishing.flight)
        self.phase = Phase.FINISHING

    def _message_finishing(self, kind: int, message: bytes) -> None:
        finishing = self._second_half
        self.observer.message(kind, message[4:])
        if finishing is None or (kind == HandshakeType.FINISHED) != (self._reading is not None):
            raise ProtocolError(f"handshake message {kind} on the wrong side of ChangeCipherSpec")
        if kind == HandshakeType.FINISHED:
            finishing.verify(message[4:])
            self.phase = Phase.OPEN
        else:
            finishing.add(message)

    # shared

    def _verify_signature(self, signed: bytes) -> None:
        observer = self.observer
        if observer.chain:
            observer.signature_verified = signature_verifies(
                observer.signature_scheme, observer.chain[0], observer.signature, signed
            )

    def _suite(self) -> Suite | None:
        return suite_of(self.observer.hello.cipher_suite) if self.observer.hello else None

    def _add_share(self, group: int) -> bool:
        pair = self._key_pairs.pair(group)
        if pair is not None:
            self._pairs[group] = pair
        return pair is not None

    def _send_hello(self, cookie: bytes | None) -> bytes:
        self._hello = build_client_hello(
            self._profile,
            server_name=self._server_name,
            alpn=self._alpn,
            shares=[(group, pair.public) for group, pair in self._pairs.items()],
            cookie=cookie,
            retry_of=self._hello,
        )
        message = self._hello.message
        self._transcript.append(message)
        # Record version 1.0 on the first hello for the sake of old servers (RFC 8446 section 5.1).
        version = b"\x03\x01" if self.observer.retry is None else b"\x03\x03"
        if self._profile.versions[0] < TLS_1_2:
            version = self._profile.versions[0].to_bytes(2, "big")
        return b"\x16" + version + len(message).to_bytes(2, "big") + message

    def _stop_unfinished(self, reason: str) -> None:
        self.unfinished_reason = reason
        self.phase = Phase.OBSERVED
