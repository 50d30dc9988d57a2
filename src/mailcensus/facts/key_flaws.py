"""What can be known against a key, and how bad that is. One table; checks and analyses name its rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is for whoever uses the key."""

    COMPROMISED = "compromised"
    """Anybody can have the private key, or does not need it: it is public, or can be computed on a small machine."""
    WEAK = "weak"
    """Within reach of somebody with means, or of somebody in particular."""
    ODD = "odd"
    """Not as it should be; no attack follows from that alone."""


class Flaw(StrEnum):
    """A finding."""

    KNOWN_KEY = "known_key"
    BLOCKLISTED = "blocklisted"
    SHARED_PRIME = "shared_prime"
    KNOWN_PRIME = "known_prime"
    CLOSE_PRIMES = "close_primes"
    ROCA = "roca"
    SMALL_FACTOR = "small_factor"
    POLYNOMIAL_PRIMES = "polynomial_primes"
    SMALL_PRIVATE_EXPONENT = "small_private_exponent"
    EXPONENT_BELOW_3 = "exponent_below_3"
    SPARSE_DSA = "sparse_dsa"
    SHARED_MODULUS = "shared_modulus"
    SHORT_RSA = "short_rsa"
    SHORT_DSA = "short_dsa"
    SHORT_CURVE = "short_curve"
    SMALL_EXPONENT = "small_exponent"
    CORRUPT_MODULUS = "corrupt_modulus"
    EVEN_EXPONENT = "even_exponent"
    EXPONENT_TOO_LARGE = "exponent_too_large"
    BIASED_MODULUS = "biased_modulus"
    PATTERN_IN_MODULUS = "pattern_in_modulus"
    XZ_PAYLOAD = "xz_payload"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of the table."""

    severity: Severity
    text: str


_COMPROMISED, _WEAK, _ODD = Severity

# fmt: off
MEANINGS: dict[Flaw, Meaning] = {
    Flaw.KNOWN_KEY:              Meaning(_COMPROMISED, "the private key came with a product and was published"),
    Flaw.BLOCKLISTED:            Meaning(_COMPROMISED, "on badkeys' list of compromised keys (Debian's of 2008 too)"),
    Flaw.SHARED_PRIME:           Meaning(_COMPROMISED, "has a prime in common with another key of the study"),
    Flaw.KNOWN_PRIME:            Meaning(_COMPROMISED, "has a prime that other keys were found to have in common"),
    Flaw.CLOSE_PRIMES:           Meaning(_COMPROMISED, "its primes are so close that Fermat's method finds them"),
    Flaw.ROCA:                   Meaning(_COMPROMISED, "made by Infineon's library: Coppersmith's attack (ROCA)"),
    Flaw.SMALL_FACTOR:           Meaning(_COMPROMISED, "divisible by a small prime, and so taken apart altogether"),
    Flaw.POLYNOMIAL_PRIMES:      Meaning(_COMPROMISED, "zeros in its modulus give its primes away"),
    Flaw.SMALL_PRIVATE_EXPONENT: Meaning(_COMPROMISED, "its private exponent is small: Wiener's attack"),
    Flaw.EXPONENT_BELOW_3:       Meaning(_COMPROMISED, "its exponent is none; with 1 everything is in the clear"),
    Flaw.SPARSE_DSA:             Meaning(_COMPROMISED, "made with a sparse DSA prime"),
    Flaw.SHARED_MODULUS:         Meaning(_WEAK, "one modulus, two exponents: each holder can compute the other's key"),
    Flaw.SHORT_RSA:              Meaning(_WEAK, "RSA below 2,048 bits"),
    Flaw.SHORT_DSA:              Meaning(_WEAK, "DSA below 2,048 bits"),
    Flaw.SHORT_CURVE:            Meaning(_WEAK, "elliptic curve below 224 bits"),
    Flaw.SMALL_EXPONENT:         Meaning(_ODD, "RSA exponent below 65,537; harmless where padding is right"),
    Flaw.CORRUPT_MODULUS:        Meaning(_ODD, "divisible by small primes, or below 2: damaged, most likely"),
    Flaw.EVEN_EXPONENT:          Meaning(_ODD, "an even RSA exponent does not work"),
    Flaw.EXPONENT_TOO_LARGE:     Meaning(_ODD, "an RSA exponent not below the modulus does not work"),
    Flaw.BIASED_MODULUS:         Meaning(_ODD, "far more ones than zeros in its modulus, or far fewer"),
    Flaw.PATTERN_IN_MODULUS:     Meaning(_ODD, "one octet sixteen times in a row in its modulus"),
    Flaw.XZ_PAYLOAD:             Meaning(_ODD, "its modulus looks like a command to xz's backdoor (CVE-2024-3094)"),
}
# fmt: on
"""Every finding, worst first."""

BETWEEN_KEYS = (Flaw.SHARED_PRIME, Flaw.SHARED_MODULUS)
"""Findings of several keys side by side; they are made anew as a whole."""
CHECK_STAGE = "check_keys"
"""The stage of a run that looks over keys."""
NO_BLOCKLIST = "no badkeys blocklist"
"""Stands in `key_checks.checked_with` where the study has no list of compromised keys."""
