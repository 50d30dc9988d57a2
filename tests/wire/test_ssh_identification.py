"""Identification lines and what comes before them (RFC 4253 section 4.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.errors import LimitExceeded, RateLimited, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.ssh.identification import Identification, IdentificationReader

LIMITS = Limits(line=100, text=300)

CASES = [
    # bytes, line, protocol version, software, what follows
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"SSH-2.0-OpenSSH_9.2p1 Debian-2", "2.0", "OpenSSH_9.2p1", b""),
    (b"SSH-1.99-Cisco-1.25\n\0\0", b"SSH-1.99-Cisco-1.25", "1.99", "Cisco-1.25", b"\0\0"),
    (b"SSH-1.5-1.2.27\r\n", b"SSH-1.5-1.2.27", "1.5", "1.2.27", b""),
    (b"hello\r\n\r\nSSH-2.0-x\r\n", b"SSH-2.0-x", "2.0", "x", b""),
    (b"SSH-2.0-\xff\0 \r\r\n", b"SSH-2.0-\xff\0 \r", "2.0", "\\xff\0", b""),
    (b"SSH-2.0\n", b"SSH-2.0", "2.0", None, b""),
    (b"SSH-\n", b"SSH-", "", None, b""),
]


@pytest.mark.parametrize(("data", "line", "version", "software", "rest"), CASES)
def test_identifications_are_cut_off_and_taken_apart(
    data: bytes, line: bytes, version: str, software: str | None, rest: bytes
) -> None:
    assert IdentificationReader(LIMITS).feed(data) == (Identification(line), rest)
    identification = Identification(line)
    assert (identification.protocol_version, identification.software) == (version, software)
    assert identification.speaks_2 is version.startswith(("2.", "1.99"))


def feed(data: bytes, size: int) -> tuple[object, str | None]:
    """What comes of the data in pieces: identification, limit or refusal; and the greeting."""
    reader = IdentificationReader(LIMITS)
    try:
        for at in range(0, len(data), size):
            found = reader.feed(data[at : at + size])
            if found is not None:
                return found[0], reader.greeting
    except WireError as error:
        return str(error), reader.greeting
    return None, reader.greeting


@given(
    st.lists(st.sampled_from([b"SSH-2.0-a", b"\r", b"\n", b"x" * 30, b"Exceeded MaxStartups", b"\0"])),
    st.integers(1, 40),
)
def test_lines_read_the_same_however_they_are_cut(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    assert feed(data, size) == feed(data, max(len(data), 1))


def test_the_greeting_is_all_that_was_said_up_to_the_identification() -> None:
    reader = IdentificationReader(LIMITS)
    assert reader.greeting is None
    reader.feed(b"hello\r\nSSH-2")
    assert reader.greeting == "hello\nSSH-2"
    reader.feed(b".0-x\r\n\0\0\1")
    assert reader.greeting == "hello\nSSH-2.0-x"


@pytest.mark.parametrize("words", [b"Exceeded MaxStartups\r\n", b"Not allowed at this time\r\n"])
def test_a_server_that_says_later_is_rate_limited(words: bytes) -> None:
    with pytest.raises(RateLimited, match=words.decode().strip()):
        IdentificationReader(LIMITS).feed(words)


@pytest.mark.parametrize("data", [b"x" * 101, b"x" * 101 + b"\n", b"hello\n" * 51])
def test_endless_lines_exceed_our_caps(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        IdentificationReader(LIMITS).feed(data)
