"""SSH data types beside their bytes (RFC 4251 section 5), and packets however they arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.errors import LimitExceeded, ProtocolError, WireError
from mailcensus.wire.ssh.packet import (
    PacketReader,
    Reader,
    write_mpint,
    write_name_list,
    write_packet,
    write_string,
)

MPINTS = [
    # the examples of RFC 4251 section 5 that are not negative
    (0, "00000000"),
    (0x9A378F9B2E332A7, "0000000809a378f9b2e332a7"),
    (0x80, "000000020080"),
]


@pytest.mark.parametrize(("value", "written"), MPINTS)
def test_mpints_are_written_and_read_as_the_rfc_shows(value: int, written: str) -> None:
    assert write_mpint(value).hex() == written
    assert Reader(bytes.fromhex(written)).mpint() == value


@pytest.mark.parametrize(
    ("names", "written"),
    [((), "00000000"), (("zlib",), "000000047a6c6962"), (("zlib", "none"), "000000097a6c69622c6e6f6e65")],
)
def test_name_lists_are_written_and_read_as_the_rfc_shows(names: tuple[str, ...], written: str) -> None:
    assert write_name_list(names).hex() == written
    assert Reader(bytes.fromhex(written)).name_list() == names


def test_names_that_are_not_ascii_are_kept_as_octets() -> None:
    assert Reader(write_string(b"zl\xffb,none")).name_list() == ("zl\\xffb", "none")


@given(st.binary(max_size=40))
def test_any_bytes_give_values_or_a_protocol_error(data: bytes) -> None:
    for read in (Reader.byte, Reader.uint32, Reader.string, Reader.mpint, Reader.name_list):
        try:
            read(Reader(data))
        except ProtocolError:
            pass


def payloads(stream: bytes, size: int, cap: int = 262_144) -> tuple[list[bytes], str | None]:
    """Messages read when the stream comes in pieces of `size`, and the error that ended it."""
    reader = PacketReader(cap)
    found: list[bytes] = []
    try:
        for at in range(0, len(stream), size):
            reader.feed(stream[at : at + size])
            while (payload := reader.next()) is not None:
                found.append(payload)
    except WireError as error:
        return found, str(error)
    return found, None


@given(st.binary(min_size=1, max_size=300))
def test_a_message_is_padded_as_the_rfc_asks_and_read_back(payload: bytes) -> None:
    packet = write_packet(payload)
    assert len(packet) % 8 == 0
    assert packet[4] >= 4
    assert payloads(packet, len(packet)) == ([payload], None)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.binary(max_size=40), st.integers(1, 50))
def test_packets_read_the_same_however_they_are_cut(messages: list[bytes], rest: bytes, size: int) -> None:
    stream = b"".join(map(write_packet, messages)) + rest
    whole = payloads(stream, max(len(stream), 1))
    assert whole[0][: len(messages)] == messages
    assert payloads(stream, size) == whole
    assert payloads(stream, 1) == whole


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"HTTP/1.0 400 Bad", "a packet of 1213486160 bytes"),
        (b"\0\0\0\0\0\0\0\0", "without a message"),
        (b"\0\0\0\5\4\0\0\0\0", "without a message"),
    ],
)
def test_what_is_no_packet_is_a_protocol_error(stream: bytes, words: str) -> None:
    reader = PacketReader(1000)
    reader.feed(stream)
    with pytest.raises(ProtocolError, match=words):
        reader.next()


def test_packets_beyond_the_cap_are_not_waited_for() -> None:
    reader = PacketReader(1000)
    reader.feed(write_packet(bytes(600)) + write_packet(bytes(600))[:8])
    assert reader.next() == bytes(600)
    with pytest.raises(LimitExceeded):
        reader.next()
