"""Captures: the same conversation in every wrapping, order and state of repair."""

from __future__ import annotations

import io
import random
import ssl
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard_captures import hear
from mailcensus.model import Flow
from mailcensus.passive.captures import connections
from mailcensus.passive.captures.frames import DamagedCapture, read_frames
from mailcensus.passive.captures.stream import PATIENCE_BYTES, Stream
from packets import (
    CLIENT,
    ETHERNET,
    NULL,
    RAW,
    SERVER,
    SLL,
    SLL2,
    SYN,
    Ends,
    Line,
    Segment,
    Talk,
    connection,
    fragments,
    framed,
    pcap,
    pcapng,
)
from tls_talks import SMTP_BEFORE, client_context, tls_talk
from tlspeer.openssl import OpensslPeer, identity

SIX = Ends("2001:db8::10", 40_000, "2001:db8::25", 25)
PLAIN = [
    *SMTP_BEFORE.lines[:3],
    (CLIENT, b"AUTH PLAIN AGFubgBwbGFudGVk\r\n"),
    (SERVER, b"235 ok\r\n"),
]


@cache
def starttls_lines() -> tuple[Line, ...]:
    talk, _ = tls_talk(OpensslPeer(maximum=ssl.TLSVersion.TLSv1_2), maximum=ssl.TLSVersion.TLSv1_2)
    return tuple(SMTP_BEFORE.then(talk).lines)


def wrapped(segments: list[Segment], link: int = ETHERNET, vlans: tuple[int, ...] = ()) -> list[bytes]:
    return [framed(segment.ip(), link, vlans=vlans) for segment in segments]


def is_whole(flow: Flow) -> bool:
    """All that `starttls_lines` shows was read."""
    assert flow.tls is not None
    return (
        (flow.protocol, flow.tls_mode, flow.sides, flow.cut, flow.error)
        == ("smtp", "starttls", "both", None, None)
        and (flow.starttls_offered, flow.starttls_asked, flow.starttls_accepted, flow.upgraded) == (True,) * 4
        and (flow.greeting, flow.auth_before) == ("220 mx.example ESMTP Postfix", ("PLAIN", "LOGIN"))
        and (flow.tls.version_name, flow.tls.sni, flow.established) == ("TLSv1.2", "mx.example", True)
        and (flow.tls.signature_verified, flow.resumed, flow.from_start) == (True, False, True)
        and flow.leaf_subject == "CN=rsa.test.invalid"
    )


@pytest.mark.parametrize("link", [ETHERNET, RAW, NULL, SLL, SLL2])
@pytest.mark.parametrize("ends", [Ends(), SIX], ids=["IPv4", "IPv6"])
def test_every_link_layer_and_both_versions_of_ip_are_read(link: int, ends: Ends) -> None:
    heard = hear(pcap(wrapped(connection(starttls_lines(), ends), link), link))
    assert is_whole(heard.flow)
    assert (heard.flow.ip, heard.flow.port) == (ends.server, 25)
    assert (heard.flow.client, heard.flow.client_port) == (ends.client, 40_000)


@pytest.mark.parametrize("vlans", [(5,), (5, 6), (1, 2, 3)])
def test_vlan_tags_are_passed(vlans: tuple[int, ...]) -> None:
    assert is_whole(hear(pcap(wrapped(connection(starttls_lines()), vlans=vlans))).flow)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "write",
    [
        pcap,
        lambda frames, order: pcap(frames, order=order, nanoseconds=True),
        pcapng,
        lambda frames, order: pcapng(frames, order=order, tsresol=6),
    ],
    ids=["pcap", "nanoseconds", "pcapng", "pcapng in microseconds"],
)
def test_both_formats_in_both_byte_orders_give_the_same_flow(write: Callable[..., bytes], order: str) -> None:
    flow = hear(write(wrapped(connection(starttls_lines())), order=order)).flow
    reference = hear(pcap(wrapped(connection(starttls_lines())))).flow
    assert flow == reference
    assert flow.started_at.isoformat() == "2025-06-15T15:06:40+00:00"


def test_drops_that_pcapng_tells_of_are_counted() -> None:
    assert hear(pcapng(wrapped(connection(PLAIN)))).counts["dropped_by_system_0"] == 0
    assert hear(pcapng(wrapped(connection(PLAIN)))).counts["dropped_by_interface_0"] == 7


