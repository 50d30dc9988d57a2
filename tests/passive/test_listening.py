"""Listening as a command does it: files into a study, twice, after a kill, and with clients as asked for."""

from __future__ import annotations

import gzip
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from mailcensus.cli.app import APP
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.model import TABLES
from mailcensus.passive.captures.opening import Arriving
from mailcensus.passive.clients import KEY_FILE, ClientPolicy, open_clients
from mailcensus.passive.listening import Heard, hear_files, hear_stream
from mailcensus.passive.live import _DROPS, bpf_filter
from mailcensus.study import StageFailed, Study, StudyError
from packets import CLIENT, SERVER, Ends, Line, connection, framed, pcap

pytestmark = pytest.mark.slow

SECRET = b"PLANTED-5ecret"
LINES: list[Line] = [
    (SERVER, b"220 mx.example ESMTP\r\n"),
    (CLIENT, b"EHLO " + SECRET + b"\r\n"),
    (SERVER, b"250-mx.example Hello " + SECRET + b" [192.0.2.10]\r\n250 AUTH PLAIN\r\n"),
    (CLIENT, b"AUTH PLAIN " + SECRET + b"\r\n"),
]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    directory = tmp_path / "study"
    CliRunner().invoke(APP, ["init", str(directory)], catch_exceptions=False)
    return Study.open(directory)


def capture(path: Path, clients: int = 3) -> Path:
    frames = []
    for number in range(clients):
        ends = Ends(client=f"192.0.2.{10 + number}", client_port=47_123)
        frames += [framed(segment.ip()) for segment in connection(LINES, ends)]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pcap(frames))
    return path


def rows(study: Study, table: str) -> list[dict[str, Any]]:
    files = visible_files(study.data / table)
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def hear(study: Study, *paths: Path, clients: ClientPolicy = ClientPolicy.DROP) -> Heard:
    return hear_files(study, paths, clients)


def test_captures_become_flows_and_a_row_of_each_file(study: Study, tmp_path: Path) -> None:
    heard = hear(study, capture(tmp_path / "day.pcap"))

    flows, sources = rows(study, "flows"), rows(study, "flow_sources")
    assert (heard.flows, len(flows)) == (3, 3)
    assert {flow["run_id"] for flow in flows} == {heard.run_id}
    assert {flow["client_mechanism"] for flow in flows} == {"PLAIN"}
    (source,) = sources
    assert (source["source"], source["kind"], source["flows"], source["error"]) == (
        "day.pcap",
        "pcap",
        3,
        None,
    )
    assert source["records"] == 27
    assert not (study.data / "passive.json").exists()


def test_the_same_files_again_change_nothing_and_others_are_another_run(study: Study, tmp_path: Path) -> None:
    day = capture(tmp_path / "day.pcap")
    first, again, other = (
        hear(study, day),
        hear(study, day),
        hear(study, day, capture(tmp_path / "two.pcap", 1)),
    )
    assert (again.already, again.run_id, again.flows) == (True, first.run_id, 0)
    assert other.run_id != first.run_id
    assert len(rows(study, "flows")) == 3 + 4


