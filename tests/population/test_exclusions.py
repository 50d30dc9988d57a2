"""Exclusion files that change under a running scan; the clock is a number."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcensus.population.domain_addresses import DomainAddresses
from mailcensus.population.exclusion_meanings import AGAIN_S, RETRY_S, Meanings
from mailcensus.population.exclusions import Exclusions
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.sources import Databases
from mailcensus.study import Settings, Study, StudyError


class Scan:
    """A scan's view of one exclusion file."""

    def __init__(self, path: Path, content: str) -> None:
        self.path = path
        self.now = 100.0
        self.problems: list[str] = []
        self.write(content)
        self.exclusions = Exclusions([path], clock=lambda: self.now, on_problem=self.problems.append)

    def write(self, content: str) -> None:
        self.path.write_text(content)

    def blocks_later(self, ip: str) -> bool:
        self.now += 1.0
        return self.exclusions.contains(ip)


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return Scan(tmp_path / "opt-outs.txt", "192.0.2.0/24\n2001:db8::/32\n")


def test_prefixes_of_a_file_are_excluded_and_others_are_not(scan: Scan) -> None:
    assert scan.exclusions.contains("192.0.2.255")
    assert scan.exclusions.contains("2001:db8::25")
    assert not scan.exclusions.contains("192.0.3.0")


def test_an_ipv4_mapped_address_does_not_get_round_an_exclusion(scan: Scan) -> None:
    assert scan.exclusions.contains("::ffff:192.0.2.1")


def test_a_new_opt_out_holds_within_a_second(scan: Scan) -> None:
    assert not scan.exclusions.contains("198.51.100.1")
    scan.write("192.0.2.0/24\n198.51.100.1\n")
    assert scan.blocks_later("198.51.100.1")


def test_files_are_looked_at_no_more_than_once_a_second(scan: Scan) -> None:
    scan.blocks_later("198.51.100.1")
    scan.write("198.51.100.1\n")
    scan.now += 0.5
    assert not scan.exclusions.contains("198.51.100.1")
    scan.now += 0.5
    assert scan.exclusions.contains("198.51.100.1")


def test_an_opt_out_that_is_taken_back_is_asked_again(scan: Scan) -> None:
    scan.write("# nobody any more\n")
    assert not scan.blocks_later("192.0.2.1")


def test_a_file_that_turns_bad_keeps_what_it_said_and_adds_what_can_be_read(scan: Scan) -> None:
    scan.write("198.51.100.0/24\nwhat is this?\n")
    assert scan.blocks_later("192.0.2.1")
    assert scan.blocks_later("198.51.100.1")
    assert len(scan.problems) == 1
    assert "bad exclusion at line 2" in scan.problems[0]


def test_a_file_that_goes_away_keeps_what_it_said_and_is_reported_once(scan: Scan) -> None:
    scan.path.unlink()
    for _ in range(5):
        assert scan.blocks_later("192.0.2.1")
    assert len(scan.problems) == 1


def test_a_mended_file_says_all_again(scan: Scan) -> None:
    scan.write("nonsense\n")
    assert scan.blocks_later("192.0.2.1")
    scan.write("203.0.113.0/24\n")
    assert not scan.blocks_later("192.0.2.1")
    assert scan.blocks_later("203.0.113.9")


