"""OCSP responses that strict readers refuse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.der import write
from mailcensus.wire.ocsp_status import lenient_status
from mailcensus.wire.tls.observer import ocsp_status


def response(status: bytes) -> bytes:
    """With `version` written out, as VeriSign's responders did."""
    single = write(0x30, write(0x30), status, write(0x18, b"20140421080410Z"))
    data = write(
        0x30, write(0xA0, b"\x02\x01\x00"), write(0xA1), write(0x18, b"20140421080410Z"), write(0x30, single)
    )
    basic = write(0x30, data, write(0x30), write(0x03, b"\0"))
    return write(0x30, write(0x0A, b"\0"), write(0xA0, write(0x30, write(0x06, b"\x2b"), write(0x04, basic))))


def test_each_status_is_read() -> None:
    assert lenient_status(response(write(0x80))) == "good"
    assert lenient_status(response(write(0xA1, write(0x18, b"20140421080410Z")))) == "revoked"
    assert lenient_status(response(write(0x82))) == "unknown"
    assert ocsp_status(response(write(0x80))) == "good"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_status_or_none(data: bytes) -> None:
    assert lenient_status(data) in (None, "good", "revoked", "unknown")
    assert lenient_status(response(data)) in (None, "good", "revoked", "unknown")
