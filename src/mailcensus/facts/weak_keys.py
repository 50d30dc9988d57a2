"""Checks of one key by itself: those of badkeys, and lengths and exponents.

badkeys (H. Böck, https://badkeys.info) is the reference for what is known against keys. Its checks of numbers are
called one by one; its list of compromised keys is read by `blocklist`, and only where the study has it. A check
that fails on odd numbers has said nothing, which is not the same as finding nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import gmpy2
from badkeys.checks import allchecks

from mailcensus.facts.batch_gcd import MODULUS_BITS_MAX, without_small_primes
from mailcensus.facts.blocklist import Blocklist
from mailcensus.facts.key_flaws import NO_BLOCKLIST, Flaw
from mailcensus.facts.key_numbers import CurvePoint, DsaNumbers, KeyNumbers, RsaNumbers, numbers_of
from mailcensus.facts.known_keys import KnownKeys

SOURCE = f"badkeys {version('badkeys')}"
LENGTHS = "lengths and exponents: NIST SP 800-57 part 1 (2020), FIPS 186-5"
SHORT_BITS, SHORT_CURVE_BITS = 2_048, 224
"""NIST SP 800-57 part 1, revision 5, section 5.6.1: below these, less than 112 bits of security."""
_USUAL_EXPONENT = 65_537
_WIENER_BITS_MAX = 8_192
"""Wiener's attack takes 0.4 s at this length and eight times that at twice the length; only keys with an exponent of
more than 32 bits, which nobody needs, are tried at all."""
_WIENER_EXPONENT_BITS = 32

_RSA_CHECKS: dict[str, Flaw] = {
    "fermat": Flaw.CLOSE_PRIMES,
    "roca": Flaw.ROCA,
    "rsapoly": Flaw.POLYNOMIAL_PRIMES,
    "sharedprimes": Flaw.KNOWN_PRIME,
    "smalld": Flaw.SMALL_PRIVATE_EXPONENT,
    "rsabias": Flaw.BIASED_MODULUS,
    "pattern": Flaw.PATTERN_IN_MODULUS,
    "xzbackdoor": Flaw.XZ_PAYLOAD,
}
"""badkeys' name of each check that is asked, and what it finds."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding."""

    flaw: Flaw
    source: str
    detail: str | None = None
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What checks said of a key."""

    found: tuple[Found, ...]
    not_checked: str | None
    """What could not be looked at, and why."""


class KeyChecker:
    """All checks, with the lists that a study has.

    Attributes:
        identity: names checks, lists and their versions; a change means that keys are to be checked again.
    """

    def __init__(self, known: KnownKeys, blocklist: Blocklist | None) -> None:
        self._known = known
        self._blocklist = blocklist
        lists = [known.identity, blocklist.identity if blocklist else NO_BLOCKLIST]
        self.identity = "; ".join([SOURCE, *lists])

    def check(self, spki_sha256: str, spki_der: bytes, algorithm: str, bits: int | None) -> Checked:
        """Look a canonical key over. Never raises; bounded time, whatever the numbers."""
        problems: list[str] = []
        found = list(self._listed(spki_sha256))
        numbers = numbers_of(spki_der, algorithm)
        match numbers:
            case RsaNumbers():
                found += _check_rsa(numbers, problems)
            case DsaNumbers():
                found += _check_dsa(numbers, problems)
            case CurvePoint():
                found += _short(Flaw.SHORT_CURVE, bits, SHORT_CURVE_BITS)
            case None:
                problems.append("no numbers that a check could look at")
        if numbers is not None and self._blocklist is not None:
            found += self._blocklisted(numbers, self._blocklist)
        return Checked(tuple(found), "; ".join(problems) or None)

    def _listed(self, spki_sha256: str) -> Iterator[Found]:
        if (key := self._known.get(spki_sha256)) is not None:
            yield Found(Flaw.KNOWN_KEY, self._known.source, key.described, self._known.as_of)

    def _blocklisted(self, numbers: KeyNumbers, blocklist: Blocklist) -> Iterator[Found]:
        if (name := blocklist.find(numbers)) is not None:
            yield Found(Flaw.BLOCKLISTED, blocklist.identity, name, blocklist.as_of)


def _check_rsa(key: RsaNumbers, problems: list[str]) -> Iterator[Found]:
    modulus, exponent = key.modulus, key.exponent
    bits = modulus.bit_length()
    yield from _exponent(key)
    if modulus < 2:
        yield Found(Flaw.CORRUPT_MODULUS, LENGTHS, f"modulus {modulus}")
        return
    yield from _short(Flaw.SHORT_RSA, bits, SHORT_BITS)
    if max(bits, exponent.bit_length()) > MODULUS_BITS_MAX:
        problems.append(f"a number of more than {MODULUS_BITS_MAX:,} bits: too long to look at")
        return
    core, small = without_small_primes(gmpy2.mpz(modulus))
    if small > 1:
        whole = core == 1 or gmpy2.is_prime(core)
        yield Found(
            Flaw.SMALL_FACTOR if whole else Flaw.CORRUPT_MODULUS,
            SOURCE,
            f"divisible by {_short_number(small)}",
        )
        return  # What is no modulus trips other checks.
    for name, flaw in _RSA_CHECKS.items():
        if flaw is Flaw.SMALL_PRIVATE_EXPONENT and _too_long_for_wiener(bits, exponent):
            problems.append(
                f"{name}: modulus of more than {_WIENER_BITS_MAX:,} bits with so long an exponent"
            )
            continue
        said = _ask(name, problems, lambda check: check(modulus, e=exponent))
        if said is not False:
            yield Found(flaw, SOURCE, _detail(said))


def _too_long_for_wiener(bits: int, exponent: int) -> bool:
    return bits > _WIENER_BITS_MAX and exponent.bit_length() > _WIENER_EXPONENT_BITS


def _exponent(key: RsaNumbers) -> Iterator[Found]:
    detail = f"exponent {_short_number(key.exponent)}"
    if key.exponent < 3:
        yield Found(Flaw.EXPONENT_BELOW_3, LENGTHS, detail)
    elif key.exponent >= key.modulus:
        yield Found(Flaw.EXPONENT_TOO_LARGE, LENGTHS)
    elif key.exponent % 2 == 0:
        yield Found(Flaw.EVEN_EXPONENT, LENGTHS, detail)
    elif key.exponent < _USUAL_EXPONENT:
        yield Found(Flaw.SMALL_EXPONENT, LENGTHS, detail)


def _check_dsa(key: DsaNumbers, problems: list[str]) -> Iterator[Found]:
    prime = key.prime
    if prime is None:
        problems.append("DSA parameters are the issuer's")
        return
    yield from _short(Flaw.SHORT_DSA, prime.bit_length(), SHORT_BITS)
    if _ask("dsasparse", problems, lambda check: check(key.y, p=prime)) is not False:
        yield Found(Flaw.SPARSE_DSA, SOURCE)


def _short(flaw: Flaw, bits: int | None, least: int) -> Iterator[Found]:
    if bits is not None and bits < least:
        yield Found(flaw, LENGTHS, f"{bits} bits")


def _ask(name: str, problems: list[str], call: Callable[[Any], Any]) -> Any:
    """What a check of badkeys says: False, or what it found."""
    try:
        return call(allchecks[name]["function"])
    except (ArithmeticError, ValueError) as error:
        problems.append(f"{name}: {error}")
        return False


def _detail(said: dict[str, Any]) -> str | None:
    """The kind of the finding. Primes and private exponents, that badkeys tells too, go no further."""
    return str(said["subtest"]) if "subtest" in said else None


def _short_number(number: int) -> str:
    return f"{number}" if number.bit_length() <= 64 else f"a number of {number.bit_length()} bits"
