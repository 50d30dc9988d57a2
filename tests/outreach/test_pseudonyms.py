"""Pseudonyms: stable, apart from each other, and of no use to somebody who tries every address there is."""

from __future__ import annotations

import hashlib
import hmac
import stat
from base64 import b32encode
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from mailcensus.outreach.pseudonyms import SECRET_BYTES, Kind, Pseudonyms, secret_path, study_secret
from mailcensus.study import StudyError

SECRET = bytes(range(SECRET_BYTES))
NETWORK = IPv4Network("198.51.100.0/24")
"""Of which the attacker tries every address; with 2^24 times the patience it would be all of IPv4."""


def guesses(ip: str) -> Iterator[bytes]:
    """What somebody computes who knows how names are made, and all but the secret."""
    for text in (ip.encode(), b"host\0" + ip.encode(), b"host-" + ip.encode(), f"as:64500\0{ip}".encode()):
        for algorithm in ("md5", "sha1", "sha256", "blake2b"):
            yield hashlib.new(algorithm, text).digest()
        for key in (b"", bytes(SECRET_BYTES), b"mailcensus", b"as:64500", hashlib.sha256(b"").digest()):
            yield hmac.digest(key, text, "sha256")
            yield hmac.digest(hmac.digest(key, b"as:64500", "sha256"), text, "sha256")


def turned_back(name: str) -> str | None:
    """The address behind a name, if trying finds it."""
    told = name.partition("-")[2]
    for address in NETWORK:
        for digest in guesses(str(address)):
            if told in (b32encode(digest).decode().lower()[:16], digest.hex()[:16]):
                return str(address)
    return None


def unkeyed(ip: str) -> str:
    return "host-" + b32encode(hashlib.sha256(f"host\0{ip}".encode()).digest()).decode().lower()[:16]


def keyed_with_nothing(ip: str) -> str:
    return Pseudonyms(b"", "as:64500").name(Kind.HOST, ip)


@pytest.mark.parametrize("make", [unkeyed, keyed_with_nothing])
def test_trying_all_addresses_turns_a_name_without_secret_back(make: Callable[[str], str]) -> None:
    assert turned_back(make("198.51.100.77")) == "198.51.100.77"


def test_trying_all_addresses_does_not_turn_our_names_back() -> None:
    assert turned_back(Pseudonyms(SECRET, "as:64500").name(Kind.HOST, "198.51.100.77")) is None


def test_a_thing_has_one_name_for_one_recipient_and_another_for_the_next() -> None:
    mine, yours = Pseudonyms(SECRET, "as:1"), Pseudonyms(SECRET, "as:2")
    assert mine.name(Kind.HOST, "192.0.2.1") == Pseudonyms(SECRET, "as:1").name(Kind.HOST, "192.0.2.1")
    assert mine.name(Kind.HOST, "192.0.2.1") != yours.name(Kind.HOST, "192.0.2.1")
    assert mine.name(Kind.HOST, "x").partition("-")[2] != mine.name(Kind.KEY, "x").partition("-")[2]
    assert Pseudonyms(bytes(SECRET_BYTES), "as:1").name(Kind.HOST, "x") != mine.name(Kind.HOST, "x")


def test_a_secret_is_made_once_for_its_owner_alone_and_beside_the_data(tmp_path: Path) -> None:
    first = study_secret(tmp_path)
    assert len(first) == SECRET_BYTES
    assert study_secret(tmp_path) == first
    path = secret_path(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.relative_to(tmp_path).parts[0] not in ("data", "report", "outreach")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    study_secret(tmp_path)
    secret_path(tmp_path).chmod(0o640)
    with pytest.raises(StudyError, match="chmod 600"):
        study_secret(tmp_path)


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64, b"0" * 10_000])
def test_a_damaged_secret_is_refused_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    study_secret(tmp_path)
    secret_path(tmp_path).write_bytes(content)
    with pytest.raises(StudyError, match="not a secret"):
        study_secret(tmp_path)
    assert secret_path(tmp_path).read_bytes() == content