def test_a_stream_may_come_in_blocks_of_any_size() -> None:
    for capture in (pcap(wrapped(connection(PLAIN))), pcapng(wrapped(connection(PLAIN)))):
        whole = [frames.start.size for frames in read_frames(io.BytesIO(capture))[1]]
        for block in (1, 13, 100):
            _, pieces = read_frames(io.BytesIO(capture), block)
            assert sum(frames.start.size for frames in pieces) == sum(whole)


@pytest.mark.parametrize("ends", [Ends(), SIX], ids=["IPv4", "IPv6"])
def test_fragments_are_put_together_in_any_order(ends: Ends) -> None:
    packets: list[bytes] = []
    for number, segment in enumerate(connection(starttls_lines(), ends)):
        pieces = fragments(segment.ip(), 64, number) if len(segment.payload) > 64 else [segment.ip()]
        random.Random(number).shuffle(pieces)
        packets += pieces
    heard = hear(pcap(map(framed, packets)))
    assert is_whole(heard.flow)
    assert heard.counts["fragments"] > 10
    assert heard.counts["datagrams_given_up"] == 0


def test_fragments_that_overlap_or_never_end_are_given_up() -> None:
    longest = max(connection(starttls_lines()), key=lambda segment: len(segment.payload))
    first, second, *_ = fragments(longest.ip(), 64)
    overlapping = second[:6] + struct.pack("!H", 0x2000 | 4) + second[8:]
    heard = hear(pcap(map(framed, [first, overlapping])))
    assert heard.flows == []
    assert heard.counts["datagrams_given_up"] == 1


def test_ipv6_extension_headers_are_passed() -> None:
    packets = [segment.ip() for segment in connection(starttls_lines(), SIX)]
    with_options = [
        packet[:4]
        + struct.pack("!HB", len(packet) - 40 + 8, 0)
        + packet[7:40]
        + b"\x06"
        + bytes(7)
        + packet[40:]
        for packet in packets
    ]
    assert is_whole(hear(pcap(map(framed, with_options))).flow)


def test_length_zero_of_segmentation_offload_is_what_the_frame_holds() -> None:
    packets = [
        framed(segment.ip(declared=0 if segment.payload else None))
        for segment in connection(starttls_lines())
    ]
    assert is_whole(hear(pcap(packets)).flow)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(5, 700))
def test_order_copies_and_overlaps_of_segments_do_not_matter(seed: int, size: int) -> None:
    """What one side sends without waiting for the other may come in any order."""
    dice = random.Random(seed)
    opening, *middle = _turns(connection(starttls_lines(), size=size, close=False))
    sent = list(opening)
    for turn in middle:
        copies = [*turn, *(segment for segment in turn if dice.random() < 0.3)]
        copies += [
            replace(
                a, payload=a.payload + b.payload, flags=a.flags
            )  # a retransmission that takes two segments in one
            for a, b in pairwise(turn)
            if dice.random() < 0.2
        ]
        dice.shuffle(copies)
        sent += copies
    assert is_whole(hear(pcap(wrapped(sent))).flow)


def _turns(segments: list[Segment]) -> list[list[Segment]]:
    turns = [segments[:3]]
    for segment in segments[3:]:
        if turns[-1][-1].side == segment.side and len(turns) > 1:
            turns[-1].append(segment)
        else:
            turns.append([segment])
    return turns


def test_a_missing_segment_is_a_gap_and_what_came_before_counts() -> None:
    segments = connection(starttls_lines(), size=200)
    hello = next(i for i, s in enumerate(segments) if s.side == SERVER and s.payload[:1] == b"\x16")
    del segments[hello + 1]  # a part of the certificate
    flow = hear(pcap(wrapped(segments))).flow
    assert (flow.cut, flow.established, flow.upgraded) == ("gap", None, None)
    assert flow.starttls_asked is True
    assert flow.tls is not None
    assert (flow.tls.version_name, flow.tls.chain) == ("TLSv1.2", None)


def test_packets_captured_in_part_are_told_apart_from_gaps() -> None:
    heard = hear(pcap(wrapped(connection(starttls_lines())), snaplen=200))
    assert heard.flow.cut == "snaplen"
    assert heard.flow.established is None


