"""A scripted peer for the text dialogues: transcripts to hold beside the RFC, cut at will.

A transcript has one step a line: `S:` the server says, `C:` the client must say, `TLS` the client must be ready for
the handshake, which then simply is done. Consecutive lines of one side are one turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Dialogue, Turn
from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import ExchangeSettings, Findings, Limits

SETTINGS = ExchangeSettings(ehlo_name="scanner.example.org", server_name=None)
SMALL = ExchangeSettings(ehlo_name="scanner.example.org", limits=Limits(line=64, text=256))


def begin(
    kind: type[Dialogue],
    *,
    starttls: bool = True,
    secure: bool = False,
    settings: ExchangeSettings = SETTINGS,
) -> Dialogue:
    """A dialogue that is not open yet."""
    dialogue = kind(settings, Findings(), starttls=starttls)
    dialogue.secure = secure
    return dialogue


def converse(
    dialogue: Dialogue, transcript: str, *, cut: int | None = None, end: bytes = b"\r\n"
) -> Findings:
    """Play a transcript; the server's turns arrive in pieces of `cut` bytes (None: whole).

    Raises:
        AssertionError: the client said something else, or spoke before the server's turn was over.
        WireError: the dialogue's own.
    """
    said = dialogue.open()
    for who, lines in _turns(transcript):
        turn = b"".join(line.encode("latin-1") + end for line in lines)
        if who == "C":
            assert said == turn
            said = b""
        elif who == "TLS":
            assert dialogue.turn is Turn.START_TLS
            assert said == dialogue.pending == dialogue.farewell() == b""
            said = dialogue.secured()
        else:
            assert said == b""
            said = _server_says(dialogue, turn, cut)
    assert said == b""
    return dialogue.findings


def _turns(transcript: str) -> Iterator[tuple[str, list[str]]]:
    steps = [line.strip().partition(": ") for line in transcript.strip().splitlines()]
    for who, group in groupby(steps, key=lambda step: step[0].rstrip(":")):
        yield who, [text for _, _, text in group]


def _server_says(dialogue: Dialogue, turn: bytes, cut: int | None) -> bytes:
    pieces = [turn] if cut is None else [turn[at : at + cut] for at in range(0, len(turn), cut)]
    said = [dialogue.receive(piece) for piece in pieces]
    assert not any(said[:-1]), "spoke before the server's turn was over"
    return said[-1]


@dataclass(frozen=True)
class Ending:
    """All that can be seen of a dialogue after it was fed."""

    turn: Turn
    stage: Stage
    outcome: Outcome
    error: str | None
    findings: Findings
    pending: bytes
    raised: str | None


def feed(dialogue: Dialogue, data: bytes, *, cut: int | None = None) -> Ending:
    """Open, then feed whatever bytes in pieces, as far as the dialogue reads; only WireError may come out."""
    dialogue.open()
    return feed_on(dialogue, data, cut=cut)


def feed_on(dialogue: Dialogue, data: bytes, *, cut: int | None = None) -> Ending:
    """The same for a dialogue that is open."""
    raised = None
    for at in range(0, len(data), cut or max(len(data), 1)):
        if dialogue.turn is Turn.FINISHED:
            break
        try:
            dialogue.receive(data[at : at + cut] if cut else data)
        except WireError as error:
            # How much of slipped-in text the error quotes is how much of it had arrived.
            raised = f"{type(error).__name__}: {str(error).partition(', before TLS: ')[0]}"
            break
    return Ending(
        dialogue.turn,
        dialogue.stage,
        dialogue.outcome,
        dialogue.error,
        dialogue.findings,
        b"" if raised else dialogue.pending,
        raised,
    )


def sessions_of(pieces: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """What a server might say: pieces of its protocol and bytes that are none, in any order."""
    return st.lists(st.sampled_from(pieces) | st.binary(max_size=8), max_size=14).map(b"".join)


def check_ends_the_same(
    kind: type[Dialogue], at_tls: bytes, data: bytes, *, cut: int, secure: bool, behind: bool
) -> None:
    """However bytes are cut, a dialogue comes to the same end; only a WireError may be raised.

    Args:
        at_tls: what a good server says up to STARTTLS.
        behind: the bytes come behind TLS, after it.
    """
    endings = []
    for size in (None, 1, cut):
        dialogue = begin(kind, starttls=not secure, secure=secure, settings=SMALL)
        if behind:
            feed(dialogue, at_tls)
            dialogue.secured()
        endings.append(feed_on(dialogue, data, cut=size))
    assert endings[0] == endings[1] == endings[2]


def check_only_waits(kind: type[Dialogue], at_tls: bytes) -> None:
    """Cut off at every byte, a session up to STARTTLS waits and does nothing else."""
    for length in range(len(at_tls)):
        ending = feed(begin(kind), at_tls[:length])
        assert (ending.turn, ending.raised) == (Turn.READ, None)
