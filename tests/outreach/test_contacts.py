"""Contact files: CSV and RDAP answers, good ones, odd ones, and any bytes at all."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.outreach.contacts import Contact, Contacts, mail_address, read_contacts
from mailcensus.outreach.contacts_rdap import abuse_addresses
from mailcensus.outreach.holdings import HostFacts
from mailcensus.study import StudyError

CSV = """prefix,asn,domain,group,contact,language
192.0.2.0/24,,,,noc@host.example,
192.0.2.128/25,,,,abuse@tenant.example,de
,AS64500,,,abuse@isp.example,
2001:db8::/32,,,,six@isp.example,
,,ministry.example,,it@ministry.example,
,,,Ministries,cert@gov.example,
"""


def entity(address: str, *roles: str, nested: list[Any] | None = None) -> dict[str, Any]:
    """An entity as registries write them (RFC 9083 section 5.1, RFC 7095)."""
    card = [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", "Desk"],
        ["email", {"type": "work"}, "text", address],
    ]
    return {
        "objectClassName": "entity",
        "roles": list(roles),
        "vcardArray": ["vcard", card],
        "entities": nested or [],
    }


def network(first: str, last: str, *entities: dict[str, Any]) -> dict[str, Any]:
    return {
        "objectClassName": "ip network",
        "startAddress": first,
        "endAddress": last,
        "entities": list(entities),
    }


def autnum(first: int, last: int, *entities: dict[str, Any]) -> dict[str, Any]:
    return {"objectClassName": "autnum", "startAutnum": first, "endAutnum": last, "entities": list(entities)}


def told(path: Path, text: str) -> Contacts:
    path.write_text(text)
    return read_contacts(path)


def address_for(contacts: Contacts, ip: str, asn: int | None = None, name: str | None = None) -> str | None:
    found = contacts.holdings.of_host(HostFacts(ip, asn, None, name, None))
    return found.address if found else None


def test_the_longest_prefix_counts_then_the_domain_then_the_as(tmp_path: Path) -> None:
    contacts = told(tmp_path / "c.csv", CSV)
    assert address_for(contacts, "192.0.2.1", 64500) == "noc@host.example"
    assert contacts.holdings.of_address("192.0.2.200") == Contact("abuse@tenant.example", "de")
    assert address_for(contacts, "198.51.100.1", 64500) == "abuse@isp.example"
    assert address_for(contacts, "198.51.100.1", 64500, "mx.ministry.example") == "it@ministry.example"
    assert address_for(contacts, "2001:db8::25") == "six@isp.example"
    assert address_for(contacts, "198.51.100.1") is None
    assert contacts.holdings.by_group["Ministries"].address == "cert@gov.example"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("192.0.2.0/24,64500,,,a@b.example,", "exactly one of"),
        (",,,,a@b.example,", "exactly one of"),
        ("192.0.2.1/24,,,,a@b.example,", "bits beyond its length"),
        (",64500x,,,a@b.example,", "not an AS number"),
        (",,no domain,,a@b.example,", "not a domain"),
        (",64500,,,nobody,", "no mail address"),
        (',64500,,,"a@b.example\nBcc: c@d.example",', "no mail address"),
        (",64500,,,a@b.example,,,,", "more cells"),
        (',"64500', "not CSV"),
    ],
)
def test_a_line_that_says_nothing_is_named(tmp_path: Path, line: str, wrong: str) -> None:
    with pytest.raises(StudyError, match=wrong) as refused:
        told(tmp_path / "c.csv", f"prefix,asn,domain,group,contact,language\n{line}\n")
    assert re.search(r"c\.csv: line [234]: ", str(refused.value))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("header", ["", "contact", "asn,address", "asn,asn,contact"])
def test_a_header_that_lacks_something_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(StudyError, match="the header needs contact"):
        told(tmp_path / "c.csv", f"{header}\n1,2,3\n")


def test_the_abuse_role_is_found_however_deep_it_stands(tmp_path: Path) -> None:
    deep = entity("noc@isp.example", "technical", nested=[entity("abuse@isp.example", "abuse")])
    contacts = told(tmp_path / "one.json", json.dumps(network("192.0.2.0", "192.0.2.255", deep)))
    assert address_for(contacts, "192.0.2.7") == "abuse@isp.example"
    assert contacts.rdap is not None
    assert (contacts.rdap.answers, contacts.rdap.used) == (1, 1)


def test_ranges_need_not_be_prefixes_and_the_most_particular_one_counts(tmp_path: Path) -> None:
    answers = [
        network("192.0.2.0", "192.0.2.255", entity("wide@isp.example", "abuse")),
        network("192.0.2.5", "192.0.2.90", entity("narrow@isp.example", "abuse")),
        network("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", entity("six@isp.example", "abuse")),
        autnum(64500, 64502, entity("as@isp.example", "abuse")),
    ]
    contacts = told(tmp_path / "lines.jsonl", "\n".join(map(json.dumps, answers)))
    assert address_for(contacts, "192.0.2.4") == "wide@isp.example"
    assert [address_for(contacts, f"192.0.2.{last}") for last in (5, 90)] == ["narrow@isp.example"] * 2
    assert address_for(contacts, "192.0.2.91") == "wide@isp.example"
    assert address_for(contacts, "2001:db8:1::1") == "six@isp.example"
    assert address_for(contacts, "203.0.113.1", 64501) == "as@isp.example"


def test_a_folder_of_answers_and_a_list_of_them_are_dumps_too(tmp_path: Path) -> None:
    answer = autnum(64500, 64500, entity("as@isp.example", "abuse"))
    (tmp_path / "a.json").write_text(json.dumps([answer], indent=2))
    (tmp_path / "b.json").write_text(json.dumps(autnum(1, 4_000_000_000, entity("iana@x.example", "abuse"))))
    contacts = read_contacts(tmp_path)
    assert address_for(contacts, "203.0.113.1", 64500) == "as@isp.example"
    assert contacts.rdap is not None
    assert (contacts.rdap.answers, contacts.rdap.used, contacts.rdap.not_understood) == (2, 1, 1)


@pytest.mark.parametrize(
    "card",
    [
        None,
        [],
        ["vcard"],
        ["vcard", None],
        ["vcard", [None, [], ["email"], ["email", {}, "text", 5]]],
        "vcard",
        {},
    ],
)
def test_a_card_that_is_none_is_passed_over(tmp_path: Path, card: object) -> None:
    answer = autnum(64500, 64500, {"roles": ["abuse"], "vcardArray": card})
    contacts = told(tmp_path / "x.json", json.dumps(answer))
    assert contacts.rdap is not None
    assert contacts.rdap.without_contact == 1


@pytest.mark.parametrize("text", ["[" * 200_000, "{", '{"a": 1}\n{', "{" * 3])
def test_what_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(StudyError, match=r"line \d+: not JSON"):
        told(tmp_path / "x.json", text)


@pytest.mark.parametrize(
    "text",
    [
        "a@b", "a b@c.example", "a@b.example, c@d.example", "<a@b.example>", "a@b.example\nBcc: x@y.example",
        "@b.example", '"a\r\n"@b.example', "a@b..example", "a" * 65 + "@b.example", "a@" + "b" * 250 + ".example",
        "ä@b.example", "a@b.example\u202e", "a@[192.0.2.1]", "",
    ],
)  # fmt: skip
def test_what_could_be_more_than_one_address_is_none(text: str) -> None:
    assert mail_address(text) is None


def test_an_address_stands_as_it_is_with_its_domain_in_lower_case() -> None:
    assert mail_address(" mailto:Abuse+ip@ISP.Example ") == "Abuse+ip@isp.example"


@given(st.text(max_size=300))
def test_an_address_never_ends_a_header(text: str) -> None:
    address = mail_address(text)
    assert address is None or re.fullmatch(r"[!-~]+@[a-z0-9.-]+", address)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["abuse", "email", "vcard"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["entities", "roles", "vcardArray", "startAddress", "startAutnum",
                                       "objectClassName", "endAddress", "x"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=60)
@given(JSON, st.sampled_from(["ip network", "autnum", "domain"]))
def test_any_answer_has_contacts_or_none(value: object, kind: str) -> None:
    assert all(isinstance(text, str) for text in abuse_addresses(value))
    answer = {**value, "objectClassName": kind} if isinstance(value, dict) else value
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_text(json.dumps([answer]))
        assert read_contacts(path).rdap is not None


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_any_bytes_are_contacts_or_an_error_of_ours(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        for beginning in (b"", b"prefix,contact\n", b'{"objectClassName":'):
            path.write_bytes(beginning + content)
            with suppress(StudyError):
                read_contacts(path)
