"""Canonical keys: the same key is the same bytes whatever showed it."""

import base64
import re
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire import der
from mailcensus.wire.curves import CURVES
from mailcensus.wire.keys import canonical_spki, describe_key, spki_from_ssh_blob, spki_sha256
from mailcensus.wire.ssh.packet import write_mpint, write_string

DATA = Path(__file__).parent / "data" / "badkeys"

RSA = rsa.generate_private_key(65537, 2048).public_key()
RSA_SMALL = rsa.generate_private_key(3, 1024).public_key()
DSA = dsa.generate_private_key(1024).public_key()
P256 = ec.generate_private_key(ec.SECP256R1()).public_key()
P521 = ec.generate_private_key(ec.SECP521R1()).public_key()
ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()
ED448 = ed448.Ed448PrivateKey.generate().public_key()

PLAIN = [
    (RSA, "rsa", 2048, None),
    (RSA_SMALL, "rsa", 1024, None),
    (rsa.generate_private_key(65537, 4096).public_key(), "rsa", 4096, None),
    (DSA, "dsa", 1024, None),
    (P256, "ecdsa", 256, "secp256r1"),
    (ec.generate_private_key(ec.SECP384R1()).public_key(), "ecdsa", 384, "secp384r1"),
    (P521, "ecdsa", 521, "secp521r1"),
    (ec.generate_private_key(ec.SECP192R1()).public_key(), "ecdsa", 192, "secp192r1"),
    (ec.generate_private_key(ec.SECP256K1()).public_key(), "ecdsa", 256, "secp256k1"),
    (ec.generate_private_key(ec.BrainpoolP384R1()).public_key(), "ecdsa", 384, "brainpoolP384r1"),
    (ED25519, "ed25519", 256, None),
    (ED448, "ed448", 456, None),
    (x25519.X25519PrivateKey.generate().public_key(), "x25519", 256, None),
    (x448.X448PrivateKey.generate().public_key(), "x448", 448, None),
]


def spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def ssh_blob(key: object) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DSA
        line: bytes = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def pem(name: str) -> bytes:
    found = re.search(r"-----BEGIN [A-Z ]+-----(.*?)-----END", (DATA / name).read_text(), re.DOTALL)
    assert found
    return base64.b64decode(found[1])


@pytest.mark.parametrize(("key", "algorithm", "bits", "curve"), PLAIN)
def test_a_key_as_cryptography_writes_it_is_canonical_and_described(
    key: object, algorithm: str, bits: int, curve: str | None
) -> None:
    encoded = spki(key)
    assert canonical_spki(encoded) == encoded
    record = describe_key(encoded)
    assert (record.algorithm, record.bits, record.curve) == (algorithm, bits, curve)
    assert record.spki_sha256 == spki_sha256(encoded)
    assert record.spki_der == encoded


@pytest.mark.parametrize("key", [RSA, RSA_SMALL, DSA, P256, P521, ED25519])
def test_an_ssh_key_and_a_tls_key_meet(key: object) -> None:
    assert spki_from_ssh_blob(ssh_blob(key)) == spki(key)


def rsa_spki(oid: str, parameters: str, modulus: bytes, exponent: bytes) -> bytes:
    algorithm = der.write(der.SEQUENCE, der.write(der.OID, bytes.fromhex(oid)), bytes.fromhex(parameters))
    key = der.write(der.SEQUENCE, der.write(der.INTEGER, modulus), der.write(der.INTEGER, exponent))
    return der.write(der.SEQUENCE, algorithm, der.write_bit_string(key))


@pytest.mark.parametrize(
    ("oid", "parameters"),
    [
        ("2a864886f70d010101", ""),
        ("2a864886f70d010101", "0500"),
        ("2a864886f70d01010a", ""),
        ("2a864886f70d01010a", "3000"),
        ("2a864886f70d010107", "3000"),
        ("55080101", "02020800"),
    ],
)
@pytest.mark.parametrize("leading", ["", "00", "0000"])
def test_every_way_to_write_an_rsa_key_comes_to_the_same(oid: str, parameters: str, leading: str) -> None:
    modulus = RSA.public_numbers().n.to_bytes(256, "big")
    odd = rsa_spki(oid, parameters, bytes.fromhex(leading) + modulus, bytes.fromhex(leading + "010001"))
    assert canonical_spki(odd) == spki(RSA)


