"""`openssl s_client` as an oracle: what a server negotiates with the same offer as ours, and the chain it sends."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

STARTTLS = {"smtp": "smtp", "submission": "smtp", "imap": "imap", "pop3": "pop3", "lmtp": "lmtp",
            "managesieve": "sieve"}  # fmt: skip
"""Service to the name that s_client's -starttls has for it."""
_SIGNATURE_TYPES = {"RSA-PSS": "rsa_pss", "RSA": "rsa_pkcs1", "ECDSA": "ecdsa"}
"""What OpenSSL 3.0 says; from 3.5 on it gives the scheme's own name."""
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """One handshake as s_client shows it."""

    version: str
    cipher_suite: str
    """IANA name."""
    temporary_key: str
    """As s_client writes it: `X25519`, `ECDH, prime256v1`, `DH`."""
    temporary_key_bits: int
    signature_type: str
    """How the IANA name of the scheme begins: `rsa_pss`, `ecdsa`; or all of it."""
    chain_der: tuple[bytes, ...]
    """As sent."""


def s_client(
    address: str, port: int, *, starttls: str | None, suites: Sequence[str], groups: Sequence[str]
) -> Negotiated:
    """One handshake, then s_client goes away.

    Args:
        suites: IANA names in the order to offer; those that OpenSSL does not have are left out.
        groups: OpenSSL's names in the order to offer.
    """
    stdname = openssl_names()
    command = ["openssl", "s_client", "-connect", f"{address}:{port}", "-showcerts", "-noservername"]
    command += ["-ciphersuites", ":".join(name for name in suites if "_WITH_" not in name)]
    command += ["-cipher", "@SECLEVEL=0:" + ":".join(stdname[name] for name in suites if name in stdname)]
    command += ["-groups", ":".join(groups)]
    if starttls is not None:
        command += ["-starttls", starttls, "-name", "scanner.invalid"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )
    return _negotiated(done.stdout)


@cache
def openssl_names() -> dict[str, str]:
    """IANA name to OpenSSL's own, of every suite before TLS 1.3."""
    listed = subprocess.run(
        ["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return {row[0]: row[2] for row in rows if "_WITH_" in row[0]}


def _negotiated(shown: str) -> Negotiated:
    version, suite = _found("version and suite", r"New, (\S+), Cipher is (\S+)", shown)
    temporary_key, bits = _found("temporary key", r"(?:Server|Peer) Temp Key: (.*), (\d+) bits", shown)
    (signature_type,) = _found("signature type", r"Peer signature type: (\S+)", shown)
    # Before TLS 1.3, `New, TLSv1.2` may name the version that brought the suite; the session says which it is.
    session_version = re.search(r"^ *Protocol *: (\S+)$", shown, re.MULTILINE)
    names = {openssl: iana for iana, openssl in openssl_names().items()}
    return Negotiated(
        version=session_version[1] if session_version else version,
        cipher_suite=names.get(suite, suite),
        temporary_key=temporary_key,
        temporary_key_bits=int(bits),
        signature_type=_SIGNATURE_TYPES.get(signature_type, signature_type),
        chain_der=tuple(base64.b64decode(body) for body in _PEM.findall(shown)),
    )


def _found(what: str, pattern: str, shown: str) -> tuple[str, ...]:
    found = re.search(pattern, shown)
    if found is None:
        raise AssertionError(f"s_client shows no {what}:\n{shown}")
    return found.groups()
