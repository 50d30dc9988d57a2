"""Files of prefixes and hosts, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailcensus.population.lists import read_hosts, read_prefixes
from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import StudyError


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "list.txt"
        path.write_bytes(content)
        return path

    return write


def test_a_prefixes_file_holds_prefixes_addresses_and_comments(listed: Callable[[bytes], Path]) -> None:
    path = listed(b"\xef\xbb\xbf# the campus\r\n192.0.2.0/30\r\n\r\n  2001:db8::5  # the new one\n192.0.2.9")
    assert read_prefixes(path) == PrefixSet.of(["192.0.2.0/30", "192.0.2.9", "2001:db8::5"])


def test_an_empty_file_is_an_empty_set(listed: Callable[[bytes], Path]) -> None:
    assert read_prefixes(listed(b"# nobody\n")) == PrefixSet()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"192.0.2.0/24\n192.0.3.0/99\n", "bad prefix at line 2: '192.0.3.0/99': the length after /"),
        (b"mail.example.org\n", "bad prefix at line 1: 'mail.example.org': not an IPv4 or IPv6 address"),
        (b"192.0.2.1/24\n", "write 192.0.2.0/24 for the network or 192.0.2.1 for the host"),
        (b"\x00\xff\xfe" * 100 + b"\n", "bad prefix at line 1: "),
        (b"192.0.2.0/24 192.0.3.0/24\n", "bad prefix at line 1: '192.0.2.0/24 192.0.3.0/24'"),
        (b"\n2001:db8::/64\n", "bad prefix at line 2: '2001:db8::/64': no sweep of so many addresses ends"),
    ],
)
def test_a_bad_line_is_named_with_its_number_in_one_line(
    listed: Callable[[bytes], Path], content: bytes, complaint: str
) -> None:
    path = listed(content)
    with pytest.raises(StudyError) as caught:
        read_prefixes(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert complaint in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 250


def test_a_prefix_in_a_hosts_file_is_sent_to_its_own_file(listed: Callable[[bytes], Path]) -> None:
    assert read_hosts(listed(b"192.0.2.1\n::1\n")) == PrefixSet.of(["192.0.2.1", "::1"])
    with pytest.raises(
        StudyError, match=r"bad address at line 1: .* belong in the file that population\.prefixes"
    ):
        read_hosts(listed(b"192.0.2.0/24\n"))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"nobody\.txt: cannot be read: No such file or directory; mend the path"
    ):
        read_prefixes(tmp_path / "nobody.txt")
    with pytest.raises(StudyError, match="cannot be read: Is a directory"):
        read_prefixes(tmp_path)
