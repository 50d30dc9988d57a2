"""Authorities of our own that make chains of every verdict: the same seed gives the same bytes.

What each chain is good for follows from how it was made, with no verifier asked. The keys follow from a public seed:
they protect nothing and must never leave the lab.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import gmpy2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When the chains are seen."""
LONG_AGO, LAST_YEAR, NEXT_YEAR, FAR_OFF = (
    datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC) for year in (2016, 2025, 2027, 2046)
)
LAST_MONTH, NEXT_MONTH = AT - timedelta(days=30), AT + timedelta(days=30)

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_EXPONENT = 65_537
_SHA256_WITH_RSA, _SHA1_WITH_RSA = (bytes.fromhex("06092a864886f70d0101" + last) for last in ("0b", "05"))
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a certificate is to be; without any, a good one of a server."""

    authority: bool = False
    since: datetime = LAST_YEAR
    until: datetime = NEXT_YEAR
    rsa_bits: int | None = None
    """None: a key on P-256."""
    curve: ec.EllipticCurve | None = None
    sha1: bool = False
    """Signed with SHA-1; the issuer's key must be RSA."""
    path_length: int | None = None
    extension: x509.ExtensionType | None = None
    """One more, critical."""


SERVER = Terms()
AUTHORITY = Terms(authority=True, since=LONG_AGO, until=FAR_OFF)
_EXPIRED = Terms(until=LAST_MONTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabChain:
    """A chain as a server sends it, and what it is."""

    kind: str
    certificates: tuple[bytes, ...]
    status: str
    """As `model.ChainStatus`."""
    valid_with_known: bool | None = None
    """Of broken chains: whether intermediates that other chains carry complete it."""
    wrong_order: bool = False
    superfluous: int = 0
    duplicates: int = 0
    root_sent: bool = False
    root_issued: bool = False


@dataclass(slots=True)
class LabAuthorities:
    """A small world of authorities: two roots that are trusted, one that is not, and what hangs on them."""

    seed: str = "1"
    _made: dict[str, Signer] = field(default_factory=dict)

    @property
    def roots_pem(self) -> bytes:
        """The root store of this world."""
        roots = (self.root("trusted root"), self.root("second root"))
        return b"".join(root.certificate.public_bytes(Encoding.PEM) for root in roots)

    def root(self, name: str) -> Signer:
        """A self-signed authority."""
        return self.authority(name, None)

    def authority(self, name: str, above: Signer | None, terms: Terms = AUTHORITY) -> Signer:
        """An authority that another one has issued; the same one for the same name."""
        if name not in self._made:
            self._made[name] = self.issue(name, above, terms)
        return self._made[name]

    def leaf(self, name: str, above: Signer | None, terms: Terms = SERVER) -> bytes:
        """A server's certificate; self-signed with nobody above."""
        return self.issue(name, above, terms).der

    def issue(self, name: str, above: Signer | None, terms: Terms) -> Signer:
        """Any certificate; self-signed with nobody above."""
        key = self._key(name, terms)
        signer = key if above is None else above.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(name) if above is None else above.certificate.subject)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._digest("serial " + name)[:15], "big") | 1)
            .not_valid_before(terms.since)
            .not_valid_after(terms.until)
        )
        for extension, critical in _extensions(name, key, signer, terms):
            builder = builder.add_extension(extension, critical=critical)
        if isinstance(signer, ec.EllipticCurvePrivateKey):
            return Signer(builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True), key)
        certificate = builder.sign(signer, hashes.SHA256())
        return Signer(_signed_with_sha1(certificate, signer) if terms.sha1 else certificate, key)

    def _key(self, name: str, terms: Terms) -> Key:
        if terms.rsa_bits is not None:
            return _rsa_key(*(self._prime(f"{name} {one}", terms.rsa_bits // 2) for one in "pq"))
        secret = int.from_bytes(self._digest("key " + name), "big") % (_P256_ORDER - 1) + 1
        curve = terms.curve or ec.SECP256R1()
        return ec.derive_private_key(secret >> (257 - curve.key_size if terms.curve else 0), curve)

    def _prime(self, name: str, bits: int) -> int:
        raw = hashlib.shake_256(f"mailcensus lab {self.seed} prime {name}".encode()).digest(bits // 8)
        number = gmpy2.mpz(int.from_bytes(raw, "big") | 3 << (bits - 2) | 1)
        while True:
            number = gmpy2.next_prime(number)
            if (number - 1) % _EXPONENT:
                return int(number)

    def _digest(self, what: str) -> bytes:
        return hashlib.sha512(f"mailcensus lab {self.seed} {what}".encode()).digest()


def lab_chains(authorities: LabAuthorities, count: int) -> Iterator[LabChain]:
    """Chains of every kind in turn, every one with a leaf of its own."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        yield kind(authorities, f"mx{number}.lab.example")


def broken_in(chain: bytes, distance_from_end: int = 9) -> bytes:
    """A certificate with another bit in its signature, which still reads as one."""
    at = len(chain) - distance_from_end
    return chain[:at] + bytes([chain[at] ^ 1]) + chain[at + 1 :]


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _extensions(name: str, key: Key, signer: Key, terms: Terms) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
    yield x509.BasicConstraints(ca=terms.authority, path_length=terms.path_length), True
    if not terms.authority:
        yield x509.SubjectAlternativeName([x509.DNSName(name)]), False
    if terms.extension is not None:
        yield terms.extension, True


def _signed_with_sha1(certificate: x509.Certificate, signer: rsa.RSAPrivateKey) -> x509.Certificate:
    """The same certificate signed anew: the library makes no such signatures any more."""
    tbs = certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    signature = signer.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    der = certificate.public_bytes(Encoding.DER).replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)


def _rsa_key(p: int, q: int) -> rsa.RSAPrivateKey:
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


Kind = Callable[[LabAuthorities, str], LabChain]


def _root(world: LabAuthorities) -> Signer:
    return world.root("trusted root")


def _issuing(world: LabAuthorities) -> Signer:
    return world.authority("issuing authority", _root(world))


def _under_issuing(kind: str, status: str, terms: Terms = SERVER) -> Kind:
    """A leaf of the issuing authority, sent with it."""

    def make(world: LabAuthorities, name: str) -> LabChain:
        issuing = _issuing(world)
        return LabChain(
            kind=kind, certificates=(world.leaf(name, issuing, terms), issuing.der), status=status
        )

    return make


def _alone(kind: str, status: str, terms: Terms = SERVER) -> Kind:
    """A self-signed leaf."""

    def make(world: LabAuthorities, name: str) -> LabChain:
        return LabChain(kind=kind, certificates=(world.leaf(name, None, terms),), status=status)

    return make


def _under_odd_authority(kind: str, status: str, authority: str, terms: Terms) -> Kind:
    """A good leaf of an authority that is not as it should be."""

    def make(world: LabAuthorities, name: str) -> LabChain:
        odd = world.authority(authority, _root(world), terms)
        return LabChain(kind=kind, certificates=(world.leaf(name, odd), odd.der), status=status)

    return make


def _deep(world: LabAuthorities, name: str) -> LabChain:
    issuing = _issuing(world)
    deeper = world.authority("deeper authority", issuing)
    return LabChain(
        kind="deep",
        certificates=(world.leaf(name, deeper), deeper.der, issuing.der),
        status="valid",
    )


def _root_issued(world: LabAuthorities, name: str) -> LabChain:
    second = world.root("second root")
    return LabChain(
        kind="root_issued", certificates=(world.leaf(name, second),), status="valid", root_issued=True
    )


def _root_sent(world: LabAuthorities, name: str) -> LabChain:
    issuing = _issuing(world)
    return LabChain(
        kind="root_sent",
        certificates=(world.leaf(name, issuing), issuing.der, _root(world).der),
        status="valid",
        root_sent=True,
    )


def _wrong_order(world: LabAuthorities, name: str) -> LabChain:
    chain = _deep(world, name).certificates
    return LabChain(
        kind="wrong_order",
        certificates=(chain[0], chain[2], chain[1]),
        status="valid",
        wrong_order=True,
    )


def _superfluous(world: LabAuthorities, name: str) -> LabChain:
    issuing, other = _issuing(world), world.authority("authority of others", world.root("second root"))
    return LabChain(
        kind="superfluous",
        certificates=(world.leaf(name, issuing), other.der, issuing.der, issuing.der),
        status="valid",
        superfluous=1,
        duplicates=1,
    )


def _broken(world: LabAuthorities, name: str) -> LabChain:
    return LabChain(
        kind="broken",
        certificates=(world.leaf(name, _issuing(world)),),
        status="broken_chain",
        valid_with_known=True,
    )


def _broken_for_good(world: LabAuthorities, name: str) -> LabChain:
    hidden = world.authority("authority that nobody sends", _root(world))
    return LabChain(
        kind="broken_for_good",
        certificates=(world.leaf(name, hidden, _EXPIRED),),
        status="broken_chain",
        valid_with_known=False,
    )


def _untrusted_root(world: LabAuthorities, name: str) -> LabChain:
    root = world.root("private root")
    issuing = world.authority("private authority", root)
    return LabChain(
        kind="untrusted_root",
        certificates=(world.leaf(name, issuing, _EXPIRED), issuing.der, root.der),
        status="untrusted_root",
        root_sent=True,
    )


def _bad_signature(world: LabAuthorities, name: str) -> LabChain:
    issuing = _issuing(world)
    return LabChain(
        kind="bad_signature",
        certificates=(broken_in(world.leaf(name, issuing)), issuing.der),
        status="bad_signature",
    )


def _bad_signature_above(world: LabAuthorities, name: str) -> LabChain:
    above = world.authority("badly signed authority", _root(world))
    return LabChain(
        kind="bad_signature_above",
        certificates=(world.leaf(name, above), broken_in(above.der)),
        status="bad_signature",
    )


def _weak_signature(world: LabAuthorities, name: str) -> LabChain:
    above = world.authority("authority with an RSA key", _root(world), replace(AUTHORITY, rsa_bits=2_048))
    return LabChain(
        kind="weak_signature",
        certificates=(world.leaf(name, above, Terms(sha1=True)), above.der),
        status="weak_signature",
    )


def _issued_by_a_leaf(world: LabAuthorities, name: str) -> LabChain:
    issuing = _issuing(world)
    leaf = world.authority("mere server.example", issuing, SERVER)
    expired = world.leaf(name, leaf, _EXPIRED)
    return LabChain(
        kind="issued_by_a_leaf", certificates=(broken_in(expired), leaf.der, issuing.der), status="other"
    )


def _too_deep(world: LabAuthorities, name: str) -> LabChain:
    last = world.authority("last authority", _root(world), replace(AUTHORITY, path_length=0))
    below = world.authority("authority too many", last)
    return LabChain(
        kind="too_deep", certificates=(world.leaf(name, below), below.der, last.der), status="other"
    )


def _unreadable(world: LabAuthorities, name: str) -> LabChain:
    leaf = world.leaf(name, _issuing(world))
    return LabChain(kind="unreadable", certificates=(leaf[: len(leaf) // 2],), status="other")


_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
_ELSEWHERE = x509.NameConstraints(None, [x509.DNSName("lab.example")])
_NO_SIGNING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)

KINDS: tuple[Kind, ...] = (
    _under_issuing("valid", "valid"),
    _deep,
    _root_issued,
    _root_sent,
    _wrong_order,
    _superfluous,
    _alone("self_signed", "self_signed"),
    _alone("self_signed_authority", "self_signed", AUTHORITY),
    _alone("self_signed_expired", "self_signed", _EXPIRED),
    _under_issuing("expired", "expired", _EXPIRED),
    _under_issuing("not_yet_valid", "not_yet_valid", Terms(since=NEXT_MONTH)),
    _under_odd_authority("expired_authority", "expired", "old one", replace(AUTHORITY, until=LAST_MONTH)),
    _broken,
    _broken_for_good,
    _untrusted_root,
    _bad_signature,
    _bad_signature_above,
    _under_issuing("weak_key", "weak_key", Terms(rsa_bits=1_024)),
    _under_issuing("weak_curve", "weak_key", Terms(curve=ec.SECP192R1())),
    _under_odd_authority("weak_authority", "weak_key", "small one", replace(AUTHORITY, rsa_bits=1_024)),
    _weak_signature,
    _under_issuing("weak_and_expired", "expired", Terms(rsa_bits=1_024, until=LAST_MONTH)),
    _issued_by_a_leaf,
    _too_deep,
    _under_issuing("unknown_extension", "other", Terms(extension=_UNKNOWN)),
    _under_odd_authority("not_for_signing", "other", "mute one", replace(AUTHORITY, extension=_NO_SIGNING)),
    _under_odd_authority("elsewhere_only", "other", "foreign one", replace(AUTHORITY, extension=_ELSEWHERE)),
    _unreadable,
)
"""Every kind of chain, in the order in which `lab_chains` makes them."""
