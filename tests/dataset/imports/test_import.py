"""Files of other tools become a run, once, whatever is in them."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.imports import import_file
from mailcensus.dataset.imports.masscan import read_masscan
from mailcensus.dataset.imports.port_scan_xml import read_port_scan_xml
from mailcensus.dataset.imports.rows import Open, PassedOver, Reject, Row
from mailcensus.dataset.imports.zgrab2 import read_zgrab2
from mailcensus.dataset.imports.zmap import read_zmap
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Observation
from mailcensus.study import Settings, Study, StudyError

AT = datetime(2025, 11, 16, 18, 58, 44, 305_976, UTC)
SECOND = AT.replace(microsecond=0)
Reader = Callable[[io.BufferedReader], Any]


def rows_of(reader: Reader, content: str | bytes) -> list[Row]:
    raw = content.encode() if isinstance(content, str) else content
    return list(reader(io.BufferedReader(io.BytesIO(raw))))


ZMAP = [
    ("192.0.2.1\n192.0.2.7\n", [Open("192.0.2.1", None, None), Open("192.0.2.7", None, None)]),
    (
        "saddr,sport,classification,success,timestamp-ts,timestamp-us\n"
        "192.0.2.1,25,synack,1,1763319524,305976\n192.0.2.2,25,rst,0,1763319524,305976\n",
        [Open("192.0.2.1", 25, AT), PassedOver()],
    ),
    (
        "saddr,timestamp_str\n192.0.2.1,2025-11-16T18:58:44.305+0000\n",
        [Open("192.0.2.1", None, AT.replace(microsecond=305_000))],
    ),
    (
        '{"saddr": "192.0.2.1", "sport": 587, "success": 1, "timestamp-ts": 1763319524}\n',
        [Open("192.0.2.1", 587, SECOND)],
    ),
    ("saddr\n", []),
]


@pytest.mark.parametrize(("content", "expected"), ZMAP)
def test_zmap_files_in_every_form(content: str, expected: list[Row]) -> None:
    assert rows_of(read_zmap, content) == expected


MASSCAN = [
    ("#masscan\nopen tcp 25 192.0.2.1 1763319524\n# end\n", [Open("192.0.2.1", 25, SECOND)]),
    ("closed tcp 25 192.0.2.1 1763319524\n", [PassedOver()]),
    (
        '[\n{   "ip": "192.0.2.1",   "timestamp": "1763319524", "ports": [ {"port": 25, "proto": "tcp", '
        '"status": "open", "reason": "syn-ack", "ttl": 64} ] }\n,\n{finished: 1}\n]\n',
        [Open("192.0.2.1", 25, SECOND)],
    ),
    (
        '<?xml version="1.0"?>\n<nmaprun scanner="masscan"><host endtime="1763319524">'
        '<address addr="192.0.2.1" addrtype="ipv4"/><ports><port protocol="tcp" portid="25">'
        '<state state="open" reason="syn-ack"/></port></ports></host></nmaprun>\n',
        [Open("192.0.2.1", 25, SECOND)],
    ),
]


@pytest.mark.parametrize(("content", "expected"), MASSCAN)
def test_masscan_files_in_every_form(content: str, expected: list[Row]) -> None:
    assert rows_of(read_masscan, content) == expected


def test_entities_in_xml_are_refused_where_they_are_declared() -> None:
    bomb = (
        '<!DOCTYPE nmaprun [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        '<nmaprun><host><address addr="&b;" addrtype="ipv4"/></host></nmaprun>'
    )
    (reject,) = rows_of(read_port_scan_xml, bomb)
    assert isinstance(reject, Reject)
    assert "entities" in reject.reason


def test_xml_that_breaks_off_gives_what_came_before() -> None:
    content = MASSCAN[-1][0][: -len("</nmaprun>\n")]
    opened, reject = rows_of(read_port_scan_xml, content)
    assert opened == Open("192.0.2.1", 25, SECOND)
    assert isinstance(reject, Reject)


READERS: tuple[Reader, ...] = (
    read_zmap,
    read_masscan,
    read_port_scan_xml,
    lambda stream: read_zgrab2(stream, "run", "here", AT),
)
PIECES = st.sampled_from(
    [b"saddr,sport\n", b"192.0.2.1", b",25\n", b"open tcp 25 192.0.2.1 1\n", b'{"ip":"192.0.2.1","data":', b"{", b"}",
     b'{"smtp":{"status":"success","result":', b'{"banner":"220 x","ehlo":"250-x"}', b"<host>", b"<state/>", b"\n",
     b'"tls":{"handshake_log":{"server_hello":{"version":{"value":771}}}}', b"[", b"null", b"1e999", b'"', b",", b":"]
)  # fmt: skip


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=12).map(b"".join)))
def test_any_bytes_give_rows(content: bytes) -> None:
    for reader in READERS:
        assert all(
            isinstance(row, Open | PassedOver | Reject | Observation) for row in rows_of(reader, content)
        )


def test_deeply_nested_json_is_a_reject() -> None:
    (row,) = rows_of(READERS[3], b'{"ip":' + b"[" * 100_000)
    assert isinstance(row, Reject)


SMTP = {
    "ip": "192.0.2.1",
    "data": {
        "smtp": {
            "status": "success",
            "protocol": "smtp",
            "port": 587,
            "timestamp": "2025-11-16T18:58:44Z",
            "result": {
                "banner": "220 mx.example ESMTP Postfix\r\n",
                "ehlo": "250-mx.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
                "starttls": "454 later\r\n",
            },
        }
    },
}


def grab_of(record: dict[str, Any]) -> Any:
    (row,) = rows_of(READERS[3], json.dumps(record))
    assert isinstance(row, Observation)
    return row.grab


def test_an_smtp_grab_is_judged_by_the_servers_words() -> None:
    grab = grab_of(SMTP)
    assert (grab.service, grab.port, grab.started_at) == ("submission", 587, SECOND)
    assert (grab.greeting, grab.software) == ("220 mx.example ESMTP Postfix", "Postfix")
    assert (grab.capabilities_before, grab.auth_before) == (("AUTH PLAIN", "STARTTLS"), ("PLAIN",))
    assert (grab.starttls_offered, grab.starttls_accepted) == (True, False)
    assert (grab.outcome, grab.stage) == ("no_starttls", "starttls")


def test_a_greeting_that_says_later_is_rate_limited_though_zgrab2_says_success() -> None:
    record = json.loads(json.dumps(SMTP).replace("220 mx", "421 mx"))
    assert grab_of(record).outcome == "rate_limited"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        ("connection-timeout", "dial tcp: i/o timeout", ("timeout", "connect")),
        ("connection-refused", "", ("refused", "connect")),
        ("unknown-error", "read: connection reset by peer", ("reset", "greeting")),
        ("unknown-error", "remote error: tls: handshake failure", ("tls_alert", "greeting")),
        ("io-timeout", "", ("timeout", "greeting")),
    ],
)
def test_failures_of_zgrab2_in_our_words(status: str, error: str, expected: tuple[str, str]) -> None:
    record = {"ip": "192.0.2.1", "data": {"smtp": {"status": status, "protocol": "smtp", "error": error}}}
    grab = grab_of(record)
    assert (grab.outcome, grab.stage) == expected
    assert grab.starttls_offered is None


@pytest.mark.parametrize("protocol", [["smtp"], {}, 25, None, "ftp"])
def test_what_is_no_protocol_of_ours_is_passed_over(protocol: object) -> None:
    record = {"ip": "192.0.2.1", "data": {"smtp": {"status": "success", "protocol": protocol}}}
    assert rows_of(READERS[3], json.dumps(record)) == [PassedOver()]


def study_in(directory: Path) -> Study:
    return Study(directory, Settings())


def hits(study: Study) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Dataset(study.data).table("hits").to_pyarrow().to_pylist()
    return found


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    study, path = study_in(tmp_path), tmp_path / "found.csv.gz"
    path.write_bytes(gzip.compress(b"192.0.2.1\n192.0.2.2\n192.0.2.1\nnonsense\n"))
    first = import_file(study, "zmap", path)
    assert (first.rows, first.hits, first.rejected, first.already) == (4, 3, 1, False)
    rows = hits(study)
    assert [(row["ip"], row["port"], row["engine"]) for row in rows] == [
        ("192.0.2.1", 25, "zmap"),
        ("192.0.2.2", 25, "zmap"),
    ]
    assert json.loads(first.rejects.read_text()) == {"line": 4, "reason": "not an address", "row": "nonsense"}
    again = import_file(study, "zmap", path)
    assert again.already
    assert hits(study) == rows
    (run,) = Dataset(study.data).table("runs").to_pyarrow().to_pylist()
    assert (run["run_id"], run["stage"], run["asked"], run["answered"]) == (first.run_id, "import", 4, 3)


def test_an_import_that_was_killed_goes_on_without_a_row_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, path = study_in(tmp_path), tmp_path / "grabs.jsonl"
    path.write_text("".join(json.dumps({**SMTP, "ip": f"192.0.2.{n}"}) + "\n" for n in range(100)))
    monkeypatch.setattr("mailcensus.dataset.imports.importing._GRABS_A_PART", 30)
    monkeypatch.setattr("mailcensus.dataset.imports.pieces.PIECE_BYTES", 1)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr("mailcensus.dataset.imports.importing.import_row", killed)
        broken.setattr("mailcensus.dataset.imports.importing._Intake.__exit__", lambda *_: None)
        with pytest.raises(Killed):
            import_file(study, "zgrab2", path)
    grabs = Dataset(study.data).table("grabs")
    assert grabs.count().to_pyarrow().as_py() == 90
    imported = import_file(study, "zgrab2", path)
    table = Dataset(study.data).table("grabs").to_pyarrow()
    assert sorted(table["ip"].to_pylist()) == sorted(f"192.0.2.{n}" for n in range(100))
    assert set(table["run_id"].to_pylist()) == {imported.run_id}


@pytest.mark.parametrize(("bytes_a_part", "parts"), [(1, 100), (1 << 30, 1)])
def test_a_big_import_is_written_once_and_a_small_one_is_merged_with_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_a_part: int, parts: int
) -> None:
    study, path = study_in(tmp_path), tmp_path / "grabs.jsonl"
    path.write_text("".join(json.dumps({**SMTP, "ip": f"192.0.2.{n}"}) + "\n" for n in range(100)))
    monkeypatch.setattr("mailcensus.dataset.imports.importing._GRAB_BYTES_A_PART", bytes_a_part)
    monkeypatch.setattr("mailcensus.dataset.imports.pieces.PIECE_BYTES", 1)
    assert import_file(study, "zgrab2", path).grabs == 100
    assert len(list((study.data / "grabs").glob("*.parquet"))) == parts
    path.write_text(json.dumps(SMTP) + "\n")
    monkeypatch.undo()
    import_file(study, "zgrab2", path)
    assert len(list((study.data / "grabs").glob("*.parquet"))) == 1
    assert Dataset(study.data).table("grabs").count().to_pyarrow().as_py() == 101


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("what\nis\nthis\n")
    with pytest.raises(StudyError, match=r"none of its 3 rows is one of zmap's"):
        import_file(study_in(tmp_path), "zmap", path)
    with pytest.raises(StudyError, match="cannot be read"):
        import_file(study_in(tmp_path), "zmap", tmp_path / "missing")


def test_ports_that_the_study_does_not_ask_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("open tcp 25 192.0.2.1 1\nopen tcp 80 192.0.2.1 1\n")
    imported = import_file(study_in(tmp_path), "masscan", path)
    assert (imported.hits, imported.passed_over) == (1, 1)
