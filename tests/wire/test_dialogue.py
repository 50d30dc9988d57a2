"""What all text dialogues share: lines under caps, refusals, and servers recorded by others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.dialogue import Turn, refusal
from mailcensus.wire.errors import LimitExceeded, ProtocolError, RateLimited
from mailcensus.wire.lines import Lines, UnexpectedLine
from mailcensus.wire.services import SERVICE_BY_NAME
from scripted import begin, feed

LINES = [
    (b"a\r\nb\n", [b"a", b"b"], b""),
    (b"\r\n\n", [b"", b""], b""),
    (b"a\rb\r\r\nc", [b"a\rb\r"], b"c"),
    (b"\x00\xff\n", [b"\x00\xff"], b""),
]


@pytest.mark.parametrize(("raw", "lines", "rest"), LINES)
@pytest.mark.parametrize("cut", [None, 1, 2])
def test_lines_are_cut_at_line_feeds_however_they_arrive(
    raw: bytes, lines: list[bytes], rest: bytes, cut: int | None
) -> None:
    reader, found = Lines(100, 100), []
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        reader.feed(raw[at : at + step])
        while (line := reader.next_line()) is not None:
            found.append(line)
    assert (found, reader.rest()) == (lines, rest)


def test_a_block_is_whatever_bytes_it_is() -> None:
    reader = Lines(100, 100)
    reader.feed(b"x\na\nb")
    assert reader.next_line() == b"x"
    assert reader.next_block(4) is None
    reader.feed(b"\nrest")
    assert (reader.next_block(4), reader.next_block(0)) == (b"a\nb\n", b"")
    with pytest.raises(LimitExceeded, match="announced"):
        reader.next_block(100)


def test_what_came_before_a_cap_is_read_first() -> None:
    reader = Lines(10, 12)
    reader.feed(b"first\nsecond\nthird\n")
    assert reader.next_line() == b"first"
    for read in (reader.next_line, reader.rest):
        with pytest.raises(LimitExceeded, match="text"):
            read()


def test_a_line_may_be_as_long_as_its_cap() -> None:
    reader = Lines(3, 100)
    reader.feed(b"abc\nabcd\n")
    assert reader.next_line() == b"abc"
    with pytest.raises(LimitExceeded, match="line"):
        reader.next_line()


@given(data=st.binary(max_size=40), cut=st.integers(1, 5))
def test_caps_hold_at_the_same_byte_however_the_stream_is_cut(data: bytes, cut: int) -> None:
    assert _read(data, len(data) or 1) == _read(data, 1) == _read(data, cut)


def _read(data: bytes, step: int) -> tuple[list[bytes], str]:
    reader, found = Lines(6, 25), []
    try:
        for at in range(0, len(data), step):
            reader.feed(data[at : at + step])
            while (line := reader.next_line()) is not None:
                found.append(line)
    except LimitExceeded as error:
        return found, str(error)
    return found, ""


def test_a_trickled_line_costs_linear_time() -> None:
    """With a cost that grows with the square, this runs into pytest's timeout."""
    reader = Lines(400_000, 400_000)
    for _ in range(400_000):
        reader.feed(b"x")
        assert reader.next_line() is None


LATER = [
    "* BYE Too many connections",
    "-ERR [SYS/TEMP] try",
    "-ERR [IN-USE] mailbox",
    "ERROR :Trying to reconnect too fast.",
    "* BYE [UNAVAILABLE] x",
    'BYE (TRYLATER/x) ""',
    "-ERR connection limit exceeded",
    "ERROR :Closing link: throttled",
    "* BYE Temporary authentication failure",
    "-ERR please try again later",
]
NEVER = ["* BYE go away", "-ERR access denied", "ERROR :K-Lined", "NO", "BYE", "* BYE Autologout"]


@pytest.mark.parametrize("words", LATER)
def test_words_that_ask_for_another_time_are_rate_limited(words: str) -> None:
    assert isinstance(refusal(words), RateLimited)


@pytest.mark.parametrize("words", NEVER)
def test_other_refusals_are_protocol_errors_in_the_servers_words(words: str) -> None:
    error = refusal(words)
    assert isinstance(error, ProtocolError)
    assert str(error) == words


def test_an_unexpected_line_is_quoted_in_part_and_kept_whole() -> None:
    error = UnexpectedLine("a reply", b"x" * 500)
    assert str(error) == f"not a reply: '{'x' * 200}'"
    assert error.line == b"x" * 500


# The server's bytes up to the first byte of TLS, from captures that others made: Zeek's test traces
# (BSD-3-Clause, tls/smtp-starttls.pcap, tls/xmpp-starttls.pcap) and nDPI's pop3_stls.pcap, from its CAPA on.
RECORDED = {
    "smtp": (
        b"220 mx.google.com ESMTP hf10si4097299icc.190 - gsmtp\r\n"
        b"250-mx.google.com at your service, [192.150.187.237]\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n"
        b"250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n220 2.0.0 Ready to start TLS\r\n",
        ("SIZE 35882577", "8BITMIME", "STARTTLS", "ENHANCEDSTATUSCODES", "CHUNKING"),
    ),
    "xmpp-client": (
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
        b" id='3449578488' from='jabber.ccc.de' version='1.0' xml:lang='en'><stream:features>"
        b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
        b"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://www.process-one.net/en/ejabberd/'"
        b" ver='lJcAislCNcWTsplOjGAT7qSHQys='/><register xmlns='http://jabber.org/features/iq-register'/>"
        b"</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        (
            "starttls urn:ietf:params:xml:ns:xmpp-tls required",
            "c http://jabber.org/protocol/caps node=http://www.process-one.net/en/ejabberd/",
            "register http://jabber.org/features/iq-register",
        ),
    ),
    "pop3": (
        b"+OK lavad\r\n+OK Capabilities follow.\r\nTOP\r\nUSER\r\nUIDL\r\nSTLS\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
        b"LOGIN-DELAY 0\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nIMPLEMENTATION lavad 4.3.0\r\n.\r\n"
        b"+OK Ready to start TLS negotiation.\r\n",
        (
            *("TOP", "USER", "UIDL", "STLS", "PIPELINING", "EXPIRE NEVER", "LOGIN-DELAY 0", "RESP-CODES"),
            *("AUTH-RESP-CODE", "IMPLEMENTATION lavad 4.3.0"),
        ),
    ),
}


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("cut", [None, 1, 5])
def test_recorded_servers_are_read_up_to_the_first_byte_of_tls(name: str, cut: int | None) -> None:
    raw, capabilities = RECORDED[name]
    kind = SERVICE_BY_NAME[name].dialogue
    assert kind is not None
    ending = feed(begin(kind), raw + b"\x16\x03\x03\x00=\x02", cut=cut)
    assert (ending.turn, ending.pending, ending.raised) == (Turn.START_TLS, b"\x16\x03\x03\x00=\x02", None)
    assert ending.findings.capabilities_before == capabilities
    assert ending.findings.starttls_accepted is True
