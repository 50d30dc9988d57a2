"""The same bytes in other pieces: what is learnt must not depend on how the network cut them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

from mailcensus.model import Outcome
from mailcensus.wire.exchange import Exchange

R = TypeVar("R")

_QUOTED = re.compile(r"b?(?:'.*|\".*)", re.DOTALL)
_SLIPPED_IN = "text behind the STARTTLS reply"
"""Only what came in one piece with the reply is told from what the server said after our ClientHello."""


class Different(AssertionError):
    """The pieces changed the result."""


@dataclass(frozen=True, slots=True)
class Ending:
    """All that can be seen of an exchange in the end."""

    outcome: Outcome | None
    stage: object
    error: str | None
    findings: str


def pieces_of(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Three ways to cut, the same each time for the same bytes: in two, into small ones, and seven and the rest."""
    place = crc32(data)
    at = place % (len(data) + 1)
    yield data[:at], data[at:]
    step = 1 + place // 65_536 % 61
    yield tuple(data[start : start + step] for start in range(0, len(data), step))
    yield data[:7], data[7:]


def byte_by_byte(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """One way to cut: every byte on its own."""
    yield tuple(data[at : at + 1] for at in range(len(data)))


def at_every_byte(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """In two, at every place there is."""
    return ((data[:at], data[at:]) for at in range(1, len(data)))


Cut = Callable[[bytes], Iterator[tuple[bytes, ...]]]


def ending(exchange: Exchange, pieces: tuple[bytes, ...]) -> Ending:
    """Feed an exchange that has been started, until it has an outcome; then the server closes."""
    for piece in pieces:
        if exchange.outcome is not None:
            break
        if piece:
            exchange.receive(piece)
    exchange.eof()
    error = exchange.error and _QUOTED.sub(
        "", exchange.error
    )  # how much is quoted depends on what had arrived
    return Ending(exchange.outcome, exchange.stage, error, repr(exchange.findings()))


def check_exchange(make: Callable[[], Exchange], stream: bytes, cut: Cut) -> Ending:
    """Feed a stream whole and in pieces to exchanges that `make` has started.

    Raises:
        Different: the endings are not the same.
    """

    def run(pieces: tuple[bytes, ...]) -> Ending:
        return ending(make(), pieces)

    return check(run, stream, cut, lambda end: (end.error or "").startswith(_SLIPPED_IN))


def check(
    run: Callable[[tuple[bytes, ...]], R],
    stream: bytes,
    cut: Cut,
    incomparable: Callable[[R], bool] = lambda _result: False,
) -> R:
    """Run on a stream whole and in pieces; gives what the whole came to.

    Raises:
        Different: the results are not the same.
    """
    whole = run((stream,))
    for pieces in cut(stream):
        result = run(pieces)
        if result != whole and not (incomparable(whole) or incomparable(result)):
            raise Different(f"whole: {whole}\nin pieces of {[len(piece) for piece in pieces]}: {result}")
    return whole
