"""Responders as users write them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.discovery.responders import Responder, canaries_of, parse_responder, preflight_responders
from mailcensus.study import Settings, Study, StudyError

CASES = [
    ("192.0.2.1", Responder("192.0.2.1", 25)),
    ("192.0.2.1:2525", Responder("192.0.2.1", 2525)),
    ("2001:DB8::1", Responder("2001:db8::1", 25)),
    ("[2001:db8::1]", Responder("2001:db8::1", 25)),
    ("[2001:db8::1]:587", Responder("2001:db8::1", 587)),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_an_address_with_or_without_a_port(text: str, expected: Responder) -> None:
    assert parse_responder(text, 25) == expected
    assert parse_responder(str(expected), 1) == expected


@pytest.mark.parametrize(
    "text",
    ["", "mx.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[192.0.2.1", "[::1]x", "[::1]:"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address:port"):
        parse_responder(text, 25)


@given(st.text())
def test_any_text_is_a_responder_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert 0 < parse_responder(text, 25).port < 65_536


def study(directory: Path, **sections: object) -> Study:
    return Study(directory, Settings.model_validate(sections))


def test_canaries_come_from_the_setting_and_its_file_each_once(tmp_path: Path) -> None:
    (tmp_path / "canaries.txt").write_text("192.0.2.2  # a friend\n\n192.0.2.1\n")
    told = study(
        tmp_path, canaries={"hosts": ["192.0.2.1"], "file": "canaries.txt"}, discovery={"ports": [26]}
    )
    assert canaries_of(told) == (Responder("192.0.2.1", 26), Responder("192.0.2.2", 26))
    assert preflight_responders(told) == canaries_of(told)
    asked = study(tmp_path, preflight={"responders": ["192.0.2.9"]}, canaries={"hosts": ["192.0.2.1"]})
    assert preflight_responders(asked) == (Responder("192.0.2.9", 25),)


def test_a_bad_one_is_named_with_its_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "canaries.txt").write_text("192.0.2.1\nmx.example\n")
    with pytest.raises(StudyError, match=r"canaries.txt: line 2: 'mx.example': .*write address"):
        canaries_of(study(tmp_path, canaries={"file": "canaries.txt"}))
    with pytest.raises(StudyError, match=r"gone.txt: cannot be read: .*canaries\.file"):
        canaries_of(study(tmp_path, canaries={"file": "gone.txt"}))
    with pytest.raises(StudyError, match=r"study.toml: preflight.responders: 'x'"):
        preflight_responders(study(tmp_path, preflight={"responders": ["x"]}))
