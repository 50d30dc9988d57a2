"""IMAP dialogue against RFC 9051, 3501 and what servers really say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.errors import ProtocolError, RateLimited
from mailcensus.wire.exchange import Limits
from mailcensus.wire.imap import ImapDialogue, Response, ResponseReader, auth_mechanisms, capabilities_of
from scripted import SMALL, begin, check_ends_the_same, check_only_waits, converse, feed, sessions_of

CUTS = pytest.mark.parametrize("cut", [None, 1, 3])

RESPONSES = [
    (b"* OK ready\r\n", Response("*", "OK ready")),
    (b"*\r\n", Response("*", "")),
    (b"+ go on\r\n", Response("+", "go on")),
    (b"a1 OK done\r\n", Response("a1", "OK done")),
    (b". OK done\r\n", Response(".", "OK done")),
    (b'* ID ("name" {5}\r\nDo\r\nv)\r\n', Response("*", 'ID ("name" {5}Do\r\nv)')),
    (b"* X {3+}\r\nabc {0}\r\n\r\n", Response("*", "X {3+}abc {0}")),
    (b"* X {3} \r\n", Response("*", "X {3} ")),
]


@pytest.mark.parametrize(("raw", "response"), RESPONSES)
@CUTS
def test_a_response_is_read_whole_and_in_pieces(raw: bytes, response: Response, cut: int | None) -> None:
    reader = ResponseReader(Limits())
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        assert reader.next() is None
        reader.feed(raw[at : at + step])
    assert reader.next() == response
    assert reader.rest() == b""


@CUTS
def test_a_session_learns_both_sides_of_tls(cut: int | None) -> None:
    dialogue = begin(ImapDialogue)
    found = converse(
        dialogue,
        """
        S: * OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot (Debian) ready.
        C: a1 CAPABILITY
        S: * 3 EXISTS
        S: * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256 AUTH=PLAIN auth=login
        S: * OK still there
        S: a1 OK Pre-login capabilities listed.
        C: a2 STARTTLS
        S: * OK noise before the answer
        S: a2 OK Begin TLS negotiation now.
        TLS
        C: a3 CAPABILITY
        S: * CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=PLAIN
        S: a3 OK done
        """,
        cut=cut,
    )
    assert found.greeting == "* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot (Debian) ready."
    assert found.capabilities_before == (
        *("IMAP4rev1", "STARTTLS", "LOGINDISABLED"),
        *("AUTH=SCRAM-SHA-256", "AUTH=PLAIN", "auth=login"),
    )
    assert found.auth_before == ("SCRAM-SHA-256", "PLAIN", "LOGIN")
    assert (found.starttls_offered, found.starttls_accepted) == (True, True)
    assert (found.capabilities_after, found.auth_after) == (
        ("IMAP4rev1", "AUTH=PLAIN", "AUTH=PLAIN"),
        ("PLAIN",),
    )
    assert (dialogue.turn, dialogue.stage, dialogue.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert dialogue.farewell() == b"a4 LOGOUT\r\n"


@CUTS
def test_implicit_tls_learns_only_what_is_behind_it(cut: int | None) -> None:
    dialogue = begin(ImapDialogue, starttls=False, secure=True)
    found = converse(
        dialogue, "S: * PREAUTH hi\nC: a1 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: a1 OK", cut=cut
    )
    assert (found.capabilities_before, found.starttls_offered) == (None, None)
    assert (found.capabilities_after, found.auth_after) == (("IMAP4rev1",), ())
    assert dialogue.farewell() == b"a2 LOGOUT\r\n"


def test_starttls_that_is_not_offered_is_not_asked_for() -> None:
    dialogue = begin(ImapDialogue)
    found = converse(dialogue, "S: * OK\nC: a1 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: a1 OK")
    assert (found.starttls_offered, found.starttls_accepted) == (False, None)
    assert (dialogue.outcome, dialogue.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)


@pytest.mark.parametrize("words", ["NO not now", "BAD unknown command"])
def test_starttls_refused_is_no_starttls_in_the_servers_words(words: str) -> None:
    dialogue = begin(ImapDialogue)
    converse(
        dialogue,
        f"S: * OK\nC: a1 CAPABILITY\nS: * CAPABILITY STARTTLS\nS: a1 OK\nC: a2 STARTTLS\nS: a2 {words}",
    )
    assert dialogue.findings.starttls_accepted is False
    assert (dialogue.outcome, dialogue.stage, dialogue.error) == (Outcome.NO_STARTTLS, Stage.STARTTLS, words)


def test_capabilities_come_from_the_greeting_where_the_command_fails() -> None:
    dialogue = begin(ImapDialogue)
    found = converse(dialogue, "S: * OK [CAPABILITY IMAP4 AUTH=PLAIN] x\nC: a1 CAPABILITY\nS: a1 BAD what")
    assert (found.capabilities_before, found.auth_before) == (("IMAP4", "AUTH=PLAIN"), ("PLAIN",))
    assert dialogue.outcome is Outcome.NO_STARTTLS


def test_a_server_that_never_names_capabilities_is_asked_for_starttls_all_the_same() -> None:
    dialogue = begin(ImapDialogue)
    found = converse(dialogue, "S: * OK\nC: a1 CAPABILITY\nS: a1 BAD\nC: a2 STARTTLS\nS: a2 OK go")
    assert (found.capabilities_before, found.starttls_offered, found.starttls_accepted) == (None, None, True)
    assert dialogue.turn is Turn.START_TLS


@pytest.mark.parametrize(
    "transcript",
    [
        "S: * BYE Too many connections",
        "S: * BYE [UNAVAILABLE] down",
        "S: * OK\nC: a1 CAPABILITY\nS: * BYE server busy, try later",
    ],
)
def test_a_bye_that_says_later_is_rate_limited(transcript: str) -> None:
    with pytest.raises(RateLimited, match="BYE"):
        converse(begin(ImapDialogue), transcript)


@pytest.mark.parametrize("words", ["* BYE go away", "220 mx ESMTP", "+OK POP3", "SSH-2.0-x", "* NO"])
def test_another_greeting_is_kept_and_is_a_protocol_error(words: str) -> None:
    dialogue = begin(ImapDialogue)
    with pytest.raises(ProtocolError):
        converse(dialogue, f"S: {words}")
    assert dialogue.findings.greeting == words


def test_an_answer_to_what_was_not_asked_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="not sent: a7"):
        converse(begin(ImapDialogue), "S: * OK\nC: a1 CAPABILITY\nS: a7 OK")


CAPABILITIES = [
    ("CAPABILITY IMAP4rev1 AUTH=PLAIN", ("IMAP4rev1", "AUTH=PLAIN")),
    ("capability", ()),
    ("OK [CAPABILITY IMAP4rev1 SASL-IR] hi", ("IMAP4rev1", "SASL-IR")),
    ("OK [ALERT] CAPABILITY", None),
    ("CAPABILITYX a", None),
    ("FLAGS (CAPABILITY)", None),
]


@pytest.mark.parametrize(("text", "capabilities"), CAPABILITIES)
def test_capabilities_are_found_in_data_and_in_codes(text: str, capabilities: tuple[str, ...] | None) -> None:
    assert capabilities_of(text) == capabilities


def test_mechanisms_are_named_once_in_the_servers_order() -> None:
    assert auth_mechanisms(("AUTH=LOGIN", "AUTH=plain", "AUTH=", "XAUTH=X", "AUTH=PLAIN")) == (
        "LOGIN",
        "PLAIN",
    )


@pytest.mark.parametrize("cut", [None, 1, 7])
@pytest.mark.parametrize(
    ("flood", "error"),
    [
        (b"* OK x {99999}\r\n", "the server announced more text than our cap"),
        (b"* OK x {9999999999}\r\n", "the server announced more text than our cap"),
        (b"* OK x {200}\r\n" + b"y" * 200 + b"* X\r\n" * 20, "the server sent more text than our cap"),
        (b"* OK " + b"y" * 90, "the server sent a line longer than our cap"),
    ],
)
def test_literals_and_floods_meet_the_caps(flood: bytes, error: str, cut: int | None) -> None:
    ending = feed(begin(ImapDialogue, settings=SMALL), flood, cut=cut)
    assert ending.raised == f"LimitExceeded: {error}"


AT_TLS = b"* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 OK go\r\n"
PIECES = (
    *(
        b"* OK hi\r\n",
        b"* OK [CAPABILITY STARTTLS] x\r\n",
        b"a1 OK\r\n",
        b"a2 OK\r\n",
        b"a3 OK\r\n",
        b"a1 NO\r\n",
    ),
    *(
        b"* CAPABILITY STARTTLS AUTH=X\r\n",
        b"* BYE\r\n",
        b"* X {3}\r\n",
        b"{300}\r\n",
        b"\x16\x03\x01",
        b"\n",
    ),
)
SESSIONS = sessions_of(PIECES)


@given(data=SESSIONS, cut=st.integers(1, 9), secure=st.booleans(), behind=st.booleans())
def test_any_bytes_cut_anywhere_end_the_same(data: bytes, cut: int, secure: bool, behind: bool) -> None:
    check_ends_the_same(ImapDialogue, AT_TLS, data, cut=cut, secure=secure, behind=behind)


def test_a_session_cut_off_at_every_byte_only_waits() -> None:
    check_only_waits(ImapDialogue, AT_TLS)
