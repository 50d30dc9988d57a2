"""Reverse names as a real resolver gives them: Unbound on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcensus.facts.reverse_names import ReverseName, reverse_name
from mailcensus.model import DnsState
from mailcensus.probe.resolver import Resolver
from places import fresh_network
from realservers.process import RunningServer, ServerMissing
from realservers.unbound import unbound

pytestmark = pytest.mark.integration

MANY = [f"127.9.1.7 vhost{n:02}.hosting.example" for n in range(40)]
POINTERS = [
    "127.9.1.1 MX.example.org",
    "127.9.1.1 also.example.org",
    "127.9.1.2 mx.example.org",
    "127.9.1.3 gone.example.org",
    "127.9.1.4 host.broken.example",
    "127.9.1.8 no-address.example.org",
    *MANY,
]
IPV6 = f"{'1.0.0.0.' + '0.0.0.0.' * 5}8.b.d.0.1.0.0.2.ip6.arpa"
RECORDS = [
    *(
        f"{'.'.join(reversed(ip.split('.')))}.in-addr.arpa. 60 IN PTR {name}."
        for ip, name in map(str.split, POINTERS)
    ),
    "mx.example.org. 60 IN A 127.9.1.1",
    "also.example.org. 60 IN A 127.9.1.99",
    "no-address.example.org. 60 IN TXT mail",
    "6.1.9.127.in-addr.arpa. 60 IN TXT nobody",
    f"{IPV6}. 60 IN PTR six.example.org.",
    "six.example.org. 60 IN AAAA 2001:db8::1",
]


@pytest.fixture(scope="module")
def resolver(server_directory: Path) -> Iterator[RunningServer]:
    try:
        with unbound(
            server_directory / "unbound",
            address=f"{fresh_network()}.53",
            records=RECORDS,
            silent_zones=["3.9.127.in-addr.arpa."],
        ) as server:
            yield server
    except ServerMissing as missing:
        pytest.skip(str(missing))


def asked(server: RunningServer, ip: str) -> ReverseName:
    return asyncio.run(reverse_name(Resolver([f"{server.address}:{server.ports['dns']}"], 10_000, 1.0), ip))


@pytest.mark.parametrize(
    ("ip", "names", "confirmed", "verdict"),
    [
        ("127.9.1.1", ("also.example.org", "mx.example.org"), ("mx.example.org",), True),
        ("2001:db8::1", ("six.example.org",), ("six.example.org",), True),
        ("127.9.1.2", ("mx.example.org",), (), False),
        ("127.9.1.3", ("gone.example.org",), (), False),
        ("127.9.1.8", ("no-address.example.org",), (), False),
        ("127.9.1.4", ("host.broken.example",), (), None),
    ],
)
def test_a_name_leads_back_or_not_or_nobody_knows(
    resolver: RunningServer, ip: str, names: tuple[str, ...], confirmed: tuple[str, ...], verdict: bool | None
) -> None:
    found = asked(resolver, ip)
    assert (found.ptr_state, found.ptr_names) == (DnsState.OK, names)
    assert (found.ptr_names_forward_confirmed, found.ptr_confirmed) == (confirmed, verdict)


@pytest.mark.parametrize(
    ("ip", "state"),
    [
        ("127.9.1.5", DnsState.NXDOMAIN),
        ("127.9.1.6", DnsState.NODATA),
        ("127.9.3.1", DnsState.TIMEOUT),
    ],
)
def test_no_name_and_no_answer_are_different_things(
    resolver: RunningServer, ip: str, state: DnsState
) -> None:
    found = asked(resolver, ip)
    assert found == ReverseName(state, found.ptr_at)


def test_an_answer_too_long_for_a_datagram_comes_by_tcp_and_is_cut_to_twenty_names(
    resolver: RunningServer,
) -> None:
    found = asked(resolver, "127.9.1.7")
    assert found.ptr_names == tuple(sorted(line.split()[1] for line in MANY)[:20])
    assert found.ptr_confirmed is False
