"""Key exchanges against the arithmetic of the other side."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.dh_primes import modp_prime
from mailcensus.wire.errors import LimitExceeded, ProtocolError, WireError
from mailcensus.wire.ssh.key_exchange import METHOD_BY_NAME, METHODS
from mailcensus.wire.ssh.packet import Reader, write_mpint, write_string


@pytest.mark.parametrize("name", ["curve25519-sha256", "curve25519-sha256@libssh.org"])
def test_curve25519_agrees_with_the_other_side(name: str) -> None:
    agreement = METHOD_BY_NAME[name].begin()
    ours = Reader(agreement.open()[1:]).string()
    private = x25519.X25519PrivateKey.generate()
    theirs = private.public_key().public_bytes_raw()
    secret = private.exchange(x25519.X25519PublicKey.from_public_bytes(ours))
    assert agreement.finish(theirs) == (
        write_string(ours) + write_string(theirs) + write_mpint(int.from_bytes(secret, "big"))
    )


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("ecdh-sha2-nistp256", ec.SECP256R1()),
        ("ecdh-sha2-nistp384", ec.SECP384R1()),
        ("ecdh-sha2-nistp521", ec.SECP521R1()),
    ],
)
def test_nist_curves_agree_with_the_other_side(name: str, curve: ec.EllipticCurve) -> None:
    agreement = METHOD_BY_NAME[name].begin()
    ours = Reader(agreement.open()[1:]).string()
    private = ec.generate_private_key(curve)
    theirs = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, ours))
    assert agreement.finish(theirs) == (
        write_string(ours) + write_string(theirs) + write_mpint(int.from_bytes(secret, "big"))
    )


@pytest.mark.parametrize(
    ("name", "prime"),
    [
        ("diffie-hellman-group1-sha1", modp_prime(1024)),
        ("diffie-hellman-group14-sha1", modp_prime(2048)),
        ("diffie-hellman-group14-sha256", modp_prime(2048)),
        ("diffie-hellman-group16-sha512", modp_prime(4096)),
    ],
)
def test_fixed_groups_agree_with_the_other_side(name: str, prime: int) -> None:
    agreement = METHOD_BY_NAME[name].begin()
    ours = Reader(agreement.open()[1:]).mpint()
    theirs = pow(2, 12345, prime)
    hashed = agreement.finish(theirs.to_bytes(prime.bit_length() // 8, "big"))
    assert hashed == write_mpint(ours) + write_mpint(theirs) + write_mpint(pow(ours, 12345, prime))


def test_group_exchange_hashes_the_sizes_the_group_and_both_halves() -> None:
    agreement = METHOD_BY_NAME["diffie-hellman-group-exchange-sha256"].begin()
    request = agreement.open()
    prime = modp_prime(1024)
    init = agreement.group(b"\x1f" + write_mpint(prime) + write_mpint(2))
    ours = Reader(init[1:]).mpint()
    theirs = pow(2, 999, prime)
    assert (request[0], init[0], len(request)) == (34, 32, 13)
    assert agreement.finish(theirs.to_bytes(128, "big")) == (
        request[1:]
        + write_mpint(prime)
        + write_mpint(2)
        + write_mpint(ours)
        + write_mpint(theirs)
        + write_mpint(pow(ours, 999, prime))
    )


@pytest.mark.parametrize("value", [0, 1, modp_prime(1024) - 1, modp_prime(1024)])
def test_halves_out_of_range_are_protocol_errors(value: int) -> None:
    with pytest.raises(ProtocolError, match="out of range"):
        METHOD_BY_NAME["diffie-hellman-group1-sha1"].begin().finish(value.to_bytes(129, "big"))


@pytest.mark.parametrize("half", [b"", bytes(32), b"\1" * 31, b"\4" + bytes(64), b"\2" + b"\xff" * 32])
@pytest.mark.parametrize("name", ["curve25519-sha256", "ecdh-sha2-nistp256"])
def test_halves_that_are_no_points_are_protocol_errors(name: str, half: bytes) -> None:
    with pytest.raises(ProtocolError):
        METHOD_BY_NAME[name].begin().finish(half)


def test_a_group_too_large_to_work_in_is_our_limit() -> None:
    agreement = METHOD_BY_NAME["diffie-hellman-group-exchange-sha1"].begin()
    with pytest.raises(LimitExceeded, match="16384 bits"):
        agreement.group(b"\x1f" + write_mpint(1 << 16_383) + write_mpint(2))


@given(st.sampled_from(METHODS), st.binary(max_size=80))
def test_any_bytes_are_a_half_or_a_wire_error(method, data: bytes) -> None:
    agreement = method.begin()
    try:
        if agreement.group_wanted:
            agreement.group(b"\x1f" + data)
        agreement.finish(data)
    except WireError:
        pass


def test_every_method_names_a_hash() -> None:
    assert all(hashlib.new(method.hash_name) for method in METHODS)
