"""What ssh-keyscan and openssl say means what it says; a client that hangs is ended."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import RecheckVerdict
from mailcensus.probe.independent_clients import (
    Client,
    ask_ssh,
    ask_tls,
    find_openssl,
    find_ssh_keyscan,
    read_s_client,
    read_ssh_keyscan,
)
from mailcensus.wire.services import SERVICE_BY_NAME
from probe_studies import serving

ED25519 = b"AAAAC3NzaC1lZDI1NTE5AAAAI" + b"A" * 43
V = RecheckVerdict

# Output of OpenSSH 9.2p1.
KEYSCAN = [
    (b"[127.0.0.1]:2222 ssh-ed25519 " + ED25519 + b"\n", b"# 127.0.0.1:2222 SSH-2.0-OpenSSH_9.2p1\n", None),
    (b"", b"", V.UNREACHABLE),
    (b"", b"connect (`127.0.0.1'): Connection refused\n", V.UNREACHABLE),
    (b"", b"# 127.0.0.1:2222 SSH-2.0-OpenSSH_9.2p1\n", V.NO_LONGER_OFFERED),
    (
        b"",
        b"# 127.0.0.1:2222 SSH-2.0-x\nUnable to negotiate with 127.0.0.1 port 2222: no matching host key type found.\n",
        V.NO_LONGER_OFFERED,
    ),
    (b"", b"# 127.0.0.1:2222 SSH-2.0-x\nConnection closed by 127.0.0.1 port 2222\n", V.UNREACHABLE),
    (b"127.0.0.1 ssh-ed25519 !!!\n", b"", V.UNREACHABLE),
]


@pytest.mark.parametrize(("out", "errors", "verdict"), KEYSCAN)
def test_ssh_keyscan_is_read_as_it_speaks(out: bytes, errors: bytes, verdict: RecheckVerdict | None) -> None:
    seen = read_ssh_keyscan(out, errors, hung=False)
    assert (seen.verdict, seen.spki is not None) == (verdict, verdict is None)


def dump(*lines: bytes) -> bytes:
    """What `-debug` prints of octets that were read."""
    octets = b"".join(lines)
    rows = [octets[place : place + 16] for place in range(0, len(octets), 16)]
    shown = b"".join(b"%04x - %b   x\n" % (16 * n, row.hex(" ").encode()) for n, row in enumerate(rows))
    return b"read from 0x55 [0x56] (4096 bytes => %d (0x1))\n" % len(octets) + shown


CONNECTED = b"CONNECTED(00000003)\n"
NO_STARTTLS = b"Didn't find STARTTLS in server response, trying anyway...\n"
S_CLIENT = [
    (
        b"",
        b"40:error:8000006F:system library:BIO_connect:Connection refused:x:\nconnect:errno=111\n",
        V.UNREACHABLE,
    ),
    (CONNECTED + dump(b"220 mx\r\n", b"250 mx\r\n"), NO_STARTTLS, V.NO_LONGER_OFFERED),
    (CONNECTED + dump(b"421 mx too many connections\r\n"), NO_STARTTLS, V.UNREACHABLE),
    (CONNECTED + dump(b"220 mx\r\n") + b"x\n" + dump(b"454 TLS not now\r\n"), b"", V.UNREACHABLE),
    (
        CONNECTED,
        b"40:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:x:\n",
        V.NO_LONGER_OFFERED,
    ),
    (CONNECTED, b"40:error:0A000410:SSL routines::sslv3 alert handshake failure:x:\n", V.CLIENT_FAILED),
    (
        CONNECTED,
        b"40:error:0A000126:SSL routines:ssl3_read_n:unexpected eof while reading:x:\n",
        V.UNREACHABLE,
    ),
    (CONNECTED, b"write:errno=104\n", V.UNREACHABLE),
]


@pytest.mark.parametrize(("out", "errors", "verdict"), S_CLIENT)
def test_s_client_is_read_as_it_speaks(out: bytes, errors: bytes, verdict: RecheckVerdict) -> None:
    assert read_s_client(out, errors, hung=False, forced=False).verdict is verdict


def test_a_refusal_of_one_kind_of_key_alone_says_that_this_kind_is_not_there() -> None:
    alert = b"40:error:0A000410:SSL routines::sslv3 alert handshake failure:x:\n"
    assert read_s_client(CONNECTED, alert, hung=False, forced=True).verdict is V.NO_LONGER_OFFERED


@given(st.binary(max_size=400), st.binary(max_size=100), st.booleans())
def test_any_output_has_a_meaning(out: bytes, errors: bytes, hung: bool) -> None:
    for pem in (b"%b", b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n"):
        seen = read_s_client(pem.replace(b"%b", out), errors, hung=hung, forced=hung)
        assert (seen.spki is None) == (seen.verdict is not None)
    seen = read_ssh_keyscan(out, errors, hung=hung)
    assert (seen.spki is None) == (seen.verdict is not None)


def test_a_client_that_hangs_is_ended_with_all_it_has_begun(tmp_path: Path) -> None:
    program = tmp_path / "hangs"
    program.write_text(f"#!/bin/sh\nsleep 300 &\necho $! > {tmp_path}/child\nyes\n")
    program.chmod(0o755)
    began = time.monotonic()
    smtps = SERVICE_BY_NAME["smtps"]
    seen = asyncio.run(ask_tls(Client("openssl", program, "x"), "127.0.0.1", 1, smtps, 0.3, name="x"))
    assert (seen.verdict, seen.detail) == (V.UNREACHABLE, "no answer in time")
    assert time.monotonic() - began < 100
    child = int((tmp_path / "child").read_text())
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_client_that_is_not_there_or_cannot_ask_has_failed() -> None:
    nobody = Client("openssl", None, None)
    smtps = SERVICE_BY_NAME["smtps"]
    assert asyncio.run(ask_tls(nobody, "127.0.0.1", 1, smtps, 1, name="x")).verdict is V.CLIENT_FAILED
    there = Client("ssh-keyscan", Path(os.devnull), None)
    assert asyncio.run(ask_ssh(there, "127.0.0.1", 1, "ed448", 1)).verdict is V.CLIENT_FAILED


@pytest.mark.parametrize("name", ["a\0b", "", "\u2603" * 70])
def test_a_server_name_that_cannot_be_sent_is_said_to_be_so(name: str) -> None:
    there, smtps = Client("openssl", Path("/bin/false"), None), SERVICE_BY_NAME["smtps"]
    seen = asyncio.run(ask_tls(there, "127.0.0.1", 1, smtps, 1, name="x", server_name=name))
    assert seen.verdict is V.CLIENT_FAILED
    assert "cannot send the name" in str(seen.detail)


async def _busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"421 mx.example too many connections, come back later\r\n")
    await writer.drain()
    writer.close()


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mx.example ESMTP\r\n")
    while line := await reader.readline():
        writer.write(b"250 mx.example\r\n" if line.upper().startswith(b"EHLO") else b"502 no\r\n")
    writer.close()


@pytest.mark.slow
@pytest.mark.parametrize(("server", "verdict"), [(_busy, V.UNREACHABLE), (_plain, V.NO_LONGER_OFFERED)])
def test_real_clients_tell_come_back_later_from_no_starttls(server: object, verdict: RecheckVerdict) -> None:
    openssl = find_openssl()
    with serving(server) as port:  # type: ignore[arg-type]
        seen = asyncio.run(ask_tls(openssl, "127.0.0.1", port, SERVICE_BY_NAME["smtp"], 20, name="x.invalid"))
    assert (seen.verdict, seen.spki) == (verdict, None)


@pytest.mark.slow
def test_a_closed_port_is_unreachable_for_both_clients() -> None:
    with serving(_busy) as port:
        pass
    keyscan, openssl = find_ssh_keyscan(), find_openssl()
    seen = [
        asyncio.run(ask_ssh(keyscan, "127.0.0.1", port, "rsa", 5)),
        asyncio.run(ask_tls(openssl, "127.0.0.1", port, SERVICE_BY_NAME["imaps"], 5, name="x")),
    ]
    assert {one.verdict for one in seen} == {V.UNREACHABLE}
