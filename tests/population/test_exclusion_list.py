"""Lines of exclusion files: whom, since when, why."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.exclusion_list import (
    NO_REASON,
    Kind,
    is_under,
    read_entries,
    readable_entries,
)
from mailcensus.study import StudyError

WRITTEN = date(2026, 11, 21)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return tmp_path / "opt-outs"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    os.utime(path, (1_795_219_200, 1_795_219_200))
    return path


def entries(path: Path, text: str) -> list[tuple[Kind, str, str, date, str]]:
    return [(e.kind, e.name, e.value, e.since, e.reason) for e in read_entries(write(path, text))]


CASES = [
    ("192.0.2.0/24", Kind.PREFIX, "192.0.2.0/24", "192.0.2.0/24"),
    ("192.0.2.7", Kind.PREFIX, "192.0.2.7", "192.0.2.7"),
    ("2001:db8::/32", Kind.PREFIX, "2001:db8::/32", "2001:db8::/32"),
    ("AS64500", Kind.AS, "AS64500", "64500"),
    ("as064500", Kind.AS, "AS64500", "64500"),
    ("country:ie", Kind.COUNTRY, "country:IE", "IE"),
    ("domain:Example.ORG.", Kind.DOMAIN, "domain:example.org", "example.org"),
    ("domain:bücher.example", Kind.DOMAIN, "domain:xn--bcher-kva.example", "xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("text", "kind", "name", "value"), CASES)
def test_an_entry_may_stand_alone_or_with_a_date_and_a_reason(
    listed: Path, text: str, kind: Kind, name: str, value: str
) -> None:
    assert entries(listed, f"{text}  # a comment\n") == [(kind, name, value, WRITTEN, NO_REASON)]
    since = date(2026, 11, 22)
    assert entries(listed, f"\t{text}  2026-11-22\n") == [(kind, name, value, since, NO_REASON)]
    assert entries(listed, f"{text} 2026-11-22  opt-out  by mail # 3\n") == [
        (kind, name, value, since, "opt-out  by mail")
    ]


def test_a_prefix_with_bits_beyond_its_length_means_the_whole_network(listed: Path) -> None:
    (entry,) = read_entries(write(listed, "192.0.2.7/24"))
    assert entry.triple == (4, 0xC0000200, 0xC0000300)


@pytest.mark.parametrize(
    "text",
    [
        *("mail.example.org", "192.0.2.0/33", "AS4294967296", "ASx", "country:IRL", "domain:org", "domain:"),
        *(
            "domain:-a.example",
            "domain:a..b",
            f"domain:{'a.' * 130}b",
            "192.0.2.1 yesterday",
            "1.2.3.4 2026-13-01 x",
        ),
    ],
)
def test_a_bad_line_is_named_in_one_line(listed: Path, text: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_entries(write(listed, f"192.0.2.1\n{text}\n"))
    message = str(caught.value)
    assert f"{listed}: bad exclusion at line 2: " in message
    assert "\n" not in message


def test_of_a_bad_file_the_good_lines_count_and_whom_a_line_with_a_bad_rest_names(
    listed: Path, tmp_path: Path
) -> None:
    write(listed, "192.0.2.0/24\nwhat?\nAS64500 yesterday he said\n198.51.100.1 2026-11-22 why not\n")
    assert [(entry.name, entry.reason) for entry in readable_entries(listed)] == [
        ("192.0.2.0/24", NO_REASON),
        ("AS64500", NO_REASON),
        ("198.51.100.1", "why not"),
    ]
    assert readable_entries(tmp_path / "gone") == ()


@given(content=st.binary(max_size=300) | st.text("AS:.domainctry0129/- #\n", max_size=200).map(str.encode))
def test_any_bytes_are_entries_or_one_clear_line(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    readable = readable_entries(path)
    try:
        assert read_entries(path) == readable
    except StudyError as error:
        complaint = str(error)
    else:
        complaint = ""
    assert "\n" not in complaint


@pytest.mark.parametrize(
    ("name", "under"),
    [
        ("example.org", True), ("MX.Example.ORG.", True), ("*.example.org", True), ("a.b.example.org", True),
        ("badexample.org", False), ("example.org.evil.test", False), ("", False), ("org", False),
    ],
)  # fmt: skip
def test_names_under_a_domain(name: str, under: bool) -> None:
    assert is_under(name, "example.org") is under
