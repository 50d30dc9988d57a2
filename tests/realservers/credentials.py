"""Throw-away keys of every kind and chains of every shape, for servers that show what our own farm does not."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

Key = (
    rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

KEYS: dict[str, Callable[[], Key]] = {
    "rsa-1024": lambda: rsa.generate_private_key(65_537, 1024),
    "rsa-2048": lambda: rsa.generate_private_key(65_537, 2048),
    "rsa-3072": lambda: rsa.generate_private_key(65_537, 3072),
    "dsa-1024": lambda: dsa.generate_private_key(1024),
    "dsa-2048": lambda: dsa.generate_private_key(2048),
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
RSA_PSS = "rsa-pss-2048"
"""A key of its own type, id-RSASSA-PSS (RFC 5756): the openssl command makes it, with a self-signed certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The shape of what is sent."""

    length: int = 2
    """Certificates; the root is not one of them."""
    backwards: bool = False
    """What follows the leaf comes in the wrong order."""
    ocsp_status: str | None = None
    """Staple a response that says `good` or `revoked`."""


USUAL = Chain()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a TLS server needs, in files that every user may read."""

    key_file: Path
    leaf_file: Path
    rest_file: Path | None
    """PEM of what follows the leaf; None where nothing does."""
    chain_file: Path
    """PEM of all that is sent."""
    chain_der: tuple[bytes, ...]
    ocsp_file: Path | None
    """DER of an OCSP response for the leaf."""

    @property
    def chain_sha256(self) -> tuple[str, ...]:
        """Name of each certificate sent, in the order sent."""
        return tuple(hashlib.sha256(der).hexdigest() for der in self.chain_der)


class Credentials:
    """Makes credentials under one directory, each combination once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys: dict[str, Key] = {}
        self._made: dict[tuple[str, Chain], Credential] = {}

    def get(self, key: str = "rsa-2048", chain: Chain = USUAL) -> Credential:
        """A leaf with this key under authorities of P-256.

        Args:
            key: a name of KEYS, or RSA_PSS, which is its own root whatever the chain.
        """
        if (key, chain) not in self._made:
            directory = self._directory / str(len(self._made))
            directory.mkdir(parents=True)
            made = self._rsa_pss(directory) if key == RSA_PSS else self._issue(directory, key, chain)
            self._made[key, chain] = made
        return self._made[key, chain]

    def _issue(self, directory: Path, key: str, shape: Chain) -> Credential:
        private = self._key(key)
        issuer_key, issuer_name = ec.generate_private_key(ec.SECP256R1()), _name(f"Root {directory.name}")
        issuer = _certificate(issuer_name, issuer_name, issuer_key, issuer_key, ca=True)
        (directory / "root.pem").write_bytes(issuer.public_bytes(serialization.Encoding.PEM))
        chain: list[x509.Certificate] = []
        for level in range(shape.length - 1, 0, -1):
            name, level_key = _name(f"Intermediate {level}"), ec.generate_private_key(ec.SECP256R1())
            issuer = _certificate(name, issuer_name, level_key, issuer_key, ca=True)
            chain.insert(0, issuer)
            issuer_key, issuer_name = level_key, name
        leaf = _certificate(_name("mail.example"), issuer_name, private, issuer_key, ca=False)
        if shape.backwards:
            chain.reverse()
        response = None
        if shape.ocsp_status is not None:
            response = directory / "ocsp.der"
            response.write_bytes(_ocsp_response(leaf, issuer, issuer_key, shape.ocsp_status))
        return _written(directory, private, [leaf, *chain], response)

    def _key(self, kind: str) -> Key:
        if kind not in self._keys:
            self._keys[kind] = KEYS[kind]()
        return self._keys[kind]

    def _rsa_pss(self, directory: Path) -> Credential:
        key_file, leaf_file = directory / "key.pem", directory / "leaf.pem"
        command = "openssl req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -nodes -days 30"
        subprocess.run(
            [*command.split(), "-subj", "/CN=mail.example", "-keyout", key_file, "-out", leaf_file],
            check=True,
            capture_output=True,
            timeout=60,
        )
        key_file.chmod(0o644)
        der = x509.load_pem_x509_certificate(leaf_file.read_bytes()).public_bytes(serialization.Encoding.DER)
        return Credential(
            key_file=key_file,
            leaf_file=leaf_file,
            rest_file=None,
            chain_file=leaf_file,
            chain_der=(der,),
            ocsp_file=None,
        )


def _written(
    directory: Path, private: Key, chain: list[x509.Certificate], ocsp_file: Path | None
) -> Credential:
    pem = [certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain]
    files = {"leaf.pem": pem[:1], "rest.pem": pem[1:], "chain.pem": pem}
    for name, certificates in files.items():
        (directory / name).write_bytes(b"".join(certificates))
    key_file = directory / "key.pem"
    key_file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Credential(
        key_file=key_file,
        leaf_file=directory / "leaf.pem",
        rest_file=directory / "rest.pem" if pem[1:] else None,
        chain_file=directory / "chain.pem",
        chain_der=tuple(certificate.public_bytes(serialization.Encoding.DER) for certificate in chain),
        ocsp_file=ocsp_file,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: Key, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName("mail.example")]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _ocsp_response(
    leaf: x509.Certificate, issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, status: str
) -> bytes:
    now = datetime.now(UTC)
    revoked = status == "revoked"
    return (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=leaf,
            issuer=issuer,
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=now - timedelta(minutes=30),
            next_update=now + timedelta(days=5),
            revocation_time=now - timedelta(hours=1) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
