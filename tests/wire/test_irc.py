"""IRC dialogue against RFC 1459 and the IRCv3 specifications."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.errors import ProtocolError, RateLimited
from mailcensus.wire.exchange import Limits
from mailcensus.wire.irc import IrcDialogue, Message, MessageReader, auth_mechanisms
from scripted import begin, check_ends_the_same, check_only_waits, converse, sessions_of

CUTS = pytest.mark.parametrize("cut", [None, 1, 3])

MESSAGES = [
    (b"PING :abc\r\n", Message("PING", ("abc",), "PING :abc")),
    (b"\r\n \r\nping a b\n", Message("PING", ("a", "b"), "ping a b")),
    (b":irc.x CAP * LS :tls  a=b\r\n", Message("CAP", ("*", "LS", "tls  a=b"), ":irc.x CAP * LS :tls  a=b")),
    (b"@time=1 :irc.x 670 * :go: now\r\n", Message("670", ("*", "go: now"), "@time=1 :irc.x 670 * :go: now")),
    (b":irc.x CAP * LS :\r\n", Message("CAP", ("*", "LS", ""), ":irc.x CAP * LS :")),
    (b":irc.x 451\r\n", Message("451", (), ":irc.x 451")),
]


@pytest.mark.parametrize(("raw", "message"), MESSAGES)
@CUTS
def test_a_message_is_read_whole_and_in_pieces(raw: bytes, message: Message, cut: int | None) -> None:
    reader = MessageReader(Limits())
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        assert reader.next() is None
        reader.feed(raw[at : at + step])
    assert reader.next() == message
    assert reader.rest() == b""


@CUTS
def test_a_session_learns_both_sides_of_tls(cut: int | None) -> None:
    dialogue = begin(IrcDialogue)
    found = converse(
        dialogue,
        """
        C: CAP LS 302
        S: :irc.example.org NOTICE * :*** Looking up your hostname...
        S: :irc.example.org NOTICE * :*** Found your hostname
        S: :irc.example.org CAP * LS * :account-notify tls
        S: :irc.example.org CAP * LS :sasl=PLAIN,EXTERNAL inspircd.org/poison
        C: STARTTLS
        S: :irc.example.org 670 * :STARTTLS successful, go ahead with TLS handshake
        TLS
        C: CAP LS 302
        S: :irc.example.org CAP * LS :sasl=PLAIN
        """,
        cut=cut,
    )
    assert found.greeting == (
        ":irc.example.org NOTICE * :*** Looking up your hostname...\n"
        ":irc.example.org NOTICE * :*** Found your hostname"
    )
    assert found.capabilities_before == (
        "account-notify",
        "tls",
        "sasl=PLAIN,EXTERNAL",
        "inspircd.org/poison",
    )
    assert found.auth_before == ("PLAIN", "EXTERNAL")
    assert (found.starttls_offered, found.starttls_accepted) == (True, True)
    assert (found.capabilities_after, found.auth_after) == (("sasl=PLAIN",), ("PLAIN",))
    assert (dialogue.turn, dialogue.stage, dialogue.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert dialogue.farewell() == b"QUIT\r\n"


@CUTS
def test_implicit_tls_learns_only_what_is_behind_it(cut: int | None) -> None:
    dialogue = begin(IrcDialogue, starttls=False, secure=True)
    found = converse(dialogue, "C: CAP LS 302\nS: :x NOTICE AUTH :hi\nS: :x CAP * LS :sasl", cut=cut)
    assert (found.greeting, found.capabilities_before) == (":x NOTICE AUTH :hi", None)
    assert (found.capabilities_after, found.auth_after) == (("sasl",), ())


def test_starttls_that_is_not_offered_is_not_asked_for() -> None:
    dialogue = begin(IrcDialogue)
    found = converse(dialogue, "C: CAP LS 302\nS: :x CAP * LS :multi-prefix")
    assert (found.starttls_offered, found.greeting) == (False, None)
    assert (dialogue.outcome, dialogue.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)


def test_a_server_without_cap_is_asked_for_starttls_all_the_same() -> None:
    dialogue = begin(IrcDialogue)
    found = converse(
        dialogue,
        "C: CAP LS 302\nS: :x 421 * CAP :Unknown command\nC: STARTTLS\nS: :x 451 * :You have not registered",
    )
    assert (found.capabilities_before, found.auth_before, found.starttls_offered) == ((), None, None)
    assert (dialogue.outcome, dialogue.stage) == (Outcome.NO_STARTTLS, Stage.STARTTLS)
    assert dialogue.error == ":x 451 * :You have not registered"


def test_a_ping_before_registration_is_answered() -> None:
    converse(
        begin(IrcDialogue), "C: CAP LS 302\nS: PING :123\nC: PONG :123\nS: :x CAP * LS :tls\nC: STARTTLS"
    )


@pytest.mark.parametrize(
    "words", ["ERROR :Trying to reconnect too fast.", "ERROR :Closing Link: (Throttled)"]
)
def test_an_error_that_says_later_is_rate_limited(words: str) -> None:
    with pytest.raises(RateLimited):
        converse(begin(IrcDialogue), f"C: CAP LS 302\nS: {words}")


def test_another_error_ends_with_the_servers_words() -> None:
    with pytest.raises(ProtocolError, match="K-Lined"):
        converse(begin(IrcDialogue), "C: CAP LS 302\nS: ERROR :Closing Link: K-Lined")


@pytest.mark.parametrize("words", ["220 mx", "* OK IMAP", "HTTP/1.1 400 Bad Request", "SSH-2.0-x"])
def test_another_protocols_greeting_is_kept(words: str) -> None:
    dialogue = begin(IrcDialogue)
    with pytest.raises(ProtocolError):
        converse(dialogue, f"C: CAP LS 302\nS: {words}")
    assert dialogue.findings.greeting == words


def test_mechanisms_are_named_once_in_the_servers_order() -> None:
    assert auth_mechanisms(("tls", "sasl=external,PLAIN,,plain", "saslx=A", "draft/sasl=B")) == (
        "EXTERNAL",
        "PLAIN",
    )


AT_TLS = b":x CAP * LS :tls\r\n:x 670 * :go\r\n"
PIECES = (
    *(b":x CAP * LS :tls\r\n", b":x CAP * LS * :sasl=A\r\n", b":x 670 * :go\r\n", b":x 691 * :no\r\n"),
    *(
        b":x NOTICE * :hi\r\n",
        b"PING :a\r\n",
        b":x 421 * x\r\n",
        b"ERROR :x\r\n",
        b"\x16\x03\x01",
        b"\n",
        b":",
        b"@",
    ),
)


@given(
    data=sessions_of(PIECES),
    cut=st.integers(1, 9),
    secure=st.booleans(),
    behind=st.booleans(),
)
def test_any_bytes_cut_anywhere_end_the_same(data: bytes, cut: int, secure: bool, behind: bool) -> None:
    check_ends_the_same(IrcDialogue, AT_TLS, data, cut=cut, secure=secure, behind=behind)


def test_a_session_cut_off_at_every_byte_only_waits() -> None:
    check_only_waits(IrcDialogue, AT_TLS)
