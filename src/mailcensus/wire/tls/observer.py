"""Reads what a TLS server says before its client must prove anything.

The same observer serves a live session (which decrypts TLS 1.3 for it) and a captured one. It keeps everything
and judges nothing but the order of messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography import x509
from cryptography.x509 import ocsp

from mailcensus.model import Tls
from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.dh_primes import name_of_prime
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.keys import spki_sha256
from mailcensus.wire.ocsp_status import lenient_status
from mailcensus.wire.remembered import remembered
from mailcensus.wire.tls import messages
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import (
    GROUPS,
    SIGNATURE_SCHEMES,
    TLS_1_3,
    VERSIONS,
    ExtensionType,
    HandshakeType,
)
from mailcensus.wire.tls.fingerprints import ja3s, ja4s
from mailcensus.wire.tls.reader import Reader
from mailcensus.wire.tls.suites import suite_of

_T = HandshakeType
# Enum members cost a look-up each; these are asked once a message.
_HELLO_REQUEST, _SERVER_HELLO_DONE, _FINISHED = (
    int(_T.HELLO_REQUEST),
    int(_T.SERVER_HELLO_DONE),
    int(_T.FINISHED),
)
_E = ExtensionType
_ALPN, _SCT, _STATUS_REQUEST = int(_E.ALPN), int(_E.SIGNED_CERTIFICATE_TIMESTAMP), int(_E.STATUS_REQUEST)
_EXTENDED_MASTER_SECRET, _RENEGOTIATION_INFO = int(_E.EXTENDED_MASTER_SECRET), int(_E.RENEGOTIATION_INFO)
_SESSION_TICKET, _HEARTBEAT = int(_E.SESSION_TICKET), int(_E.HEARTBEAT)

_FOLLOWS_12: dict[int | None, frozenset[int]] = {
    # RFC 5246 section 7.3: what may come after what in the server's flights
    None: frozenset({_T.SERVER_HELLO}),
    _T.SERVER_HELLO: frozenset(
        {_T.CERTIFICATE, _T.SERVER_KEY_EXCHANGE, _T.CERTIFICATE_REQUEST, _T.SERVER_HELLO_DONE}
    ),
    _T.CERTIFICATE: frozenset(
        {_T.CERTIFICATE_STATUS, _T.SERVER_KEY_EXCHANGE, _T.CERTIFICATE_REQUEST, _T.SERVER_HELLO_DONE}
    ),
    _T.CERTIFICATE_STATUS: frozenset({_T.SERVER_KEY_EXCHANGE, _T.CERTIFICATE_REQUEST, _T.SERVER_HELLO_DONE}),
    _T.SERVER_KEY_EXCHANGE: frozenset({_T.CERTIFICATE_REQUEST, _T.SERVER_HELLO_DONE}),
    _T.CERTIFICATE_REQUEST: frozenset({_T.SERVER_HELLO_DONE}),
    _T.SERVER_HELLO_DONE: frozenset({_T.NEW_SESSION_TICKET, _T.FINISHED}),
    _T.NEW_SESSION_TICKET: frozenset({_T.FINISHED}),
}
_FOLLOWS_13: dict[int | None, frozenset[int]] = {
    # RFC 8446 section 2
    None: frozenset({_T.SERVER_HELLO}),
    _T.SERVER_HELLO: frozenset({_T.ENCRYPTED_EXTENSIONS}),
    _T.ENCRYPTED_EXTENSIONS: frozenset({_T.CERTIFICATE_REQUEST, _T.CERTIFICATE}),
    _T.CERTIFICATE_REQUEST: frozenset({_T.CERTIFICATE}),
    _T.CERTIFICATE: frozenset({_T.CERTIFICATE_VERIFY}),
    _T.CERTIFICATE_VERIFY: frozenset({_T.FINISHED}),
}


class Observer:
    """What has been read of one server's side of a handshake. Attributes are None until their message came."""

    __slots__ = (
        "_last",
        "_limits",
        "alert",
        "alpn",
        "certificate_request",
        "chain",
        "encrypted_extensions",
        "hello",
        "key_exchange",
        "ocsp_response",
        "record_bytes",
        "retry",
        "sct_count",
        "signature",
        "signature_scheme",
        "signature_verified",
        "ticket",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last: int | None = None
        self.hello: messages.ServerHello | None = None
        self.retry: messages.ServerHello | None = None
        self.alpn: str | None = None
        self.encrypted_extensions: messages.Extensions | None = None
        self.chain: tuple[bytes, ...] | None = None
        self.key_exchange: messages.ServerKeyExchange | None = None
        self.certificate_request: bytes | None = None
        self.ocsp_response: bytes | None = None
        self.sct_count: int | None = None
        self.signature_scheme: int | None = None
        self.signature = b""
        """The server's own signature: of ServerKeyExchange or CertificateVerify."""
        self.signature_verified: bool | None = None
        """Set by a session, which knows what was signed."""
        self.ticket = False
        self.record_bytes: int | None = None
        """Longest record fragment of the handshake; set by whoever reads the records."""
        self.alert: str | None = None

    def message(self, kind: int, body: bytes) -> None:
        """Take one handshake message of the server, without its header.

        Raises:
            ProtocolError: it may not come here, or is not what its type says.
            LimitExceeded: a certificate or chain over our caps.
        """
        if kind == _HELLO_REQUEST:  # allowed at any time, RFC 5246 section 7.4.1.1
            return
        is_13 = self.hello is not None and self.hello.version >= TLS_1_3
        if kind not in (_FOLLOWS_13 if is_13 else _FOLLOWS_12).get(self._last, ()):
            raise ProtocolError(f"handshake message {kind} after {self._last}")
        self._last = kind
        read = _READERS.get(kind)
        if read is not None:
            read(self, body)

    @property
    def version(self) -> int | None:
        """Negotiated version."""
        return self.hello.version if self.hello else None

    @property
    def flight_done(self) -> bool:
        """The first flight is complete."""
        return self._last in (_SERVER_HELLO_DONE, _FINISHED)

    def _server_hello(self, body: bytes) -> None:
        hello = messages.pull_server_hello(body)
        if not hello.is_retry:
            self.hello = hello
            self._read_extensions(hello.extensions)
        elif self.retry is None:
            self.retry = hello
            self._last = None
        else:
            raise ProtocolError("a second HelloRetryRequest")

    def _certificate(self, body: bytes) -> None:
        is_13 = self.hello is not None and self.hello.version >= TLS_1_3
        pull = messages.pull_certificate_13 if is_13 else messages.pull_certificate
        certificates = pull(body, self._limits)
        self.chain = certificates.chain
        self._read_extensions(certificates.leaf_extensions)

    def _read_extensions(self, extensions: messages.Extensions) -> None:
        for kind, value in extensions:
            if kind == _ALPN:
                self.alpn = messages.pull_alpn(value)
            elif kind == _SCT:
                self.sct_count = messages.count_scts(value)
            elif kind == _STATUS_REQUEST and value:  # empty in a ServerHello: the status follows
                self.ocsp_response = messages.pull_certificate_status(value)

    def _server_key_exchange(self, body: bytes) -> None:
        hello = self.hello
        suite = suite_of(hello.cipher_suite) if hello else None
        if hello is None or suite is None:
            return
        if suite.key_exchange == "ECDHE":
            self.key_exchange = messages.pull_server_key_exchange_ecdhe(body, hello.version)
        elif suite.key_exchange == "DHE":
            self.key_exchange = messages.pull_server_key_exchange_dhe(body, hello.version)
        else:
            return
        self.signature_scheme, self.signature = (
            self.key_exchange.signature_scheme,
            self.key_exchange.signature,
        )

    def _certificate_status(self, body: bytes) -> None:
        self.ocsp_response = messages.pull_certificate_status(body)

    def _certificate_request(self, body: bytes) -> None:
        self.certificate_request = body

    def _encrypted_extensions(self, body: bytes) -> None:
        self.encrypted_extensions = messages.pull_extensions(Reader(body).block16())
        self._read_extensions(self.encrypted_extensions)

    def _certificate_verify(self, body: bytes) -> None:
        reader = Reader(body)
        self.signature_scheme, self.signature = reader.uint16(), reader.block16()

    def _new_session_ticket(self, _body: bytes) -> None:
        self.ticket = True

    def record(self, *, server_name: str | None, finished: bool, unfinished_reason: str | None) -> Tls:
        """Everything read so far as a record."""
        hello = self.hello
        kinds = [kind for kind, _ in self._extensions()]
        group, prime = self._group(), self.key_exchange.prime if self.key_exchange else None
        chain = None if self.chain is None else tuple(hashlib.sha256(der).hexdigest() for der in self.chain)
        version = self.version
        return Tls(
            sni=server_name,
            version=version,
            version_name=None if version is None else VERSIONS.get(version, f"0x{version:04x}"),
            cipher_suite=hello.cipher_suite if hello else None,
            cipher_suite_name=CIPHER_SUITES.get(hello.cipher_suite) if hello else None,
            group=group,
            group_name=None if group is None else GROUPS.get(group),
            dh_bits=None if prime is None else int.from_bytes(prime, "big").bit_length(),
            dh_prime_name=None if prime is None else name_of_prime(prime),
            dh_prime_sha256=None if prime is None else hashlib.sha256(prime).hexdigest(),
            signature_scheme=self.signature_scheme,
            signature_scheme_name=(
                None if self.signature_scheme is None else SIGNATURE_SCHEMES.get(self.signature_scheme)
            ),
            signature_verified=self.signature_verified,
            alpn=self.alpn,
            extensions=tuple(kinds) if hello else None,
            extended_master_secret=(_EXTENDED_MASTER_SECRET in kinds) if hello else None,
            secure_renegotiation=(_RENEGOTIATION_INFO in kinds) if hello else None,
            session_ticket=(self.ticket or _SESSION_TICKET in kinds) if hello else None,
            heartbeat=(_HEARTBEAT in kinds) if hello else None,
            compression=hello.compression if hello else None,
            hello_retry=(self.retry is not None) if hello or self.retry else None,
            client_cert_requested=(self.certificate_request is not None) if self.flight_done else None,
            ocsp_stapled=(self.ocsp_response is not None) if self.flight_done else None,
            ocsp_status=None if self.ocsp_response is None else ocsp_status(self.ocsp_response),
            sct_count=self.sct_count if self.sct_count is not None or not self.flight_done else 0,
            ja3s=ja3s(hello) if hello else None,
            ja4s=ja4s(hello, self.alpn) if hello else None,
            record_bytes=self.record_bytes,
            alert=self.alert,
            chain=chain,
            leaf_sha256=chain[0] if chain else None,
            spki_sha256=_leaf_key(self.chain[0]) if self.chain else None,
            finished=finished,
            unfinished_reason=unfinished_reason,
        )

    def _extensions(self) -> messages.Extensions:
        return (self.hello.extensions if self.hello else ()) + (self.encrypted_extensions or ())

    def _group(self) -> int | None:
        if self.key_exchange is not None:
            return self.key_exchange.group
        share = self.hello.extension(ExtensionType.KEY_SHARE) if self.hello else None
        if share is None and self.retry is not None:
            share = self.retry.extension(ExtensionType.KEY_SHARE)
        return int.from_bytes(share[:2], "big") if share and len(share) >= 2 else None


_READERS: dict[int, Callable[[Observer, bytes], None]] = {
    _T.SERVER_HELLO: Observer._server_hello,
    _T.CERTIFICATE: Observer._certificate,
    _T.SERVER_KEY_EXCHANGE: Observer._server_key_exchange,
    _T.CERTIFICATE_STATUS: Observer._certificate_status,
    _T.CERTIFICATE_REQUEST: Observer._certificate_request,
    _T.ENCRYPTED_EXTENSIONS: Observer._encrypted_extensions,
    _T.CERTIFICATE_VERIFY: Observer._certificate_verify,
    _T.NEW_SESSION_TICKET: Observer._new_session_ticket,
}


@remembered
def _leaf_key(der: bytes) -> str | None:
    spki = certificate_spki(der)
    return None if spki is None else spki_sha256(spki)


@remembered
def ocsp_status(der: bytes) -> str:
    """good, revoked or unknown; else the responder's own status, or "unreadable" (RFC 6960 section 4.2)."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return response.response_status.name.lower()
        return response.certificate_status.name.lower()
    except (ValueError, x509.InvalidVersion):
        return lenient_status(der) or "unreadable"
