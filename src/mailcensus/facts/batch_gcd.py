"""Which of many RSA moduli have a prime in common: all of them at once instead of pair by pair.

For moduli n_1 ... n_k with product P, n_i shares a factor with another one exactly when gcd(n_i, P / n_i) > 1
(D. J. Bernstein, "How to find smooth parts of integers", 2004; N. Heninger et al., "Mining your Ps and Qs",
USENIX Security 2012, section 3.1). P / n_i mod n_i is P' mod n_i, where P' is the sum of all P / n_j: of these every
other one is a multiple of n_i. P and P' come up one tree of products, P' mod n_i comes down the same tree as
remainders. That takes k log² k steps where pairs take k², and divisors half as large as with P mod n_i².

What does not fit into memory is done in chunks. Where Q is the product of all other chunks, the sum of the whole is
the chunk's own times Q as far as the chunk's moduli are concerned. So another chunk costs one reduction of a product
and one multiplication, not a tree; with c chunks that makes c² of them, and each chunk's tree is built twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import gmpy2
from gmpy2 import mpz

CHUNK_BITS = 2 << 30
"""Bits of moduli in a chunk: 1,048,576 moduli of 2048 bits."""
MODULUS_BITS_MAX = 16_384
"""Longer moduli are passed over, as OpenSSL does (OPENSSL_RSA_MAX_MODULUS_BITS)."""
SMALL_PRIMES_BELOW = 1 << 16
_SMALL_PRIMES = gmpy2.primorial(SMALL_PRIMES_BELOW)

Report = Callable[[int, int], None]
"""Is told how many of how many steps are done."""


@dataclass(frozen=True, slots=True)
class SharedFactor:
    """A factor and the moduli that it divides."""

    factor: int
    """A prime, or a product of primes that only ever occur together."""
    places: tuple[int, ...]
    """Places of two or more different moduli in the sequence that was asked about, ascending."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What moduli have in common."""

    shared: tuple[SharedFactor, ...]
    """Factors that two or more different moduli have, by first place."""
    equal: tuple[tuple[int, ...], ...]
    """Places with the same modulus, ascending; two or more each."""
    small: Mapping[int, int]
    """Place to the product of the primes below SMALL_PRIMES_BELOW in it. They say that a modulus is broken, not
    that two of them are related, and are left out of `shared`."""
    passed_over: tuple[int, ...]
    """Places of numbers that are no modulus: zero, negative, one, or longer than MODULUS_BITS_MAX."""


def find_shared(
    moduli: Sequence[int], *, chunk_bits: int = CHUNK_BITS, report: Report = lambda done, steps: None
) -> BatchResult:
    """Every factor that two or more of these moduli share.

    Args:
        moduli: any numbers.
        chunk_bits: bits of moduli to hold in a tree at a time; `tree_bytes` says what that takes.
        report: called every few steps.
    """
    places: dict[int, list[int]] = defaultdict(list)
    for place, modulus in enumerate(moduli):
        places[modulus].append(place)
    small: dict[int, int] = {}
    cores: dict[mpz, list[int]] = defaultdict(list)
    for modulus in filter(_is_modulus, places):
        core, smooth = without_small_primes(mpz(modulus))
        small |= dict.fromkeys(places[modulus], smooth) if smooth > 1 else {}
        if core > 1:
            cores[core].append(modulus)
    groups = _groups(list(cores), chunk_bits, report)
    told = {core for own in groups.values() for core in own}
    # Moduli that differ in small primes alone have the same core, and that in common.
    groups |= {core: [core] for core, own in cores.items() if len(own) > 1 and core not in told}
    shared = (
        SharedFactor(int(factor), tuple(sorted(p for core in own for n in cores[core] for p in places[n])))
        for factor, own in groups.items()
    )
    return BatchResult(
        tuple(sorted(shared, key=lambda one: (one.places, one.factor))),
        tuple(tuple(own) for own in places.values() if len(own) > 1),
        small,
        tuple(place for place, modulus in enumerate(moduli) if not _is_modulus(modulus)),
    )


def tree_bytes(moduli: int, bits: int) -> int:
    """About the memory that a chunk takes: every level of its tree, and three more at the top for what it works on."""
    return ((moduli - 1).bit_length() + 4) * moduli * bits // 8


def common_parts(
    numbers: Sequence[mpz], *, chunk_bits: int = CHUNK_BITS, report: Report = lambda done, steps: None
) -> list[mpz]:
    """For each number its greatest common divisor with the product of all others.

    Args:
        numbers: positive ones, each different.
    """
    chunks = _chunks(numbers, chunk_bits)
    work = _Work(sum(map(_tree_steps, chunks)) * (2 if len(chunks) == 1 else 3), report)
    products = [_tree(chunk, work)[-1][0] for chunk in chunks] if len(chunks) > 1 else []
    found: list[mpz] = []
    for place, chunk in enumerate(chunks):
        levels, total = _tree_and_sum(chunk, work)
        for product in products[:place] + products[place + 1 :]:
            total = total * (product % levels[-1][0]) % levels[-1][0]
        found += map(gmpy2.gcd, chunk, _remainders(levels, total, work))
    return found