def test_what_a_killed_run_left_is_removed_by_the_next(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(study, capture(tmp_path / "before.pcap", 1))
    monkeypatch.setattr("mailcensus.passive.listening._FLOWS_A_PART", 1)
    write = PartWriter.write

    def killed(parts: PartWriter, rows: Any) -> None:
        if parts.table == "flow_sources":
            raise StageFailed("as if killed")
        write(parts, rows)

    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", killed)
        with pytest.raises(StageFailed):
            hear(study, capture(tmp_path / "day.pcap"))
    assert len(rows(study, "flows")) == 1 + 3
    assert (study.data / "passive.json").exists()
    hear(study, capture(tmp_path / "day.pcap"))
    assert len(rows(study, "flows")) == 1 + 3
    assert len(rows(study, "flow_sources")) == 2


def test_clients_are_dropped_by_default_and_nothing_on_disk_tells_of_them(
    study: Study, tmp_path: Path
) -> None:
    result = CliRunner().invoke(APP, ["passive", str(study.directory), str(capture(tmp_path / "day.pcap"))])
    assert result.exit_code == 0
    everything = [result.output, *(repr(rows(study, table)) for table in TABLES)]
    assert all(flow["client"] is None and flow["client_port"] is None for flow in rows(study, "flows"))
    for text in everything:
        for planted in (SECRET.decode(), "192.0.2.1", "47123"):
            assert planted not in text
    raw = b"".join(path.read_bytes() for path in study.directory.rglob("*") if path.is_file())
    assert SECRET not in raw
    assert not (study.directory / KEY_FILE).exists()


def test_hashed_clients_are_the_same_in_all_captures_of_a_study_and_nowhere_else(
    study: Study, tmp_path: Path
) -> None:
    hear(study, capture(tmp_path / "a.pcap"), clients=ClientPolicy.HASH)
    hear(study, capture(tmp_path / "b.pcap"), clients=ClientPolicy.HASH)
    names = [flow["client"] for flow in rows(study, "flows")]
    assert len(names) == 6
    assert len(set(names)) == 3
    assert {len(name) for name in names} == {32}
    key = study.directory / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    assert open_clients(ClientPolicy.HASH, study.directory).name("192.0.2.10") not in names
    key.write_text("abcd")
    with pytest.raises(StudyError, match="64 hex digits"):
        open_clients(ClientPolicy.HASH, study.directory)


def test_kept_clients_are_addresses_in_one_spelling(tmp_path: Path) -> None:
    clients = open_clients(ClientPolicy.KEEP, tmp_path)
    assert (clients.name("2001:DB8:0:0::1"), clients.name("mx.example")) == ("2001:db8::1", None)
    hashed = open_clients(ClientPolicy.HASH, tmp_path)
    assert hashed.name("2001:DB8:0:0::1") == hashed.name("2001:db8::1")


@pytest.mark.parametrize("name", ["day.pcap.gz", "day.pcap.zst"])
def test_compressed_captures_and_directories_are_read(study: Study, tmp_path: Path, name: str) -> None:
    raw = capture(tmp_path / "day.pcap").read_bytes()
    folder = tmp_path / "captures"
    folder.mkdir()
    packed = gzip.compress(raw) if name.endswith("gz") else pa.Codec("zstd").compress(raw, asbytes=True)
    (folder / name).write_bytes(packed)
    (folder / "notes.txt").write_text("no capture")
    heard = hear(study, folder)
    assert heard.flows == 3
    assert [path.name for path in heard.passed_over] == ["notes.txt"]


def test_a_damaged_archive_gives_what_came_before(study: Study, tmp_path: Path) -> None:
    packed = gzip.compress(capture(tmp_path / "day.pcap", 200).read_bytes())
    (tmp_path / "cut.pcap.gz").write_bytes(packed[: len(packed) // 2])
    heard = hear(study, tmp_path / "cut.pcap.gz")
    assert heard.sources[0].error is not None
    assert "cannot be read on" in heard.sources[0].error


def test_files_of_one_name_are_told_apart(study: Study, tmp_path: Path) -> None:
    capture(tmp_path / "mon" / "day.pcap", 1)
    capture(tmp_path / "tue" / "day.pcap", 2)
    hear(study, tmp_path / "mon", tmp_path / "tue")
    assert sorted(flow["source"] for flow in rows(study, "flows")) == [
        "mon/day.pcap",
        "tue/day.pcap",
        "tue/day.pcap",
    ]


def _through_a_pipe(study: Study, data: bytes, stop: bool = False) -> Heard:
    read, write = os.pipe()
    stream = Arriving(read)

    def feed() -> None:
        os.write(write, data)
        if not stop:
            os.close(write)

    threading.Thread(target=feed).start()
    if stop:
        threading.Timer(0.5, stream.stop).start()
    try:
        return hear_stream(study, stream, "-", ClientPolicy.DROP)
    finally:
        os.close(read)


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda raw: pa.Codec("zstd").compress(raw, asbytes=True)]
)
def test_standard_input_is_read_to_its_end(
    study: Study, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    raw = capture(tmp_path / "day.pcap").read_bytes()
    heard = _through_a_pipe(study, pack(raw))
    assert (heard.flows, heard.sources[0].source) == (3, "-")


def test_a_stream_that_is_told_to_stop_keeps_what_it_said(study: Study, tmp_path: Path) -> None:
    raw = capture(tmp_path / "day.pcap").read_bytes()
    assert _through_a_pipe(study, raw, stop=True).flows == 3
    assert len(rows(study, "flows")) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nothing-there.pcap"], "there is no such file"),
        ([], "name captures or logs"),
        (["-", "x.pcap"], "stands alone"),
        (["x.pcap", "--interface", "lo"], "not both"),
        (["neither.txt"], "neither a capture"),
        (["empty"], "no capture"),
    ],
)
def test_bad_input_is_one_clear_line(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("neither.txt").write_text("no capture")
    Path("empty").mkdir()
    result = CliRunner().invoke(APP, ["passive", str(study.directory), *words])
    assert result.exit_code == 2
    assert expected in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_damaged_capture_is_said_and_counted(study: Study, tmp_path: Path) -> None:
    day = capture(tmp_path / "day.pcap")
    day.write_bytes(day.read_bytes() + b"\xff" * 16)
    result = CliRunner().invoke(APP, ["passive", str(study.directory), str(day)])
    assert result.exit_code == 0
    assert "reading ended early: a packet of 4,294,967,295 bytes" in result.stderr


def test_an_interface_is_filtered_by_the_studys_ports() -> None:
    assert "port 25 or port 993" in bpf_filter([993, 25])
    words = "Packets received/dropped on interface 'lo': 10/2 (pcap:1)\n7 packets dropped by kernel\n"
    assert [int(found) for pattern, _ in _DROPS for found in pattern.findall(words)] == [7, 2]
