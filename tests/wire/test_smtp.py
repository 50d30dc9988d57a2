"""SMTP and LMTP dialogues against RFC 5321, 3207, 4954, 2033 and what servers really say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.errors import LimitExceeded, ProtocolError, RateLimited
from mailcensus.wire.exchange import Limits
from mailcensus.wire.lmtp import LmtpDialogue
from mailcensus.wire.smtp import Reply, ReplyReader, SmtpDialogue, auth_mechanisms
from scripted import SMALL, begin, check_ends_the_same, check_only_waits, converse, feed, sessions_of

CUTS = pytest.mark.parametrize("cut", [None, 1, 3])

REPLIES = [
    (b"220 mx ready\r\n", Reply(220, ("mx ready",)), "220 mx ready"),
    (b"220-mx\r\n220 ready\r\n", Reply(220, ("mx", "ready")), "220-mx\n220 ready"),
    (b"250\r\n", Reply(250, ("",)), "250"),
    (b"250-\r\n250 \r\n", Reply(250, ("", "")), "250-\n250"),
    (b"220 bare line feed\n", Reply(220, ("bare line feed",)), "220 bare line feed"),
    (b"220mx.example.org\r\n", Reply(220, ("mx.example.org",)), "220 mx.example.org"),
    (b"220-one\r\n221 other code\r\n", Reply(221, ("one", "other code")), "221-one\n221 other code"),
    ("220 Grüße\r\n".encode(), Reply(220, ("Grüße",)), "220 Grüße"),
    (b"220 Gr\xfc\xdfe\r\n", Reply(220, ("Gr\\xfc\\xdfe",)), "220 Gr\\xfc\\xdfe"),
]

WHOLE_SESSION = """
    S: 220-mx.example.org ESMTP Postfix
    S: 220 be patient
    C: EHLO scanner.example.org
    S: 250-mx.example.org
    S: 250-PIPELINING
    S: 250-SIZE 10240000
    S: 250-AUTH LOGIN PLAIN
    S: 250-AUTH=LOGIN PLAIN CRAM-MD5
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 2.0.0 Ready to start TLS
    TLS
    C: EHLO scanner.example.org
    S: 250-mx.example.org
    S: 250 AUTH PLAIN
