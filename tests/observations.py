"""Observations with real certificates, made from a number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mailcensus.model import Grab, Hit, Observation, Outcome, Ssh, SshHostKey, Stage, Tls, TlsMode

START = datetime(2026, 11, 22, tzinfo=UTC)
SERVICES = ("ssh", "smtp")


@cache
def _private_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())


@cache
def spki(number: int) -> bytes:
    """A canonical key."""
    return _private_key(number).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def certificate(number: int) -> bytes:
    """A self-signed certificate with that key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"mx{number}.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(number + 1)
    builder = builder.public_key(_private_key(number).public_key())
    builder = builder.not_valid_before(START).not_valid_after(START + timedelta(days=90))
    return builder.sign(_private_key(number), None).public_bytes(Encoding.DER)


def ip(number: int) -> str:
    """The address of a host."""
    return f"127.0.{number // 256}.{number % 256}"


def hit(number: int, run_id: str = "r", *, canary: bool = False) -> Hit:
    """A host's hit."""
    seen_at = START + timedelta(seconds=number)
    return Hit(run_id=run_id, seen_at=seen_at, ip=ip(number), port=25, engine="connect", canary=canary)


def grab(
    number: int, service: str = "smtp", outcome: Outcome = Outcome.OK, *, attempt: int = 1, run_id: str = "r"
) -> Grab:
    """A bare grab of a host."""
    return Grab(
        run_id=run_id, vantage="test", started_at=START + timedelta(minutes=attempt), duration_ms=1.0,
        ip=ip(number), port=25, service=service, protocol=service, tls_mode=TlsMode.STARTTLS, attempt=attempt,
        outcome=outcome, stage=Stage.DONE if outcome is Outcome.OK else Stage.GREETING,
    )  # fmt: skip


def observation(number: int, service: str, *, run_id: str = "r", keys: int = 50) -> Observation:
    """Host `number` showing key `number % keys`, as certificate or as SSH host key."""
    key = number % keys
    name = hashlib.sha256(spki(key)).hexdigest()
    common = {
        "run_id": run_id, "vantage": "test", "started_at": START, "duration_ms": 1.0, "ip": ip(number),
        "service": service, "protocol": service, "outcome": Outcome.OK, "stage": Stage.DONE,
    }  # fmt: skip
    if service == "ssh":
        shown = SshHostKey(
            algorithm="ssh-ed25519", fingerprint=f"SHA256:{key}", spki_sha256=name, verified=True
        )
        ssh = Grab(port=22, tls_mode=TlsMode.NONE, ssh=Ssh(host_keys=(shown,)), **common)  # type: ignore[arg-type]
        return Observation(ssh, keys=(spki(key),))
    leaf = hashlib.sha256(certificate(key)).hexdigest()
    tls = Tls(version=0x0304, leaf_sha256=leaf, chain=(leaf,), spki_sha256=name)
    smtp = Grab(port=25, tls_mode=TlsMode.STARTTLS, tls=tls, **common)  # type: ignore[arg-type]
    return Observation(smtp, certificates=(certificate(key),))
