"""Registered domains are those of the public suffix list, looked up in a shorter way."""

from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from mailcensus.population.registered_domains import host_name, registered_domain, registered_domains

LIST = PublicSuffixList()
TAILS = [
    "com",
    "example",
    "co.uk",
    "uk",
    "ck",
    "www.ck",
    "kawasaki.jp",
    "city.kawasaki.jp",
    "github.io",
    "xn--p1ai",
]
LABELS = st.sampled_from(["mx", "www", "firm", "city", "co", "s3", "amazonaws"])


@given(st.lists(LABELS, max_size=4), st.sampled_from(TAILS))
def test_it_is_what_the_list_says(labels: list[str], tail: str) -> None:
    name = ".".join([*labels, tail])
    assert registered_domain(name) == LIST.privatesuffix(name)


@given(st.text(max_size=80))
def test_any_text_is_a_host_name_or_is_not(text: str) -> None:
    name = host_name(text)
    assert name is None or (name == name.lower() and "." in name and registered_domain(name) is not ...)


def test_addresses_and_bare_words_are_no_host_names() -> None:
    assert [host_name(text) for text in ("192.0.2.1", "ESMTP", "", None, "a..b", "MX.Firm.example.")] == [
        *[None] * 5,
        "mx.firm.example",
    ]


def test_a_wildcard_counts_by_what_stands_below_it() -> None:
    assert registered_domains(["*.firm.example", "mx.firm.example", "localhost", "192.0.2.1"]) == {
        "firm.example"
    }
