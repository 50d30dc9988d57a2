"""Lists of domains, however people write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.population.domain_list import DomainList, listed_domain, read_domain_list
from mailcensus.population.domain_name import domain_name
from mailcensus.study import StudyError

NAMES = [
    ("Example.ORG", "example.org"),
    ("  example.org. ", "example.org"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER。example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("правительство.рф", "xn--80aealotwbjpid2k.xn--p1ai"),
    ("straße.example", "xn--strae-oqa.example"),
    ("_dmarc.example.org", "_dmarc.example.org"),
    ("ai.", "ai"),
]
NOT_NAMES = [
    ("", "empty"),
    ("https://example.org/", "URL"),
    ("192.0.2.0/24", "URL or a prefix"),
    ("192.0.2.1", "address"),
    ("[2001:db8::1]", "address"),
    ("postmaster@example.org", "e-mail"),
    ("*.example.org", "wildcard"),
    ("localhost", "one label"),
    ("two..dots", "empty label"),
    (".example.org", "empty label"),
    ("spa ce.example", "characters"),
    ("-x.example", "characters"),
    (f"{'a' * 64}.example", "63"),
    (".".join(["abcdefgh"] * 30), "253"),
    ("a\u0301\u0301\u200d.example", "IDNA"),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_name_becomes_what_dns_has(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(("text", "reason"), NOT_NAMES)
def test_what_is_no_domain_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        domain_name(text)


@pytest.mark.slow
@given(st.text(max_size=80))
@settings(max_examples=200)
def test_any_text_is_a_name_that_stays_the_same_or_none(text: str) -> None:
    try:
        name = domain_name(text)
    except ValueError:
        return
    assert domain_name(f"{name}.") == name
    assert name.isascii()
    assert name == name.lower()


@pytest.mark.parametrize(
    ("domain", "registered", "suffix"),
    [
        ("city.example.gov", "example.gov", "gov"),
        ("mail.firm.co.uk", "firm.co.uk", "co.uk"),
        ("co.uk", None, "co.uk"),
        ("firm.example", "firm.example", "example"),
    ],
)
def test_registered_domains_come_of_the_public_suffix_list(
    domain: str, registered: str | None, suffix: str
) -> None:
    listed = listed_domain(domain, 0)
    assert (listed.registered_domain, listed.public_suffix) == (registered, suffix)


def read(tmp_path: Path, text: str | bytes, name: str = "list.csv", **how: object) -> DomainList:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_domain_list(path, **how)  # type: ignore[arg-type]


GOVERNMENT = """\ufeffDomain name,Domain type,City,State
A.gov,City,"Lick, The",KY
b.gov,County,,NY
A.GOV.,City,x,KY
bad one,City,x,KY
""".replace("\n", "\r\n")


def test_the_columns_of_a_table_stay_with_their_domain(tmp_path: Path) -> None:
    found = read(tmp_path, GOVERNMENT)
    assert [(one.domain, one.position, dict(one.groups)) for one in found.domains] == [
        ("a.gov", 0, {"Domain type": "City", "City": "Lick, The", "State": "KY"}),
        ("b.gov", 1, {"Domain type": "County", "State": "NY"}),
    ]
    assert (found.rejected, found.duplicates) == (1, 1)
    assert [(row.line, row.reason) for row in found.rejects] == [
        (4, "stands in line 2 already"),
        (5, "characters that no name of a host has"),
    ]
    path = found.write_rejects(tmp_path / "rejects")
    assert path is not None
    assert json.loads(path.read_text().splitlines()[1])["row"] == "bad one"


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("example.org\n# a comment\n\nexample.net # too\n", ["example.org", "example.net"]),
        ("1,example.org\n2,example.net\n", ["example.org", "example.net"]),
        ("Amt;Webauftritt\nA;amt-aa.example\nB;amt-bb.example\n", ["amt-aa.example", "amt-bb.example"]),
        ("name\tdomain\nBund\tbund.example\n", ["bund.example"]),
        ("host|rank\nexample.org|1\n", ["example.org"]),
        ("example.org", ["example.org"]),
    ],
)  # fmt: skip
def test_separator_heading_and_column_are_found(tmp_path: Path, text: str, domains: list[str]) -> None:
    assert [one.domain for one in read(tmp_path, text).domains] == domains


def test_a_column_may_be_named_or_counted_and_groups_chosen(tmp_path: Path) -> None:
    text = "name,site,kind\nx.example,y.example,firm\n"
    assert read(tmp_path, text, column="site").domains[0].domain == "y.example"
    assert read(tmp_path, text, column="2").domains[0].domain == "y.example"
    assert dict(read(tmp_path, text, groups=["Kind"]).domains[0].groups) == {"kind": "firm"}
    with pytest.raises(StudyError, match=r"no column 'sight'.*'name', 'site', 'kind'.*domains\.column"):
        read(tmp_path, text, column="sight")
    with pytest.raises(StudyError, match=r"no column 'sort'.*domains\.groups"):
        read(tmp_path, text, groups=["sort"])


def test_western_script_that_is_no_utf_8_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, "domain,town\na.example,Köln\n".encode("cp1252"))
    assert dict(found.domains[0].groups) == {"town": "Köln"}


ZONE = """\
$ORIGIN example.
@ 3600 IN SOA ns hostmaster 1 2 3 4 5
@ IN NS ns
ns A 192.0.2.1
one IN NS ns.one
ns.one A 192.0.2.2
two IN MX 10 mx.two
www A 192.0.2.3
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (ZONE, "any"),
        (ZONE.replace("$ORIGIN example.\n", "$TTL 60\n"), "example.zone"),
        (ZONE.replace("$ORIGIN example.\n", "").replace("@ 3600", "example. 3600"), "axfr.txt"),
    ],
)
def test_names_of_a_zone_file_with_name_servers_or_exchanges_are_domains(
    tmp_path: Path, text: str, name: str
) -> None:
    text = text.replace("@", "example.") if name == "example.zone" else text
    found = read(tmp_path, text, name)
    assert sorted(one.domain for one in found.domains if "." in one.domain) == ["one.example", "two.example"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "holds no domain"),
        ("just words\nand more\n", "line 1: characters"),
        ("$ORIGIN example.\n@ IN MX\n", "bad zone file"),
    ],
)
def test_a_file_without_domains_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(StudyError, match=error):
        read(tmp_path, text)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot be read: No such file.*domains\.list"):
        read_domain_list(tmp_path / "none")


@pytest.mark.slow
@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_list_or_an_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    try:
        found = read(tmp_path_factory.getbasetemp(), raw, "any")
    except StudyError:
        return
    assert len({one.domain for one in found.domains}) == len(found.domains)