"""


@pytest.mark.parametrize(("raw", "reply", "text"), REPLIES)
@CUTS
def test_a_reply_is_read_whole_and_in_pieces(raw: bytes, reply: Reply, text: str, cut: int | None) -> None:
    reader = ReplyReader(Limits())
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        assert reader.next() is None
        reader.feed(raw[at : at + step])
    assert reader.next() == reply
    assert reply.text == text
    assert reader.next() is None
    assert reader.rest() == b""


def test_what_follows_a_reply_stays_unread() -> None:
    reader = ReplyReader(Limits())
    reader.feed(b"220 go\r\n\x16\x03\x01")
    assert reader.next() == Reply(220, ("go",))
    assert reader.rest() == b"\x16\x03\x01"


@CUTS
def test_a_session_learns_both_sides_of_tls(cut: int | None) -> None:
    dialogue = begin(SmtpDialogue)
    found = converse(dialogue, WHOLE_SESSION, cut=cut)
    assert found.greeting == "220-mx.example.org ESMTP Postfix\n220 be patient"
    assert found.capabilities_before == (
        "PIPELINING",
        "SIZE 10240000",
        "AUTH LOGIN PLAIN",
        "AUTH=LOGIN PLAIN CRAM-MD5",
        "STARTTLS",
    )
    assert found.auth_before == ("LOGIN", "PLAIN", "CRAM-MD5")
    assert (found.starttls_offered, found.starttls_accepted) == (True, True)
    assert (found.capabilities_after, found.auth_after) == (("AUTH PLAIN",), ("PLAIN",))
    assert (dialogue.turn, dialogue.stage, dialogue.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert dialogue.farewell() == b"QUIT\r\n"


@CUTS
def test_implicit_tls_learns_only_what_is_behind_it(cut: int | None) -> None:
    dialogue = begin(SmtpDialogue, starttls=False, secure=True)
    found = converse(
        dialogue,
        """
        S: 220 mx
        C: EHLO scanner.example.org
        S: 250-mx
        S: 250 AUTH PLAIN
        """,
        cut=cut,
    )
    assert (found.capabilities_before, found.auth_before, found.starttls_offered) == (None, None, None)
    assert (found.capabilities_after, found.auth_after) == (("AUTH PLAIN",), ("PLAIN",))
    assert (dialogue.stage, dialogue.outcome) == (Stage.DONE, Outcome.OK)


def test_ehlo_is_sent_though_the_banner_says_nothing_of_esmtp() -> None:
    dialogue = begin(SmtpDialogue)
    assert dialogue.open() == b""
    assert dialogue.receive(b"220 \r\n") == b"EHLO scanner.example.org\r\n"


@CUTS
def test_a_server_without_ehlo_gets_helo_and_has_no_starttls(cut: int | None) -> None:
    dialogue = begin(SmtpDialogue)
    found = converse(
        dialogue,
        """
        S: 220 old.example.org
        C: EHLO scanner.example.org
        S: 502 Command not implemented
        C: HELO scanner.example.org
        S: 250 old.example.org
        """,
        cut=cut,
    )
    assert (found.capabilities_before, found.auth_before, found.starttls_offered) == ((), (), False)
    assert (dialogue.turn, dialogue.outcome, dialogue.stage) == (
        Turn.FINISHED,
        Outcome.NO_STARTTLS,
        Stage.CAPABILITIES,
    )


def test_starttls_that_is_not_offered_is_not_asked_for() -> None:
    dialogue = begin(SmtpDialogue)
    found = converse(dialogue, "S: 220 mx\nC: EHLO scanner.example.org\nS: 250-mx\nS: 250 X-STARTTLS-NOT")
    assert (found.starttls_offered, found.starttls_accepted) == (False, None)
    assert (dialogue.outcome, dialogue.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"454 4.7.0 TLS not available\r\n", "454 4.7.0 TLS not available"),
        (b"502 no\r\n", "502 no"),
        (b"554-no\r\n554 way\r\n", "554 no way"),
    ],
)
def test_starttls_refused_is_no_starttls_in_the_servers_words(reply: bytes, words: str) -> None:
    dialogue = begin(SmtpDialogue)
    converse(dialogue, "S: 220 mx\nC: EHLO scanner.example.org\nS: 250-mx\nS: 250 starttls\nC: STARTTLS")
    assert dialogue.receive(reply) == b""
    assert (dialogue.findings.starttls_offered, dialogue.findings.starttls_accepted) == (True, False)
    assert (dialogue.turn, dialogue.outcome, dialogue.stage) == (
        Turn.FINISHED,
        Outcome.NO_STARTTLS,
        Stage.STARTTLS,
    )
    assert dialogue.error == words


LATER = [
    "S: 421 4.7.0 Too many connections",
    "S: 450 greylisted",
    "S: 220 mx\nC: EHLO scanner.example.org\nS: 421 4.3.2 shutting down",
    "S: 220 mx\nC: EHLO scanner.example.org\nS: 451 later",
    "S: 220 mx\nC: EHLO scanner.example.org\nS: 500 what\nC: HELO scanner.example.org\nS: 421 later",
    "S: 220 mx\nC: EHLO scanner.example.org\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 421 later",
]


@pytest.mark.parametrize("transcript", LATER)
def test_a_421_or_4xx_is_rate_limited_in_the_servers_words(transcript: str) -> None:
    with pytest.raises(RateLimited, match=r"^4[25]"):
        converse(begin(SmtpDialogue), transcript)


@pytest.mark.parametrize("words", ["554 5.7.1 go away", "500", "354 what", "199 odd"])
def test_a_greeting_that_refuses_is_kept_and_is_a_protocol_error(words: str) -> None:
    dialogue = begin(SmtpDialogue)
    with pytest.raises(ProtocolError, match=words[:3]):
        converse(dialogue, f"S: {words}")
    assert dialogue.findings.greeting == words
    assert dialogue.stage is Stage.GREETING


@pytest.mark.parametrize(
    "line", ["SSH-2.0-OpenSSH_9.2", "+OK ready", "* OK ready", "HTTP/1.1 400 Bad Request", "2200 x"]
)
def test_another_protocols_greeting_is_kept_too(line: str) -> None:
    dialogue = begin(SmtpDialogue)
    with pytest.raises(ProtocolError, match="not an SMTP reply"):
        converse(dialogue, f"S: {line}")
    assert dialogue.findings.greeting == line


def test_helo_refused_as_well_ends_with_the_servers_words() -> None:
    dialogue = begin(SmtpDialogue)
    with pytest.raises(ProtocolError, match="550 5\\.7\\.1 no PTR"):
        converse(
            dialogue,
            "S: 220 mx\nC: EHLO scanner.example.org\nS: 550 no\nC: HELO scanner.example.org\nS: 550 5.7.1 no PTR",
        )
    assert dialogue.findings.capabilities_before is None
    assert dialogue.findings.starttls_offered is None


@CUTS
def test_a_greeting_whose_lines_lack_the_hyphen_is_one_greeting(cut: int | None) -> None:
    ending = feed(begin(SmtpDialogue), b"220 mx\r\n220 no spam\r\n250-mx\r\n250 SIZE 5\r\n", cut=cut)
    assert ending.findings.greeting == "220 mx\n220 no spam"
    assert ending.findings.capabilities_before == ("SIZE 5",)


AT_TLS = b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n"


@pytest.mark.parametrize("cut", [None, 1, len(AT_TLS)])
def test_text_behind_the_starttls_reply_is_an_error_and_the_reply_is_kept(cut: int | None) -> None:
    ending = feed(begin(SmtpDialogue), AT_TLS + b"250 injected\r\n", cut=cut)
    assert ending.raised == "ProtocolError: text behind the STARTTLS reply"
    assert (ending.stage, ending.findings.starttls_accepted) == (Stage.STARTTLS, True)


@pytest.mark.parametrize("cut", [None, 1])
def test_a_tls_record_behind_the_starttls_reply_is_handed_on(cut: int | None) -> None:
    alert = bytes.fromhex("15030100020228")
    ending = feed(begin(SmtpDialogue), AT_TLS + alert, cut=cut)
    assert (ending.turn, ending.pending, ending.raised) == (Turn.START_TLS, alert, None)


def test_after_tls_a_server_that_breaks_off_keeps_what_was_before() -> None:
    dialogue = begin(SmtpDialogue)
    feed(dialogue, AT_TLS)
    dialogue.secured()
    assert dialogue.stage is Stage.SESSION
    with pytest.raises(ProtocolError):
        dialogue.receive(b"\x00\x01\r\n")
    assert dialogue.findings.capabilities_before == ("STARTTLS",)
    assert dialogue.findings.capabilities_after is None


AUTH_LINES = [
    ((), ()),
    (("AUTH",), ()),
    (("AUTH PLAIN LOGIN",), ("PLAIN", "LOGIN")),
    (("auth login plain",), ("LOGIN", "PLAIN")),
    (("AUTH=LOGIN PLAIN",), ("LOGIN", "PLAIN")),
    (("AUTH LOGIN", "AUTH=PLAIN LOGIN"), ("LOGIN", "PLAIN")),
    (("AUTHX PLAIN", "X-AUTH PLAIN", ""), ()),
    (("X-EXPS=LOGIN", "AUTH\tGSSAPI  NTLM "), ("GSSAPI", "NTLM")),
]


@pytest.mark.parametrize(("capabilities", "mechanisms"), AUTH_LINES)
def test_mechanisms_keep_the_servers_order(
    capabilities: tuple[str, ...], mechanisms: tuple[str, ...]
) -> None:
    assert auth_mechanisms(capabilities) == mechanisms


@CUTS
def test_lmtp_says_lhlo(cut: int | None) -> None:
    dialogue = begin(LmtpDialogue)
    found = converse(
        dialogue,
        """
        S: 220 mx LMTP ready
        C: LHLO scanner.example.org
        S: 250-mx
        S: 250-STARTTLS
        S: 250 ENHANCEDSTATUSCODES
        C: STARTTLS
        S: 220 2.0.0 Begin TLS negotiation now.
        TLS
        C: LHLO scanner.example.org
        S: 250 mx
        """,
        cut=cut,
    )
    assert found.capabilities_before == ("STARTTLS", "ENHANCEDSTATUSCODES")
    assert (found.capabilities_after, dialogue.outcome) == ((), Outcome.OK)


def test_lmtp_does_not_fall_back() -> None:
    with pytest.raises(ProtocolError, match="500 what"):
        converse(begin(LmtpDialogue), "S: 220 mx\nC: LHLO scanner.example.org\nS: 500 what")


@pytest.mark.parametrize("cut", [None, 1, 7])
@pytest.mark.parametrize(
    ("flood", "what"),
    [
        (b"2" * 300, "a line longer than our cap"),
        (b"220-x\r\n" * 100, "more text than our cap"),
        (b"220 mx\r\n" + b"250-x\r\n" * 100, "more text than our cap"),
        (b"220 " + b"x" * 61 + b"\r\n", "a line longer than our cap"),
    ],
)
def test_an_endless_server_meets_a_cap_wherever_it_is_cut(flood: bytes, what: str, cut: int | None) -> None:
    ending = feed(begin(SmtpDialogue, settings=SMALL), flood, cut=cut)
    assert ending.raised == f"LimitExceeded: the server sent {what}"


def test_the_text_cap_holds_for_each_phase() -> None:
    dialogue = begin(SmtpDialogue, settings=SMALL)
    feed(dialogue, AT_TLS)
    dialogue.secured()
    dialogue.receive(b"250-" + b"x" * 30 + b"\r\n" + b"250-y\r\n" * 25)
    with pytest.raises(LimitExceeded):
        dialogue.receive(b"250-z\r\n" * 10)


PIECES = (
    *(b"220 mx\r\n", b"220-a\r\n", b"250-mx\r\n", b"250 STARTTLS\r\n", b"250-STARTTLS\r\n", b"500 no\r\n"),
    *(b"421 x\r\n", b"454 x\r\n", b"\x16\x03\x01", b"\n", b"\r", b"250-AUTH PLAIN\r\n", b"junk\r\n"),
)
SESSIONS = sessions_of(PIECES)


@given(data=SESSIONS, cut=st.integers(1, 9), secure=st.booleans(), behind=st.booleans())
def test_any_bytes_cut_anywhere_end_the_same(data: bytes, cut: int, secure: bool, behind: bool) -> None:
    check_ends_the_same(SmtpDialogue, AT_TLS, data, cut=cut, secure=secure, behind=behind)


def test_a_session_cut_off_at_every_byte_only_waits() -> None:
    check_only_waits(SmtpDialogue, AT_TLS)
