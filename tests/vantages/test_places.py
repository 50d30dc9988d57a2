"""Nobody listens where others may be, unless over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailcensus.study import StudyError
from mailcensus.vantages.places import Place, Tls, check_place

TLS = Tls(Path("ca.pem"), Path("own.pem"), Path("own.key"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("[::1]:0", "tcp://[::1]:0"),
        ("localhost:1", "tcp://localhost:1"),
    ],
)
def test_loopback_needs_no_tls(text: str, url: str) -> None:
    place = Place.parse(text, "--listen")
    check_place(place, None)
    assert place.url(None) == url


@pytest.mark.parametrize("text", ["0.0.0.0:8786", "192.0.2.1:8786", "office.example:8786", "[::]:8786"])
def test_beyond_loopback_there_is_tls_or_nothing(text: str) -> None:
    place = Place.parse(text, "--listen")
    with pytest.raises(StudyError, match="--tls-authority"):
        check_place(place, None)
    check_place(place, TLS)
    assert place.url(TLS).startswith("tls://")


@pytest.mark.parametrize(
    "text", ["", "8786", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ":1"]
)
def test_what_is_no_place_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(StudyError, match="write such as"):
        Place.parse(text, "--listen")


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"ca\.pem: not found"):
        Tls(tmp_path / "ca.pem", tmp_path / "own.pem", tmp_path / "own.key").check()
