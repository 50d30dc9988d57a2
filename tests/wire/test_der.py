"""The DER walk: values beside bytes, and nothing but ProtocolError on any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire import der
from mailcensus.wire.errors import ProtocolError

BAD = [
    (b"", "nothing"),
    (b"\x30", "a tag alone"),
    (b"\x30\x01", "content missing"),
    (b"\x30\x80\x00\x00", "indefinite length"),
    (b"\x30\x85\x00\x00\x00\x00\x00", "five octets of length"),
    (b"\x30\x82\x01", "length cut short"),
    (b"\x1f\x81\x01\x00", "tag above 30"),
    (b"\x30\x84\xff\xff\xff\xff\x00", "four gigabytes announced"),
]


@pytest.mark.parametrize(("data", "_why"), BAD)
def test_what_is_no_element_is_a_protocol_error(data: bytes, _why: str) -> None:
    with pytest.raises(ProtocolError):
        der.read(data, 0, len(data))


def test_lengths_that_are_not_minimal_are_read() -> None:
    assert der.read(b"\x04\x82\x00\x01A", 0, 5) == der.Element(der.OCTET_STRING, 0, 4, 5)


def test_an_element_must_fill_the_whole_when_it_is_said_to() -> None:
    with pytest.raises(ProtocolError, match="follows"):
        der.whole(b"\x05\x00\x00", der.NULL)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "020100"),
        (127, "02017f"),
        (128, "02020080"),
        (256, "02020100"),
        (1 << 1023, "02818100" + "80" + "00" * 127),
    ],
)
def test_integers_are_written_in_the_fewest_octets(value: int, written: str) -> None:
    assert der.write_integer(value).hex() == written


def test_an_integer_without_its_sign_octet_is_read_as_unsigned() -> None:
    assert der.magnitude(b"\x02\x01\x80", der.read(b"\x02\x01\x80", 0, 3)) == 128


@pytest.mark.parametrize(
    ("oid", "text"),
    [
        ("2a864886f70d010101", "1.2.840.113549.1.1.1"),
        ("2b6570", "1.3.101.112"),
        ("550403", "2.5.4.3"),
        ("8837", "2.999"),
        ("00", "0.0"),
    ],
)
def test_object_identifiers_are_written_with_dots(oid: str, text: str) -> None:
    assert der.dotted(bytes.fromhex(oid)) == text


@pytest.mark.parametrize("oid", [b"", b"\x2a\x86", b"\x2a" + b"\xff" * 60_000 + b"\x01"])
def test_object_identifiers_that_never_end_are_protocol_errors(oid: bytes) -> None:
    with pytest.raises(ProtocolError):
        der.dotted(oid)


@given(st.integers(0, 0x7E).filter(lambda tag: tag & 0x1F != 0x1F), st.binary(max_size=70_000))
def test_what_is_written_is_read_back(tag: int, content: bytes) -> None:
    written = der.write(tag, content)
    element = der.whole(written, tag)
    assert der.content(written, element) == content


@given(st.binary(max_size=300))
def test_any_bytes_give_elements_within_them_or_a_protocol_error(data: bytes) -> None:
    try:
        element = der.read(data, 0, len(data))
        children = der.children(data, element)
    except ProtocolError:
        return
    assert element.stop <= len(data)
    assert all(element.start <= child.start <= child.stop <= element.stop for child in children)
