"""The HTTP dialogue against RFC 9110 and 9112."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Http, Outcome, Stage
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.exchange import ExchangeSettings
from mailcensus.wire.http import HttpDialogue
from scripted import SMALL, begin, feed, sessions_of

HEADS = [
    (b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\n", Http(status=200, server="nginx/1.22.1")),
    (b"HTTP/1.0 404\r\n\r\n", Http(status=404)),
    (
        b"HTTP/1.1 301 Moved\r\nSERVER:Apache\r\nlocation: https://x/\r\nServer: second\r\n\r\n<html>",
        Http(status=301, server="Apache", location="https://x/"),
    ),
    (b"HTTP/1.1 200\nServer: a\n b\nno colon\n\n", Http(status=200, server="a")),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 x\r\nServer: \xff\r\n\r\n",
        Http(status=503, server="\\xff"),
    ),
    (b"HTTP/1.1 103 Hints\r\nServer: early\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Http(status=200)),
    (b"HTTP/1.1 200 OK\r\nServer:\r\n\r\n", Http(status=200, server="")),
]


@pytest.mark.parametrize(("raw", "http"), HEADS)
@pytest.mark.parametrize("cut", [None, 1, 3])
def test_a_head_is_read_whole_and_in_pieces(raw: bytes, http: Http, cut: int | None) -> None:
    ending = feed(begin(HttpDialogue, starttls=False, secure=True), raw, cut=cut)
    assert (ending.turn, ending.stage, ending.outcome) == (Turn.FINISHED, Stage.DONE, Outcome.OK)
    assert ending.findings.http == http
    assert ending.findings.greeting is None


def test_one_head_request_for_the_root_is_made() -> None:
    settings = ExchangeSettings(ehlo_name="scanner.example.org", server_name="mail.example.org")
    dialogue = begin(HttpDialogue, starttls=False, secure=True, settings=settings)
    assert dialogue.open() == (
        b"HEAD / HTTP/1.1\r\nHost: mail.example.org\r\nUser-Agent: mailcensus (scanner.example.org)\r\n"
        b"Accept: */*\r\nConnection: close\r\n\r\n"
    )
    assert dialogue.stage is Stage.SESSION
    assert dialogue.farewell() == b""


def test_without_a_server_name_the_address_is_the_host() -> None:
    settings = ExchangeSettings(ehlo_name="scanner.example.org", authority="[2001:db8::1]:8443")
    dialogue = begin(HttpDialogue, starttls=False, secure=True, settings=settings)
    assert b"\r\nHost: [2001:db8::1]:8443\r\n" in dialogue.open()


@pytest.mark.parametrize(
    "raw",
    [
        b"220 mx\r\n",
        b"\r\n",
        b"HTTP/2 200\r\n",
        b"HTTP/1.1 20 x\r\n",
        b"HTTP/1.1 2000\r\n",
        b"\x15\x03\x01\n",
    ],
)
@pytest.mark.parametrize("cut", [None, 1])
def test_what_is_no_http_is_a_protocol_error(raw: bytes, cut: int | None) -> None:
    ending = feed(begin(HttpDialogue, starttls=False, secure=True), raw, cut=cut)
    assert ending.raised is not None
    assert ending.raised.startswith("UnexpectedLine: not an HTTP response")
    assert ending.findings.http is None


@pytest.mark.parametrize("cut", [None, 1])
def test_what_came_of_an_endless_head_is_kept(cut: int | None) -> None:
    flood = b"HTTP/1.1 200 OK\r\nServer: tarpit\r\n" + b"X: y\r\n" * 200
    ending = feed(begin(HttpDialogue, starttls=False, secure=True, settings=SMALL), flood, cut=cut)
    assert ending.raised == "LimitExceeded: the server sent more text than our cap"
    assert ending.findings.http == Http(status=200, server="tarpit")


PIECES = (
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 x\r\n",
        b"Server: x\r\n",
        b"Location: /\r\n",
        b"\r\n",
        b" fold\r\n",
    ),
    *(b"\n", b"\r", b":\r\n"),
)


@given(
    data=sessions_of(PIECES),
    cut=st.integers(1, 9),
)
def test_any_bytes_cut_anywhere_end_the_same(data: bytes, cut: int) -> None:
    whole, single, pieces = (
        feed(begin(HttpDialogue, starttls=False, secure=True, settings=SMALL), data, cut=size)
        for size in (None, 1, cut)
    )
    assert whole == single == pieces
