"""Key shares of the groups of RFC 7919."""

from __future__ import annotations

import hashlib

import pytest

from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.ffdhe import FINITE_GROUPS, FinitePair, prime
from mailcensus.wire.tls.shares import KeyPairs
from tlspeer.groups import ffdhe2048

BITS = {256: 2048, 257: 3072, 258: 4096, 259: 6144, 260: 8192}
SHA256 = {
    # of the prime, big-endian; OpenSSL and GnuTLS shook hands with the first three, and 2^((p-1)/2) = 1 in all
    256: "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966",
    257: "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17",
    258: "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e",
    259: "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7",
    260: "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833",
}


@pytest.mark.parametrize("group", sorted(FINITE_GROUPS))
def test_a_prime_looks_as_the_rfc_says(group: int) -> None:
    p, ones = prime(group), 2**64 - 1
    assert p.bit_length() == BITS[group]
    assert (p >> (BITS[group] - 64), p & ones) == (ones, ones)
    assert hashlib.sha256(p.to_bytes(BITS[group] // 8, "big")).hexdigest() == SHA256[group]


def test_the_smallest_prime_is_the_one_worked_out_elsewhere() -> None:
    assert prime(256) == ffdhe2048()


def test_both_sides_agree_on_a_secret_as_long_as_the_prime() -> None:
    ours, theirs = FinitePair(256), FinitePair(256)
    assert len(ours.public) == 256
    assert ours.agree(theirs.public) == theirs.agree(ours.public)
    assert len(ours.agree(theirs.public)) == 256


@pytest.mark.parametrize(
    "share",
    [b"", b"\x05", bytes(256), bytes(255) + b"\x01", b"\xff" * 256, (prime(256) - 1).to_bytes(256, "big")],
)
def test_a_share_that_is_not_of_the_group_is_refused(share: bytes) -> None:
    with pytest.raises(TlsError):
        FinitePair(256).agree(share)


def test_every_group_has_pairs() -> None:
    pairs = KeyPairs()
    assert {group: len(pair.public) * 8 for group in BITS if (pair := pairs.pair(group))} == BITS
