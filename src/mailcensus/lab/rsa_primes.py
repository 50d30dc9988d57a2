"""RSA keys at no cost: primes found once, named by how far they lie behind a number anyone can compute.

RSA key generation is slow, and the lab wants the same keys from the same seed. So prime number i of the pool is
the first prime from SHAKE-256("mailcensus lab prime i") on, and this file keeps only the distance to it (tests
prove that each is prime). These keys are known to everybody and are for the lab alone.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import rsa

EXPONENT = 65_537
_PRIME_BITS = 1_024
_DISTANCES = (
    *(690, 1132, 1960, 36, 94, 546, 164, 1380, 112, 1206, 402, 398, 896, 620, 68, 94),
    *(776, 842, 526, 2030, 1696, 716, 1954, 854, 688, 658, 40, 52, 354, 584, 712, 130),
    *(294, 518, 1838, 2212, 44, 1628, 392, 1222, 482, 548, 3706, 12, 1584, 648, 32, 186),
    *(576, 0, 674, 86, 110, 70, 48, 2738, 122, 756, 602, 324, 2140, 1192, 438, 1178),
)

RSA_KEYS = len(_DISTANCES) // 2
"""How many RSA keys there are. No two share a prime."""


def prime(number: int) -> int:
    """Prime `number` of the pool: 1,024 bits, the two highest set so that products have 2,048."""
    raw = hashlib.shake_256(f"mailcensus lab prime {number}".encode()).digest(_PRIME_BITS // 8)
    start = int.from_bytes(raw, "big") | 3 << (_PRIME_BITS - 2) | 1
    return start + _DISTANCES[number]


def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """RSA-2048 key `number` of the pool.

    Raises:
        IndexError: there are only RSA_KEYS.
    """
    p, q = prime(2 * number), prime(2 * number + 1)
    return rsa_key_of(p, q)


def rsa_key_of(p: int, q: int) -> rsa.RSAPrivateKey:
    """The key that two primes make, unchecked."""
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, p * q),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)