def ec_spki(key: ec.EllipticCurvePublicKey, point: bytes) -> bytes:
    encoded = spki(key)
    algorithm, _point = der.children(encoded, der.whole(encoded, der.SEQUENCE))
    return der.write(der.SEQUENCE, encoded[algorithm.at : algorithm.stop], der.write_bit_string(point))


@pytest.mark.parametrize("key", [P256, P521])
def test_compressed_and_hybrid_points_come_to_the_uncompressed_one(key: ec.EllipticCurvePublicKey) -> None:
    compressed = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    plain = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    hybrid = bytes([6 + plain[-1] % 2]) + plain[1:]
    assert canonical_spki(ec_spki(key, compressed)) == spki(key)
    assert canonical_spki(ec_spki(key, hybrid)) == spki(key)


def test_a_compressed_point_that_is_on_no_curve_is_left_as_it_is() -> None:
    odd = ec_spki(P256, b"\2" + b"\xff" * 32)
    assert canonical_spki(odd) == odd


def test_explicit_curve_parameters_come_to_the_curves_name() -> None:
    canonical = canonical_spki(pem("ecdsa-explicit-pub.key"))
    assert describe_key(canonical).curve == "secp256r1"
    assert canonical_spki(canonical) == canonical


def test_another_base_point_is_another_curve() -> None:
    explicit = pem("ecdsa-explicit-pub.key")
    base_x = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f2")
    assert base_x in explicit
    forged = explicit.replace(base_x, b"\x6c" + base_x[1:])
    assert canonical_spki(forged) == forged
    assert describe_key(forged).algorithm == "ecdsa"


def test_id_ecdh_restricts_the_use_and_not_the_key() -> None:
    restricted = spki(P256).replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06052b8104010c"))
    restricted = restricted.replace(bytes.fromhex("30593013"), bytes.fromhex("30573011"))
    assert canonical_spki(restricted) == spki(P256)


def test_null_parameters_of_an_edwards_key_are_dropped() -> None:
    raw = spki(ED25519)[-32:]
    algorithm = der.write(der.SEQUENCE, der.write(der.OID, bytes.fromhex("2b6570")), der.write(der.NULL))
    assert canonical_spki(der.write(der.SEQUENCE, algorithm, der.write_bit_string(raw))) == spki(ED25519)


def test_a_dsa_key_without_parameters_stays_without() -> None:
    y = der.write_integer(DSA.public_numbers().y)
    algorithm = der.write(der.SEQUENCE, der.write(der.OID, bytes.fromhex("2a8648ce380401")))
    inherited = der.write(der.SEQUENCE, algorithm, der.write_bit_string(y))
    assert canonical_spki(inherited) == inherited
    assert describe_key(inherited).algorithm == "dsa"
    assert describe_key(inherited).bits is None


ODD = [
    ("unsupported/sm2", "sm2-pub.key", "ecdsa", 256, "sm2p256v1"),
    ("post-quantum", "slhdsa.key", "slh-dsa-sha2-128s", None, None),
    ("Diffie-Hellman", "dh-ok.key", "1.2.840.113549.1.3.1", None, None),
    ("X448", "x448-ok.key", "x448", 448, None),
]


@pytest.mark.parametrize(("_what", "name", "algorithm", "bits", "curve"), ODD)
def test_odd_keys_get_a_name_too(
    _what: str, name: str, algorithm: str, bits: int | None, curve: str | None
) -> None:
    canonical = canonical_spki(pem(name))
    record = describe_key(canonical)
    assert (record.algorithm, record.bits, record.curve) == (algorithm, bits, curve)
    assert canonical_spki(canonical) == canonical


def test_an_rsa_key_of_modulus_zero_has_no_bits() -> None:
    empty = canonical_spki(rsa_spki("2a864886f70d010101", "0500", b"", b""))
    assert empty == rsa_spki("2a864886f70d010101", "0500", b"\0", b"\0")
    assert describe_key(empty).bits == 0


