"""Certificates: what cryptography makes is read in full; what it refuses keeps its bytes and what can be read."""

import base64
import hashlib
import ipaddress
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.model import Certificate
from mailcensus.wire import der
from mailcensus.wire.certificates import SANS_KEPT, certificate_spki, parse_certificate
from mailcensus.wire.keys import canonical_spki, spki_sha256

DATA = Path(__file__).parent / "data" / "badkeys"
RSA = rsa.generate_private_key(65537, 1024)
OTHER_RSA = rsa.generate_private_key(65537, 1024)
SHA256 = hashes.SHA256()
EC = ec.generate_private_key(ec.SECP256R1())
SIGNERS = [
    (RSA, hashes.SHA256(), None, "sha256WithRSAEncryption", "rsa", 1024, None),
    (RSA, hashes.SHA256(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), "rsassaPss", "rsa", 1024, None),
    (RSA, hashes.SHA384(), padding.PSS(padding.MGF1(hashes.SHA384()), 20), "rsassaPss", "rsa", 1024, None),
    (EC, hashes.SHA256(), None, "ecdsa-with-SHA256", "ecdsa", 256, "secp256r1"),
    (
        ec.generate_private_key(ec.SECP521R1()),
        hashes.SHA512(),
        None,
        "ecdsa-with-SHA512",
        "ecdsa",
        521,
        "secp521r1",
    ),
    (
        ec.generate_private_key(ec.BrainpoolP256R1()),
        hashes.SHA384(),
        None,
        "ecdsa-with-SHA384",
        "ecdsa",
        256,
        "brainpoolP256r1",
    ),
    (dsa.generate_private_key(1024), hashes.SHA256(), None, "dsa_with_SHA256", "dsa", 1024, None),
    (ed25519.Ed25519PrivateKey.generate(), None, None, "ED25519", "ed25519", 256, None),
    (ed448.Ed448PrivateKey.generate(), None, None, "ED448", "ed448", 456, None),
]


def name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A, B + C"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def make(
    key=RSA,
    digest=SHA256,
    pss=None,
    *,
    signer=None,
    subject="mx.example",
    issuer="mx.example",
    sans=(),
    ca=None,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(0xABCDEF)
        .not_valid_before(datetime(2020, 2, 29, 12, 30, 15, tzinfo=UTC))
        .not_valid_after(datetime(2051, 1, 1, tzinfo=UTC))
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    certificate = builder.sign(signer or key, digest, rsa_padding=pss)
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(file: str) -> bytes:
    found = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END", (DATA / file).read_text(), re.DOTALL)
    assert found
    return base64.b64decode(found[1])


def spki_of(data: bytes) -> bytes:
    key = x509.load_der_x509_certificate(data).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(("key", "digest", "pss", "signature", "algorithm", "bits", "curve"), SIGNERS)
def test_a_self_signed_certificate_of_every_kind_is_read_and_verified(
    key, digest, pss, signature, algorithm, bits, curve
) -> None:
    data = make(key, digest, pss)
    assert certificate_spki(data) == spki_of(data)
    assert parse_certificate(data) == Certificate(
        sha256=hashlib.sha256(data).hexdigest(),
        der=data,
        spki_sha256=spki_sha256(spki_of(data)),
        subject="CN=mx.example,O=A\\, B \\+ C,C=IE",
        issuer="CN=mx.example,O=A\\, B \\+ C,C=IE",
        common_name="mx.example",
        not_before=datetime(2020, 2, 29, 12, 30, 15, tzinfo=UTC),
        not_after=datetime(2051, 1, 1, tzinfo=UTC),
        serial="abcdef",
        signature_algorithm=signature,
        key_algorithm=algorithm,
        key_bits=bits,
        curve=curve,
        self_issued=True,
        self_signed=True,
    )


def test_a_certificate_signed_by_another_key_is_not_self_signed_whatever_its_names_say() -> None:
    record = parse_certificate(make(signer=OTHER_RSA))
    assert (record.self_issued, record.self_signed) == (True, False)
    record = parse_certificate(make(signer=EC, issuer="ca.example"))
    assert (record.self_issued, record.self_signed) == (False, False)


