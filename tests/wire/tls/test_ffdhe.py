"""Key shares of the groups of RFC 7919."""

from __future__ import annotations

import pytest

from mailcensus.wire.dh_primes import ffdhe_prime
from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.ffdhe import FinitePair
from mailcensus.wire.tls.shares import KeyPairs


def test_both_sides_agree_on_a_secret_as_long_as_the_prime() -> None:
    ours, theirs = FinitePair(256), FinitePair(256)
    assert len(ours.public) == 256
    assert ours.agree(theirs.public) == theirs.agree(ours.public)
    assert len(ours.agree(theirs.public)) == 256


BITS = {256: 2048, 257: 3072, 258: 4096, 259: 6144, 260: 8192}


@pytest.mark.parametrize(
    "share",
    [
        b"",
        b"\x05",
        bytes(256),
        bytes(255) + b"\x01",
        b"\xff" * 256,
        (ffdhe_prime(2048) - 1).to_bytes(256, "big"),
    ],
)
def test_a_share_that_is_not_of_the_group_is_refused(share: bytes) -> None:
    with pytest.raises(TlsError):
        FinitePair(256).agree(share)


def test_every_group_has_pairs() -> None:
    pairs = KeyPairs()
    assert {group: len(pair.public) * 8 for group in BITS if (pair := pairs.pair(group))} == BITS
