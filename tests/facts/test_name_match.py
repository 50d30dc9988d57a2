"""RFC 9525: which names a certificate is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.facts.name_match import name_match

CASES = [
    ("mx.example.org", ("mx.example.org",), None, "exact"),
    ("MX.example.org.", ("mx.EXAMPLE.org",), None, "exact"),
    ("mx.example.org", ("*.example.org",), None, "wildcard"),
    ("a.mx.example.org", ("*.example.org",), None, "none"),
    ("example.org", ("*.example.org",), None, "none"),
    ("mx.example.org", ("m*.example.org",), None, "none"),
    ("mx.example.org", ("*.*.org",), None, "none"),
    ("mx.org", ("*.org",), None, "none"),
    ("mx.example.org", ("*",), None, "none"),
    ("mx.example.org", (), "mx.example.org", "common_name_only"),
    ("mx.example.org", None, "*.example.org", "common_name_only"),
    ("mx.example.org", ("other.example.org",), "mx.example.org", "common_name_only"),
    ("mx.example.org", ("mx.example.org",), "other", "exact"),
    ("mx.example.org", None, None, "none"),
    ("bücher.example", ("xn--bcher-kva.example",), None, "exact"),
    ("xn--bcher-kva.example", ("*.example",), None, "none"),
    ("192.0.2.1", ("192.0.2.1",), None, "exact"),
    ("192.0.2.1", ("*.0.2.1",), None, "none"),
    ("2001:DB8:0::1", ("2001:db8::1",), None, "exact"),
    ("mail_1.example.org", ("mail_1.example.org",), None, "exact"),
]


@pytest.mark.parametrize(("reference", "sans", "common_name", "match"), CASES)
def test_a_name_is_matched_as_the_rfc_says(
    reference: str, sans: tuple[str, ...] | None, common_name: str | None, match: str
) -> None:
    assert name_match(reference, sans, common_name) == match


@pytest.mark.parametrize("reference", [None, "", "no name", "a..b", "x" * 300, "\ud800.example"])
def test_without_a_name_nothing_is_known(reference: str | None) -> None:
    assert name_match(reference, ("mx.example.org",), "mx.example.org") is None


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3), st.text(max_size=80))
def test_any_text_has_an_answer(reference: str, sans: list[str], common_name: str) -> None:
    name_match(reference, sans, common_name)
    name_match("mx.example.org", [*sans, f"*.{reference}"], common_name)
