"""Classes, kinds and names of the posture tables, by value."""

import pytest

from mailcensus.analysis.posture.ciphers import CipherClass, class_of
from mailcensus.analysis.posture.issuers import organisation_of
from mailcensus.analysis.posture.key_exchange import GroupKind, kind_of
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.model import fields_of
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TLS_AES_256_GCM_SHA384", CipherClass.ECDHE),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherClass.ECDHE),
        ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", CipherClass.RC4),
        ("TLS_ECDHE_RSA_WITH_NULL_SHA", CipherClass.NULL_EXPORT),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", CipherClass.NULL_EXPORT),
        ("TLS_DH_anon_WITH_AES_128_CBC_SHA", CipherClass.NULL_EXPORT),
        ("TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", CipherClass.TRIPLE_DES),
        ("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", CipherClass.DHE),
        ("TLS_DH_RSA_WITH_AES_128_CBC_SHA", CipherClass.AES_WITHOUT_PFS),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", CipherClass.AES_WITHOUT_PFS),
        ("TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", CipherClass.OTHER),
        ("TLS_RSA_WITH_DES_CBC_SHA", CipherClass.OTHER),
    ],
)
def test_a_suite_is_in_the_first_class_that_fits(name: str, expected: CipherClass) -> None:
    (code,) = (code for code, known in CIPHER_SUITES.items() if known == name)
    assert class_of(code) is expected


def test_a_suite_without_a_name_is_of_no_class() -> None:
    assert class_of(0xFAFA) is CipherClass.OTHER


def test_groups_are_curves_fields_or_hybrids() -> None:
    kinds = {23: GroupKind.CURVE, 29: GroupKind.CURVE, 256: GroupKind.FIELD, 0x11EC: GroupKind.HYBRID}
    assert {group: kind_of(group) for group in kinds} == kinds


@pytest.mark.parametrize(
    ("issuer", "organisation"),
    [
        ("CN=R3,O=Let's Encrypt,C=US", "Let's Encrypt"),
        (r"CN=E1,O=Acme\, Inc.,C=US", "Acme, Inc."),
        (r"O=\c3\89cole", "École"),
        ("CN=a+O=b", "b"),
        ("CN=only", "CN=only"),
        (r"CN=x\,O=y", r"CN=x\,O=y"),
        ("", ""),
        (None, ""),
        ("O=\\", "\\"),
        (r"O=\ff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_the_organisation_of_an_issuer_is_read_from_its_name(issuer: str | None, organisation: str) -> None:
    assert organisation_of(issuer) == organisation


def test_every_caption_says_what_shares_are_of() -> None:
    for spec in POSTURE_TABLES:
        if any(field.name.endswith("share") for field in fields_of(spec.row)):
            assert "hare" in spec.caption, spec.name
