"""What the vantage says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.outreach.texts import NAMES, vantage_texts, zone_strings
from mailcensus.study import Settings, StudyError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ADDRESSES = ("2001:db8::7", "192.0.2.7")
WHO = {
    "name": "Keys of Ireland's mail",
    "ehlo_name": "Scanner.example.",
    "contact": "abuse@scanner.example",
    "opt_out": "https://scanner.example/opt-out",
}


def texts(**changed: object) -> dict[str, str]:
    settings = Settings.model_validate({"study": WHO | changed})
    return {text.name: text.body for text in vantage_texts(settings, ADDRESSES, NOW)}


def test_the_records_are_those_that_the_preflight_looks_for() -> None:
    made = texts()
    assert made["ehlo"] == "scanner.example\n"
    assert made["a"] == "scanner.example. IN A 192.0.2.7\nscanner.example. IN AAAA 2001:db8::7\n"
    assert made["ptr"].splitlines()[0] == "7.2.0.192.in-addr.arpa. IN PTR scanner.example."
    assert made["txt"].startswith("scanner.example. IN TXT \"Research: Keys of Ireland's mail.")


def test_security_txt_has_what_rfc_9116_requires() -> None:
    lines = texts()["security.txt"].splitlines()
    assert "Contact: mailto:abuse@scanner.example" in lines
    assert "Expires: 2027-05-21T00:00:00Z" in lines
    assert "Canonical: https://scanner.example/.well-known/security.txt" in lines


def test_a_contact_that_is_a_page_is_named_as_it_is() -> None:
    made = texts(contact="https://scanner.example/contact")
    assert "Contact: https://scanner.example/contact\n" in made["security.txt"]
    assert made["aliases"].startswith("abuse: root\n")
    assert made["registry"].endswith("abuse-mailbox: abuse@scanner.example\n")


def test_the_page_shows_names_as_text() -> None:
    page = texts(name="<script>alert(1)</script>")["web"]
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contact", None),
        ("opt_out", " "),
        ("contact", "us"),
        ("contact", "a@b.example\nContact: mailto:evil@example"),
        ("opt_out", 'https://x.example/" onclick="'),
        ("ehlo_name", "scanner.invalid"),
        ("name", "study\r\nX: y"),
    ],
)
def test_who_does_not_say_who_asks_in_one_line_gets_no_texts(field: str, value: str | None) -> None:
    with pytest.raises(StudyError, match=f"study.{field}"):
        texts(**{field: value})


@given(st.text(min_size=1, max_size=600))
def test_a_zone_file_gives_back_the_very_bytes(text: str) -> None:
    read = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, zone_strings(text))
    assert b"".join(read.strings) == text.encode()


def test_each_text_has_a_name_of_its_own() -> None:
    assert tuple(texts()) == NAMES
    assert len(set(NAMES)) == len(NAMES)
