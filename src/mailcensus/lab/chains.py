"""Chains of every verdict, made by authorities of our own.

What each chain is good for follows from how it was made, with no verifier asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mailcensus.lab.pki import AUTHORITY, LAST_MONTH, NEXT_MONTH, SERVER, LabAuthorities, Signer, Terms

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


def lab_chains(authorities: LabAuthorities, count: int) -> Iterator[LabChain]:
    """Chains of every kind in turn, every one with a leaf of its own."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        yield kind(authorities, f"mx{number}.lab.example")


def broken_in(chain: bytes, distance_from_end: int = 9) -> bytes:
    """A certificate with another bit in its signature, which still reads as one."""
    at = len(chain) - distance_from_end
    return chain[:at] + bytes([chain[at] ^ 1]) + chain[at + 1 :]


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
