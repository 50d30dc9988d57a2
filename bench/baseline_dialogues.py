"""The baseline for every text protocol: the same turns as ours, by asyncio streams and OpenSSL, recorded nowhere."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from bench.openssl_client import Tls

_READ_BYTES = 65_536
_NAME = b"scanner.invalid"
XMPP_DOMAIN = "xmpp.example"
"""Whom XMPP asks for: a server answers for domains that it has."""

Complete = Callable[[bytes], object]
Turn = tuple[bytes, Complete]
"""What the client says (empty: nothing), and whether the server's answer is complete."""


def _until(pattern: bytes) -> Complete:
    return re.compile(pattern, re.DOTALL).search


_SMTP = _until(rb"(?:\A|\n)\d{3} [^\n]*\n\Z")
_LINE = _until(rb"\n\Z")
_POP3_LIST = _until(rb"\n\.\r\n\Z")
_IMAP = _until(rb"(?:\A|\n)a[^\n]*\n\Z")
_HEAD = _until(rb"\r\n\r\n")
_CAPS = _until(rb" CAP \S+ LS :[^\n]*\n")
_SIEVE = _until(rb"(?:\A|\n)OK[^\n]*\n\Z")
_FEATURES = _until(rb"</stream:features>")
_STREAM = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:%b' xmlns:stream='http://etherx.jabber.org/streams' "
    b"version='1.0' to='%b'%b>"
)
_STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The turns of a protocol."""

    greeting: tuple[Turn, ...]
    capabilities: tuple[Turn, ...]
    starttls: tuple[Turn, ...]
    farewell: tuple[Turn, ...]


def _xmpp(namespace: bytes) -> Dialogue:
    sender = b" from='" + _NAME + b"'" if namespace == b"server" else b""
    opening = (_STREAM % (namespace, XMPP_DOMAIN.encode(), sender), _FEATURES)
    return Dialogue(
        (),
        (opening,),
        ((_STARTTLS, _until(rb"<proceed[^>]*>")),),
        ((b"</stream:stream>", _until(rb"</stream")),),
    )


def _smtp(hello: bytes) -> Dialogue:
    return Dialogue(
        ((b"", _SMTP),),
        ((hello + b" " + _NAME + b"\r\n", _SMTP),),
        ((b"STARTTLS\r\n", _SMTP),),
        ((b"QUIT\r\n", _SMTP),),
    )


DIALOGUES = {
    "smtp": _smtp(b"EHLO"),
    "lmtp": _smtp(b"LHLO"),
    # its list comes by itself, on connecting and behind TLS
    "managesieve": Dialogue(
        (), ((b"", _SIEVE),), ((b"STARTTLS\r\n", _SIEVE),), ((b"LOGOUT\r\n", _SIEVE),)
    ),
    "pop3": Dialogue(
        ((b"", _LINE),), ((b"CAPA\r\n", _POP3_LIST),), ((b"STLS\r\n", _LINE),), ((b"QUIT\r\n", _LINE),)
    ),
    "imap": Dialogue(
        ((b"", _LINE),), ((b"a1 CAPABILITY\r\n", _IMAP),), ((b"a2 STARTTLS\r\n", _IMAP),), ((b"a3 LOGOUT\r\n", _IMAP),)
    ),
    "http": Dialogue(
        (), ((b"HEAD / HTTP/1.1\r\nHost: mx\r\nAccept: */*\r\nConnection: close\r\n\r\n", _HEAD),), (), ()
    ),
    "irc": Dialogue(
        (), ((b"CAP LS 302\r\n", _CAPS),), ((b"STARTTLS\r\n", _until(rb" 670 [^\n]*\n")),), ((b"QUIT\r\n", _LINE),)
    ),
    "xmpp-client": _xmpp(b"client"),
    "xmpps-client": _xmpp(b"client"),
    "xmpp-server": _xmpp(b"server"),
    "xmpps-server": _xmpp(b"server"),
}  # fmt: skip
"""By protocol, and for XMPP by service."""


async def grab(
    address: str, port: int, context: ssl.SSLContext, dialogue: Dialogue, *, starttls: bool
) -> bytes:
    """One grab: capabilities in the clear and STARTTLS where asked for, handshake, capabilities, farewell, close.

    Returns:
        The server's certificate, DER.
    Raises:
        ConnectionError: the server closed too early.
    """
    reader, writer = await asyncio.open_connection(address, port)
    try:
        if starttls:
            for command, complete in (*dialogue.greeting, *dialogue.capabilities, *dialogue.starttls):
                await _ask(reader, writer, command, complete)
        tls = Tls(reader, writer, context)
        await tls.handshake()
        behind = (*(() if starttls else dialogue.greeting), *dialogue.capabilities, *dialogue.farewell)
        for command, complete in behind:
            await tls.exchange(command, complete)
        return tls.certificate()
    finally:
        writer.close()
        await writer.wait_closed()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: bytes, complete: Complete
) -> None:
    if command:
        writer.write(command)
    received = b""
    while not complete(received):
        data = await reader.read(_READ_BYTES)
        if not data:
            raise ConnectionError(f"closed behind {received!r}")
        received += data
