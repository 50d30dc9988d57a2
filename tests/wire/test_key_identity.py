"""One key, one name: the same key in every form that a server may show it in.

The forms are made by others where they can: OpenSSL writes compressed points and explicit parameters, ssh-keygen
turns SSH keys into SPKI and back, `cryptography` puts keys into certificates.
"""

import base64
import subprocess
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.wire import der
from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.keys import canonical_spki, describe_key, spki_from_ssh_blob, spki_sha256
from mailcensus.wire.ssh.packet import write_mpint, write_string

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo

KEYS = {
    "rsa-1024": rsa.generate_private_key(65537, 1024),
    "rsa-2048-e3": rsa.generate_private_key(3, 2048),
    "rsa-2048": rsa.generate_private_key(65537, 2048),
    "dsa-1024": dsa.generate_private_key(1024),
    "secp192r1": ec.generate_private_key(ec.SECP192R1()),
    "secp224r1": ec.generate_private_key(ec.SECP224R1()),
    "secp256r1": ec.generate_private_key(ec.SECP256R1()),
    "secp384r1": ec.generate_private_key(ec.SECP384R1()),
    "secp521r1": ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "brainpoolP256r1": ec.generate_private_key(ec.BrainpoolP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
}
ALGORITHMS = {name: name for name in ("rsa", "dsa", "ed25519", "ed448")}
OID = {
    "rsa": bytes.fromhex("2a864886f70d010101"),
    "oaep": bytes.fromhex("2a864886f70d010107"),
    "pss": bytes.fromhex("2a864886f70d01010a"),
    "x509-rsa": bytes.fromhex("55080101"),
    "ecdh": bytes.fromhex("2b8104010c"),
    "dsa": bytes.fromhex("2a8648ce380401"),
    "dsa-oiw": bytes.fromhex("2b0e03020c"),
}
NULL = der.write(der.NULL)


def spki(key: object) -> bytes:
    encoded: bytes = key.public_key().public_bytes(DER, SPKI)
    return encoded


def sequence(*parts: bytes) -> bytes:
    return der.write(der.SEQUENCE, *parts)


def integer(octets: bytes) -> bytes:
    return der.write(der.INTEGER, octets)


def made(algorithm: bytes, parameters: bytes, key: bytes) -> bytes:
    return sequence(sequence(der.write(der.OID, algorithm), parameters), der.write_bit_string(key))


def octets(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def rsa_forms(key: rsa.RSAPrivateKey) -> Iterator[bytes]:
    """Every algorithm that carries an RSA key, NULL or absent parameters, restrictions, padded integers."""
    numbers = key.public_key().public_numbers()
    n, e = octets(numbers.n), octets(numbers.e)
    sha256 = sequence(der.write(der.OID, bytes.fromhex("608648016503040201")))
    restricted = sequence(der.write(0xA0, sha256), der.write(0xA2, der.write(der.INTEGER, b"\x20")))
    for padding in (b"", b"\0"):
        plain = sequence(integer(padding + n), integer(padding + e))
        for parameters in (NULL, b""):
            yield from (made(OID[name], parameters, plain) for name in ("rsa", "pss", "oaep", "x509-rsa"))
        yield made(OID["pss"], restricted, plain)
        yield made(OID["x509-rsa"], integer(b"\x08\x00"), plain)
    yield made(OID["rsa"], NULL, sequence(integer(n.lstrip(b"\0")), integer(e)))  # no sign octet


def dsa_forms(key: dsa.DSAPrivateKey) -> Iterator[bytes]:
    numbers = key.public_key().public_numbers()
    group = numbers.parameter_numbers
    for padding in (b"", b"\0"):
        parameters = sequence(*(integer(padding + octets(part)) for part in (group.p, group.q, group.g)))
        for name in ("dsa", "dsa-oiw"):
            yield made(OID[name], parameters, integer(padding + octets(numbers.y)))


def ec_forms(key: ec.EllipticCurvePrivateKey) -> Iterator[bytes]:
    """Points in each form, for ECDSA and restricted to ECDH; by OpenSSL with the curve spelt out too."""
    encoded = spki(key)
    algorithm, _ = der.children(encoded, der.whole(encoded, der.SEQUENCE))
    identifier = encoded[algorithm.at : algorithm.stop]
    curve = der.children(identifier, der.whole(identifier, der.SEQUENCE))[1]
    points = serialization.PublicFormat.CompressedPoint, serialization.PublicFormat.UncompressedPoint
    short, plain = (key.public_key().public_bytes(serialization.Encoding.X962, form) for form in points)
    for point in (short, plain, bytes([6 + plain[-1] % 2]) + plain[1:]):
        yield sequence(identifier, der.write_bit_string(point))
        yield made(OID["ecdh"], identifier[curve.at : curve.stop], point)
    for form in ("compressed", "uncompressed", "hybrid"):
        for parameters in ("named_curve", "explicit"):
            yield openssl(["ec", "-param_enc", parameters, "-conv_form", form], encoded)


def edwards_forms(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> Iterator[bytes]:
    encoded = spki(key)
    algorithm, raw = der.children(encoded, der.whole(encoded, der.SEQUENCE))
    (oid,) = der.children(encoded, algorithm)
    yield made(der.content(encoded, oid), NULL, der.bit_string(encoded, raw))


def openssl(command: list[str], spki_der: bytes) -> bytes:
    arguments = ["openssl", *command, "-pubin", "-inform", "DER", "-outform", "DER", "-pubout"]
    return subprocess.run(
        arguments, input=spki_der, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    ).stdout


def certified(key: object) -> bytes:
    """The key as a certificate holds it."""
    name = x509.Name([])
    signer = KEYS["secp256r1"]
    now = datetime(2026, 11, 22, tzinfo=UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now).sign(signer, hashes.SHA256())
    found = certificate_spki(built.public_bytes(DER))
    assert found is not None
    return found


def forms(key: object) -> Iterator[bytes]:
    """Every way to write a key as SubjectPublicKeyInfo."""
    yield spki(key)
    yield openssl(["pkey"], spki(key))
    yield certified(key)
    if isinstance(key, rsa.RSAPrivateKey):
        yield from rsa_forms(key)
    elif isinstance(key, dsa.DSAPrivateKey):
        yield from dsa_forms(key)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        yield from ec_forms(key)
    elif isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        yield from edwards_forms(key)


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("name", list(KEYS))
def test_a_key_has_one_name_in_every_form(name: str) -> None:
    key = KEYS[name]
    written = list(forms(key))
    assert len(set(written)) > 1
    assert {canonical_spki(form) for form in written} == {spki(key)}
    assert describe_key(spki(key)).algorithm == ALGORITHMS.get(name.split("-")[0], "ecdsa")


@pytest.mark.parametrize("name", ["rsa-1024", "rsa-2048-e3", "rsa-2048", "dsa-1024", "ed25519"])
def test_an_ssh_blob_is_the_same_key(name: str) -> None:
    assert spki_from_ssh_blob(ssh_blob(KEYS[name])) == spki(KEYS[name])


@pytest.mark.parametrize("name", ["secp256r1", "secp384r1", "secp521r1"])
def test_an_ssh_blob_with_a_compressed_point_is_the_same_key(name: str) -> None:
    key = KEYS[name].public_key()
    curve = f"nistp{key.curve.key_size}".encode()
    short = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    blob = write_string(b"ecdsa-sha2-" + curve) + write_string(curve) + write_string(short)
    assert spki_from_ssh_blob(blob) == spki_from_ssh_blob(ssh_blob(KEYS[name])) == spki(KEYS[name])


def ssh_blob(key: object) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DSA
        openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        line: bytes = key.public_key().public_bytes(*openssh)
    return base64.b64decode(line.split()[1])


@pytest.mark.skipif(which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("name", ["rsa-2048", "secp256r1", "secp384r1", "secp521r1"])
def test_ssh_keygen_agrees_both_ways(name: str, tmp_path: Path) -> None:
    """It writes an SSH key as SPKI, and an SPKI as SSH key."""
    key, file = KEYS[name], tmp_path / "key.pub"
    file.write_bytes(key.public_key().public_bytes(PEM, SPKI))
    line = keygen("-i", file)
    assert spki_from_ssh_blob(base64.b64decode(line.split()[1])) == spki(key)
    file.write_text(line)
    pem = keygen("-e", file)
    assert canonical_spki(base64.b64decode("".join(pem.split("\n")[1:-2]))) == spki(key)


def keygen(direction: str, file: Path) -> str:
    command = ["ssh-keygen", direction, "-m", "PKCS8", "-f", str(file)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_a_dsa_key_that_inherits_its_parameters_is_not_the_one_that_has_them() -> None:
    """Which group it is in is not known, so nothing says that it is the same key."""
    (form, *_) = dsa_forms(KEYS["dsa-1024"])
    y = integer(octets(KEYS["dsa-1024"].public_key().public_numbers().y))
    inherited = [made(OID["dsa"], parameters, y) for parameters in (b"", NULL)]
    assert len({canonical_spki(key) for key in inherited}) == 1
    assert canonical_spki(inherited[0]) != canonical_spki(form)


POST_QUANTUM = [
    ("608648016503040311", "ml-dsa-44", 1312),
    ("608648016503040312", "ml-dsa-65", 1952),
    ("608648016503040313", "ml-dsa-87", 2592),
    ("608648016503040314", "slh-dsa-sha2-128s", 32),
    ("608648016503040315", "slh-dsa-sha2-128f", 32),
    ("608648016503040319", "slh-dsa-sha2-256f", 64),
    ("60864801650304031a", "slh-dsa-shake-128s", 32),
    ("60864801650304031f", "slh-dsa-shake-256f", 64),
    ("608648016503040401", "ml-kem-512", 800),
    ("608648016503040403", "ml-kem-1024", 1568),
]


@pytest.mark.parametrize(("oid", "name", "size"), POST_QUANTUM)
def test_a_post_quantum_key_has_a_name_and_no_parameters(oid: str, name: str, size: int) -> None:
    written = [made(bytes.fromhex(oid), parameters, b"k" * size) for parameters in (b"", NULL)]
    assert {canonical_spki(form) for form in written} == {written[0]}
    assert describe_key(written[0]).algorithm == name
    odd = made(bytes.fromhex(oid), integer(b"\1"), b"k" * size)
    assert canonical_spki(odd) == odd


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 1 << 4200),
    st.integers(1, 1 << 70),
    st.lists(st.tuples(st.sampled_from(("rsa", "pss", "oaep", "x509-rsa")), st.sampled_from((NULL, b"")),
                       st.integers(0, 3)), min_size=2, max_size=4),
)  # fmt: skip
def test_any_rsa_numbers_have_one_name(n: int, e: int, ways: list[tuple[str, bytes, int]]) -> None:
    written = {
        made(
            OID[name],
            parameters,
            sequence(integer(b"\0" * pad + octets(n)), integer(b"\0" * pad + octets(e))),
        )
        for name, parameters, pad in ways
    }
    by_ssh = spki_from_ssh_blob(write_string(b"ssh-rsa") + write_mpint(e) + write_mpint(n))
    assert by_ssh is not None
    assert {canonical_spki(form) for form in written} == {by_ssh}
    assert canonical_spki(by_ssh) == by_ssh


CURVES = [
    ec.SECP256R1(),
    ec.SECP384R1(),
    ec.SECP521R1(),
    ec.SECP224R1(),
    ec.SECP256K1(),
    ec.BrainpoolP384R1(),
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CURVES), st.integers(1, 1 << 180))
def test_any_point_has_one_name(curve: ec.EllipticCurve, secret: int) -> None:
    key = ec.derive_private_key(secret, curve)
    encoded = spki(key)
    algorithm, _ = der.children(encoded, der.whole(encoded, der.SEQUENCE))
    identifier = encoded[algorithm.at : algorithm.stop]
    short = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    assert canonical_spki(sequence(identifier, der.write_bit_string(short))) == encoded
    assert canonical_spki(encoded) == encoded


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 1 << 1100), st.integers(1, 1 << 40)), min_size=2, max_size=6, unique=True
    )
)
def test_different_keys_have_different_names(numbers: list[tuple[int, int]]) -> None:
    keys = [made(OID["rsa"], NULL, sequence(integer(octets(n)), integer(octets(e)))) for n, e in numbers]
    assert len({spki_sha256(canonical_spki(key)) for key in keys}) == len(numbers)
