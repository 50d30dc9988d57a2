"""Questions to DNS, and all the ways in which they may end."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Callable, Sequence

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import AnswerState, DnsAnswer
from mailcensus.probe.dns_client import DnsClient
from mailcensus.probe.dns_rates import Pace, authority_of
from mailcensus.probe.dns_reading import read_answer
from mailcensus.study.sections import DnsSection
from raw_dns_server import raw_dns_server

Change = Callable[[dns.message.Message, dns.message.Message], None]


def answering(change: Change) -> Callable[[bytes], bytes]:
    """A server that makes an ordinary empty response into something else."""

    def answer(raw: bytes) -> bytes:
        query = dns.message.from_wire(raw)
        response = dns.message.make_response(query)
        change(query, response)
        return response.to_wire()

    return answer


def code(rcode: int, *errors: int) -> Change:
    def change(query: dns.message.Message, response: dns.message.Message) -> None:
        response.set_rcode(dns.rcode.Rcode(rcode))
        options = [dns.edns.EDEOption(error, "why") for error in errors]
        response.use_edns(0, options=options)

    return change


def records(*data: str, flags: int = 0) -> Change:
    def change(query: dns.message.Message, response: dns.message.Message) -> None:
        response.flags |= flags
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "MX", *data))

    return change


def cname_loop(query: dns.message.Message, response: dns.message.Message) -> None:
    name = query.question[0].name
    response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "b.example."))
    response.answer.append(dns.rrset.from_text("b.example.", 60, "IN", "CNAME", name.to_text()))


def only_without_validation(query: dns.message.Message, response: dns.message.Message) -> None:
    if query.flags & dns.flags.CD:
        records("10 mx.example.")(query, response)
    else:
        response.set_rcode(dns.rcode.SERVFAIL)


def ask(resolvers: Sequence[str], *, signed_name: str | None = None, **settings: float) -> DnsAnswer:
    async def asking() -> DnsAnswer:
        told = DnsSection.model_validate({"resolvers": resolvers, "timeout_s": 60.0, "tries": 2, **settings})
        async with DnsClient(told, "run") as client:
            if signed_name is not None:
                await client.learn_who_validates(signed_name)
            return await client.ask("a.example", "MX")

    return asyncio.run(asking())


TRUNCATED = answering(records("10 mx.example.", flags=dns.flags.TC))


@pytest.mark.parametrize(
    ("answer", "state", "attempts"),
    [
        (answering(records("20 B.example.", "10 a.example.")), "answer", 1),
        (answering(lambda query, response: None), "nodata", 1),
        (answering(code(3)), "nxdomain", 1),
        (answering(code(2, 6)), "bogus", 1),
        (answering(only_without_validation), "bogus", 3),
        (answering(code(2, 22)), "lame", 2),
        (answering(code(2)), "servfail", 3),
        (answering(code(5)), "refused", 2),
        (answering(code(1)), "error", 2),
        (answering(cname_loop), "error", 2),
        (lambda raw: raw[:2] + b"\x80" + raw[3:-1], "malformed", 2),
        (TRUNCATED, "truncated", 2),
        (lambda raw: None, "timeout", 2),
        (lambda raw: raw[:11], "timeout", 2),
        (lambda raw: bytes([raw[0] ^ 1]) + TRUNCATED(raw)[1:], "timeout", 2),
        (lambda raw: TRUNCATED(raw.replace(b"\x01a\x07", b"\x01b\x07")), "timeout", 2),
    ],
)
def test_every_end_has_its_state(answer: Callable[[bytes], bytes | None], state: str, attempts: int) -> None:
    with raw_dns_server(answer) as resolver:
        found = ask([resolver], **({"timeout_s": 0.15} if state == "timeout" else {}))
    assert (found.state, found.attempts, found.resolver) == (state, attempts, resolver)
    assert (found.name, found.type) == ("a.example", "MX")


def test_records_are_kept_in_order_with_what_belongs_to_them() -> None:
    with raw_dns_server(answering(records("20 B.example.", "10 a.example."))) as resolver:
        found = ask([resolver])
    assert (found.rdata, found.ttl_s, found.rcode, found.transport) == (
        ("10 a.example.", "20 B.example."), 60, 0, "udp",
    )  # fmt: skip


def test_nobody_there_is_not_silence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert ask([f"127.0.0.1:{port}"]).state is AnswerState.UNREACHABLE


def test_the_next_resolver_may_know_more() -> None:
    with raw_dns_server(answering(code(2, 22))) as bad, raw_dns_server(answering(code(3))) as good:
        for resolvers in ([bad, good], [good, bad]):
            found = ask(resolvers)
            assert (found.state, found.resolver) == (AnswerState.NXDOMAIN, good)


@pytest.mark.parametrize(("flags", "verdict"), [(dns.flags.AD, True), (0, None)])
def test_no_ad_bit_says_nothing_where_the_resolver_never_sets_it(flags: int, verdict: bool | None) -> None:
    def answer(raw: bytes) -> bytes:
        query = dns.message.from_wire(raw)
        response = dns.message.make_response(query)
        response.flags |= flags
        kind = query.question[0].rdtype
        data = "ns. me. 1 2 3 4 5" if kind.name == "SOA" else "10 mx.example."
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, data))
        return response.to_wire()

    with raw_dns_server(answer) as resolver:
        assert ask([resolver], signed_name=".").authenticated is verdict
        assert ask([resolver]).authenticated is None


def test_hundreds_of_questions_at_once_each_get_their_own_answer() -> None:
    def answer(raw: bytes) -> bytes:
        query = dns.message.from_wire(raw)
        name = query.question[0].name
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{name}"'))
        return response.to_wire()

    async def asking(resolver: str) -> list[DnsAnswer]:
        told = DnsSection(resolvers=(resolver,), queries_per_s=1e6, authority_queries_per_s=1e6)
        async with DnsClient(told, "run") as client:
            return await asyncio.gather(*(client.ask(f"n{n}.example", "TXT") for n in range(200)))

    with raw_dns_server(answer) as resolver:
        found = asyncio.run(asking(resolver))
    assert [one.rdata for one in found] == [(f'"n{n}.example."',) for n in range(200)]


def test_resolvers_and_authorities_are_asked_at_their_rates() -> None:
    now = 100.0
    pace = Pace(10.0, lambda: now)
    assert [pace.reserve("a") for _ in range(4)] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert pace.reserve("b") == 0.0
    now = 100.35
    assert pace.reserve("a") == pytest.approx(0.05)
    now = 200.0
    assert pace.reserve("a") == 0.0


@pytest.mark.parametrize("setting", ["queries_per_s", "authority_queries_per_s"])
def test_a_rate_holds_over_many_questions(setting: str) -> None:
    times: list[float] = []

    def answer(raw: bytes) -> bytes:
        times.append(time.monotonic())
        return answering(code(3))(raw)

    async def asking(resolver: str) -> None:
        told = {"resolvers": [resolver], "queries_per_s": 1e6, "authority_queries_per_s": 1e6, setting: 100.0}
        async with DnsClient(DnsSection.model_validate(told), "run") as client:
            await asyncio.gather(*(client.ask(f"n{n}.example.org", "A") for n in range(20)))

    with raw_dns_server(answer) as resolver:
        began = time.monotonic()
        asyncio.run(asking(resolver))
    assert len(times) == 20
    assert times[-1] - began >= 0.19 - 0.005


@pytest.mark.parametrize(
    ("name", "authority"),
    [
        ("a.b.firm.co.uk", "firm.co.uk"),
        ("_dmarc.firm.example", "firm.example"),
        ("4.3.2.1.in-addr.arpa", "2.1.in-addr.arpa"),
        ("gov", "gov"),
    ],
)
def test_names_under_one_registered_domain_have_one_authority(name: str, authority: str) -> None:
    assert authority_of(name) == authority


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "x" * 300])
def test_a_name_that_dns_cannot_hold_does_not_exist(name: str) -> None:
    async def asking() -> DnsAnswer:
        async with DnsClient(DnsSection(resolvers=("127.0.0.1:1",)), "run") as client:
            return await client.ask(name, "A")

    found = asyncio.run(asking())
    assert (found.state, found.attempts) == (AnswerState.NXDOMAIN, 0)


@given(st.binary(min_size=12, max_size=200))
def test_any_bytes_have_a_reading(wire: bytes) -> None:
    assert read_answer(wire).state in AnswerState


LABELS = st.text(alphabet="abXY09-_", min_size=1, max_size=12)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
DATA = {
    "MX": st.tuples(st.integers(0, 65_535), HOSTS).map(lambda mx: f"{mx[0]} {mx[1]}."),
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "TXT": st.text(alphabet="ab;= é", min_size=1, max_size=20).map(lambda text: f'"{text}"'),
    "NS": HOSTS.map(lambda name: f"{name}."),
    "CAA": st.just('0 issue "ca.example"'),
    "TLSA": st.binary(min_size=32, max_size=32).map(lambda data: f"3 1 1 {data.hex()}"),
}


@pytest.mark.slow
@given(
    data=st.data(),
    kind=st.sampled_from(list(DATA)),
    names=st.lists(HOSTS, min_size=1, max_size=3, unique=True),
)
def test_messages_are_read_as_dnspython_reads_them(data: st.DataObject, kind: str, names: list[str]) -> None:
    names = list({name.lower(): name for name in names}.values())
    query = dns.message.make_query(f"{names[0]}.", kind)
    response = dns.message.make_response(query)
    for alias, target in itertools.pairwise(names):
        response.answer.append(dns.rrset.from_text(f"{alias}.", 60, "IN", "CNAME", f"{target}."))
    told = data.draw(st.lists(DATA[kind], max_size=5))
    if told:
        response.answer.append(dns.rrset.from_text(f"{names[-1]}.", 30, "IN", kind, *told))
    oracle = dns.message.from_wire(response.to_wire())
    assert isinstance(oracle, dns.message.QueryMessage)
    chain = oracle.resolve_chaining()
    read = read_answer(response.to_wire())
    assert set(read.rdata) == ({rdata.to_text() for rdata in chain.answer} if chain.answer else set())
    assert read.state == ("answer" if told else "nodata")
    assert (read.canonical_name or names[0].lower()) == names[-1].lower()
    assert read.ttl_s == (30 if told else 60 if len(names) > 1 else None)


@pytest.mark.slow
@given(st.binary(max_size=60), st.integers(0, 200))
def test_a_damaged_message_has_a_reading(noise: bytes, at: int) -> None:
    response = dns.message.make_response(dns.message.make_query("a.example.", "MX"))
    records("10 mx.a.example.", "20 mx.b.example.")(dns.message.make_query("a.example.", "MX"), response)
    wire = response.to_wire()
    assert read_answer((wire[:at] + noise + wire[at + len(noise) :]).ljust(12, b"\0")).state in AnswerState


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("TLSA", b"\x03\x01\x01\xab", "3 1 1 ab"),
        ("CAA", b"\x00\x09issue", "\\# 7 00096973737565"),
        ("A", b"\x01", "\\# 1 01"),
        ("MX", b"\x00\x0a\x05sp ce\x02\x2e\xff\x00", "10 sp\\032ce.\\.\\255."),
    ],
)
def test_records_that_break_rules_are_kept(kind: str, data: bytes, text: str) -> None:
    rdata = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.from_text(kind), data)
    query = dns.message.make_query("a.example.", kind)
    response = dns.message.make_response(query)
    rrset = dns.rrset.RRset(query.question[0].name, dns.rdataclass.IN, rdata.rdtype)
    rrset.add(rdata, 60)
    response.answer.append(rrset)
    read = read_answer(response.to_wire())
    assert (read.state, read.rdata) == (AnswerState.ANSWER, (text,))
