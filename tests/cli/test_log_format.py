"""`mailcensus --log-format json`."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mailcensus.cli.talk import LogFormat, TalkHandler, draws_bars, say, talk_in


def test_an_error_is_one_object_with_its_time_and_level(mailcensus: Any, tmp_path: Path) -> None:
    ended = mailcensus("--log-format", "json", "discover", tmp_path)
    said = json.loads(ended.err)
    assert (ended.status, said["level"]) == (2, "error")
    assert said["message"].startswith(f"{tmp_path}/study.toml: not found")
    assert datetime.fromisoformat(said["time"]).tzinfo is not None


def test_the_next_command_talks_in_text_again(mailcensus: Any, tmp_path: Path) -> None:
    mailcensus("--log-format", "json", "discover", tmp_path)
    assert mailcensus("discover", tmp_path).err.startswith("mailcensus: ")


def test_whatever_is_said_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    talk_in(LogFormat.JSON)
    try:
        say('220 mx\r\n{"level":"error"}\x1b[2J\u2028')
        record = logging.LogRecord("mailcensus.population", logging.WARNING, "", 0, "line %d", (7,), None)
        TalkHandler().emit(record)
        assert not draws_bars()
    finally:
        talk_in(LogFormat.TEXT)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["message"] == '220 mx\r\n{"level":"error"}\x1b[2J\u2028'
    assert (second["level"], second["module"], second["message"]) == (
        "warning",
        "mailcensus.population",
        "line 7",
    )


def test_an_unknown_format_is_bad_usage(mailcensus: Any) -> None:
    assert mailcensus("--log-format", "xml", "ports").status == 2
