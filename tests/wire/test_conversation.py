"""Whole conversations in memory: a text protocol, OpenSSL in front of it or in the middle, and every way to fail."""

from __future__ import annotations

import ssl

import pytest

from mailcensus.model import Outcome, Stage
from mailcensus.wire.conversation import Conversation
from mailcensus.wire.exchange import ExchangeSettings
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.tls.hello import TLS_1_2_ONLY
from mailcensus.wire.tls.shares import KeyPairs
from tlspeer.openssl import OpensslPeer, identity

SETTINGS = ExchangeSettings(ehlo_name="scanner.invalid")
GREETING = b"220 mx.test.invalid ESMTP Postfix\r\n"
BEFORE = b"250-mx.test.invalid\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"
AFTER = b"250-mx.test.invalid\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN\r\n"


class SmtpPeer:
    """An SMTP server with STARTTLS that answers by the book."""

    def __init__(
        self, tls: OpensslPeer | None = None, *, before: bytes = BEFORE, ready: bytes = b"220 go\r\n"
    ) -> None:
        self.tls = tls
        self.before = before
        self.ready = ready
        self.secured = False
        self.heard: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        if self.secured and self.tls is not None:
            return self.tls.receive(data)
        self.heard.append(data)
        if data.startswith(b"EHLO"):
            return self.before
        if data.startswith(b"STARTTLS"):
            self.secured = True
            return self.ready
        return b"221 bye\r\n" if data.startswith(b"QUIT") else b"500 what\r\n"


def behind_tls(heard: list[bytes]) -> OpensslPeer:
    """The TLS half of an SMTP server."""

    def respond(text: bytes) -> bytes:
        heard.append(text)
        return AFTER if text.startswith(b"EHLO") else b"221 bye\r\n"

    return OpensslPeer(respond=respond)


def talk(
    conversation: Conversation, peer: SmtpPeer, *, greeting: bytes = GREETING, step: int = 100_000
) -> None:
    """Carry bytes to and fro, at most `step` at a time towards us."""
    incoming = greeting
    assert conversation.start() == b""
    while incoming and conversation.outcome is None:
        piece, incoming = incoming[:step], incoming[step:]
        out = conversation.receive(piece)
        if out:
            incoming += peer.receive(out)


def smtp(settings: ExchangeSettings = SETTINGS) -> Conversation:
    return Conversation(SERVICE_BY_NAME["smtp"], settings, KeyPairs())


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_smtp_is_asked_before_and_behind_starttls_and_left_politely(step: int) -> None:
    heard: list[bytes] = []
    conversation, peer = smtp(), SmtpPeer(behind_tls(heard))
    talk(conversation, peer, step=step)
    findings = conversation.findings()
    assert (conversation.outcome, conversation.stage, conversation.error) == (Outcome.OK, Stage.DONE, None)
    assert findings.greeting == "220 mx.test.invalid ESMTP Postfix"
    assert findings.capabilities_before == ("SIZE 1000", "STARTTLS")
    assert findings.auth_before == ()
    assert (findings.starttls_offered, findings.starttls_accepted) == (True, True)
    assert findings.capabilities_after == ("SIZE 1000", "AUTH PLAIN LOGIN")
    assert findings.auth_after == ("PLAIN", "LOGIN")
    assert findings.tls is not None
    assert findings.tls.finished
    assert findings.certificates == (identity("rsa")[1],)
    assert heard == [b"EHLO scanner.invalid\r\n", b"QUIT\r\n"]
    assert peer.tls is not None
    assert peer.tls.closed


def test_a_first_flight_ends_the_conversation_where_no_more_is_wanted() -> None:
    conversation = smtp(ExchangeSettings(ehlo_name="scanner.invalid", finish_tls=False))
    talk(conversation, SmtpPeer(behind_tls([])))
    findings = conversation.findings()
    assert (conversation.outcome, conversation.stage) == (Outcome.OK, Stage.TLS)
    assert findings.tls is not None
    assert findings.tls.unfinished_reason == "not asked for"
    assert findings.capabilities_after is None


def test_what_was_learnt_before_tls_broke_is_kept() -> None:
    conversation = smtp()
    talk(conversation, SmtpPeer(ready=b"220 go\r\nHTTP/1.1 400 Bad Request\r\n"))
    findings = conversation.findings()
    assert (conversation.outcome, conversation.stage) == (Outcome.PROTOCOL_ERROR, Stage.STARTTLS)
    assert findings.capabilities_before == ("SIZE 1000", "STARTTLS")


def test_a_server_that_talks_text_behind_starttls_is_a_tls_error() -> None:
    conversation = smtp()
    peer = SmtpPeer(OpensslPeer())
    conversation.receive(GREETING)
    conversation.receive(BEFORE)
    conversation.receive(b"220 go\r\n")
    conversation.receive(b"500 what is this\r\n")
    assert (conversation.outcome, conversation.stage) == (Outcome.TLS_ERROR, Stage.TLS)
    assert "not a TLS record" in (conversation.error or "")
    assert conversation.findings().tls is None
    assert peer.heard == []


