"""What may come of a question to DNS, each told from the others; a name server on loopback."""

from __future__ import annotations

import asyncio
import time

import pytest

from dns_server import NODATA, NXDOMAIN, SERVFAIL, name_server, records
from mailcensus.model import DnsState
from mailcensus.probe.resolver import Answer, Resolver, parse_resolver
from mailcensus.study import StudyError

IP, REVERSE = "192.0.2.1", "1.2.0.192.in-addr.arpa"
FAST = 10_000.0


def ask(*resolvers: str, reply_s: float = 5) -> Answer:
    return asyncio.run(Resolver(resolvers, FAST, reply_s).reverse_names(IP))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (records(f"{REVERSE}. 60 IN PTR MX.example."), Answer(DnsState.OK, ("mx.example",))),
        (
            records(f"{REVERSE}. 60 IN PTR b.example.", f"{REVERSE}. 60 IN PTR a.example."),
            Answer(DnsState.OK, ("a.example", "b.example")),
        ),
        (
            records(
                f"{REVERSE}. 60 IN CNAME 1.0-127.{REVERSE[2:]}.",
                f"1.0-127.{REVERSE[2:]}. 60 IN PTR c.example.",
            ),
            Answer(DnsState.OK, ("c.example",)),
        ),
        (records(f"{REVERSE}. 60 IN CNAME {REVERSE}."), Answer(DnsState.SERVFAIL)),
        (records("other.example. 60 IN PTR mx.example."), Answer(DnsState.NODATA)),
        (NXDOMAIN, Answer(DnsState.NXDOMAIN)),
        (NODATA, Answer(DnsState.NODATA)),
        (SERVFAIL, Answer(DnsState.SERVFAIL)),
    ],
)
def test_a_reply_is_one_of_these(reply: object, expected: Answer) -> None:
    with name_server({f"{REVERSE} PTR": reply}) as server:
        assert ask(server.resolver) == expected


@pytest.mark.parametrize("reply", [None, b"", b"junk", bytes(600)])
def test_silence_and_junk_are_a_timeout_after_three_tries(reply: bytes | None) -> None:
    with name_server({f"{REVERSE} PTR": reply}) as server:
        assert ask(server.resolver, reply_s=0.05) == Answer(DnsState.TIMEOUT)
        assert len(server.questions) == 3


def test_the_next_resolver_is_asked_where_one_fails() -> None:
    good = {f"{REVERSE} PTR": records(f"{REVERSE}. 60 IN PTR mx.example.")}
    with name_server({f"{REVERSE} PTR": SERVFAIL}) as bad, name_server(good) as server:
        assert ask(bad.resolver, server.resolver) == Answer(DnsState.OK, ("mx.example",))
        assert len(bad.questions) == len(server.questions) == 1


def test_no_resolver_is_asked_more_often_than_its_rate() -> None:
    async def ask_ten(resolver: Resolver) -> None:
        await asyncio.gather(*(resolver.reverse_names(IP) for _ in range(10)))

    with name_server({}) as server:
        began = time.monotonic()
        asyncio.run(ask_ten(Resolver([server.resolver], 100)))
        assert time.monotonic() - began >= 9 / 100


def test_a_share_of_the_rate_holds_for_those_who_wait_already() -> None:
    async def ask_eleven(resolver: Resolver) -> None:
        waiting = asyncio.gather(*(resolver.reverse_names(IP) for _ in range(11)))
        await asyncio.sleep(0)
        resolver.keep_to_share(0.5)
        await waiting

    with name_server({}) as server:
        began = time.monotonic()
        asyncio.run(ask_eleven(Resolver([server.resolver], 100)))
        assert time.monotonic() - began >= 9 / 50


def test_a_name_that_dns_cannot_hold_does_not_exist() -> None:
    with name_server({}) as server:
        resolver = Resolver([server.resolver], FAST)
        assert asyncio.run(resolver.addresses(f"{'a' * 64}.example", 4)) == Answer(DnsState.NXDOMAIN)
        assert server.questions == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:54", ("2001:db8::1", 54)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
    ],
)
def test_a_resolver_is_an_address_with_or_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_resolver(text) == expected


@pytest.mark.parametrize(
    "text", ["", "dns.example", "192.0.2.1:0", "192.0.2.1:x", "192.0.2.1:70000", "::1]:53"]
)
def test_another_resolver_is_one_clear_line(text: str) -> None:
    with pytest.raises(StudyError, match=r"resolver .* mend facts\.resolvers"):
        parse_resolver(text)