def test_a_certificate_that_signs_itself_under_another_name_is_self_signed() -> None:
    record = parse_certificate(make(issuer="appliance CA"))
    assert (record.self_issued, record.self_signed) == (False, True)


def test_alternative_names_are_dns_and_ip_capped_and_counted() -> None:
    sans = [
        x509.DNSName("mx.example"),
        x509.RFC822Name("postmaster@example"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    ]
    record = parse_certificate(make(sans=sans))
    assert record.sans == ("mx.example", "192.0.2.1", "2001:db8::1")
    assert record.sans_count == 3
    record = parse_certificate(make(sans=[x509.DNSName(f"h{n}.example") for n in range(150)]))
    assert record.sans is not None
    assert (len(record.sans), record.sans_count, record.parse_status) == (SANS_KEPT, 150, "ok")


@pytest.mark.parametrize("ca", [True, False, None])
def test_basic_constraints_say_ca_or_not_or_are_absent(ca: bool | None) -> None:
    assert parse_certificate(make(ca=ca)).is_ca is ca


def replace_once(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    assert data.count(old) >= 1
    return data.replace(old, new, 1)


SERIAL = bytes.fromhex("020400abcdef")
NOT_BEFORE = b"\x17\x0d200229123015Z"
ODD = [
    # what is odd, octets replaced, their replacement, column, its value, status
    ("a negative serial", SERIAL, bytes.fromhex("0204ffabcdef"), "serial", "-543211", "ok"),
    ("a serial of zero", SERIAL, bytes.fromhex("020400000000"), "serial", "0", "ok"),
    (
        "the thirtieth of February",
        NOT_BEFORE,
        b"\x17\x0d200230123015Z",
        "not_before",
        None,
        "not_before: a date that no calendar has",
    ),
    (
        "a time that is text",
        NOT_BEFORE,
        b"\x17\x0d2O0229123015Z",
        "not_before",
        None,
        "not_before: not written",
    ),
    (
        "a time of another type",
        NOT_BEFORE,
        b"\x0c\x0d200229123015Z",
        "not_before",
        None,
        "not_before: not a time",
    ),
    (
        "a name that is not UTF-8",
        b"\x0c\x0amx.example",
        b"\x0c\x0amx\xff\xfexample",
        "issuer",
        "CN=mx\\\\xff\\\\xfexample,O=A\\, B \\+ C,C=IE",
        "issuer: a string not in its encoding",
    ),
    (
        "control characters in a name",
        b"\x0c\x0amx.example",
        b"\x0c\x0amx\x00\x1b[31m\r\n",
        "issuer",
        "CN=mx\\00\x1b[31m\r\n,O=A\\, B \\+ C,C=IE",
        "ok",
    ),
    (
        "a name of unknown string type",
        b"\x0c\x0amx.example",
        b"\x04\x0amx.example",
        "issuer",
        "CN=#040a6d782e6578616d706c65,O=A\\, B \\+ C,C=IE",
        "ok",
    ),
    ("no name at all", b"\x13\x02IE", b"\x13\x7fIE", "issuer", None, "issuer: DER: cut short"),
    (
        "version 9",
        b"\xa0\x03\x02\x01\x02",
        b"\xa0\x03\x02\x01\x08",
        "serial",
        "abcdef",
        "version: not 1, 2 or 3",
    ),
]


@pytest.mark.parametrize(("_what", "old", "new", "column", "value", "status"), ODD)
def test_what_is_wrong_in_one_field_costs_that_field_alone(_what, old, new, column, value, status) -> None:
    sound = make()
    data = replace_once(sound, old, new)
    record = parse_certificate(data)
    assert getattr(record, column) == value
    assert record.parse_status.startswith(status)
    assert record.der == data
    assert record.spki_sha256 == spki_sha256(spki_of(sound))
    assert record.key_bits == 1024
    assert record.self_signed is False


def test_signature_algorithms_without_a_name_are_written_with_dots() -> None:
    oid = bytes.fromhex("06092a864886f70d01010b")
    data = make().replace(oid, bytes.fromhex("06092a864886f70d01017f"))
    record = parse_certificate(data)
    assert record.signature_algorithm == "1.2.840.113549.1.1.127"
    assert record.self_signed is None


def test_what_follows_a_certificate_is_noted() -> None:
    assert parse_certificate(make() + b"\0").parse_status == "certificate: something follows it"


BADKEYS = [
    ("mldsa65-cert.crt", "ml-dsa-65", None, None, "ok"),
    ("rsa-fermat.crt", "rsa", 2048, True, "ok"),
    ("gost.crt", "1.2.643.7.1.1.1.1", None, None, "ok"),
    ("invalidver.crt", "ecdsa", 256, False, "version: not 1, 2 or 3"),
]


@pytest.mark.parametrize(("file", "algorithm", "bits", "self_signed", "status"), BADKEYS)
def test_certificates_that_libraries_refuse_are_read(file, algorithm, bits, self_signed, status) -> None:
    record = parse_certificate(pem(file))
    assert record.key_algorithm == algorithm
    assert record.key_bits == bits
    assert record.self_signed is self_signed
    assert record.parse_status == status
    assert record.spki_sha256 is not None


def test_what_is_no_certificate_keeps_its_bytes() -> None:
    record = parse_certificate(b"hello")
    assert record.der == b"hello"
    assert record.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert record.parse_status.startswith("certificate: DER")
    assert certificate_spki(b"hello") is None


SAMPLES = [make(*signer[:3], sans=[x509.DNSName("a.example")], ca=True) for signer in SIGNERS]
SAMPLES += [pem(file) for file, *_ in BADKEYS]


@given(st.binary(max_size=500))
def test_any_bytes_give_a_record(data: bytes) -> None:
    assert parse_certificate(data).der == data


@settings(max_examples=300)
@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_certificate_gives_a_record_whose_key_is_the_walks(
    sample: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    record = parse_certificate(bytes(damaged))
    walked = certificate_spki(bytes(damaged))
    assert record.spki_sha256 == (spki_sha256(walked) if walked is not None else None)
    for text in (record.subject, record.issuer, record.common_name, *(record.sans or ())):
        (text or "").encode()  # what a dataset writes is UTF-8


@pytest.mark.parametrize("sample", SAMPLES[:4])
def test_a_certificate_cut_anywhere_gives_a_record(sample: bytes) -> None:
    for length in range(len(sample)):
        assert parse_certificate(sample[:length]).parse_status != "ok"


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=1, max_size=4))
def test_names_read_as_cryptography_reads_them(texts: list[str]) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text) for text in texts])
    tbs_name = subject.public_bytes()
    record = parse_certificate(with_name(tbs_name))
    assert record.subject == subject.rfc4514_string()
    assert record.common_name == texts[-1]


