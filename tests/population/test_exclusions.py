"""Exclusion files that change under a running scan; the clock is a number."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailcensus.population.exclusions import Exclusions
from mailcensus.study import StudyError


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
    assert "bad prefix at line 2" in scan.problems[0]


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
    with pytest.raises(StudyError, match="bad prefix at line 2"):
        Exclusions([path])
