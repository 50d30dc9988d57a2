"""The baseline: what one would write for an SMTP STARTTLS grab with Python's own ssl module.

asyncio streams on uvloop, one shared SSLContext that accepts every certificate, OpenSSL fed through memory BIOs
after STARTTLS. It records nothing. Nothing in it is slower than it has to be.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

_READ_BYTES = 65_536


def accept_all_context() -> ssl.SSLContext:
    """A client context, shared by all grabs, that looks at certificates and judges none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def grab(
    address: str, port: int, context: ssl.SSLContext, *, ehlo_name: str, capabilities_after: bool
) -> bytes:
    """Greeting, EHLO, STARTTLS, handshake, certificate, [EHLO,] QUIT, close.

    Returns:
        The server's certificate, DER.
    Raises:
        ConnectionError: the server closed too early, or said no.
    """
    ehlo = b"EHLO " + ehlo_name.encode() + b"\r\n"
    reader, writer = await asyncio.open_connection(address, port)
    try:
        await _reply(reader, b"220")
        writer.write(ehlo)
        await _reply(reader, b"250")
        writer.write(b"STARTTLS\r\n")
        await _reply(reader, b"220")
        tls = Tls(reader, writer, context)
        await tls.handshake()
        certificate = tls.certificate()
        if capabilities_after:
            await tls.ask(ehlo, b"250")
        await tls.ask(b"QUIT\r\n", b"221")
        return certificate
    finally:
        writer.close()
        await writer.wait_closed()


async def _reply(reader: asyncio.StreamReader, code: bytes) -> None:
    while True:
        line = await reader.readline()
        if not line.startswith(code):
            raise ConnectionError(f"not {code!r} but {line!r}")
        if line[3:4] != b"-":
            return


class Tls:
    """TLS over streams that are open already."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing)

    async def handshake(self) -> None:
        """Until both sides are finished."""
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                await self._feed()
            else:
                self._flush()
                return

    def certificate(self) -> bytes:
        """The server's, DER."""
        certificate = self._object.getpeercert(binary_form=True)
        if certificate is None:
            raise ConnectionError("no certificate")
        return certificate

    async def ask(self, command: bytes, code: bytes) -> None:
        """Send a command and read the whole SMTP reply to it."""
        received = await self.exchange(command, _is_complete)
        if not received.startswith(code):
            raise ConnectionError(f"not {code!r} but {received!r}")

    async def exchange(self, command: bytes, is_complete: Callable[[bytes], object]) -> bytes:
        """Send a command (empty: none) and read until the answer is complete."""
        if command:
            self._object.write(command)
            self._flush()
        received = b""
        while not is_complete(received):
            try:
                received += self._object.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._feed()
        return received

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._writer.write(self._outgoing.read())

    async def _feed(self) -> None:
        data = await self._reader.read(_READ_BYTES)
        if not data:
            raise ConnectionError("closed inside TLS")
        self._incoming.write(data)


def _is_complete(received: bytes) -> bool:
    """Whether the last line of an SMTP reply is there: RFC 5321 section 4.2.1."""
    if not received.endswith(b"\r\n"):
        return False
    last_line = received.rfind(b"\r\n", 0, -2) + 2 if b"\r\n" in received[:-2] else 0
    return received[last_line + 3 : last_line + 4] != b"-"
