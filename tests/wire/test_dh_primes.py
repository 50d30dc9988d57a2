"""The primes of RFC 2409, RFC 3526 and RFC 7919, and their names."""

from __future__ import annotations

import hashlib

import pytest

from mailcensus.wire.dh_primes import ffdhe_prime, modp_prime, name_of_prime

FFDHE = {
    # SHA-256 of the prime, big-endian; OpenSSL and GnuTLS shook hands with the first three, and 2^((p-1)/2) = 1 in all
    2048: "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966",
    3072: "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17",
    4096: "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e",
    6144: "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7",
    8192: "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833",
}
ONES = 2**64 - 1


def octets(prime: int) -> bytes:
    return prime.to_bytes(prime.bit_length() // 8, "big")


@pytest.mark.parametrize("bits", [768, 1024, 1536, 2048, 3072, 4096])
def test_a_modp_prime_is_safe_and_framed_by_ones(bits: int) -> None:
    prime = modp_prime(bits)
    assert prime.bit_length() == bits
    assert prime >> (bits - 64) == prime & ONES == ONES
    assert hex(prime)[18:34] == "c90fdaa22168c234"  # pi
    half = (prime - 1) // 2
    assert pow(2, half, prime) == 1  # 2 generates the half of prime order
    assert pow(3, half - 1, half) == 1


def test_group_14_is_the_prime_of_rfc_3526() -> None:
    digits = f"{modp_prime(2048):x}"
    assert digits[-32:] == "15728e5a8aacaa68ffffffffffffffff"
    assert digits[256:288] == "98da48361c55d39a69163fa8fd24cf5f"


@pytest.mark.parametrize("bits", sorted(FFDHE))
def test_an_ffdhe_prime_is_the_one_of_rfc_7919(bits: int) -> None:
    prime = ffdhe_prime(bits)
    assert (prime >> (bits - 64), prime & ONES) == (ONES, ONES)
    assert hashlib.sha256(octets(prime)).hexdigest() == FFDHE[bits]


def test_primes_that_everybody_knows_have_names() -> None:
    assert name_of_prime(octets(modp_prime(1024))) == "modp1024"
    assert name_of_prime(octets(ffdhe_prime(2048))) == "ffdhe2048"
    assert name_of_prime(octets(modp_prime(1024) - 2)) is None
    assert name_of_prime(b"") is None