class _Work:
    """Counts steps: a number at one level of a tree is one."""

    def __init__(self, steps: int, report: Report) -> None:
        self._steps = steps
        self._done = 0
        self._report = report

    def did(self, steps: int) -> None:
        self._done += steps
        self._report(self._done, self._steps)


def _chunks(numbers: Sequence[mpz], bits: int) -> list[list[mpz]]:
    chunks: list[list[mpz]] = []
    room = 0
    for number in numbers:
        if not chunks or room < number.bit_length():
            chunks.append([])
            room = bits
        chunks[-1].append(number)
        room -= number.bit_length()
    return chunks


def _tree_steps(numbers: Sequence[mpz]) -> int:
    return len(numbers) * (len(numbers) - 1).bit_length()


def _tree(numbers: Sequence[mpz], work: _Work) -> list[list[mpz]]:
    """Levels of products: the numbers, the products of each two, and so on up to the product of all."""
    levels = [list(numbers)]
    while len(level := levels[-1]) > 1:
        levels.append([gmpy2.mul(a, b) for a, b in zip(level[::2], level[1::2], strict=False)])
        if len(level) % 2:
            levels[-1].append(level[-1])
        work.did(len(numbers))
    return levels


def _tree_and_sum(numbers: Sequence[mpz], work: _Work) -> tuple[list[list[mpz]], mpz]:
    """The tree, and the sum over all numbers of the product of the others."""
    levels, sums = [list(numbers)], [mpz(1)] * len(numbers)
    while len(level := levels[-1]) > 1:
        left, right = level[::2], level[1::2]
        above = [gmpy2.mul(a, b) for a, b in zip(left, right, strict=False)]
        terms = zip(left, right, sums[::2], sums[1::2], strict=False)
        added = [sum_a * b + sum_b * a for a, b, sum_a, sum_b in terms]
        if len(level) % 2:
            above.append(level[-1])
            added.append(sums[-1])
        levels.append(above)
        sums = added
        work.did(len(numbers))
    return levels, sums[0]


def _remainders(levels: list[list[mpz]], number: mpz, work: _Work) -> list[mpz]:
    """A number modulo each number at the foot of a tree. Takes the tree down as it goes."""
    steps, remainders = len(levels[0]), [number % levels.pop()[0]]
    while levels:
        level = levels.pop()
        remainders = [remainders[place // 2] % modulus for place, modulus in enumerate(level)]
        work.did(steps)
    return remainders


def _groups(numbers: Sequence[mpz], chunk_bits: int, report: Report) -> dict[mpz, list[mpz]]:
    """Shared factor to the numbers that have it."""
    parts = common_parts(numbers, chunk_bits=chunk_bits, report=report)
    flagged = [(number, part) for number, part in zip(numbers, parts, strict=True) if part > 1]
    pieces = _pieces({part for _, part in flagged})
    groups: dict[mpz, list[mpz]] = defaultdict(list)
    for number, part in flagged:
        for piece in pieces[part]:
            groups[piece].append(number)
    return {piece: own for piece, own in groups.items() if len(own) > 1}


def _pieces(parts: set[mpz]) -> dict[mpz, set[mpz]]:
    """Each common part as the factors it is made of, as far as the others tell these apart.

    A modulus both of whose primes are shared is its own common part. Such parts are few, each is looked up in a
    tree of all parts.
    """
    whole = sorted(part for part in parts if not gmpy2.is_prime(part))
    levels = _tree(sorted(parts), _Work(0, lambda done, steps: None)) if whole else []
    pieces = {part: {part} for part in parts}
    for part in whole:
        pieces[part] = _apart(part, levels)
    return pieces


def _apart(part: mpz, levels: Sequence[Sequence[mpz]]) -> set[mpz]:
    pieces, left = set(), [part]
    while left:
        piece = left.pop()
        divisor = _divisor(piece, levels)
        if divisor is None:
            pieces.add(piece)
        else:
            left += [divisor, piece // divisor]
    return pieces


def _divisor(piece: mpz, levels: Sequence[Sequence[mpz]]) -> mpz | None:
    """A proper divisor that some of the numbers under the tree have and others have not."""
    if gmpy2.is_prime(piece):
        return None
    nodes = [(len(levels) - 1, 0)]
    while nodes:
        height, place = nodes.pop()
        common = gmpy2.gcd(piece, levels[height][place])
        if 1 < common < piece:
            return common
        if common == piece and height:
            below = range(2 * place, min(2 * place + 2, len(levels[height - 1])))
            nodes += [(height - 1, child) for child in below]
    return None


def _is_modulus(number: int) -> bool:
    return number > 1 and number.bit_length() <= MODULUS_BITS_MAX


def without_small_primes(number: mpz) -> tuple[mpz, int]:
    """What is left of a number without its small primes, and the product of these."""
    core, common = number, gmpy2.gcd(number, _SMALL_PRIMES)
    while common > 1:
        core //= common
        common = gmpy2.gcd(core, common * common)
    return core, int(number // core)
