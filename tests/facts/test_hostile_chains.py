"""Chains that somebody made up: there is always a verdict, in bounded time."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.facts.chain_rows import Judge, SentChain
from mailcensus.facts.chain_verdict import SENT_CERTIFICATES
from mailcensus.facts.known_intermediates import KnownIntermediates
from mailcensus.facts.revocation import RevocationLists
from mailcensus.facts.root_stores import RootStore, root_store
from mailcensus.lab.chains import KINDS, lab_chains
from mailcensus.lab.pki import AT, AUTHORITY, LONG_AGO, LabAuthorities
from mailcensus.model import Chain, ChainStatus

WORLD = LabAuthorities()
CHAINS = [chain.certificates for chain in lab_chains(WORLD, len(KINDS))]
INTERMEDIATES = sorted({der for chain in CHAINS for der in chain[1:]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RootStore:
    path: Path = tmp_path_factory.mktemp("store") / "roots.pem"
    path.write_bytes(WORLD.roots_pem)
    return root_store("ours", path)


@pytest.fixture(scope="module")
def judge(store: RootStore) -> Judge:
    return Judge([store], KnownIntermediates(INTERMEDIATES), RevocationLists([]))


def verdict(judge: Judge, store: RootStore, chain: tuple[bytes, ...]) -> Chain:
    hashes = tuple(hashlib.sha256(der).hexdigest() for der in chain)
    (row,) = judge.rows(SentChain(hashes, chain, ((AT, AT),)), store.sha256)
    return row


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, ...]:
    """A chain of which some bytes were changed, cut out or put in, and certificates changed places."""
    chain = [bytearray(der) for der in draw(st.sampled_from(CHAINS))]
    for _ in range(draw(st.integers(0, 4))):
        victim = chain[draw(st.integers(0, len(chain) - 1))]
        at = draw(st.integers(0, max(len(victim) - 1, 0)))
        victim[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    more = draw(st.lists(st.sampled_from(INTERMEDIATES), max_size=3))
    return tuple(draw(st.permutations([*map(bytes, chain), *more])))


@settings(max_examples=150, deadline=None)
@given(chain=mutated())
def test_any_certificates_have_a_verdict(judge: Judge, store: RootStore, chain: tuple[bytes, ...]) -> None:
    row = verdict(judge, store, chain)
    assert (row.status == ChainStatus.VALID) == (not row.errors)
    assert row.path_length == len(row.path) <= SENT_CERTIFICATES + 10


@given(chain=st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_what_is_no_certificate_is_other_and_says_so(
    judge: Judge, store: RootStore, chain: list[bytes]
) -> None:
    row = verdict(judge, store, tuple(chain))
    assert (row.status, [error.code for error in row.errors]) == (ChainStatus.OTHER, [0])
    assert row.unreadable == len(chain)


def test_of_a_chain_without_end_the_first_certificates_count(judge: Judge, store: RootStore) -> None:
    terms = [replace(AUTHORITY, since=LONG_AGO + timedelta(days=day)) for day in range(200)]
    same_name = [WORLD.issue("authority of many days", None, one).der for one in terms]
    row = verdict(judge, store, (CHAINS[0][0], *same_name, CHAINS[0][1]))
    assert (row.sent, row.unreadable, row.status) == (202, 202 - SENT_CERTIFICATES, ChainStatus.BROKEN_CHAIN)
    assert row.valid_with_known_intermediates is True