def test_one_side_alone_is_read() -> None:
    for side, name in ((CLIENT, "client"), (SERVER, "server")):
        segments = [s for s in connection(starttls_lines()) if s.side == side]
        flow = hear(pcap(wrapped(segments))).flow
        assert (flow.sides, flow.established, flow.ip) == (name, None, Ends().server)
        assert (flow.client_hello is not None, flow.tls is not None) == (side == CLIENT, side == SERVER)
        assert flow.tls_mode == "starttls"


def test_a_connection_that_began_before_the_capture_is_read_from_its_hello_on() -> None:
    segments = [s for s in connection(starttls_lines()) if s.payload]
    at = next(i for i, s in enumerate(segments) if s.payload[:1] == b"\x16")
    flow = hear(pcap(wrapped(segments[at:]))).flow
    assert (flow.from_start, flow.tls_mode, flow.established) == (False, "implicit", True)
    heard = hear(pcap(wrapped(segments[2:4])))
    assert (heard.flows, heard.counts["began_before"]) == ([], 1)


def test_ports_used_again_make_two_flows() -> None:
    first = connection(starttls_lines())
    again = [replace(s, sequence=s.sequence + 77_777, acknowledged=s.acknowledged + 77_777) for s in first]
    for lines in (first + again, first[:-2] + again):
        assert [is_whole(flow) for flow in hear(pcap(wrapped(lines))).flows] == [True, True]
    twice = [first[0], *first]  # a SYN sent once more
    assert is_whole(hear(pcap(wrapped(twice))).flow)


def test_a_connection_may_go_on_in_the_next_file() -> None:
    frames = wrapped(connection(starttls_lines()))
    heard = hear(pcap(frames[:6]), pcap(frames[6:]))
    assert is_whole(heard.flow)


def test_other_ports_are_passed_over_unless_they_are_asked_for() -> None:
    odd = pcap(wrapped(connection(starttls_lines(), replace(Ends(), port=2525))))
    heard = hear(odd)
    assert heard.flows == []
    assert heard.counts["other_ports"] > 5
    flow = hear(odd, any_port=True).flow
    assert (flow.service, flow.protocol, flow.upgraded) == (None, "smtp", True)


def test_a_client_on_the_port_of_a_service_is_no_server() -> None:
    ends = Ends(client_port=25, port=8_080)
    assert hear(pcap(wrapped(connection([(CLIENT, b"GET / HTTP/1.0\r\n\r\n")], ends)))).flows == []


def test_tls_13_hides_the_certificate_and_is_established_all_the_same() -> None:
    talk, _ = tls_talk(OpensslPeer())
    flow = hear(pcap(wrapped(connection(talk.lines, Ends(port=993))))).flow
    assert flow.tls is not None
    assert (flow.service, flow.tls_mode, flow.tls.version_name) == ("imaps", "implicit", "TLSv1.3")
    assert (flow.established, flow.tls.chain, flow.tls.alpn, flow.client_cert_sent) == (
        True,
        None,
        None,
        None,
    )
    assert flow.client_hello is not None
    assert flow.client_hello.versions is not None
    assert flow.client_hello.versions[0] == 0x0304


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption_is_seen(version: ssl.TLSVersion) -> None:
    peer_context = OpensslPeer(maximum=version)
    context = client_context(version)
    first, client = tls_talk(peer_context, maximum=version, context=context)
    again = OpensslPeer(maximum=version)
    again.tls = peer_context.tls.context.wrap_bio(again.incoming, again.outgoing, server_side=True)
    second, resumed = tls_talk(again, maximum=version, context=context, session=client.session)
    assert resumed.session_reused
    flows = [hear(pcap(wrapped(connection(talk.lines, Ends(port=993))))).flow for talk in (first, second)]
    assert [flow.resumed for flow in flows] == [False, True]
    assert [flow.established for flow in flows] == [True, True]


def test_a_client_that_logs_in_without_tls_is_told_by_mechanism() -> None:
    flow = hear(pcap(wrapped(connection(PLAIN)))).flow
    assert (flow.client_mechanism, flow.starttls_asked, flow.upgraded) == ("PLAIN", False, False)
    assert (flow.starttls_offered, flow.tls_mode) == (True, "none")


