"""XMPP dialogue against RFC 6120, and the bounds of its XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.errors import ProtocolError, RateLimited
from mailcensus.wire.exchange import ExchangeSettings, Limits
from mailcensus.wire.xml_stream import Markup, StreamReader
from mailcensus.wire.xmpp import XmppDialogue, XmppServerDialogue
from scripted import begin, converse, feed, feed_on

CUTS = pytest.mark.parametrize("cut", [None, 1, 3])
NAMED = ExchangeSettings(ehlo_name="scanner.example.org", server_name="example.org")
TIGHT = ExchangeSettings(ehlo_name="scanner.example.org", limits=Limits(line=200, text=900))

STREAM = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
OPEN = f"<?xml version='1.0'?>{STREAM} version='1.0'>"
HEADER = f"{STREAM} id='1' version='1.0'>"
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


@CUTS
def test_a_session_learns_both_sides_of_tls(cut: int | None) -> None:
    dialogue = begin(XmppDialogue)
    found = converse(
        dialogue,
        f"""
        C: {OPEN}
        S: <?xml version='1.0'?>{HEADER}
        S: <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>
        S: <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism>
        S: <mechanism>PLAIN</mechanism></mechanisms>
        S: <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://prosody.im' ver='a>b'/>
        S: </stream:features>
        C: {STARTTLS}
        S: <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>
        TLS
        C: {OPEN}
        S: {HEADER}
        S: <stream:features/>
        """,
        cut=cut,
        end=b"",
    )
    assert found.greeting == HEADER
    assert found.capabilities_before == (
        "starttls urn:ietf:params:xml:ns:xmpp-tls required",
        "mechanisms urn:ietf:params:xml:ns:xmpp-sasl",
        "c http://jabber.org/protocol/caps node=http://prosody.im",
    )
    assert found.auth_before == ("SCRAM-SHA-1", "PLAIN")
    assert (found.starttls_offered, found.starttls_accepted) == (True, True)
    assert (found.capabilities_after, found.auth_after) == ((), ())
    assert (dialogue.turn, dialogue.stage, dialogue.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert dialogue.farewell() == b"</stream:stream>"


def test_a_server_stream_says_who_asks_and_names_are_quoted() -> None:
    settings = ExchangeSettings(ehlo_name="scanner.example.org", server_name="a'\"<&")
    assert begin(XmppServerDialogue, settings=settings).open() == (
        b'<?xml version=\'1.0\'?><stream:stream from="scanner.example.org" to="a\'&quot;&lt;&amp;" '
        b"xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    )
    assert b' to="example.org" xmlns=' in begin(XmppDialogue, settings=NAMED).open()


def test_features_may_come_late_and_in_pieces() -> None:
    dialogue = begin(XmppDialogue)
    dialogue.open()
    assert dialogue.receive(HEADER.encode()) == b""
    assert (dialogue.stage, dialogue.turn) == (Stage.CAPABILITIES, Turn.READ)
    assert dialogue.receive(b"\n \n<stream:fea") == b""
    assert dialogue.receive(f"tures>{STARTTLS}</stream:features>".encode()) == STARTTLS.encode()


@pytest.mark.parametrize("version", ["", " version='0.9'"])
def test_a_stream_before_version_1_has_no_features(version: str) -> None:
    dialogue = begin(XmppDialogue)
    ending = feed(dialogue, HEADER.replace(" version='1.0'", version).encode())
    assert (ending.findings.capabilities_before, ending.findings.starttls_offered) == ((), False)
    assert (ending.outcome, ending.stage) == (Outcome.NO_STARTTLS, Stage.CAPABILITIES)


def test_no_features_for_a_stream_that_names_no_domain_says_nothing_about_starttls() -> None:
    empty = f"{HEADER}<stream:features/>".encode()
    nameless, named = feed(begin(XmppDialogue), empty), feed(begin(XmppDialogue, settings=NAMED), empty)
    assert (
        nameless.raised
        == "ProtocolError: no stream features without a domain: whether STARTTLS is there is unknown"
    )
    assert nameless.findings.starttls_offered is None
    assert nameless.findings.capabilities_before is None
    assert (named.outcome, named.findings.starttls_offered) == (Outcome.NO_STARTTLS, False)


def test_starttls_refused_is_no_starttls() -> None:
    ending = feed(
        begin(XmppDialogue),
        f"{HEADER}<stream:features>{STARTTLS}</stream:features>"
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>".encode(),
    )
    assert (ending.outcome, ending.stage, ending.error) == (
        Outcome.NO_STARTTLS,
        Stage.STARTTLS,
        "STARTTLS failure",
    )
    assert ending.findings.starttls_accepted is False


ERROR = (
    "<stream:error><{0} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{1}</text></stream:error></stream:stream>"
)


@pytest.mark.parametrize(
    ("condition", "text"),
    [("resource-constraint", ""), ("system-shutdown", "bye"), ("policy-violation", "Too many connections")],
)
def test_a_stream_error_about_now_is_rate_limited(condition: str, text: str) -> None:
    dialogue = begin(XmppDialogue)
    dialogue.open()
    with pytest.raises(RateLimited, match=f"stream error: {condition} {text}"):
        dialogue.receive((HEADER + ERROR.format(condition, text)).encode())


def test_another_stream_error_keeps_the_header_and_its_words() -> None:
    dialogue = begin(XmppDialogue)
    dialogue.open()
    with pytest.raises(ProtocolError, match="stream error: host-unknown This server does not serve"):
        dialogue.receive((HEADER + ERROR.format("host-unknown", "This server does not serve")).encode())
    assert dialogue.findings.greeting == HEADER


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE x [<!ENTITY a 'b'>]>" + HEADER,
        "<?php x?>" + HEADER,
        HEADER + "<!-- x -->",
        HEADER + "<stream:features>&undefined;</stream:features>",
        HEADER + "</a>",
        HEADER + "<a b='1' b='2'/>",
        HEADER + "<x:a/>",
        HEADER + "</stream:stream>",
        HEADER + "<iq/>",
        "<html>",
        "220 mx ESMTP\r\n",
    ],
)
@CUTS
def test_what_xmpp_forbids_is_a_protocol_error(text: str, cut: int | None) -> None:
    ending = feed(begin(XmppDialogue), text.encode(), cut=cut)
    assert ending.raised is not None
    assert ending.raised.startswith(("ProtocolError", "UnexpectedLine"))
    assert ending.findings.greeting is not None or text.startswith(("<!", "<?"))


@pytest.mark.parametrize("cut", [None, 1, 7])
@pytest.mark.parametrize(
    ("flood", "error"),
    [
        ("<" + "a" * 300, "the server sent a line longer than our cap"),
        (HEADER + "<a b='" + ">" * 300, "the server sent a line longer than our cap"),
        (HEADER + "&" + "a" * 300, "the server sent a line longer than our cap"),
        (HEADER + "<a>" * 30, "the server sent XML deeper than our cap"),
        (HEADER + "<stream:features>" + "<a/>" * 300, "the server sent more text than our cap"),
        (HEADER + "\n" * 1000, "the server sent more text than our cap"),
    ],
)
def test_xml_meets_the_caps(flood: str, error: str, cut: int | None) -> None:
    assert (
        feed(begin(XmppDialogue, settings=TIGHT), flood.encode(), cut=cut).raised == f"LimitExceeded: {error}"
    )


TOKENS = [
    (b"<a>", [b"<a>"]),
    (b"<a>x</a>", [b"<a>", b"x", b"</a>"]),
    (b"<a b='>' c=\">'\">", [b"<a b='>' c=\">'\">"]),
    (b"x\ny<a", [b"x\n", b"y"]),
    (b"'\"><a>", [b"'\">", b"<a>"]),
]


@pytest.mark.parametrize(("raw", "tokens"), TOKENS)
@CUTS
def test_markup_is_cut_where_tags_end(raw: bytes, tokens: list[bytes], cut: int | None) -> None:
    markup, found = Markup(100, 100), []
    step = cut or len(raw)
    for at in range(0, len(raw), step):
        markup.feed(raw[at : at + step])
        while (token := markup.next_token()) is not None:
            found.append(token)
    assert found == tokens


def test_a_trickled_attribute_costs_linear_time() -> None:
    """With a cost that grows with the square, this runs into pytest's timeout."""
    reader = StreamReader(Limits())
    reader.feed(HEADER.encode())
    reader.next()
    for tag in range(12):
        for byte in b"<a b='" + b">" * 8_000 + b"'/>":
            reader.feed(bytes([byte]))
            reader.next()
        assert tag < 12


