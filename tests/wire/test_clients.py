"""What clients say, beside what of it leaves the readers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.clients import ClientReader, Said, Says, client_reader
from mailcensus.wire.errors import ProtocolError, WireError
from mailcensus.wire.exchange import Limits

PROTOCOLS = ("smtp", "lmtp", "pop3", "imap", "managesieve", "irc", "xmpp")
XMPP = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"


def logs_in(mechanism: str) -> Said:
    return Said(Says.LOGS_IN, mechanism)


ASKS, STARTTLS, GOES_ON, ELSE = (
    Said(Says.CAPABILITIES),
    Said(Says.STARTTLS),
    Said(Says.GOES_ON),
    Said(Says.OTHER),
)
CAPA = Said(Says.CAPABILITIES, None, True)
CASES = [
    ("smtp", b"EHLO me\r\nstarttls\r\n", [ASKS, STARTTLS]),
    ("smtp", b"AUTH plain AGFuAHB3\r\n", [logs_in("PLAIN")]),
    ("smtp", b"AUTH aGVsbG8gd29ybGQ\r\n", [logs_in("OTHER")]),  # a secret where the name should be
    ("smtp", b"MAIL FROM:<ann@example>\r\n\r\n", [GOES_ON, ELSE]),
    ("lmtp", b"LHLO me\n", [ASKS]),
    ("pop3", b"CAPA\r\nSTLS\r\n", [CAPA, STARTTLS]),
    ("pop3", b"AUTH\r\nUSER ann\r\n", [Said(Says.OTHER, None, True), logs_in("USER")]),
    ("pop3", b"APOP ann c4c9334bac560ecc979e58001b3e22fb\r\n", [logs_in("APOP")]),
    ("imap", b"1 CAPABILITY\r\n2 StartTLS\r\n", [ASKS, STARTTLS]),
    ("imap", b'a LOGIN "ann" "secret"\r\n', [logs_in("IMAP LOGIN")]),
    ("imap", b"a AUTHENTICATE XOAUTH2 dXNlcj1h\r\n", [logs_in("XOAUTH2")]),
    ("imap", b"a\r\n", [ELSE]),
    ("managesieve", b'AUTHENTICATE "PLAIN" "AGFuAHB3"\r\n', [logs_in("PLAIN")]),
    ("irc", b"CAP LS 302\r\nNICK ann\r\nAUTHENTICATE PLAIN\r\n", [ASKS, ELSE, logs_in("PLAIN")]),
    ("irc", b":ann PASS secret\r\n:ann\r\n", [logs_in("PASS"), ELSE]),
    ("xmpp", XMPP + b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", [ASKS, STARTTLS]),
    (
        "xmpp",
        XMPP + b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFuAHB3</auth>",
        [ASKS, logs_in("PLAIN")],
    ),
    ("xmpp", XMPP + b"<iq type='set'><query xmlns='jabber:iq:auth'/></iq>", [ASKS, logs_in("IQ AUTH")]),
]


def reader_of(protocol: str) -> ClientReader:
    reader = client_reader(protocol, Limits())
    assert reader is not None
    return reader


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(("protocol", "stream", "expected"), CASES)
def test_commands_are_told_however_they_arrive(
    protocol: str, stream: bytes, expected: list[Said], step: int
) -> None:
    reader = reader_of(protocol)
    said = []
    for at in range(0, len(stream), step):
        reader.feed(stream[at : at + step])
        while (command := reader.next()) is not None:
            said.append(command)
    assert said == expected


def test_what_follows_starttls_is_left_for_tls() -> None:
    reader = reader_of("smtp")
    reader.feed(b"STARTTLS\r\n\x16\x03\x01")
    assert reader.next() == STARTTLS
    assert reader.rest() == b"\x16\x03\x01"


def test_protocols_whose_clients_are_not_read_have_no_reader() -> None:
    assert client_reader("http", Limits()) is None


def test_an_error_quotes_nothing_of_the_client() -> None:
    reader = reader_of("xmpp")
    reader.feed(XMPP + b"<auth>planted-secret</wrong>")
    assert reader.next() == ASKS
    with pytest.raises(ProtocolError) as raised:
        reader.next()
    assert "planted-secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@given(st.sampled_from(PROTOCOLS), st.binary(max_size=400))
def test_any_bytes_give_commands_or_an_error_of_the_wire(protocol: str, data: bytes) -> None:
    reader = reader_of(protocol)
    try:
        for prefix in (b"", XMPP if protocol == "xmpp" else b"a AUTHENTICATE "):
            reader.feed(prefix + data)
            while reader.next() is not None:
                pass
    except WireError:
        pass
