"""Hostile peers do what their names say. What a census makes of them is tested where the census is."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import uvloop

from mailcensus.lab import hostile
from mailcensus.lab.contexts import Contexts
from mailcensus.lab.hostile import HostilePeer, listening
from mailcensus.lab.material import Material
from mailcensus.lab.plan import Plan, TlsVersions

_MEGABYTE = 1_000_000
_LINES = [b"EHLO a.invalid\r\n", b"STARTTLS\r\n", b"\x16\x03\x01\x00\x00"]
"""What a client says, one at a time, whenever the peer has said something."""


async def hear(peer: HostilePeer, most: int = 3 * _MEGABYTE, patience_s: float = 0.1) -> tuple[bytes, str]:
    """What a client hears that speaks when spoken to, and how it ended: quiet, closed, reset or enough."""
    async with listening(peer) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        heard, lines = b"", iter(_LINES)
        try:
            while len(heard) < most:
                data = await asyncio.wait_for(reader.read(65_536), patience_s)
                if not data:
                    return heard, "closed"
                heard += data
                writer.write(next(lines, b""))
            return heard, "enough"
        except TimeoutError:
            return heard, "quiet"
        except ConnectionResetError:
            return heard, "reset"
        finally:
            writer.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", hostile.WITHOUT_ARGUMENTS)
def test_every_peer_takes_a_visitor_and_lets_go_of_it(
    kind: type[HostilePeer], run: Callable[..., object]
) -> None:
    peer = kind()
    run(asyncio.wait_for(hear(peer), 60))
    assert peer.visitors == 1
    assert kind.outcomes
    assert kind.service in ("smtp", "imap", "pop3", "ssh")


@pytest.mark.parametrize(
    "kind",
    [
        hostile.EndlessBanner,
        hostile.EndlessLine,
        hostile.EndlessEhlo,
        hostile.ImapLiteralBomb,
        hostile.Pop3EndlessCapa,
        hostile.SshEndlessBanner,
        hostile.EndlessHandshake,
        hostile.EmptyRecords,
    ],
)
def test_endless_peers_do_not_end(kind: type[HostilePeer]) -> None:
    heard, end = asyncio.run(hear(kind(), patience_s=60))
    assert (len(heard) >= 3 * _MEGABYTE, end) == (True, "enough")


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (hostile.SilentPort, "quiet"),
        (hostile.SilenceAfterStarttls, "quiet"),
        (hostile.DelayedGreeting, "quiet"),
        (hostile.ResetAfterAccept, "reset"),
        (hostile.CloseAfterGreeting, "closed"),
        (hostile.Greeting421, "closed"),
        (hostile.ImapBye, "closed"),
        (hostile.SshTooManyStartups, "closed"),
    ],
)
def test_the_others_end_as_they_should(kind: type[HostilePeer], end: str) -> None:
    heard, how = asyncio.run(hear(kind(), patience_s=0.1 if end == "quiet" else 60))
    assert how in (end, "reset")
    assert len(heard) < 200


def test_a_tarpit_says_one_byte_at_a_time() -> None:
    heard, end = asyncio.run(hear(hostile.Tarpit(every_s=0.01), most=20, patience_s=60))
    assert (heard[:4], set(heard[4:]), end) == (b"220-", {ord("x")}, "enough")


def test_half_a_reply_is_cut_in_the_middle_of_a_line() -> None:
    heard, _ = asyncio.run(hear(hostile.HalfReply(), patience_s=1))
    assert heard.endswith(b"250-PIPELI")


def test_a_delayed_greeting_comes_late_and_who_spoke_before_it_is_noted() -> None:
    async def visit(first: bytes) -> tuple[bytes, bool]:
        peer = hostile.DelayedGreeting(delay_s=0.05)
        async with listening(peer) as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(first)
            greeting = await reader.readline()
            writer.close()
        return greeting, peer.early

    assert asyncio.run(visit(b"")) == (b"220 mx.lab.example ESMTP\r\n", False)
    assert asyncio.run(visit(b"EHLO early.invalid\r\n"))[1] is True


def test_a_huge_certificate_claims_16_mb_and_sends_a_megabyte() -> None:
    heard, end = asyncio.run(hear(hostile.HugeCertificate(implicit=False), patience_s=1))
    assert end == "quiet"
    certificate = heard.index(b"\x16\x03\x03\x00\x0a\x0b") + 5
    assert heard[certificate : certificate + 4] == b"\x0b\xff\xff\xff"
    assert len(heard) > _MEGABYTE


@pytest.mark.parametrize("kind", [hostile.TlsByteByByte, hostile.TlsTinyRecords])
@pytest.mark.parametrize("versions", [TlsVersions.TLS12, TlsVersions.TLS13])
@pytest.mark.parametrize("implicit", [False, True])
def test_oddly_delivered_tls_is_still_good_tls(
    tiny: Plan,
    kind: type[hostile.TlsByteByByte | hostile.TlsTinyRecords],
    versions: TlsVersions,
    implicit: bool,
) -> None:
    peer = kind(Contexts(Material(tiny)).get("certificate 1", versions), implicit=implicit)

    async def visit() -> str | None:
        address: AbstractAsyncContextManager[tuple[str, int]] = listening(peer)
        async with address as (host, port):
            return await asyncio.to_thread(_session, host, port, implicit)

    assert asyncio.run(visit()) == f"TLSv{versions.value}"


def _session(host: str, port: int, implicit: bool) -> str | None:
    """A whole visit of smtplib; gives the TLS version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if implicit:
        with smtplib.SMTP_SSL(host, port, context=context, timeout=60) as smtp:
            assert smtp.ehlo("a.invalid")[0] == 250
            assert isinstance(smtp.sock, ssl.SSLSocket)
            return smtp.sock.version()
    with smtplib.SMTP(host, port, timeout=60) as smtp:
        smtp.starttls(context=context)
        assert smtp.ehlo("a.invalid")[0] == 250
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return smtp.sock.version()
