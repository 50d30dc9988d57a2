"""DANE: what TLSA records say of chains."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailcensus.facts.tlsa import TlsaRecord, tlsa_verdict
from mailcensus.lab.pki import AT, LAST_MONTH, LabAuthorities, Terms

WORLD = LabAuthorities()
ROOT = WORLD.root("private root")
ISSUING = WORLD.authority("private authority", ROOT)
LEAF = WORLD.leaf("mx.example", ISSUING)
OLD = WORLD.leaf("mx.example", ISSUING, Terms(until=LAST_MONTH))
ALONE = WORLD.leaf("mx.example", None)


def key_of(der: bytes) -> bytes:
    key = x509.load_der_x509_certificate(der).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def record(usage: int, selector: int, matching_type: int, der: bytes) -> TlsaRecord:
    selected = key_of(der) if selector else der
    digest = {
        0: lambda b: b,
        1: lambda b: hashlib.sha256(b).digest(),
        2: lambda b: hashlib.sha512(b).digest(),
    }
    return TlsaRecord(usage, selector, matching_type, digest[matching_type](selected))


def said(chain: tuple[bytes, ...], *records: TlsaRecord, **more: object) -> str:
    told = {"names": ("mx.example",), "sans": ("mx.example",), **more}
    return tlsa_verdict(chain, records, at=AT, **told).status  # type: ignore[arg-type]


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
def test_a_leaf_matches_whatever_its_issuer_name_and_time(selector: int, matching_type: int) -> None:
    for leaf in (LEAF, OLD, ALONE):
        assert said((leaf,), record(3, selector, matching_type, leaf), names=()) == "match"
    assert said((LEAF,), record(3, 0, matching_type, ALONE)) == "no_match"


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
def test_an_anchor_that_was_sent_needs_a_chain_and_a_name(selector: int, matching_type: int) -> None:
    anchor = record(2, selector, matching_type, ISSUING.der)
    assert said((LEAF, ISSUING.der), anchor) == "match"
    assert said((LEAF, ISSUING.der), anchor, names=("other.example",)) == "name_mismatch"
    assert said((OLD, ISSUING.der), anchor) == "invalid"
    assert said((LEAF, ISSUING.der, ROOT.der), record(2, selector, matching_type, ROOT.der)) == "match"


def test_an_anchor_that_was_not_sent_serves_where_the_record_holds_it_whole() -> None:
    assert said((LEAF,), record(2, 0, 0, ISSUING.der)) == "match"
    assert said((LEAF,), record(2, 0, 1, ISSUING.der)) == "no_match"


def test_usages_of_public_authorities_are_unusable_between_mail_servers() -> None:
    path = tuple(hashlib.sha256(der).hexdigest() for der in (LEAF, ISSUING.der, ROOT.der))
    for usage, certificate in ((0, ISSUING.der), (1, LEAF)):
        wanted = record(usage, 0, 1, certificate)
        assert said((LEAF, ISSUING.der), wanted) == "unusable"
        assert said((LEAF, ISSUING.der), wanted, pkix_usages=True, pkix_path=path) == "match"
    assert said((LEAF, ISSUING.der), record(1, 0, 1, LEAF), pkix_usages=True) == "invalid"


def test_the_best_record_counts_and_malformed_ones_do_not() -> None:
    verdict = tlsa_verdict((LEAF,), [TlsaRecord(3, 0, 1, b"short"), record(3, 1, 1, LEAF)], at=AT)
    assert (verdict.status, verdict.record) == ("match", 1)
    assert said((LEAF,), TlsaRecord(3, 0, 1, b"short"), TlsaRecord(9, 0, 0, LEAF)) == "unusable"
    assert said((LEAF,)) == "none"
    assert said((b"what is this",), record(3, 0, 1, LEAF)) == "no_match"
