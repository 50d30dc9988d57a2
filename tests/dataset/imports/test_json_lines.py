"""A quicker reader of JSON says what the standard library's says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.imports.json_fields import names, octets
from mailcensus.dataset.imports.rows import json_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(ANYTHING, st.booleans())
def test_whatever_is_json_is_read_as_by_the_standard_library(told: object, ascii_only: bool) -> None:
    line = json.dumps(told, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert json_of(line) == json.loads(line.decode("utf-8"))


@pytest.mark.parametrize("line", [b"NaN", b"[-Infinity]", b"[" * 900 + b"]" * 900])
def test_what_only_the_standard_library_takes_is_taken(line: bytes) -> None:
    assert repr(json_of(line)) == repr(json.loads(line))


@pytest.mark.parametrize("line", [rb'{"a\ud800": ["\udc00\ud800", 1]}', '{"a\ud800": ["\udc00\ud800", 1]}'])
def test_halves_of_pairs_that_no_table_can_hold_are_replaced(line: bytes | str) -> None:
    assert json_of(line) == {"a\ufffd": ["\ufffd\ufffd", 1]}


@settings(max_examples=60)
@given(st.binary(max_size=40))
def test_other_bytes_are_refused_as_before(line: bytes) -> None:
    try:
        wanted = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        with pytest.raises((ValueError, RecursionError)):
            json_of(line)
    else:
        assert repr(json_of(line)) == repr(wanted)


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000])
def test_nesting_without_end_is_an_error_and_no_crash(line: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        json_of(line)


def test_names_are_a_list_of_texts() -> None:
    assert names(["a", "", "b"]) == ("a", "", "b")
    assert names([]) == ()
    assert [names(other) for other in (["a", 1], [None], "ab", {"a": 1}, None, ["a", ["b"]])] == [None] * 6


def test_octets_are_base64_and_nothing_else() -> None:
    assert (octets("AQI="), octets("")) == (b"\x01\x02", b"")
    assert [octets(other) for other in ("AQI", "AQ I=", "é", "AQI=\n", 1, None, "=", "AQI==")] == [None] * 8
