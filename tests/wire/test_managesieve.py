"""ManageSieve dialogue against RFC 5804."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.errors import ProtocolError, RateLimited
from mailcensus.wire.exchange import Limits
from mailcensus.wire.managesieve import Line, ManageSieveDialogue, ResponseReader
from scripted import begin, check_ends_the_same, check_only_waits, converse, sessions_of

CUTS = pytest.mark.parametrize("cut", [None, 1, 3])

LINES = [
    (b'"STARTTLS"\r\n', Line(None, ("STARTTLS",), '"STARTTLS"')),
    (b'"SASL" "PLAIN LOGIN"\r\n', Line(None, ("SASL", "PLAIN LOGIN"), '"SASL" "PLAIN LOGIN"')),
    (b'"A\\"B" {3}\r\nx"y {2+}\r\n\r\n\r\n', Line(None, ('A"B', 'x"y', "\r\n"), '"A\\"B" {3}x"y {2+}\r\n')),
    (b'ok "done"\r\n', Line("OK", (), 'ok "done"')),
    (b"NO\r\n", Line("NO", (), "NO")),
    (b"BYE (TRYLATER) {3}\r\nbye\r\n", Line("BYE", (), "BYE (TRYLATER) {3}bye")),
]


@pytest.mark.parametrize(("raw", "line"), LINES)
@CUTS
def test_a_line_is_read_whole_and_in_pieces(raw: bytes, line: Line, cut: int | None) -> None:
    reader = ResponseReader(Limits())
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        assert reader.next() is None
        reader.feed(raw[at : at + step])
    assert reader.next() == line
    assert reader.rest() == b""


@CUTS
def test_a_session_learns_both_sides_of_tls(cut: int | None) -> None:
    dialogue = begin(ManageSieveDialogue)
    found = converse(
        dialogue,
        """
        S: "IMPLEMENTATION" "Dovecot Pigeonhole"
        S: "SASL" ""
        S: "STARTTLS"
        S: OK "ready."
        C: STARTTLS
        S: OK "Begin TLS negotiation now."
        TLS
        S: "IMPLEMENTATION" "Dovecot Pigeonhole"
        S: "SASL" "PLAIN LOGIN"
        S: OK "TLS negotiation successful."
        """,
        cut=cut,
    )
    assert found.greeting == '"IMPLEMENTATION" "Dovecot Pigeonhole"\n"SASL" ""\n"STARTTLS"\nOK "ready."'
    assert found.capabilities_before == ('"IMPLEMENTATION" "Dovecot Pigeonhole"', '"SASL" ""', '"STARTTLS"')
    assert found.auth_before == ()
    assert (found.starttls_offered, found.starttls_accepted) == (True, True)
    assert found.auth_after == ("PLAIN", "LOGIN")
    assert (dialogue.turn, dialogue.stage, dialogue.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert dialogue.farewell() == b"LOGOUT\r\n"


def test_starttls_that_is_not_offered_is_not_asked_for() -> None:
    dialogue = begin(ManageSieveDialogue)
    found = converse(dialogue, 'S: "SASL" "PLAIN"\nS: OK')
    assert (found.starttls_offered, found.auth_before) == (False, ("PLAIN",))
    assert (dialogue.outcome, dialogue.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)


def test_starttls_refused_is_no_starttls_in_the_servers_words() -> None:
    dialogue = begin(ManageSieveDialogue)
    converse(dialogue, 'S: "STARTTLS"\nS: OK\nC: STARTTLS\nS: NO "not today"')
    assert (dialogue.outcome, dialogue.stage, dialogue.error) == (
        Outcome.NO_STARTTLS,
        Stage.STARTTLS,
        'NO "not today"',
    )


def test_a_bye_that_says_later_is_rate_limited() -> None:
    with pytest.raises(RateLimited, match="TRYLATER"):
        converse(begin(ManageSieveDialogue), 'S: BYE (TRYLATER) "busy"')


@pytest.mark.parametrize("words", ["220 mx", "* OK IMAP", 'BYE "no"', "NO"])
def test_another_greeting_is_kept_and_is_a_protocol_error(words: str) -> None:
    dialogue = begin(ManageSieveDialogue)
    with pytest.raises(ProtocolError):
        converse(dialogue, f"S: {words}")
    assert dialogue.findings.greeting == words


AT_TLS = b'"STARTTLS"\r\nOK\r\nOK go\r\n'
PIECES = (
    *(
        b'"STARTTLS"\r\n',
        b"OK\r\n",
        b"NO x\r\n",
        b"BYE\r\n",
        b'"SASL" "A B"\r\n',
        b'"X" {3}\r\n',
        b"{300}\r\n",
    ),
    *(b"\x16\x03\x01", b"\n", b'"', b"\\"),
)


@given(
    data=sessions_of(PIECES),
    cut=st.integers(1, 9),
    secure=st.booleans(),
    behind=st.booleans(),
)
def test_any_bytes_cut_anywhere_end_the_same(data: bytes, cut: int, secure: bool, behind: bool) -> None:
    check_ends_the_same(ManageSieveDialogue, AT_TLS, data, cut=cut, secure=secure, behind=behind)


def test_a_session_cut_off_at_every_byte_only_waits() -> None:
    check_only_waits(ManageSieveDialogue, AT_TLS)
