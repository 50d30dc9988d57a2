"""POP3 dialogue against RFC 1939, 2449, 2595, 5034 and what servers really say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.errors import ProtocolError, RateLimited
from mailcensus.wire.exchange import Limits
from mailcensus.wire.pop3 import Pop3Dialogue, Response, ResponseReader, auth_mechanisms
from scripted import SMALL, begin, check_ends_the_same, check_only_waits, converse, feed, sessions_of

CUTS = pytest.mark.parametrize("cut", [None, 1, 3])

RESPONSES = [
    (b"+OK ready\r\n", False, Response(True, "+OK ready")),
    (b"+OK\r\n", False, Response(True, "+OK")),
    (b"-ERR no\r\n", False, Response(False, "-ERR no")),
    (b"-ERR no\r\n", True, Response(False, "-ERR no")),
    (b"+OK list\r\nTOP\r\nUIDL\r\n.\r\n", True, Response(True, "+OK list", ("TOP", "UIDL"))),
    (b"+OK\r\n.\r\n", True, Response(True, "+OK", ())),
    (b"+OK\n..x\n. \n.\n", True, Response(True, "+OK", (".x", " "))),
]


@pytest.mark.parametrize(("raw", "many", "response"), RESPONSES)
@CUTS
def test_a_response_is_read_whole_and_in_pieces(
    raw: bytes, many: bool, response: Response, cut: int | None
) -> None:
    reader = ResponseReader(Limits())
    if many:
        reader.expect_body()
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        assert reader.next() is None
        reader.feed(raw[at : at + step])
    assert reader.next() == response
    assert reader.rest() == b""


@CUTS
def test_a_session_learns_both_sides_of_tls(cut: int | None) -> None:
    dialogue = begin(Pop3Dialogue)
    found = converse(
        dialogue,
        """
        S: +OK Dovecot ready. <1896.697170952@dbc.mtview.ca.us>
        C: CAPA
        S: +OK
        S: CAPA
        S: TOP
        S: USER
        S: STLS
        S: SASL SCRAM-SHA-256 PLAIN
        S: .
        C: STLS
        S: +OK Begin TLS negotiation now.
        TLS
        C: CAPA
        S: +OK
        S: SASL PLAIN LOGIN
        S: .
        """,
        cut=cut,
    )
    assert found.greeting == "+OK Dovecot ready. <1896.697170952@dbc.mtview.ca.us>"
    assert found.capabilities_before == ("CAPA", "TOP", "USER", "STLS", "SASL SCRAM-SHA-256 PLAIN")
    assert found.auth_before == ("SCRAM-SHA-256", "PLAIN", "USER", "APOP")
    assert (found.starttls_offered, found.starttls_accepted) == (True, True)
    assert (found.capabilities_after, found.auth_after) == (("SASL PLAIN LOGIN",), ("PLAIN", "LOGIN", "APOP"))
    assert (dialogue.turn, dialogue.stage, dialogue.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert dialogue.farewell() == b"QUIT\r\n"


@CUTS
def test_implicit_tls_learns_only_what_is_behind_it(cut: int | None) -> None:
    dialogue = begin(Pop3Dialogue, starttls=False, secure=True)
    found = converse(dialogue, "S: +OK hi\nC: CAPA\nS: +OK\nS: USER\nS: .", cut=cut)
    assert (found.capabilities_before, found.starttls_offered) == (None, None)
    assert (found.capabilities_after, found.auth_after) == (("USER",), ("USER",))


def test_stls_that_is_not_offered_is_not_asked_for() -> None:
    dialogue = begin(Pop3Dialogue)
    found = converse(dialogue, "S: +OK hi\nC: CAPA\nS: +OK\nS: USER\nS: .")
    assert (found.starttls_offered, found.starttls_accepted) == (False, None)
    assert (dialogue.outcome, dialogue.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)


def test_a_server_without_capa_is_asked_for_stls_all_the_same() -> None:
    dialogue = begin(Pop3Dialogue)
    found = converse(
        dialogue,
        """
        S: +OK qpopper
        C: CAPA
        S: -ERR Unknown command
        C: STLS
        S: +OK go
        TLS
        C: CAPA
        S: -ERR Unknown command
        """,
    )
    assert (found.capabilities_before, found.auth_before) == ((), None)
    assert (found.starttls_offered, found.starttls_accepted) == (None, True)
    assert dialogue.outcome is Outcome.OK


def test_stls_refused_is_no_starttls_in_the_servers_words() -> None:
    dialogue = begin(Pop3Dialogue)
    found = converse(dialogue, "S: +OK\nC: CAPA\nS: -ERR what\nC: STLS\nS: -ERR no TLS here")
    assert (found.starttls_offered, found.starttls_accepted) == (None, False)
    assert (dialogue.outcome, dialogue.stage, dialogue.error) == (
        Outcome.NO_STARTTLS,
        Stage.STARTTLS,
        "-ERR no TLS here",
    )


@pytest.mark.parametrize(
    "words",
    [
        "-ERR [SYS/TEMP] maintenance",
        "-ERR [LOGIN-DELAY] wait",
        "-ERR Too many connections from your IP",
        "-ERR Server temporarily down, try again later",
    ],
)
def test_a_greeting_that_says_later_is_rate_limited(words: str) -> None:
    dialogue = begin(Pop3Dialogue)
    with pytest.raises(RateLimited):
        converse(dialogue, f"S: {words}")
    assert dialogue.findings.greeting == words


@pytest.mark.parametrize("words", ["-ERR go away", "220 mx ESMTP", "* OK IMAP"])
def test_another_greeting_is_kept_and_is_a_protocol_error(words: str) -> None:
    dialogue = begin(Pop3Dialogue)
    with pytest.raises(ProtocolError):
        converse(dialogue, f"S: {words}")
    assert dialogue.findings.greeting == words


AUTH = [
    ((), "+OK", ()),
    (("SASL",), "+OK", ()),
    (("sasl plain login", "SASL LOGIN NTLM"), None, ("PLAIN", "LOGIN", "NTLM")),
    (("USER", "SASL PLAIN"), "+OK <a@b>", ("PLAIN", "USER", "APOP")),
    (("USERX", "X SASL PLAIN"), "+OK <a b@c>", ()),
]


@pytest.mark.parametrize(("capabilities", "greeting", "mechanisms"), AUTH)
def test_mechanisms_keep_the_servers_order(
    capabilities: tuple[str, ...], greeting: str | None, mechanisms: tuple[str, ...]
) -> None:
    assert auth_mechanisms(capabilities, greeting) == mechanisms


@pytest.mark.parametrize("cut", [None, 1, 7])
def test_an_endless_list_meets_the_cap(cut: int | None) -> None:
    ending = feed(begin(Pop3Dialogue, settings=SMALL), b"+OK\r\n+OK\r\n" + b"X\r\n" * 200, cut=cut)
    assert ending.raised == "LimitExceeded: the server sent more text than our cap"


def test_a_timestamp_is_searched_for_in_linear_time() -> None:
    auth_mechanisms((), "+OK " + "<a@" * 2_700)


AT_TLS = b"+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK go\r\n"
PIECES = (
    *(b"+OK hi\r\n", b"+OK <a@b>\r\n", b"-ERR x\r\n", b"STLS\r\n", b".\r\n", b"SASL PLAIN\r\n", b"USER\r\n"),
    *(b"-ERR too many\r\n", b"\x16\x03\x01", b"\n", b"\r", b"junk\r\n", b"..\r\n"),
)
SESSIONS = sessions_of(PIECES)


@given(data=SESSIONS, cut=st.integers(1, 9), secure=st.booleans(), behind=st.booleans())
def test_any_bytes_cut_anywhere_end_the_same(data: bytes, cut: int, secure: bool, behind: bool) -> None:
    check_ends_the_same(Pop3Dialogue, AT_TLS, data, cut=cut, secure=secure, behind=behind)


def test_a_session_cut_off_at_every_byte_only_waits() -> None:
    check_only_waits(Pop3Dialogue, AT_TLS)
