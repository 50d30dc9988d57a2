"""Python's own mail and web clients as oracles: greeting and capabilities, before and behind TLS.

Python has no client for ManageSieve: that one is a few lines over its sockets and ssl.
"""

from __future__ import annotations

import http.client
import imaplib
import poplib
import shlex
import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TIMEOUT_S = 20
_EHLO_NAME = "oracle.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a server says of itself. None: not asked, since TLS was there from the start."""

    greeting: str
    before: tuple[str, ...] | None
    auth_before: tuple[str, ...] | None
    after: tuple[str, ...]
    auth_after: tuple[str, ...]


class _Smtp(smtplib.SMTP):
    """smtplib, not throwing the greeting away."""

    greeted: tuple[int, bytes]

    def connect(self, *args: Any, **keywords: Any) -> tuple[int, bytes]:
        self.greeted = super().connect(*args, **keywords)
        return self.greeted


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    """The same with TLS from the start."""


class _Lmtp(_Smtp, smtplib.LMTP):
    """The same, saying LHLO."""


def tls_context() -> ssl.SSLContext:
    """Looks at certificates and judges none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def smtp(address: str, port: int, *, implicit: bool) -> Said:
    """EHLO, STARTTLS, EHLO, QUIT by smtplib."""
    client = (
        _SmtpTls(address, port, _EHLO_NAME, timeout=_TIMEOUT_S, context=tls_context())
        if implicit
        else _Smtp(address, port, _EHLO_NAME, timeout=_TIMEOUT_S)
    )
    return _smtp_said(client, implicit=implicit)


def lmtp(address: str, port: int, *, implicit: bool = False) -> Said:
    """LHLO, STARTTLS, LHLO, QUIT by smtplib."""
    assert not implicit, "LMTP has no port with TLS from the start"
    return _smtp_said(_Lmtp(address, port, _EHLO_NAME, timeout=_TIMEOUT_S), implicit=False)


def _smtp_said(client: _Smtp, *, implicit: bool) -> Said:
    code, greeting = client.greeted
    before = None if implicit else _ehlo(client)
    if not implicit:
        client.starttls(context=tls_context())
    after = _ehlo(client)
    client.quit()
    return Said(
        greeting=f"{code} {greeting.decode()}",
        before=before,
        auth_before=None if before is None else _smtp_auth(before),
        after=after,
        auth_after=_smtp_auth(after),
    )


def imap(address: str, port: int, *, implicit: bool) -> Said:
    """CAPABILITY, STARTTLS, CAPABILITY, LOGOUT by imaplib."""
    client = (
        imaplib.IMAP4_SSL(address, port, timeout=_TIMEOUT_S, ssl_context=tls_context())
        if implicit
        else imaplib.IMAP4(address, port, timeout=_TIMEOUT_S)
    )
    before = None if implicit else _capability(client)
    if not implicit:
        client.starttls(tls_context())
    after = _capability(client)
    client.logout()
    return Said(
        greeting=client.welcome.decode().rstrip("\r\n"),
        before=before,
        auth_before=None if before is None else _imap_auth(before),
        after=after,
        auth_after=_imap_auth(after),
    )


def pop3(address: str, port: int, *, implicit: bool) -> Said:
    """CAPA, STLS, CAPA, QUIT by poplib."""
    client = (
        poplib.POP3_SSL(address, port, timeout=_TIMEOUT_S, context=tls_context())
        if implicit
        else poplib.POP3(address, port, timeout=_TIMEOUT_S)
    )
    greeting = client.getwelcome().decode()
    before = None if implicit else _capa(client)
    if not implicit:
        client.stls(tls_context())
    after = _capa(client)
    client.quit()
    return Said(
        greeting=greeting,
        before=before,
        auth_before=None if before is None else _pop3_auth(before, greeting),
        after=after,
        auth_after=_pop3_auth(after, greeting),
    )


def managesieve(address: str, port: int, *, implicit: bool = False) -> Said:
    """The list it greets with, STARTTLS, the list again, LOGOUT, by hand (RFC 5804)."""
    assert not implicit, "ManageSieve has no port with TLS from the start"
    with socket.create_connection((address, port), timeout=_TIMEOUT_S) as end:
        *before, last = _until_ok(end)
        end.sendall(b"STARTTLS\r\n")
        _until_ok(end)
        with tls_context().wrap_socket(end) as tls:
            *after, _ = _until_ok(tls)
            tls.sendall(b"LOGOUT\r\n")
    return Said(
        greeting="\n".join([*before, last]),
        before=tuple(before),
        auth_before=_sieve_auth(before),
        after=tuple(after),
        auth_after=_sieve_auth(after),
    )


def https(address: str, port: int) -> tuple[int, str | None, str | None]:
    """Status, Server and Location of a HEAD request for the root, by http.client."""
    client = http.client.HTTPSConnection(address, port, timeout=_TIMEOUT_S, context=tls_context())
    client.request("HEAD", "/")
    answer = client.getresponse()
    client.close()
    return answer.status, answer.getheader("Server"), answer.getheader("Location")


def _until_ok(end: socket.socket) -> list[str]:
    """The lines of a response; one that does not begin with a string ends it."""
    received = b""
    while not received.endswith(b"\r\n") or received.splitlines()[-1].startswith(b'"'):
        received += end.recv(4096)
    return received.decode().splitlines()


def _sieve_auth(capabilities: Sequence[str]) -> tuple[str, ...]:
    words = (shlex.split(line) for line in capabilities)
    return tuple(mechanism for name, *value in words if name == "SASL" for mechanism in value[0].split())


def _ehlo(client: smtplib.SMTP) -> tuple[str, ...]:
    _, answer = client.ehlo()
    return tuple(answer.decode().split("\n")[1:])


def _smtp_auth(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for line in capabilities if line.startswith("AUTH ") for word in line.split()[1:])


def _capability(client: imaplib.IMAP4) -> tuple[str, ...]:
    _, (answer,) = client.capability()
    return tuple(answer.decode().split())


def _imap_auth(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.removeprefix("AUTH=") for word in capabilities if word.startswith("AUTH="))


def _capa(client: poplib.POP3) -> tuple[str, ...]:
    return tuple(" ".join([name, *values]) for name, values in client.capa().items())


def _pop3_auth(capabilities: tuple[str, ...], greeting: str) -> tuple[str, ...]:
    """SASL mechanisms, then USER, then APOP, which only shows by the timestamp in the greeting."""
    sasl = [word for line in capabilities if line.startswith("SASL ") for word in line.split()[1:]]
    user = ["USER"] if "USER" in capabilities else []
    apop = ["APOP"] if greeting.endswith(">") else []
    return (*sasl, *user, *apop)
