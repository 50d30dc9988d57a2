"""Batch GCD over random RSA moduli, beside pairs: time, memory, and whether what was planted is found.

    python -m bench.batch_gcd [MODULI ...]            (1,000, 10,000 and 100,000 unless told; 2048 bits each)
    python -m bench.batch_gcd --chunks 8 [MODULI ...] (in so many chunks)

Real primes for a million moduli would take a day to make. The numbers here are as long and have nothing in common
either, by construction: i M + 1 and j M + 1 can share only primes that divide i - j and not M, and numbers with such
small primes are sieved out. Ten pairs of moduli of real primes, with a prime in common each, are put at the end.
"""

from __future__ import annotations

import random
import resource
import sys
import time

import gmpy2
import numpy as np

from mailcensus.facts.batch_gcd import CHUNK_BITS, find_shared, tree_bytes

BITS = 2_048
PLANTED = 10
PAIRS_UP_TO = 3_000
_PRIMES_IN_M = 1_300


def moduli(count: int, seed: int) -> list[int]:
    """Numbers as long as moduli, `PLANTED` pairs of which share a prime; these come last."""
    source = random.Random(seed)
    step = int(gmpy2.primorial(_PRIMES_IN_M))
    step *= source.getrandbits(BITS - step.bit_length() - count.bit_length()) | 1
    plain = [place * step + 1 for place in _without_small_primes(count - 2 * PLANTED, step)]
    return plain + [prime * _prime(source) for prime in map(_prime, [source] * PLANTED) for _ in "ab"]


def _without_small_primes(count: int, step: int) -> list[int]:
    """So many i for which i * step + 1 has no prime factor that two of them could share."""
    first, most = 1 << count.bit_length(), 4 * count
    good = np.ones(most, np.bool_)
    prime = 2
    while prime < most:
        if step % prime:
            good[(-pow(step, -1, prime) - first) % prime :: prime] = False
        prime = int(gmpy2.next_prime(prime))
    return [first + int(place) for place in np.flatnonzero(good)[:count]]


def _prime(source: random.Random) -> int:
    return int(gmpy2.next_prime(source.getrandbits(BITS // 2) | 3 << (BITS // 2 - 2)))


def pairs_s(count: int) -> float:
    """Seconds that all pairs of so many numbers take; of random ones, since regular ones are quicker."""
    source = random.Random(2026)
    numbers = [gmpy2.mpz(source.getrandbits(BITS) | 1) for _ in range(count)]
    began = time.perf_counter()
    for place, one in enumerate(numbers):
        for other in numbers[:place]:
            gmpy2.gcd(one, other)
    return time.perf_counter() - began


def main(counts: list[int], chunks: int = 1) -> None:
    """Print a row for each count."""
    print(
        f"{'moduli':>10} {'batch s':>9} {'CPU s':>9} {'peak MB':>9} {'tree MB':>9} {'pairs s':>9} planted found"
    )
    for count in counts:
        numbers = moduli(count, 2026)
        began, cpu = time.perf_counter(), time.process_time()
        found = find_shared(numbers, chunk_bits=CHUNK_BITS if chunks == 1 else count * BITS // chunks)
        took, worked = time.perf_counter() - began, time.process_time() - cpu
        planted = sum(min(shared.places) >= count - 2 * PLANTED for shared in found.shared)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pairs = f"{pairs_s(count):9.1f}" if count <= PAIRS_UP_TO else f"{'':>9}"
        tree_mb = tree_bytes(count, BITS) / (1 << 20)
        print(
            f"{count:>10,} {took:9.1f} {worked:9.1f} {peak_mb:9.0f} {tree_mb:9.0f} {pairs} {planted} of {PLANTED}",
            flush=True,
        )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    chunks = int(arguments[1]) if arguments[:1] == ["--chunks"] else 1
    told = [int(argument.replace(",", "")) for argument in arguments[2 if chunks > 1 else 0 :]]
    main(told or [1_000, 10_000, 100_000], chunks)
