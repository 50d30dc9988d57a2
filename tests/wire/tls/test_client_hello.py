"""ClientHello, beside the definitions of its fingerprints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsError, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.client_fingerprints import is_grease, ja3, ja4
from mailcensus.wire.tls.client_hello import (
    ClientHelloReader,
    OfferedHello,
    pull_client_hello,
    pull_sslv2_client_hello,
)

SUITES = (0x0A0A, 0x1302, 0xC02F)


def u16(*codes: int) -> bytes:
    return b"".join(code.to_bytes(2, "big") for code in codes)


def block(size: int, body: bytes) -> bytes:
    return len(body).to_bytes(size, "big") + body


def extension(kind: int, body: bytes) -> bytes:
    return u16(kind) + block(2, body)


EXTENSIONS = (
    extension(0x1A1A, b"")
    + extension(0, block(2, b"\x00" + block(2, b"mx.example")))
    + extension(16, block(2, block(1, b"h2") + block(1, b"imap")))
    + extension(10, block(2, u16(0x2A2A, 0x11EC, 29)))
    + extension(11, block(1, b"\x00"))
    + extension(13, block(2, u16(0x0403, 0x0804)))
    + extension(43, block(1, u16(0x3A3A, 0x0304, 0x0303)))
    + extension(51, block(2, u16(29) + block(2, bytes(32))))
    + extension(35, b"ticket")
)


def hello(extensions: bytes | None = EXTENSIONS) -> bytes:
    body = u16(0x0303) + bytes(32) + block(1, b"sid") + block(2, u16(*SUITES)) + block(1, b"\x00")
    return body if extensions is None else body + block(2, extensions)


def records(body: bytes, cut: int = 16_384) -> bytes:
    message = b"\x01" + block(3, body)
    pieces = (message[at : at + cut] for at in range(0, len(message), cut))
    return b"".join(b"\x16\x03\x01" + block(2, piece) for piece in pieces)


def read(stream: bytes, step: int) -> OfferedHello | None:
    reader = ClientHelloReader(Limits())
    for at in range(0, len(stream), step):
        if (found := reader.feed(stream[at : at + step])) is not None:
            return found
    return None


@pytest.mark.parametrize("cut", [7, 16_384])
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_a_hello_is_read_however_it_arrives(cut: int, step: int) -> None:
    found = read(records(hello(), cut), step)

    assert found is not None
    offered = found.offered
    assert (offered.legacy_version, offered.record_version) == (0x0303, 0x0301)
    assert offered.versions == (0x3A3A, 0x0304, 0x0303)
    assert offered.cipher_suites == SUITES
    assert offered.extensions == (0x1A1A, 0, 16, 10, 11, 13, 43, 51, 35)
    assert (offered.sni, offered.alpn) == ("mx.example", ("h2", "imap"))
    assert (offered.groups, offered.key_shares) == ((0x2A2A, 0x11EC, 29), (29,))
    assert (offered.signature_schemes, offered.point_formats) == ((0x0403, 0x0804), (0,))
    assert (offered.session_id_bytes, offered.ticket_bytes, offered.psk_offered) == (3, 6, False)
    assert offered.ja4.startswith("t13d0208h2_")
    assert found.session_id == b"sid"


def test_no_extensions_and_an_empty_list_are_two_things() -> None:
    assert pull_client_hello(hello(None)).offered.extensions is None
    assert pull_client_hello(hello(b"")).offered.extensions == ()


@pytest.mark.parametrize("kind", [0, 10, 11, 13, 16, 43, 51])
def test_a_malformed_extension_keeps_its_place_and_the_rest_is_read(kind: int) -> None:
    offered = pull_client_hello(hello(extension(kind, b"\xff\xff\x00"))).offered

    assert offered.extensions == (kind,)
    assert offered.cipher_suites == SUITES
    assert not any((offered.sni, offered.groups, offered.point_formats, offered.signature_schemes))
    assert not any((offered.alpn, offered.versions, offered.key_shares))


def test_a_hello_in_the_form_of_sslv2_is_read() -> None:
    specs = bytes.fromhex("010080 00002f 0700c0")
    message = b"\x01\x03\x01" + u16(len(specs), 0, 16) + specs + bytes(16)
    found = read((0x8000 | len(message)).to_bytes(2, "big") + message, 5)

    assert found is not None
    assert (found.offered.legacy_version, found.offered.record_version) == (0x0301, None)
    assert (found.offered.cipher_suites, found.offered.sslv2_ciphers) == ((0x2F,), (0x010080, 0x0700C0))


@pytest.mark.parametrize(
    ("version", "suites", "extensions", "groups", "formats", "expected"),
    [  # the examples of github.com/salesforce/ja3
        (
            769,
            (47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4),
            (0, 10, 11),
            (23, 24, 25),
            (0,),
            "ada70206e40642a3e4461f35503241d5",
        ),
        (769, (4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99), (), (), (), "de350869b8c85de67a350c8d186f11e6"),
    ],
)
def test_ja3_is_as_its_authors_print_it(
    version: int,
    suites: tuple[int, ...],
    extensions: tuple[int, ...],
    groups: tuple[int, ...],
    formats: tuple[int, ...],
    expected: str,
) -> None:
    assert ja3(version, suites, extensions, groups, formats) == expected


def test_ja4_is_as_its_authors_print_it() -> None:
    """The example of FoxIO's technical details of JA4."""
    suites = bytes.fromhex("002f0035009c009d130113021303c013c014c02bc02cc02fc030cca8cca9")
    kinds = bytes.fromhex("0005000a000b000d001200150017001b0023002b002d00334469ff0100000010")
    schemes = bytes.fromhex("04030804040105030805050108060601")

    def codes(raw: bytes) -> tuple[int, ...]:
        return tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))

    fingerprint = ja4(0x0304, (0x1A1A, *codes(suites)), (0x2A2A, *codes(kinds)), codes(schemes), b"h2")
    assert fingerprint == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_grease_is_sixteen_codes() -> None:
    assert sum(map(is_grease, range(0x10000))) == 16


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"EHLO client\r\n", TlsError),
        (b"\x15\x03\x01\x00\x02\x02\x28", TlsError),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", TlsError),
        (records(hello()[:-1]), ProtocolError),
        (records(hello() + b"\x00"), ProtocolError),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", LimitExceeded),
    ],
)
def test_what_is_no_hello_is_a_clear_error(stream: bytes, error: type[WireError]) -> None:
    with pytest.raises(error):
        read(stream, 1000)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_give_a_hello_nothing_or_an_error_of_the_wire(data: bytes, step: int) -> None:
    for stream in (data, records(hello()[:60] + data), b"\x80\x2e\x01" + data):
        try:
            read(stream, step)
        except WireError:
            pass
    for pull in (pull_client_hello, pull_sslv2_client_hello):
        try:
            pull(data)
        except ProtocolError:
            pass
