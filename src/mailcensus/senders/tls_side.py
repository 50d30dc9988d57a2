"""TLS, the server's side, out of memory: OpenSSL shakes hands, and what the client says on the way is noted.

The library is the one that comes with `cryptography`, whatever the system has: it still speaks TLS 1.0, suites without
encryption and small Diffie-Hellman groups when told so, and tells of each alert by its number.
"""

from __future__ import annotations

from typing import cast

from OpenSSL import SSL

from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.client_hello import ClientHelloReader, OfferedHello
from mailcensus.wire.tls.codes import alert_name
from mailcensus.wire.tls.messages import pull_server_hello

_CHUNK = 65_536
_CLOSE_NOTIFY = 0
_HANDSHAKE, _SERVER_HELLO = bytes([22]), bytes([2])
_READ_ALERT, _WRITE_ALERT = 0x4004, 0x4008
"""SSL_CB_READ_ALERT and SSL_CB_WRITE_ALERT, SSL_CTX_set_info_callback(3)."""


class TlsEnded(Exception):
    """TLS cannot go on: an alert, a protocol error. The text is OpenSSL's."""


class TlsClosed(Exception):
    """The client said close_notify."""


class HelloWatch:
    """Reads the ClientHello out of the bytes that go by.

    Attributes:
        hello: what the client offered; None: not whole yet, or no hello.
    """

    def __init__(self) -> None:
        self.hello: OfferedHello | None = None
        self._reader: ClientHelloReader | None = ClientHelloReader(Limits())

    def feed(self, data: bytes) -> bool:
        """Look at bytes of the client; true at the moment the hello is whole."""
        if self._reader is None:
            return False
        try:
            read = self._reader.feed(data)
        except WireError:
            self._reader = None
            return False
        if read is None:
            return False
        self._reader = None
        self.hello = read
        return True


class TlsServer:
    """One connection's TLS.

    Attributes:
        established: both Finished messages were exchanged.
        alert: code of the last alert the client sent, close_notify aside.
        alert_sent: the same of ours.
    """

    def __init__(self, context: SSL.Context) -> None:
        self._connection = SSL.Connection(context, None)
        self._connection.set_accept_state()
        self._connection.set_app_data(self)
        self.established = False
        self.alert: str | None = None
        self.alert_sent: str | None = None
        self._suite: int | None = None

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the client, give what they say in the clear; answers wait in `outgoing`.

        Raises:
            TlsClosed: the client said close_notify. What came before was given by the call before.
            TlsEnded: it cannot go on.
        """
        try:
            self._connection.bio_write(data)
            if not self.established:
                self._connection.do_handshake()
                self.established = True
            return self._read()
        except SSL.WantReadError:
            return b""
        except SSL.ZeroReturnError:
            raise TlsClosed from None
        except SSL.Error as error:
            raise TlsEnded(_words(error)) from None

    def _read(self) -> bytes:
        plain = b""
        while True:
            try:
                plain += self._connection.recv(_CHUNK)
            except (SSL.WantReadError, SSL.ZeroReturnError):
                if plain:
                    return plain
                raise

    def send(self, data: bytes) -> None:
        """Encrypt; the result waits in `outgoing`.

        Raises:
            TlsEnded: it cannot.
        """
        try:
            self._connection.sendall(data)
        except SSL.Error as error:
            raise TlsEnded(_words(error)) from None

    def close(self) -> None:
        """Say close_notify; it waits in `outgoing`."""
        try:
            if self.established:
                self._connection.shutdown()
        except SSL.Error:  # it is broken already: nothing is to be said
            pass

    def let_go(self) -> None:
        """It is over: no alert is noted any more."""
        self._connection.set_app_data(None)

    def outgoing(self) -> bytes:
        """What is to be sent."""
        out = b""
        try:
            while True:
                out += self._connection.bio_read(_CHUNK)
        except SSL.WantReadError:
            if self._suite is None:
                self._suite = _chosen(out)
            return out

    @property
    def version(self) -> str | None:
        """The version agreed on, e.g. TLSv1.3."""
        return self._connection.get_protocol_version_name() if self.established else None

    @property
    def suite(self) -> str | None:
        """The suite agreed on, IANA's name."""
        return None if self._suite is None or not self.established else CIPHER_SUITES.get(self._suite)

    @property
    def group(self) -> str | None:
        """The group of the key exchange, OpenSSL's name."""
        return self._connection.get_group_name() if self.established else None


def watch_alerts(context: SSL.Context) -> None:
    """Make connections of a context note alerts."""
    context.set_info_callback(_note_alert)


def _chosen(flight: bytes) -> int | None:
    """The suite of the ServerHello that a flight of ours begins with; None: it begins with something else."""
    body = flight[9 : 9 + int.from_bytes(flight[6:9], "big")]
    if flight[:1] != _HANDSHAKE or flight[5:6] != _SERVER_HELLO:
        return None
    try:
        return pull_server_hello(body).cipher_suite
    except WireError:
        return None


def _note_alert(connection: SSL.Connection, where: int, value: int) -> None:
    code = value & 0xFF
    if code == _CLOSE_NOTIFY:
        return
    side = cast(TlsServer | None, connection.get_app_data())
    if side is None:
        return
    if where == _READ_ALERT:
        side.alert = alert_name(code)
    elif where == _WRITE_ALERT:
        side.alert_sent = alert_name(code)


def _words(error: SSL.Error) -> str:
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(reason[2]) for reason in reasons) or type(error).__name__
