"""Keys and certificates of a plan: the same plan gives the same bytes, everywhere and always.

These keys follow from a public seed. They protect nothing and must never leave the lab.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mailcensus.lab.plan import CertificatePlan, KeyKind, KeyPlan, Plan
from mailcensus.lab.rsa_primes import rsa_key

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group of P-256, FIPS 186-4 section D.1.2.3."""


class Material:
    """The keys and certificates of one plan, each made when it is first asked for."""

    def __init__(self, plan: Plan) -> None:
        self._key_plans = {key.name: key for key in plan.keys}
        self._certificate_plans = {certificate.name: certificate for certificate in plan.certificates}
        self._keys: dict[str, PrivateKey] = {}
        self._certificates: dict[str, x509.Certificate] = {}

    def key(self, name: str) -> PrivateKey:
        """The private key of this name."""
        if name not in self._keys:
            self._keys[name] = _make_key(self._key_plans[name])
        return self._keys[name]

    def key_of(self, certificate: str) -> str:
        """The name of a certificate's key."""
        return self._certificate_plans[certificate].key

    def certificate(self, name: str) -> x509.Certificate:
        """The certificate of this name."""
        if name not in self._certificates:
            self._certificates[name] = self._make_certificate(self._certificate_plans[name])
        return self._certificates[name]

    def chain(self, name: str) -> tuple[bytes, ...]:
        """The certificates a server with this one sends, DER, leaf first. Roots are not sent."""
        plan = self._certificate_plans[name]
        if plan.issuer is None:
            return (self._der(name),)
        issuers = []
        issuer: str | None = plan.issuer
        while issuer is not None and self._certificate_plans[issuer].issuer is not None:
            issuers.append(self._der(issuer))
            issuer = self._certificate_plans[issuer].issuer
        return (self._der(name), *issuers)

    def pem(self, name: str) -> bytes:
        """Private key and chain, as a server's certificate file has them."""
        key = self.key(self.key_of(name)).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in self.chain(name)]
        return key + b"".join(chain)

    def spki_sha256(self, key: str) -> str:
        """SHA-256 over a key's SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), hex."""
        public = self.key(key).public_key()
        return hashlib.sha256(
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).hexdigest()

    def _der(self, name: str) -> bytes:
        return self.certificate(name).public_bytes(Encoding.DER)

    def _make_certificate(self, plan: CertificatePlan) -> x509.Certificate:
        issuer = self._certificate_plans[plan.issuer] if plan.issuer is not None else plan
        begin = datetime.fromisoformat(plan.not_before).replace(tzinfo=UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(plan))
            .issuer_name(_name(issuer))
            .public_key(self.key(plan.key).public_key())
            .serial_number(int.from_bytes(hashlib.sha256(plan.name.encode()).digest()[:15], "big") | 1)
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=plan.valid_days))
            .add_extension(x509.BasicConstraints(ca=plan.authority, path_length=None), critical=True)
        )
        if plan.dns_names:
            names = [x509.DNSName(name) for name in plan.dns_names]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signer = self.key(issuer.key)
        if isinstance(signer, ed25519.Ed25519PrivateKey):
            return builder.sign(signer, None)
        if isinstance(signer, ec.EllipticCurvePrivateKey):
            return builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
        return builder.sign(signer, hashes.SHA256())


def _name(plan: CertificatePlan) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, plan.common_name)])


def _make_key(plan: KeyPlan) -> PrivateKey:
    if plan.kind is KeyKind.RSA_2048:
        return rsa_key(int(plan.seed))
    digest = hashlib.sha512(f"mailcensus lab key {plan.seed}".encode()).digest()
    if plan.kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(digest[:32])
    return ec.derive_private_key(int.from_bytes(digest, "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1())
