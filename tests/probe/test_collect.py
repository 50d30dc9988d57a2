"""Collection from small servers in this process: resuming, coming back later, exclusions, and bugs of ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.model import Grab, Outcome
from mailcensus.probe.transport import GrabTransport
from mailcensus.study import Settings, Study, StudyError
from mailcensus.wire.conversation import Conversation
from observations import grab
from probe_studies import collected, grabs_of, put_hits, serving, study_of

HOST = "127.0.0.1"


class Smtp:
    """SMTP without STARTTLS; the first connections are sent away."""

    def __init__(self, sent_away: int = 0) -> None:
        self.sent_away = sent_away
        self.connections = 0
        self.heard: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        away = self.connections <= self.sent_away
        writer.write(b"421 too many connections\r\n" if away else b"220 mx ESMTP\r\n")
        while line := await reader.readline():
            self.heard.append(line)
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 mx\r\n")
            if line.startswith(b"QUIT"):
                break
        writer.close()


def test_a_server_without_starttls_is_one_record_and_is_left_politely(tmp_path: Path) -> None:
    smtp = Smtp()
    with serving(smtp) as port:
        [grab] = collected(study_of(tmp_path, {"smtp": port}), [HOST])
    assert (grab["outcome"], grab["stage"], grab["starttls_offered"]) == (
        "no_starttls",
        "capabilities",
        False,
    )
    assert (grab["greeting"], grab["capabilities_before"]) == ("220 mx ESMTP", [])
    assert (grab["ip"], grab["port"], grab["service"], grab["protocol"]) == (HOST, port, "smtp", "smtp")
    assert grab["bytes_in"] > 0 < grab["bytes_out"]
    assert smtp.heard == [b"EHLO scanner.invalid\r\n", b"QUIT\r\n"]


def test_who_says_later_is_asked_later_and_each_try_is_a_row(tmp_path: Path) -> None:
    with serving(Smtp(sent_away=2)) as port:
        grabs = collected(study_of(tmp_path, {"smtp": port}, rate_limited_pauses_s=(0.1, 0.1, 0.1)), [HOST])
    assert [(grab["attempt"], grab["outcome"]) for grab in grabs] == [
        (1, "rate_limited"),
        (2, "rate_limited"),
        (3, "no_starttls"),
    ]
    assert (grabs[1]["started_at"] - grabs[0]["started_at"]).total_seconds() >= 0.09


def test_who_says_later_for_ever_stays_rate_limited(tmp_path: Path) -> None:
    with serving(Smtp(sent_away=99)) as port:
        grabs = collected(study_of(tmp_path, {"smtp": port}, rate_limited_pauses_s=(0.05,)), [HOST])
    assert [grab["outcome"] for grab in grabs] == ["rate_limited", "rate_limited"]


def test_a_clock_that_was_set_back_does_not_make_a_pause_of_days(tmp_path: Path) -> None:
    with serving(Smtp()) as port:
        study = study_of(tmp_path, {"smtp": port}, rate_limited_pauses_s=(0.05,))
        with CurrentRun(study.data, datetime.now(UTC)) as run:
            put_hits(run, [HOST])
            later = grab(1, outcome=Outcome.RATE_LIMITED, run_id=run.run_id)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        PartWriter(study.data, "grabs", Grab).write([replace(later, ip=HOST, started_at=tomorrow)])
        grabs = collected(study, [HOST])
    assert [row["outcome"] for row in grabs] == ["rate_limited", "no_starttls"]


def test_collecting_again_asks_nothing_again(tmp_path: Path) -> None:
    smtp = Smtp()
    with serving(smtp) as port:
        study = study_of(tmp_path, {"smtp": port})
        first = collected(study, [HOST])
        assert collected(study, [HOST]) == first
    assert smtp.connections == 1


def test_a_refused_connection_and_a_dead_port_are_records(tmp_path: Path) -> None:
    [grab] = collected(study_of(tmp_path, {"smtp": 1}), [HOST])
    assert (grab["outcome"], grab["stage"], grab["bytes_in"]) == ("refused", "connect", 0)


def test_an_excluded_address_is_a_record_and_hears_nothing(tmp_path: Path) -> None:
    smtp = Smtp()
    (tmp_path / "never.txt").write_text(f"{HOST}/32\n")
    with serving(smtp) as port:
        study = study_of(tmp_path, {"smtp": port})
        population = study.settings.population.model_copy(update={"exclusions": (Path("never.txt"),)})
        study = Study(tmp_path, study.settings.model_copy(update={"population": population}))
        [grab] = collected(study, [HOST])
    assert (grab["outcome"], grab["stage"]) == ("excluded", "connect")
    assert smtp.connections == 0


def test_a_special_address_is_never_asked_without_leave(tmp_path: Path) -> None:
    smtp = Smtp()
    with serving(smtp) as port:
        study = study_of(tmp_path, {"smtp": port})
        section = study.settings.study.model_copy(update={"allow_special": False})
        study = Study(tmp_path, study.settings.model_copy(update={"study": section}))
        [grab] = collected(study, [HOST])
    assert grab["outcome"] == "excluded"
    assert smtp.connections == 0


def test_a_silent_server_ends_at_its_deadline(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with serving(silent) as port:
        [grab] = collected(study_of(tmp_path, {"smtp": port}, deadlines={"greeting_s": 0.3}), [HOST])
    assert (grab["outcome"], grab["stage"], grab["error"]) == (
        "timeout",
        "greeting",
        "deadline of stage greeting passed",
    )


def test_a_bug_of_ours_ends_the_run_as_a_bug_and_not_as_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Conversation, _data: bytes) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(Conversation, "receive", broken)
    with serving(Smtp()) as port:
        study = study_of(tmp_path, {"smtp": port})
        with pytest.raises(ExceptionGroup) as caught:
            collected(study, [HOST])
    assert caught.group_contains(ZeroDivisionError)
    assert grabs_of(study) == []


def test_running_out_of_file_descriptors_is_our_trouble_and_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_self: GrabTransport, *_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(GrabTransport, "__init__", no_more)
    with serving(Smtp()) as port:
        study = study_of(tmp_path, {"smtp": port})
        with pytest.raises(StudyError, match="ulimit"):
            collected(study, [HOST])
    assert grabs_of(study) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"collect": {"services": ["smpt"]}}, "collect.services: no service 'smpt'"),
        ({"ports": {"stmp": 25}}, "ports: no service 'stmp'"),
        ({"collect": {"hello_profile": "x"}}, "no profile 'x'; there are: mailcensus-2026"),
    ],
)
def test_settings_that_name_what_is_not_there_are_one_clear_line(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        collected(Study(tmp_path, Settings.model_validate(settings)), [HOST])
