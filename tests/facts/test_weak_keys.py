"""Checks of single keys, against keys whose weakness is known by name, and against numbers made to trip checks."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path

import gmpy2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import example, given
from hypothesis import strategies as st

from mailcensus.facts.blocklist import Blocklist
from mailcensus.facts.key_flaws import MEANINGS, Flaw
from mailcensus.facts.key_numbers import numbers_of
from mailcensus.facts.known_keys import known_keys
from mailcensus.facts.weak_keys import Checked, KeyChecker
from mailcensus.study import StudyError
from mailcensus.wire import der
from mailcensus.wire.keys import canonical_spki, describe_key, spki_from_ssh_blob
from rsa_material import P, Q, prime, rsa_spki, write_blocklist

CHECKER = KeyChecker(known_keys(), None)


def check(spki: bytes, checker: KeyChecker = CHECKER) -> Checked:
    key = describe_key(spki)
    return checker.check(key.spki_sha256, spki, key.algorithm, key.bits)


def flaws(spki: bytes, checker: KeyChecker = CHECKER) -> set[Flaw]:
    return {found.flaw for found in check(spki, checker).found}


NAMED = {
    "rsa-fermat-pkcs8.key": {Flaw.CLOSE_PRIMES},
    "rsa-fermat-pkcs1.key": {Flaw.CLOSE_PRIMES},
    "rsa-pattern.key": {Flaw.PATTERN_IN_MODULUS, Flaw.POLYNOMIAL_PRIMES, Flaw.XZ_PAYLOAD},
    "rsa-sharedprimes.key": {Flaw.KNOWN_PRIME},
    "rsa-small-d.key": {Flaw.SMALL_PRIVATE_EXPONENT},
    "rsa-smallfactors-valid.key": {Flaw.SMALL_FACTOR},
    "rsapoly128.key": {Flaw.POLYNOMIAL_PRIMES},
    "rsa-e1.key": {Flaw.EXPONENT_BELOW_3},
    "rsa-e-larger-n.key": {Flaw.EXPONENT_TOO_LARGE},
    "rsanzero.key": {Flaw.EXPONENT_TOO_LARGE, Flaw.CORRUPT_MODULUS},
    "rsa-ok.key": set(),
    "ec-p256-rfc-example.key": set(),
    "ed25519-rfc-example.key": set(),
    "x448-ok.key": set(),
    "mldsa44.key": set(),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", NAMED)
def test_keys_of_badkeys_have_the_weakness_of_their_name(shared_data: Path, name: str) -> None:
    text = (shared_data / "keys/badkeys/tests/data" / name).read_text()
    assert flaws(_spki_of(text)) - {Flaw.SHORT_RSA} == NAMED[name]


def _spki_of(text: str) -> bytes:
    """The key of a PEM file, without a library that would refuse bad numbers."""
    body = text[text.index("-----BEGIN ") :]
    kind = body.split("-----")[1]
    raw = base64.b64decode("".join(body.split("-----")[2].split()))
    if kind == "BEGIN RSA PUBLIC KEY":
        algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
        raw = der.write(der.SEQUENCE, algorithm, der.write_bit_string(raw))
    elif kind == "BEGIN CERTIFICATE":
        key = x509.load_der_x509_certificate(raw).public_key()
        raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return canonical_spki(raw)


@pytest.mark.shared_data
def test_every_key_that_came_with_a_product_is_known(shared_data: Path) -> None:
    seen = set()
    for path in (shared_data / "keys/rapid7+ssh-badkeys").rglob("*.pub"):
        blob = base64.b64decode(next(word for word in path.read_text().split() if word.startswith("AAAA")))
        spki = spki_from_ssh_blob(blob)
        assert spki is not None
        assert Flaw.KNOWN_KEY in flaws(spki), path.name
        seen.add(hashlib.sha256(spki).hexdigest())
    assert seen == set(known_keys().keys)
    assert len(seen) == 61


def test_a_known_key_is_named_with_its_product_and_source() -> None:
    hash_, key = next((h, k) for h, k in known_keys().keys.items() if k.product == "tandberg-vcs")
    assert key.described.startswith("tandberg-vcs (host key), CVE-2009-4510")
    found = CHECKER.check(hash_, b"", "dsa", 1024).found
    assert [(one.flaw, one.detail, "Rapid7" in one.source) for one in found] == [
        (Flaw.KNOWN_KEY, key.described, True)
    ]


def _roca(bits: int, seed: int) -> int:
    """A prime of the form k M + (65537^a mod M) (M. Nemec et al., ACM CCS 2017, section 2)."""
    primes_product = int(gmpy2.primorial(167 if bits <= 256 else 701))
    k = prime(bits - primes_product.bit_length() + 8, seed) if bits - primes_product.bit_length() > 8 else 3
    candidate = k * primes_product + pow(65_537, seed + 5, primes_product)
    while not gmpy2.is_prime(candidate):
        candidate += primes_product
    return candidate


GENERATED = {
    "two good primes": (rsa_spki(P * Q), set()),
    "next primes": (rsa_spki(P * int(gmpy2.next_prime(P + (1 << 300)))), {Flaw.CLOSE_PRIMES}),
    "a square": (rsa_spki(P * P), {Flaw.CLOSE_PRIMES}),
    "ROCA": (rsa_spki(_roca(1024, 1) * _roca(1024, 2)), {Flaw.ROCA}),
    "1024 bits": (rsa_spki(prime(512, 1) * prime(512, 2)), {Flaw.SHORT_RSA}),
    "exponent 3": (rsa_spki(P * Q, 3), {Flaw.SMALL_EXPONENT}),
    "even exponent": (rsa_spki(P * Q, 65_536), {Flaw.EVEN_EXPONENT}),
    "three times a prime": (rsa_spki(3 * prime(2048, 1)), {Flaw.SMALL_FACTOR}),
    "small primes and more": (rsa_spki(15 * P * Q), {Flaw.CORRUPT_MODULUS}),
    "even": (rsa_spki(1 << 2047), {Flaw.SMALL_FACTOR}),
    "zero": (rsa_spki(0), {Flaw.CORRUPT_MODULUS, Flaw.EXPONENT_TOO_LARGE}),
    "one": (rsa_spki(1), {Flaw.CORRUPT_MODULUS, Flaw.EXPONENT_TOO_LARGE}),
}


@pytest.mark.parametrize("name", GENERATED)
def test_numbers_made_weak_are_found_so(name: str) -> None:
    spki, expected = GENERATED[name]
    assert flaws(spki) == expected


def test_a_short_curve_is_weak() -> None:
    key = ec.generate_private_key(ec.SECP192R1()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert flaws(canonical_spki(spki)) == {Flaw.SHORT_CURVE}


@given(st.binary(max_size=200), st.sampled_from(["rsa", "dsa", "ecdsa", "ed25519", "1.2.3", "unknown"]))
def test_any_octets_are_looked_at_or_said_not_to_be(spki: bytes, algorithm: str) -> None:
    said = CHECKER.check("", spki, algorithm, None)
    assert said.not_checked is not None or numbers_of(spki, algorithm) is not None


@given(st.integers(-5, 1 << 600), st.integers(-5, 1 << 600))
@example(1 << 599, 1 << 500)
@example((1 << 600) - 1, (1 << 40) + 1)
@example(1 << 300, 1)
@example((1 << 512) + 1, 65_537)
def test_any_numbers_are_checked_without_raising(modulus: int, exponent: int) -> None:
    check(rsa_spki(abs(modulus), abs(exponent)))


def test_huge_numbers_take_bounded_time_and_are_said_not_to_be_checked() -> None:
    began = time.process_time()
    said = check(rsa_spki((1 << 65_536) - 1))
    assert said.not_checked == "a number of more than 16,384 bits: too long to look at"
    for bits in (8_192, 16_384):
        modulus = int(gmpy2.next_prime(2)) ** bits - 1
        check(rsa_spki(modulus // gmpy2.gcd(modulus, gmpy2.primorial(1 << 16)), (1 << (bits - 900)) + 12_345))
    assert time.process_time() - began < 5


def test_wieners_attack_on_long_numbers_is_said_not_to_be_tried() -> None:
    modulus = (1 << 9_000) + 1
    while gmpy2.gcd(modulus, gmpy2.primorial(1 << 16)) > 1:
        modulus += 2
    said = check(rsa_spki(modulus, (1 << 5_000) + 1))
    assert said.not_checked == "smalld: modulus of more than 8,192 bits with so long an exponent"
    assert check(rsa_spki(modulus)).not_checked is None


def test_what_a_check_cannot_do_is_not_a_clean_bill() -> None:
    said = CHECKER.check("", b"\x30\x00", "rsa", None)
    assert said.found == ()
    assert said.not_checked == "no numbers that a check could look at"


def test_every_flaw_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Flaw)


def test_findings_hold_no_private_numbers() -> None:
    for spki, _ in GENERATED.values():
        for found in check(spki).found:
            assert len(found.detail or "") < 60


@pytest.mark.shared_data
def test_debians_weak_keys_are_found_with_badkeys_list_alone(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / "keys/badkeys/tests/data/rsa-debianweak.key").read_text()
    spki = _spki_of(text)
    assert Flaw.BLOCKLISTED not in flaws(spki)
    numbers = load_pem_public_key(text[text.index("-----") :].encode()).public_numbers()
    others = [prime(64, n) for n in range(200)]
    checker = KeyChecker(known_keys(), Blocklist(write_blocklist(tmp_path / "badkeys", [numbers.n, *others])))
    found = [one for one in check(spki, checker).found if one.flaw is Flaw.BLOCKLISTED]
    assert [(one.detail, one.as_of) for one in found] == [("debianssl", "2026-11-01")]
    assert checker.identity != CHECKER.identity
    assert Flaw.BLOCKLISTED not in flaws(rsa_spki(P * Q), checker)


@pytest.mark.parametrize(
    ("lists", "data", "message"),
    [
        (None, b"", "badkeysdata.json: cannot be read"),
        (b"[]", b"", "not badkeys' description of its lists"),
        (b'{"blocklists": [{"id": "x", "name": 1}]}', b"", "not badkeys' description of its lists"),
        (b'{"blocklists": []}', b"", "blocklist.dat: cannot be read"),
        (b'{"blocklists": []}', bytes(17), "cut short"),
    ],
)
def test_a_bad_blocklist_is_one_clear_line(
    tmp_path: Path, lists: bytes | None, data: bytes, message: str
) -> None:
    if lists is not None:
        (tmp_path / "badkeysdata.json").write_bytes(lists)
    (tmp_path / "blocklist.dat").write_bytes(data)
    with pytest.raises(StudyError, match=message):
        Blocklist(tmp_path)
