"""What domains publish, held beside the RFCs that say how to read it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.facts.domains.caa import read_caa
from mailcensus.facts.domains.dmarc import read_dmarc
from mailcensus.facts.domains.exchange_names import exchange_names
from mailcensus.facts.domains.mta_sts import covers, read_policy, read_record
from mailcensus.facts.domains.spf import read_spf
from mailcensus.facts.domains.texts import strings_of, text_of
from mailcensus.facts.domains.tls_reporting import read_tls_reporting
from mailcensus.model import ExchangeState, PolicyState

PRESENT, ABSENT, INVALID = PolicyState.PRESENT, PolicyState.ABSENT, PolicyState.INVALID


@pytest.mark.parametrize(
    ("rdata", "text"),
    [
        ('"v=spf1 " "-all"', "v=spf1 -all"),
        (r'"a\"b\\c\009d"', 'a"b\\c\td'),
        (r'"caf\195\169"', "cafÃ©"),
        ("bare", "bare"),
        ('""', ""),
    ],
)
def test_strings_of_a_text_record_are_joined_without_anything_between(rdata: str, text: str) -> None:
    assert text_of(rdata) == text


SPF = [
    (["v=spf1 -all"], PRESENT, "-", (), 0),
    (["V=SPF1 include:_SPF.a.example. a mx ~all"], PRESENT, "~", ("_spf.a.example",), 3),
    (["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 all"], PRESENT, "+", (), 0),
    (["v=spf1 redirect=b.example"], PRESENT, None, (), 1),
    (["v=spf1 a/24//64 mx:%{d}/24 exists:%{i}.x ptr ?all x=y"], PRESENT, "?", (), 4),
    (["v=spf1"], PRESENT, None, (), 0),
    (["v=spf10 -all", "other"], ABSENT, None, (), None),
    ([], ABSENT, None, (), None),
    (["v=spf1 -all", "v=spf1 ~all"], INVALID, None, (), None),
    (["v=spf1 ipv4:192.0.2.1 -all"], INVALID, None, (), 0),
    (["v=spf1 ip4:300.0.2.1 -all"], INVALID, None, (), 0),
    (["v=spf1 ip4:2001:db8::1 -all"], INVALID, None, (), 0),
    (["v=spf1 include: -all"], INVALID, None, (), 0),
    (["v=spf1 redirect=a.example redirect=b.example"], INVALID, None, (), 1),
    (["v=spf1 " + " ".join(f"include:a{n}.example" for n in range(11)) + " -all"], INVALID, "-", None, 11),
]


@pytest.mark.parametrize(("texts", "state", "everybody_else", "includes", "lookups"), SPF)
def test_spf(
    texts: list[str],
    state: PolicyState,
    everybody_else: str | None,
    includes: tuple[str, ...] | None,
    lookups: int,
) -> None:
    found = read_spf(texts)
    assert (found.state, found.all_qualifier, found.lookups) == (state, everybody_else, lookups)
    assert includes is None or found.includes == includes
    assert (found.error is not None) == (state is INVALID)


DMARC = [
    (["v=DMARC1; p=reject"], True, PRESENT, "reject", 100),
    (
        ["v=DMARC1;p=Quarantine; pct=20; rua=mailto:a@b.example,mailto:c@d.example;"],
        True,
        PRESENT,
        "quarantine",
        20,
    ),
    (["v=DMARC1; p=reject; sp=none"], True, PRESENT, "reject", 100),
    (["v=DMARC1; p=reject; sp=none"], False, PRESENT, "none", 100),
    (["v=DMARC1; p=reject"], False, PRESENT, "reject", 100),
    (["v=DMARC1; rua=mailto:a@b.example"], True, PRESENT, "none", 100),
    (["v=DMARC1; p=all"], True, INVALID, None, None),
    (["v=DMARC1"], True, INVALID, None, None),
    (["v=DMARC1; p=none; p=reject"], True, INVALID, None, None),
    (["v=DMARC1; p=none; pct=200"], True, INVALID, None, None),
    (["v=DMARC1; p=none", "v=DMARC1; p=none"], True, INVALID, None, None),
    (["v=dmarc1; p=none", "v=DMARC12; p=none", "p=none"], True, ABSENT, None, None),
]


@pytest.mark.parametrize(("texts", "is_own", "state", "policy", "percent"), DMARC)
def test_dmarc(
    texts: list[str], is_own: bool, state: PolicyState, policy: str | None, percent: int | None
) -> None:
    found = read_dmarc(texts, "b.example", is_own=is_own)
    assert (found.state, found.policy, found.percent) == (state, policy, percent)
    assert found.found_at == (None if state is ABSENT else "b.example")


@pytest.mark.parametrize(
    ("texts", "state", "known_id"),
    [
        (["v=STSv1; id=20260101000000Z;"], PRESENT, "20260101000000Z"),
        (["v=STSv1 ; id=a"], PRESENT, "a"),
        (["v=STSv1;"], INVALID, None),
        (["v=STSv1; id=with-hyphen"], INVALID, None),
        ([f"v=STSv1; id={'a' * 33}"], INVALID, None),
        (["v=STSv1; id=a", "v=STSv1; id=b"], INVALID, None),
        (["v=STSv2; id=a", "v=spf1 -all"], ABSENT, None),
    ],
)
def test_mta_sts_record(texts: list[str], state: PolicyState, known_id: str | None) -> None:
    found = read_record(texts)
    assert (found.state, found.record_state, found.id) == (state, state, known_id)


def test_mta_sts_policy() -> None:
    policy = read_policy(
        "version: STSv1\r\nmode: enforce\r\nmx: Mail.example.com\r\nmx: *.example.net\nmax_age: 604800\r\nnew: x\r\n"
    )
    assert (policy.mode, policy.mx_patterns, policy.max_age_s) == (
        "enforce", ("mail.example.com", "*.example.net"), 604_800,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "no version"),
        ("version: STSv1\nmode: strict\nmx: a.example\nmax_age: 1", "mode"),
        ("version: STSv1\nmode: enforce\nmx: a.example", "max_age"),
        ("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1", "max_age"),
        ("version: STSv1\nmode: enforce\nmax_age: 1", "no mx"),
        ("version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1", "no name"),
        ("<html>", "not key: value"),
    ],
)
def test_a_policy_that_must_not_be_used_says_why(body: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        read_policy(body)


@pytest.mark.parametrize(
    ("pattern", "exchange", "covered"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "a.mx.example.com", False),
        ("*.example.com", "example.com", False),
        ("example.com", "mx.example.com", False),
    ],
)
def test_a_pattern_covers_one_label(pattern: str, exchange: str, covered: bool) -> None:
    assert covers(pattern, exchange) is covered


@pytest.mark.parametrize(
    ("texts", "state", "to"),
    [
        (["v=TLSRPTv1; rua=mailto:a@b.example"], PRESENT, ("mailto:a@b.example",)),
        (["v=TLSRPTv1;rua=https://b.example,mailto:c@d.ex"], PRESENT, ("https://b.example", "mailto:c@d.ex")),
        (["v=TLSRPTv1;"], INVALID, ()),
        (["v=TLSRPTv1; rua=ftp://b.example"], INVALID, ()),
        (["v=TLSRPTv1; rua=mailto:a@b"] * 2, INVALID, ()),
        (["v=TLSRPTv2; rua=mailto:a@b"], ABSENT, ()),
    ],
)  # fmt: skip
def test_tls_reporting(texts: list[str], state: PolicyState, to: tuple[str, ...]) -> None:
    found = read_tls_reporting(texts)
    assert (found.state, found.reports_to) == (state, to)


@pytest.mark.parametrize(
    ("rdata", "state", "issuers", "wildcards"),
    [
        (
            ['0 issue "ca.example; account=1"', '0 issue "CB.example"'],
            PRESENT,
            ("ca.example", "cb.example"),
            None,
        ),
        (['0 issue ";"'], PRESENT, (), None),
        (['0 issuewild ";"', '0 iodef "mailto:a@b.example"'], PRESENT, None, ()),
        (['128 tbs "Unknown"'], INVALID, None, None),
        (['0 tbs "Unknown"'], PRESENT, None, None),
    ],
)
def test_caa(
    rdata: list[str],
    state: PolicyState,
    issuers: tuple[str, ...] | None,
    wildcards: tuple[str, ...] | None,
) -> None:
    found = read_caa(rdata, "b.example")
    assert (found.state, found.issuers, found.wildcard_issuers) == (state, issuers, wildcards)


def test_exchanges_come_by_preference_and_say_what_they_cannot_be() -> None:
    found = exchange_names(
        ["20 B.example.", "10 a.example.", "10 A.example.", "0 .", "30 192.0.2.1.", "40 mx."]
    )
    assert [(one.preference, one.name, one.fault) for one in found] == [
        (0, ".", ExchangeState.NULL_MX),
        (10, "a.example", None),
        (20, "b.example", None),
        (30, "192.0.2.1", ExchangeState.IP_LITERAL),
        (40, "mx", ExchangeState.INVALID),
    ]


@pytest.mark.parametrize("name", ["[192.0.2.1]", "2001:db8::1", r"\[ipv6:2001:db8::1\]"])
def test_an_address_is_no_exchange_however_it_is_written(name: str) -> None:
    assert exchange_names([f"10 {name}"])[0].fault is ExchangeState.IP_LITERAL


@pytest.mark.parametrize("name", [r"sp\032ace.example.", "a..b.", "-a.example.", r"\@.example."])
def test_what_no_host_can_be_called_is_invalid(name: str) -> None:
    assert exchange_names([f"10 {name}"])[0].fault is ExchangeState.INVALID


@pytest.mark.slow
@given(st.lists(st.text(max_size=60), max_size=3))
@settings(max_examples=150)
def test_any_texts_have_a_reading(texts: list[str]) -> None:
    starts = ("v=spf1 ", "v=DMARC1;", "v=STSv1;", "v=TLSRPTv1;", "")
    told = [start + text for start in starts for text in texts]
    states = {
        read_spf(told).state,
        read_dmarc(told, "b.example", is_own=True).state,
        read_record(told).state,
        read_tls_reporting(told).state,
        read_caa(told, "b.example").state,
    }
    assert states <= {PRESENT, ABSENT, INVALID}
    exchange_names(texts)
    for text in texts:
        strings_of(text)
        try:
            read_policy(text)
        except ValueError:
            pass
