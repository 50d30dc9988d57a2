"""Policies, validation and path length, as `cryptography` writes them."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mailcensus.wire.certificates import parse_certificate

KEY = ec.generate_private_key(ec.SECP256R1())
DV, OV, EV, OWN = "2.23.140.1.2.1", "2.23.140.1.2.2", "2.23.140.1.1", "1.3.6.1.4.1.44947.1.1.1"


def certificate(*extensions: x509.ExtensionType) -> bytes:
    name = x509.Name([])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(
        name, name, KEY.public_key(), 1, start, start + datetime.timedelta(days=1)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def policies(*oids: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), ["https://cps.example/"]) for oid in oids]
    )


@pytest.mark.parametrize(
    ("oids", "validation"),
    [((DV,), "dv"), ((OWN, OV), "ov"), ((EV, DV), "ev"), ((OWN,), None)],
)
def test_policies_tell_how_the_holder_was_validated(oids: tuple[str, ...], validation: str | None) -> None:
    record = parse_certificate(certificate(policies(*oids)))
    assert (record.policies, record.validation, record.parse_status) == (oids, validation, "ok")


def test_absent_is_null() -> None:
    record = parse_certificate(certificate())
    assert (record.policies, record.validation, record.is_ca, record.path_length) == (None, None, None, None)


@pytest.mark.parametrize(("is_ca", "length"), [(True, 3), (True, None), (False, None)])
def test_basic_constraints_are_flag_and_length(is_ca: bool, length: int | None) -> None:
    record = parse_certificate(certificate(x509.BasicConstraints(is_ca, length)))
    assert (record.is_ca, record.path_length) == (is_ca, length)


def test_a_malformed_policy_costs_the_policies_alone() -> None:
    wrong = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.32"), b"\x30\x03\x30\x01\x05")
    record = parse_certificate(certificate(wrong, x509.BasicConstraints(True, 1)))
    assert record.policies is None
    assert "policies" in record.parse_status
    assert record.path_length == 1