def test_payload_behind_the_handshake_is_passed_over() -> None:
    lines = [*starttls_lines(), *[(SERVER, bytes(1_400))] * 200]
    frames = wrapped(connection(lines, close=False))
    heard = hear(pcap(frames[:60]), pcap(frames[60:]))
    assert is_whole(heard.flow)
    assert heard.counts["payload_passed_over"] == len(frames) - 60


def test_idle_connections_end_by_the_clock_of_the_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_NS", 10**6)
    monkeypatch.setattr("mailcensus.passive.captures.reading._SWEEP_NS", 0)
    frames = wrapped(connection(starttls_lines()))
    others = wrapped(connection(PLAIN, Ends(client="192.0.2.99"))) * 2
    heard = hear(pcap(frames[:6]), pcap(others))
    assert [flow.cut for flow in heard.flows if flow.client == Ends().client] == ["idle"]


def test_room_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_LIVE", 3)
    frames = []
    for number in range(10):
        frames += wrapped(connection(PLAIN[:1], Ends(client=f"192.0.2.{number}"), close=False))
    flows = hear(pcap(frames)).flows
    assert [flow.cut for flow in flows] == ["limit"] * 7 + ["end"] * 3
    monkeypatch.setattr(connections, "MOST_LIVE", 65_536)
    monkeypatch.setattr(connections, "HELD_BYTES", 100)
    assert sum(flow.cut == "limit" for flow in hear(pcap(frames)).flows) == 7


def test_opened_connections_that_say_nothing_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_LIVE", 5)
    flood = [Segment(Ends(client_port=port), CLIENT, port, 0, SYN) for port in range(1_000, 1_050)]
    heard = hear(pcap(wrapped(flood)))
    assert (heard.flows, heard.counts["nothing_said"]) == ([], 50)


def test_a_stream_waits_for_what_is_missing_within_bounds() -> None:
    stream = Stream()
    assert list(stream.take(0, b"ab")) == [b"ab"]
    for number in range(PATIENCE_BYTES // 1_000 + 2):
        assert list(stream.take(10 + number * 1_000, bytes(1_000))) == []
    assert stream.broken
    assert stream.waiting_bytes == 0
    assert list(stream.take(2, b"late")) == []


def test_damaged_captures_give_what_came_before_and_say_where_they_end() -> None:
    frames = wrapped(connection(PLAIN))
    for capture in (pcap(frames), pcapng(frames)):
        heard = hear(capture + b"\xff" * 40)
        assert heard.flow.client_mechanism == "PLAIN"
        assert heard.reads[0].error is not None
        cut = hear(capture[:-60])
        assert cut.counts["cut_at_end"] == 1
    stream = io.BytesIO(b"GET / HTTP/1.1")
    with pytest.raises(DamagedCapture, match="neither pcap nor pcapng"):
        read_frames(stream)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.data())
def test_a_damaged_capture_is_an_error_or_flows_and_never_more(data: st.DataObject) -> None:
    frames = wrapped(connection(starttls_lines(), SIX)) + wrapped(connection(PLAIN), vlans=(3,))
    capture = bytearray((pcap if data.draw(st.booleans()) else pcapng)(frames))
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, len(capture) - 1))
        capture[at] = data.draw(st.integers(0, 255))
    del capture[data.draw(st.integers(0, len(capture))) :]
    hear(bytes(capture), any_port=data.draw(st.booleans()))


@pytest.mark.slow
@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=12),
    st.sampled_from([25, 110, 143, 993, 5222, 22, 6667, 4190]),
)
def test_any_words_of_both_sides_give_a_flow_or_nothing(lines: list[Line], port: int) -> None:
    hear(pcap(wrapped(connection(lines, Ends(port=port)))))


def test_the_certificate_is_given_as_it_was_sent() -> None:
    heard = hear(pcap(wrapped(connection(starttls_lines()))))
    assert heard.certificates == [identity("rsa")[1]]


def test_talks_are_made_of_turns() -> None:
    assert Talk().client(b"a").server(b"b").client(b"").lines == [(CLIENT, b"a"), (SERVER, b"b")]