def test_an_alert_is_an_outcome_with_its_name() -> None:
    conversation = smtp(ExchangeSettings(ehlo_name="scanner.invalid", hello=TLS_1_2_ONLY))
    peer = OpensslPeer(minimum=ssl.TLSVersion.TLSv1_3)
    conversation.receive(GREETING)
    conversation.receive(BEFORE)
    hello = conversation.receive(b"220 go\r\n")
    with pytest.raises(ssl.SSLError):
        peer.receive(hello)
    conversation.receive(peer.outgoing.read())
    assert (conversation.outcome, conversation.stage) == (Outcome.TLS_ALERT, Stage.TLS)
    tls = conversation.findings().tls
    assert tls is not None
    assert tls.alert == "protocol_version"


def test_rate_limits_are_never_a_finding_about_tls() -> None:
    conversation = smtp()
    goodbye = conversation.receive(b"421 too many connections\r\n")
    assert (conversation.outcome, conversation.stage) == (Outcome.RATE_LIMITED, Stage.GREETING)
    assert conversation.findings().starttls_offered is None
    assert goodbye == b"QUIT\r\n"


def test_no_starttls_is_told_apart_from_refused_starttls() -> None:
    absent, refused = smtp(), smtp()
    talk(absent, SmtpPeer(before=b"250 mx.test.invalid\r\n"))
    talk(refused, SmtpPeer(ready=b"454 not now\r\n"))
    assert (absent.outcome, absent.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)
    assert absent.findings().starttls_offered is False
    assert (refused.outcome, refused.stage) == (Outcome.NO_STARTTLS, Stage.STARTTLS)
    assert (refused.findings().starttls_offered, refused.findings().starttls_accepted) == (True, False)


def test_the_servers_own_words_are_one_line_that_steers_no_terminal() -> None:
    refused, later = smtp(), smtp()
    talk(refused, SmtpPeer(ready=b"454-\x1b[2Jnot\r\n454 now\r\n"))
    later.receive("421 come back\x07 \u202elater\r\n".encode())
    assert refused.error == "454 \\x1b[2Jnot now"
    assert later.error == "421 come back\\x07 \\u202elater"


@pytest.mark.parametrize("after", [b"", GREETING, GREETING + BEFORE])
def test_the_end_of_the_connection_is_an_outcome_at_its_stage(after: bytes) -> None:
    conversation = smtp()
    conversation.receive(after)
    conversation.eof()
    assert conversation.outcome is Outcome.CLOSED
    stage = {b"": Stage.GREETING, GREETING: Stage.CAPABILITIES}.get(after, Stage.STARTTLS)
    assert conversation.stage is stage


def test_nothing_changes_once_there_is_an_outcome() -> None:
    conversation = smtp()
    conversation.give_up(Outcome.TIMEOUT, "too long")
    conversation.give_up(Outcome.RESET, "later")
    assert conversation.receive(GREETING) == b""
    assert (conversation.outcome, conversation.error) == (Outcome.TIMEOUT, "too long")


def test_implicit_tls_comes_before_the_greeting() -> None:
    heard: list[bytes] = []

    def respond(text: bytes) -> bytes:
        heard.append(text)
        return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + text.split()[0] + b" OK done\r\n"

    peer = OpensslPeer(respond=respond, opening=b"* OK ready\r\n")
    conversation = Conversation(SERVICE_BY_NAME["imaps"], SETTINGS, KeyPairs())
    data = conversation.start()
    while data and conversation.outcome is None:
        data = conversation.receive(peer.receive(data))
    findings = conversation.findings()
    assert (conversation.outcome, conversation.stage) == (Outcome.OK, Stage.DONE)
    assert findings.greeting == "* OK ready"
    assert findings.capabilities_before is None
    assert findings.capabilities_after == ("IMAP4rev1", "AUTH=PLAIN")
    assert findings.auth_after == ("PLAIN",)


def obeys(injected: bytes) -> bytes:
    """An SMTP server's answer to what it found in its buffer."""
    return b"250 2.0.0 Ok\r\n" if injected else b""


@pytest.mark.parametrize("vulnerable", [True, False])
def test_a_server_that_obeys_what_came_in_the_clear_is_found_out(vulnerable: bool) -> None:
    conversation = smtp(ExchangeSettings(ehlo_name="scanner.invalid", inject=True))
    conversation.receive(GREETING)
    command = conversation.receive(BEFORE)
    assert command == b"STARTTLS\r\nNOOP\r\n"
    peer = OpensslPeer(opening=obeys(command.removeprefix(b"STARTTLS\r\n")) if vulnerable else b"")
    data = conversation.receive(b"220 go\r\n")
    while data and conversation.outcome is None:
        data = conversation.receive(peer.receive(data))
    if not vulnerable:
        assert conversation.outcome is None
        conversation.give_up(Outcome.TIMEOUT, "nothing was said")
    assert conversation.findings().starttls_injected is vulnerable
    assert (conversation.outcome, conversation.stage) == (Outcome.OK, Stage.DONE)