AT_TLS = (
    f"{HEADER}<stream:features>{STARTTLS}</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
)
PIECES = (
    HEADER.encode(),
    STARTTLS.encode(),
    *(
        b"<stream:features>",
        b"</stream:features>",
        b"<stream:features/>",
        b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ),
    *(
        b"</stream:stream>",
        b"<?xml version='1.0'?>",
        b"\n",
        b"'",
        b'"',
        b"<",
        b">",
        b"&amp;",
        b"\x16\x03\x01",
        b"<a>",
    ),
)


@given(
    start=st.sampled_from([b"", HEADER.encode(), AT_TLS.encode()]),
    data=st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=8).map(b"".join),
    cut=st.integers(1, 9),
    secure=st.booleans(),
    behind=st.booleans(),
)
def test_any_bytes_cut_anywhere_end_the_same(
    start: bytes, data: bytes, cut: int, secure: bool, behind: bool
) -> None:
    endings = []
    for size in (None, 1, cut):
        dialogue = begin(XmppDialogue, starttls=not secure, secure=secure, settings=TIGHT)
        if behind:
            feed(dialogue, AT_TLS.encode())
            dialogue.secured()
        endings.append(feed_on(dialogue, start + data, cut=size))
    assert endings[0] == endings[1] == endings[2]


def test_a_session_cut_off_at_every_byte_only_waits() -> None:
    for length in range(len(AT_TLS)):
        ending = feed(begin(XmppDialogue), AT_TLS[:length].encode())
        assert (ending.turn, ending.raised) == (Turn.READ, None)
