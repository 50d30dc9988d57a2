"""Keys as programs of others see them: ssh-keyscan for SSH, `openssl s_client` for TLS, both of the system.

Each question is one process that makes one connection: ssh-keyscan opens one for each type of key it is asked for,
so it is asked for one. A process that hangs is ended, what it says is read up to a limit, and what it says in error
is data.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailcensus.model import RecheckVerdict, TlsMode
from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.keys import spki_from_ssh_blob
from mailcensus.wire.services import Service

OUTPUT_MAX = 256 << 10
"""Bytes read of what a client says; a chain of certificates is some 10 KB."""
_PATH = "/usr/local/bin:/usr/bin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C", "OPENSSL_CONF": "/dev/null"}
"""The system's openssl.cnf forbids old TLS versions that servers still speak."""
_SSH_TYPES = ("rsa", "dsa", "ecdsa", "ed25519")
_STARTTLS = {"smtp": "smtp", "lmtp": "lmtp", "pop3": "pop3", "imap": "imap", "managesieve": "sieve", "irc": "irc",
             "xmpp": "xmpp"}  # fmt: skip
_KINDS = {
    # kind: signature algorithms that only such a key makes, suites that only it can do before TLS 1.3
    "rsa": ("rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1",
            "aRSA"),
    "ecdsa": ("ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1", "aECDSA"),
    "ed25519": ("ed25519", "aECDSA"),
    "ed448": ("ed448", "aECDSA"),
}  # fmt: skip
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
_READ = re.compile(rb"^read from .*\n((?:[0-9a-f]{4} - .*\n)+)", re.MULTILINE)
_DUMPED = re.compile(rb"^[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){1,16})", re.MULTILINE)
_COME_BACK = re.compile(r"^4\d\d[ -]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one question came to: a key, or a verdict without one."""

    spki: bytes | None = None
    """Canonical form."""
    verdict: RecheckVerdict | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a process said until it ended, or was ended."""

    out: bytes
    errors: bytes
    hung: bool


@dataclass(frozen=True, slots=True)
class Client:
    """A program of the system."""

    name: str
    path: Path | None
    """None: it is not there."""
    version: str | None

    @classmethod
    def find(cls, name: str, version_command: tuple[str, ...]) -> Client:
        """Look for a program, and ask for its version."""
        path = shutil.which(name, path=_PATH)
        if path is None:
            return cls(name, None, None)
        try:
            said = subprocess.run(
                version_command, capture_output=True, timeout=10, check=False, env=_ENVIRONMENT
            )
        except (OSError, subprocess.TimeoutExpired):
            return cls(name, Path(path), None)
        words = (said.stdout or said.stderr).decode("utf-8", "backslashreplace").strip()
        return cls(name, Path(path), words.splitlines()[0] if words else None)


def find_ssh_keyscan() -> Client:
    """ssh-keyscan; it has no version of its own and comes with ssh."""
    return Client.find("ssh-keyscan", ("ssh", "-V"))


def find_openssl() -> Client:
    """The openssl command."""
    return Client.find("openssl", ("openssl", "version"))


async def ask_ssh(client: Client, ip: str, port: int, kind: str | None, timeout_s: float) -> Seen:
    """The host key of one kind that ssh-keyscan is shown."""
    if client.path is None:
        return Seen(None, RecheckVerdict.CLIENT_FAILED, f"{client.name} is not installed")
    if kind not in _SSH_TYPES:
        return Seen(None, RecheckVerdict.CLIENT_FAILED, f"{client.name} cannot ask for {kind} keys")
    command = [str(client.path), "-p", str(port), "-T", str(max(1, round(timeout_s))), "-t", kind, "--", ip]
    said = await _run(command, timeout_s + 5)
    return read_ssh_keyscan(said.out, said.errors, hung=said.hung)


def read_ssh_keyscan(out: bytes, errors: bytes, *, hung: bool) -> Seen:
    """What ssh-keyscan's output means."""
    for line in out.splitlines():
        if not line.startswith(b"#") and (fields := line.split())[2:]:
            with suppress(binascii.Error, ProtocolError):
                if (spki := spki_from_ssh_blob(base64.b64decode(fields[2], validate=True))) is not None:
                    return Seen(spki)
    spoke = any(line.startswith(b"#") and b" SSH-" in line for line in (out + b"\n" + errors).splitlines())
    trouble = [line for line in errors.splitlines() if line.strip() and not line.startswith(b"#")]
    words = _words(trouble[0]) if trouble else None
    if hung:
        return Seen(None, RecheckVerdict.UNREACHABLE, "no answer in time")
    if spoke and (words is None or "no matching host key" in words or "no hostkey alg" in words):
        return Seen(None, RecheckVerdict.NO_LONGER_OFFERED, words or "it speaks SSH and showed no such key")
    return Seen(None, RecheckVerdict.UNREACHABLE, words or "no answer")


async def ask_tls(
    client: Client,
    ip: str,
    port: int,
    service: Service,
    timeout_s: float,
    *,
    kind: str | None = None,
    name: str,
    server_name: str | None = None,
) -> Seen:
    """The key of the certificate that `openssl s_client` is shown.

    Args:
        kind: take no other kind of key; None: whatever the server likes.
        name: our own host name, for greetings.
        server_name: sent in the hello (RFC 6066 section 3), and over XMPP as whom the stream is for; None: no name.
    """
    if client.path is None:
        return Seen(None, RecheckVerdict.CLIENT_FAILED, f"{client.name} is not installed")
    starttls = service.tls_mode is TlsMode.STARTTLS
    if service.tls_mode is TlsMode.NONE or (starttls and service.protocol not in _STARTTLS):
        return Seen(None, RecheckVerdict.CLIENT_FAILED, f"{client.name} does not speak {service.name}")
    if kind is not None and kind not in _KINDS:
        return Seen(None, RecheckVerdict.CLIENT_FAILED, f"{client.name} cannot ask for {kind} keys alone")
    asked_for = None if server_name is None else _ascii_name(server_name)
    if server_name is not None and asked_for is None:
        return Seen(None, RecheckVerdict.CLIENT_FAILED, f"{client.name} cannot send the name {server_name!r}")
    signatures, suites = _KINDS[kind] if kind else (None, "ALL")
    where = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    command = [
        str(client.path),
        "s_client",
        "-connect",
        where,
        *(("-noservername",) if asked_for is None else ("-servername", asked_for)),
        "-cipher",
        f"{suites}@SECLEVEL=0",
    ]
    if starttls:
        command += ["-debug", "-starttls", _STARTTLS[service.protocol]]
        command += ["-name", name] if service.protocol in ("smtp", "lmtp") else []
        command += ["-xmpphost", asked_for or name] if service.protocol == "xmpp" else []
    if signatures:
        command += ["-sigalgs", signatures]
    said = await _run(command, timeout_s)
    return read_s_client(said.out, said.errors, hung=said.hung, forced=kind is not None)


def _ascii_name(name: str) -> str | None:
    """A server name as it is sent (RFC 5890); None: it cannot be, or no program can be told it."""
    try:
        text = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return None
    return text if text and "\0" not in text else None


def read_s_client(out: bytes, errors: bytes, *, hung: bool, forced: bool) -> Seen:
    """What the output of `openssl s_client` means.

    Args:
        forced: only one kind of key was offered to be taken, so a refusal is about that.
    """
    if (pem := _PEM.search(out)) is not None:
        with suppress(binascii.Error, ProtocolError):
            if (spki := certificate_spki(base64.b64decode(pem[1]))) is not None:
                return Seen(spki)
    words = _trouble(errors)
    if hung:
        return Seen(None, RecheckVerdict.UNREACHABLE, "no answer in time")
    if b"CONNECTED(" not in out:
        return Seen(None, RecheckVerdict.UNREACHABLE, words)
    clear = _read_in_clear(out)
    if (later := _COME_BACK.search(clear)) is not None:
        line = clear[later.start() :].splitlines()[0]
        return Seen(None, RecheckVerdict.UNREACHABLE, f"the server said: {line}")
    if b"STARTTLS" in errors + out and b"find STARTTLS" in errors + out:
        return Seen(None, RecheckVerdict.NO_LONGER_OFFERED, "STARTTLS is not offered")
    if "wrong version number" in words or "packet length too long" in words:
        return Seen(None, RecheckVerdict.NO_LONGER_OFFERED, "what it speaks is not TLS")
    if "alert" in words:
        refused = RecheckVerdict.NO_LONGER_OFFERED if forced else RecheckVerdict.CLIENT_FAILED
        return Seen(None, refused, words)
    if "eof" in words.lower() or "errno" in words or "reset" in words.lower():
        return Seen(None, RecheckVerdict.UNREACHABLE, words)
    return Seen(None, RecheckVerdict.CLIENT_FAILED, words)


def name_of(spki: bytes) -> str:
    """How datasets name a key."""
    return hashlib.sha256(spki).hexdigest()


def _read_in_clear(out: bytes) -> str:
    """What the server said, out of the hex dumps of `-debug`; octets behind TLS are no text and do no harm."""
    octets = bytearray()
    for dump in _READ.finditer(out):
        for row in _DUMPED.finditer(dump[1]):
            octets += bytes.fromhex(row[1].replace(b"-", b" ").decode())
    return octets.decode("utf-8", "backslashreplace")


def _trouble(errors: bytes) -> str:
    """The line that says most: OpenSSL's error where there is one."""
    lines = [_words(line) for line in errors.splitlines() if line.strip()]
    said = [line for line in lines if ":error:" in line or "error:" in line]
    return (said or lines or ["it said nothing"])[0]


def _words(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").strip()[:200]


async def _run(command: list[str], timeout_s: float) -> _Said:
    """Run a client to its end, or end it: nothing of it is left when this returns."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out, errors = bytearray(), bytearray()
    hung = False
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(_read(process.stdout, out), _read(process.stderr, errors))
            await process.wait()
    except TimeoutError:
        hung = True
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()  # what the pipes still hold; they end now, and with them the transport
    return _Said(bytes(out), bytes(errors), hung)


async def _read(stream: asyncio.StreamReader, into: bytearray) -> None:
    """Read to the end; what comes beyond the limit is thrown away."""
    while chunk := await stream.read(1 << 16):
        into += chunk[: OUTPUT_MAX - len(into)]
