"""Host key signatures of every kind, and fingerprints as ssh-keygen prints them."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.keys import spki_from_ssh_blob
from mailcensus.wire.ssh.host_keys import fingerprint, host_key_record, verify_host_key
from mailcensus.wire.ssh.packet import Reader, write_mpint, write_string
from ssh_peer import blob_of, sign, spki_of

HASH = hashlib.sha256(b"exchange").digest()
ED25519 = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 1024)

SIGNERS = [
    (ED25519, "ssh-ed25519"),
    (P256, "ecdsa-sha2-nistp256"),
    (ec.generate_private_key(ec.SECP384R1()), "ecdsa-sha2-nistp384"),
    (ec.generate_private_key(ec.SECP521R1()), "ecdsa-sha2-nistp521"),
    (RSA, "rsa-sha2-512"),
    (RSA, "rsa-sha2-256"),
    (RSA, "ssh-rsa"),
    (dsa.generate_private_key(1024), "ssh-dss"),
]


@pytest.mark.parametrize(("key", "algorithm"), SIGNERS)
def test_a_signature_verifies_over_its_hash_and_no_other(key, algorithm) -> None:
    signature = sign(key, HASH, algorithm)
    assert verify_host_key(blob_of(key), spki_of(key), signature, HASH) is True
    assert verify_host_key(blob_of(key), spki_of(key), signature, HASH[::-1]) is False


def test_an_ed448_signature_verifies() -> None:
    key = ed448.Ed448PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    blob = write_string(b"ssh-ed448") + write_string(raw)
    signature = write_string(b"ssh-ed448") + write_string(key.sign(HASH))
    assert verify_host_key(blob, spki_from_ssh_blob(blob), signature, HASH) is True


def test_an_rsa_signature_without_its_leading_zeros_verifies() -> None:
    for number in range(5_000):
        message = number.to_bytes(4, "big")
        octets = Reader(sign(RSA, message, "rsa-sha2-256"))
        octets.string()
        signature = octets.string()
        if signature[0] == 0:
            break
    short = write_string(b"rsa-sha2-256") + write_string(signature.lstrip(b"\0"))
    assert verify_host_key(blob_of(RSA), spki_of(RSA), short, message) is True


def security_key(key, application: bytes) -> tuple[bytes, bytes]:
    """The blob of a security key, and its signature over HASH, as OpenSSH's PROTOCOL.u2f writes them."""
    tail = bytes((1,)) + (77).to_bytes(4, "big")
    message = hashlib.sha256(application).digest() + tail + hashlib.sha256(HASH).digest()
    plain = Reader(blob_of(key))
    plain.string()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        name, octets = b"sk-ssh-ed25519@openssh.com", key.sign(message)
    else:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        name, octets = b"sk-ecdsa-sha2-nistp256@openssh.com", write_mpint(r) + write_mpint(s)
    blob = write_string(name) + plain.rest() + write_string(application)
    return blob, write_string(name) + write_string(octets) + tail


@pytest.mark.parametrize("key", [ED25519, P256])
def test_a_security_keys_signature_covers_application_flags_and_counter(key) -> None:
    blob, signature = security_key(key, b"ssh:")
    assert spki_from_ssh_blob(blob) == spki_of(key)
    assert verify_host_key(blob, spki_of(key), signature, HASH) is True
    assert verify_host_key(blob, spki_of(key), signature[:-1] + b"\0", HASH) is False
    other, _ = security_key(key, b"ssh:other")
    assert verify_host_key(other, spki_of(key), signature, HASH) is False


@pytest.mark.parametrize("key", [ED25519, P256, RSA])
def test_the_fingerprint_of_a_certificate_is_that_of_its_key(key) -> None:
    plain = Reader(blob_of(key))
    name = plain.string() + b"-cert-v01@openssh.com"
    certificate = write_string(name) + write_string(b"nonce") + plain.rest() + bytes(60)
    assert fingerprint(certificate) == fingerprint(blob_of(key))
    assert host_key_record(certificate, spki_of(key)).algorithm == name.decode()


def test_a_signature_of_another_algorithm_than_the_key_is_wrong() -> None:
    signature = sign(P256, HASH, "ecdsa-sha2-nistp256")
    assert verify_host_key(blob_of(ED25519), spki_of(ED25519), signature, HASH) is False


def test_a_signature_of_an_unknown_algorithm_cannot_be_checked() -> None:
    signature = write_string(b"ssh-mldsa65") + write_string(b"x")
    assert verify_host_key(blob_of(ED25519), spki_of(ED25519), signature, HASH) is None


@given(st.sampled_from(SIGNERS), st.binary(max_size=80), st.integers(0, 60))
def test_any_bytes_are_no_signature(signer, rest: bytes, keep: int) -> None:
    key, algorithm = signer
    for signature in (
        rest,
        write_string(algorithm.encode()) + rest,
        sign(ED25519, HASH, algorithm)[:keep] + rest,
    ):
        try:
            assert not verify_host_key(blob_of(key), spki_of(key), signature, HASH)
        except ProtocolError:
            pass


@given(
    st.sampled_from(["sk-ssh-ed25519", "ecdsa-sha2-nistp256-cert-v01", "x", "ssh-rsa"]),
    st.binary(max_size=90),
)
def test_any_blob_has_a_record_or_is_a_protocol_error(name: str, rest: bytes) -> None:
    blob = write_string(f"{name}@openssh.com".encode()) + rest
    try:
        host_key_record(blob, spki_from_ssh_blob(blob))
    except ProtocolError:
        pass