def certificate_blob(algorithm: bytes, plain: bytes) -> bytes:
    """A host certificate's blob: type, nonce, the plain key's own fields, then the certificate's."""
    fields = plain[4 + int.from_bytes(plain[:4], "big") :]
    return write_string(algorithm) + write_string(b"nonce" * 6) + fields + b"\0" * 40


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        (b"ssh-rsa-cert-v01@openssh.com", RSA),
        (b"ssh-dss-cert-v01@openssh.com", DSA),
        (b"ecdsa-sha2-nistp256-cert-v01@openssh.com", P256),
        (b"ssh-ed25519-cert-v01@openssh.com", ED25519),
        (b"sk-ssh-ed25519-cert-v01@openssh.com", ED25519),
        (b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", P256),
    ],
)
def test_a_host_certificate_is_reduced_to_its_plain_key(algorithm: bytes, key: object) -> None:
    assert spki_from_ssh_blob(certificate_blob(algorithm, ssh_blob(key))) == spki(key)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [(b"sk-ssh-ed25519@openssh.com", ED25519), (b"sk-ecdsa-sha2-nistp256@openssh.com", P256)],
)
def test_a_security_key_is_reduced_to_its_plain_key(algorithm: bytes, key: object) -> None:
    plain = ssh_blob(key)
    fields = plain[4 + int.from_bytes(plain[:4], "big") :]
    blob = write_string(algorithm) + fields + write_string(b"ssh:")
    assert spki_from_ssh_blob(blob) == spki(key)


def test_an_ed448_host_key_meets_its_tls_form() -> None:
    raw = ED448.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert spki_from_ssh_blob(write_string(b"ssh-ed448") + write_string(raw)) == spki(ED448)


def test_an_ssh_modulus_without_its_sign_octet_is_the_same_key() -> None:
    numbers = RSA.public_numbers()
    blob = write_string(b"ssh-rsa") + write_mpint(numbers.e) + write_string(numbers.n.to_bytes(256, "big"))
    assert spki_from_ssh_blob(blob) == spki(RSA)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0\0\0\7ssh-rsa",
        write_string(b"ssh-mldsa65") + write_string(b"x" * 1952),
        write_string(b"ssh-ed25519") + write_string(b"x" * 31),
        write_string(b"ecdsa-sha2-nistp256") + write_string(b"nistp999") + write_string(b"\4" + b"x" * 64),
    ],
)
def test_a_blob_without_a_canonical_form_gives_none(blob: bytes) -> None:
    assert spki_from_ssh_blob(blob) is None


def test_curves_have_names_and_parameters_of_their_own() -> None:
    for attribute in ("oid", "name", "digest"):
        assert len({getattr(curve, attribute) for curve in CURVES}) == len(CURVES)


SAMPLES = [spki(key) for key, *_ in PLAIN] + [pem(name) for _what, name, *_ in ODD]


@given(st.binary(max_size=200))
def test_any_bytes_have_a_canonical_form_and_a_description(data: bytes) -> None:
    canonical = canonical_spki(data)
    assert canonical_spki(canonical) == canonical
    assert describe_key(canonical).spki_sha256 == spki_sha256(canonical)


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_key_has_a_canonical_form_and_a_description(sample: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    canonical = canonical_spki(bytes(damaged))
    assert canonical_spki(canonical) == canonical
    describe_key(canonical)


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_a_key_cut_anywhere_is_left_as_it_is(sample: bytes) -> None:
    for length in range(len(sample)):
        assert canonical_spki(sample[:length]) == sample[:length]


@given(st.binary(max_size=200))
def test_any_bytes_are_an_ssh_key_or_none(data: bytes) -> None:
    spki_from_ssh_blob(data)


@given(
    st.sampled_from([ssh_blob(key) for key in (RSA_SMALL, DSA, P256, ED25519)]),
    st.integers(0, 700),
    st.integers(0, 255),
)
def test_a_damaged_ssh_key_is_a_key_or_none(blob: bytes, at: int, octet: int) -> None:
    at %= len(blob)
    spki_from_ssh_blob(blob[:at] + bytes([octet]) + blob[at + 1 :])
    spki_from_ssh_blob(blob[:at])