def test_a_write_that_leaves_time_and_size_as_they_were_is_seen_at_the_second_look(scan: Scan) -> None:
    scan.write("192.0.2.1\n")
    assert scan.blocks_later("192.0.2.1")
    times = scan.path.stat()
    scan.write("192.0.2.2\n")
    os.utime(scan.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert scan.blocks_later("192.0.2.2")


def test_a_bad_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "opt-outs.txt"
    with pytest.raises(StudyError, match="cannot be read"):
        Exclusions([path])
    path.write_text("10.0.0.0/8\nexample.org\n")
    with pytest.raises(StudyError, match="bad exclusion at line 2"):
        Exclusions([path])


def test_a_file_with_dates_and_reasons_still_excludes_by_prefix(scan: Scan) -> None:
    scan.write("198.51.100.0/24  2026-11-22  opt-out by mail  # ticket 7\n")
    assert scan.blocks_later("198.51.100.1")


class Lookups:
    """A study's databases and a resolver that a test decides on."""

    def __init__(self, directory: Path, exclusions: str) -> None:
        self.now = 0.0
        self.problems: list[str] = []
        self.answers: dict[str, DomainAddresses] = {}
        self.asked: list[str] = []
        self.path = directory / "exclusions.txt"
        self.path.write_text(exclusions)
        (directory / "as.csv").write_text(
            "192.0.2.0,192.0.2.255,64500,Example\n203.0.113.0,203.0.113.9,64501,Other\n"
        )
        (directory / "country.csv").write_text("198.51.100.0,198.51.100.255,IE\n203.0.113.0,203.0.113.9,FR\n")
        self.databases = {"as_database": "as.csv", "country_database": "country.csv"}
        self.directory = directory

    def resolve(self, domain: str) -> DomainAddresses:
        self.asked.append(domain)
        return self.answers.get(domain, DomainAddresses(PrefixSet()))

    def exclusions(self) -> Exclusions:
        study = Study(self.directory, Settings.model_validate({"population": self.databases}))
        clock = lambda: self.now  # noqa: E731
        meanings = Meanings(Databases(study), self.resolve, clock, self.problems.append)
        return Exclusions([self.path], clock=clock, on_problem=self.problems.append, meanings=meanings)

    def until(self, condition: Callable[[], bool]) -> None:
        """Seconds pass on the clock, and as much real time as the thread needs."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            self.now += 1
            time.sleep(0.001)


def test_systems_and_countries_are_excluded_by_the_databases_of_the_study(tmp_path: Path) -> None:
    exclusions = Lookups(tmp_path, "AS64500\ncountry:IE 2026-11-22\n").exclusions()
    assert exclusions.contains("192.0.2.7")
    assert exclusions.contains("198.51.100.7")
    assert not exclusions.contains("203.0.113.1")


@pytest.mark.parametrize(
    ("entry", "setting"), [("AS64500", "as_database"), ("country:IE", "country_database")]
)
def test_without_the_database_they_need_a_scan_does_not_begin(
    tmp_path: Path, entry: str, setting: str
) -> None:
    lookups = Lookups(tmp_path, entry)
    lookups.databases = {}
    with pytest.raises(StudyError, match=f"population.{setting} is not set"):
        lookups.exclusions()
    with pytest.raises(StudyError, match=f"{entry}: only a study"):
        Exclusions([lookups.path])


def test_a_system_that_opts_out_while_a_scan_runs_is_looked_up_beside_it(tmp_path: Path) -> None:
    lookups = Lookups(tmp_path, "# nobody yet\n")
    exclusions = lookups.exclusions()
    assert not exclusions.contains("192.0.2.7")
    lookups.path.write_text("AS64500\n203.0.113.9\n")
    lookups.now += 1
    assert exclusions.contains("203.0.113.9"), "what needs no lookup holds at once"
    lookups.until(lambda: exclusions.contains("192.0.2.7"))
    assert lookups.problems == []


def test_what_nobody_can_look_up_while_a_scan_runs_is_reported_once(tmp_path: Path) -> None:
    lookups = Lookups(tmp_path, "")
    lookups.databases = {}
    exclusions = lookups.exclusions()
    lookups.path.write_text("AS64500\n")
    lookups.until(lambda: exclusions.contains("192.0.2.7") or bool(lookups.problems))
    for _ in range(10):
        lookups.now += 1
        exclusions.contains("192.0.2.7")
    assert len(lookups.problems) == 1
    assert "AS64500 cannot be excluded" in lookups.problems[0]


def test_a_domain_is_excluded_by_its_addresses_and_looked_up_again_every_hour(tmp_path: Path) -> None:
    lookups = Lookups(tmp_path, "domain:example.org\n")
    lookups.answers["example.org"] = DomainAddresses(PrefixSet.of(["192.0.2.1"]))
    exclusions = lookups.exclusions()
    assert exclusions.contains("192.0.2.1")
    lookups.answers["example.org"] = DomainAddresses(PrefixSet.of(["192.0.2.2"]))
    lookups.now += AGAIN_S - 2
    assert not exclusions.contains("192.0.2.2")
    lookups.until(lambda: exclusions.contains("192.0.2.2"))
    assert exclusions.contains("192.0.2.1"), "an address it had stays excluded"


def test_a_domain_that_cannot_be_resolved_is_reported_and_tried_again_and_ends_nothing(
    tmp_path: Path,
) -> None:
    lookups = Lookups(tmp_path, "domain:example.org\n")
    lookups.answers["example.org"] = DomainAddresses(
        PrefixSet.of(["192.0.2.1"]), ("example.org MX: timed out",)
    )
    exclusions = lookups.exclusions()
    assert exclusions.contains("192.0.2.1"), "what was found counts"
    assert len(lookups.problems) == 1
    assert "example.org MX: timed out" in lookups.problems[0]
    lookups.answers["example.org"] = DomainAddresses(PrefixSet.of(["192.0.2.2"]))
    lookups.now += RETRY_S
    lookups.until(lambda: exclusions.contains("192.0.2.2"))
    assert len(lookups.problems) == 1


def test_a_host_that_names_itself_under_a_domain_is_excluded_until_the_domain_is_asked_again(
    tmp_path: Path,
) -> None:
    lookups = Lookups(tmp_path, "domain:example.org\n")
    exclusions = lookups.exclusions()
    exclusions.name_seen(4, 0xC0000201, ["mx.other.example", "mx.example.org"])
    exclusions.name_seen(4, 0xC0000202, ["notexample.org"])
    assert exclusions.contains("192.0.2.1")
    assert exclusions.contains("::ffff:192.0.2.1")
    assert not exclusions.contains("192.0.2.2")
    lookups.path.write_text("# nobody\n")
    lookups.now += 1
    assert not exclusions.contains("192.0.2.1")


def test_each_entry_has_an_account_of_whom_it_covers_and_how_often_it_stopped_us(tmp_path: Path) -> None:
    lookups = Lookups(tmp_path, "192.0.2.0/25 2026-11-22 by mail\nAS64500\ndomain:example.org\n")
    exclusions = lookups.exclusions()
    exclusions.name_seen(4, 0xC6336401, ["example.org"])
    for value in (0xC0000201, 0xC0000201, 0xC0000281, 0xC6336401):
        exclusions.count_refusal(4, value)
    assert [(a.addresses, a.refused) for a in exclusions.accounts()] == [(None, 2), (None, 1), (None, 1)]
    assert not exclusions.has_news
    exclusions.count_refusal(4, 0xC0000201)
    exclusions.count_in(PrefixSet.of(["192.0.2.0/24", "198.51.100.0/24"]))
    accounts = exclusions.accounts()
    assert [(a.file, a.entry.name, a.addresses, a.refused) for a in accounts] == [
        ("exclusions.txt", "192.0.2.0/25", 128, 1),
        ("exclusions.txt", "AS64500", 128, 0),
        ("exclusions.txt", "domain:example.org", 0, 0),
    ]