def with_name(encoded: bytes) -> bytes:
    """A certificate with this subject and a signature of something else."""
    return with_field(5, encoded)


def with_field(number: int, encoded: bytes) -> bytes:
    """A certificate of which one field is replaced, and the signature is not."""
    sound = make()
    certificate = der.whole(sound, der.SEQUENCE)
    tbs, *others = der.children(sound, certificate)
    fields = [sound[field.at : field.stop] for field in der.children(sound, tbs)]
    fields[number] = encoded
    return der.write(
        der.SEQUENCE, der.write(der.SEQUENCE, *fields), *(sound[other.at : other.stop] for other in others)
    )


def test_the_canonical_key_of_a_certificate_is_found_without_reading_the_rest() -> None:
    data = make()
    assert certificate_spki(data) == canonical_spki(spki_of(data))


@pytest.mark.parametrize(("modulus_bits", "exponent_bits"), [(20_000, 17), (4096, 100)])
def test_a_signature_too_costly_to_check_is_not_called_wrong(modulus_bits: int, exponent_bits: int) -> None:
    key = rsa_spki((1 << modulus_bits) - 1, (1 << exponent_bits) - 1)
    record = parse_certificate(with_field(6, key))
    assert (record.key_bits, record.self_signed) == (modulus_bits, None)


def rsa_spki(modulus: int, exponent: int) -> bytes:
    algorithm = der.write(der.SEQUENCE, bytes.fromhex("06092a864886f70d010101"), der.write(der.NULL))
    key = der.write(der.SEQUENCE, der.write_integer(modulus), der.write_integer(exponent))
    return der.write(der.SEQUENCE, algorithm, der.write_bit_string(key))
