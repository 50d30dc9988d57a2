"""The pool of RSA primes."""

import random

import pytest

from mailcensus.lab.rsa_primes import RSA_KEYS, prime, rsa_key


def _probably_prime(number: int, rng: random.Random) -> bool:
    """Miller and Rabin's test, four rounds."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(4):
        power = pow(rng.randrange(2, number - 1), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


@pytest.mark.slow
def test_every_number_of_the_pool_is_prime() -> None:
    rng = random.Random(1)
    assert all(_probably_prime(prime(n), rng) for n in range(2 * RSA_KEYS))


def test_no_two_keys_share_a_prime_and_all_have_2048_bits() -> None:
    assert len({prime(n) for n in range(2 * RSA_KEYS)}) == 2 * RSA_KEYS
    assert {rsa_key(n).key_size for n in range(RSA_KEYS)} == {2048}


def test_a_key_passes_openssls_own_check() -> None:
    numbers = rsa_key(0).private_numbers()
    assert numbers.private_key(unsafe_skip_rsa_key_validation=False).key_size == 2048
