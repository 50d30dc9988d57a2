"""Every rule names the software of its own examples, and no text makes identification slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Http, Ssh
from mailcensus.wire.exchange import Findings
from mailcensus.wire.services import SERVICES
from mailcensus.wire.software import TEXT_CHARACTERS, Rule, Software, identify, identify_server, rules

EXAMPLES = [
    (protocol, rule, text, version, os)
    for rule in rules()
    for text, version, os in rule.examples
    for protocol in sorted(rule.protocols)
]


@pytest.mark.parametrize(("protocol", "rule", "text", "version", "os"), EXAMPLES)
def test_every_example_is_named_by_its_rule(
    protocol: str, rule: Rule, text: str, version: str, os: str
) -> None:
    assert identify(protocol, text) == Software(rule.product, version or None, os or None)


def test_every_rule_has_an_example_a_known_protocol_and_its_word() -> None:
    known = {service.protocol for service in SERVICES}
    for rule in rules():
        assert rule.examples, rule.product
        assert rule.protocols <= known, rule.product
        assert rule.word == rule.word.lower()
        assert all(rule.word in text.lower() for text, _, _ in rule.examples), rule.product


def test_at_least_forty_products_are_known() -> None:
    assert len({rule.product for rule in rules()}) >= 40


@pytest.mark.parametrize(
    ("protocol", "text"),
    [
        ("smtp", ""),
        ("smtp", "220 mail.example.org ESMTP"),
        ("smtp", "220 eximport.example.org ESMTP ready"),
        ("imap", "* OK ready"),
        ("ssh", "SSH-2.0-Go_something_else"),
        ("http", "not nginx"),
        ("nosuch", "220 mail.example.org ESMTP Postfix"),
    ],
)
def test_what_names_nothing_is_not_named(protocol: str, text: str) -> None:
    assert identify(protocol, text) is None


def test_a_server_is_named_by_header_identification_greeting_or_capabilities() -> None:
    assert identify_server("http", Findings(http=Http(status=200, server="nginx/1.22.1"))) == Software(
        "nginx", "1.22.1"
    )
    assert identify_server("ssh", Findings(ssh=Ssh(identification="SSH-2.0-dropbear_2022.83"))) == Software(
        "Dropbear", "2022.83"
    )
    assert identify_server("lmtp", Findings(greeting="220 x Dovecot ready.")) == Software("Dovecot")
    assert identify_server(
        "irc", Findings(greeting=":x NOTICE * :hi", capabilities_before=("tls", "inspircd.org/poison"))
    ) == Software("InspIRCd")
    assert identify_server("smtp", Findings()) is None


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.product)
def test_hostile_text_hangs_no_rule(rule: Rule) -> None:
    for text, _, _ in rule.examples:
        pieces = {text, text[: len(text) // 2], rule.word, rule.word + " 1", text[-9:], "1", "1.", "(", "a "}
        for piece in pieces:
            hostile = f"{rule.word} " + piece * (TEXT_CHARACTERS // len(piece))
            # A pattern that backtracks runs into pytest's timeout.
            rule.pattern.search(hostile[:TEXT_CHARACTERS])


@given(protocol=st.sampled_from(sorted({s.protocol for s in SERVICES})), text=st.text(max_size=200))
def test_any_text_is_taken(protocol: str, text: str) -> None:
    identify(protocol, text)
