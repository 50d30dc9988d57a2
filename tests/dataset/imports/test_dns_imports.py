"""Answers that zdns and massdns got, in the forms their own documentation shows."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.dataset.imports.dns import import_answers
from mailcensus.dataset.imports.dns_lines import read_massdns, read_zdns
from mailcensus.dataset.imports.rows import Reject
from mailcensus.dataset.parts import visible_files
from mailcensus.facts.domains.read_out import read_out
from mailcensus.model import DnsAnswer
from mailcensus.study import Settings, Study, StudyError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def zdns(name: str, module: str, answers: list[dict[str, Any]], status: str = "NOERROR") -> dict[str, Any]:
    data = {"answers": answers, "protocol": "udp", "resolver": "192.0.2.53:53"}
    result = {"data": data, "duration": 0.25, "status": status, "timestamp": "2024-08-23T13:12:43-04:00"}
    return {"name": name, "results": {module: result}}


def answer(name: str, kind: str, value: str, **more: object) -> dict[str, Any]:
    return {"answer": value, "class": "IN", "name": name, "ttl": 300, "type": kind, **more}


MX = zdns("B.example", "MX", [answer("b.example", "MX", "mx.b.example.", preference=10)])
A = zdns(
    "mx.b.example",
    "A",
    [answer("mx.b.example", "CNAME", "host.b.example."), answer("host.b.example", "A", "192.0.2.1")],
)
TXT = zdns("b.example", "TXT", [answer("b.example", "TXT", 'v=spf1 "x" -all')])
GONE = zdns("gone.example", "MX", [], "NXDOMAIN")
SILENT = zdns("silent.example", "MX", [], "TIMEOUT")
EMPTY = zdns("empty.example", "MX", [])
LOOKUP = {
    "name": "c.example",
    "results": {
        "MXLOOKUP": {
            "data": {
                "exchanges": [
                    {
                        "ipv4_addresses": ["192.0.2.2"],
                        "name": "mx.c.example",
                        "preference": 5,
                        "ttl": 60,
                        "type": "MX",
                    }
                ]
            },
            "status": "NOERROR",
        }
    },
}
VERSION_1 = {
    "name": "d.example",
    "class": "IN",
    "status": "NOERROR",
    "data": {"answers": [answer("d.example", "MX", "mx.d.example.", preference=0)]},
}
MASSDNS = {
    "name": "b.example.", "type": "MX", "class": "IN", "status": "NOERROR", "rx_ts": 1_700_000_000,
    "data": {"answers": [{"ttl": 60, "type": "MX", "class": "IN", "name": "b.example.", "data": "10 mx.b.example."}]},
    "flags": ["rd", "ra", "ad"], "resolver": "192.0.2.53:53", "proto": "UDP",
}  # fmt: skip
FAILED = {"name": "silent.example.", "type": "MX", "class": "IN", "error": "TIMEOUT"}


def lines(*told: object) -> io.BytesIO:
    return io.BytesIO("\n".join(map(json.dumps, told)).encode())


def answers_of(*told: object) -> list[DnsAnswer]:
    return [one for line in read_zdns(lines(*told), "r", NOW) if isinstance(line, list) for one in line]


def test_zdns_says_state_records_and_when() -> None:
    mx, a, txt, gone, silent, empty = answers_of(MX, A, TXT, GONE, SILENT, EMPTY)
    assert (mx.name, mx.type, mx.state, mx.rdata) == ("b.example", "MX", "answer", ("10 mx.b.example.",))
    assert (mx.ttl_s, mx.resolver, mx.duration_ms, mx.transport) == (300, "192.0.2.53:53", 250.0, "zdns")
    assert mx.asked_at == datetime(2024, 8, 23, 17, 12, 43, tzinfo=UTC)
    assert (a.rdata, a.canonical_name) == (("192.0.2.1",), "host.b.example")
    assert txt.rdata == ('"v=spf1 \\"x\\" -all"',)
    assert [one.state for one in (gone, silent, empty)] == ["nxdomain", "timeout", "nodata"]


def test_lookup_modules_give_the_answers_behind_them() -> None:
    found = {(one.name, one.type): one.rdata for one in answers_of(LOOKUP)}
    assert found == {("c.example", "MX"): ("5 mx.c.example.",), ("mx.c.example", "A"): ("192.0.2.2",)}


def test_version_1_has_its_type_in_the_answers() -> None:
    [found] = answers_of(VERSION_1)
    assert (found.type, found.rdata) == ("MX", ("0 mx.d.example.",))


def test_massdns_says_the_same() -> None:
    found, failed = (line for line in read_massdns(lines(MASSDNS, FAILED), "r", NOW))
    assert isinstance(found, list)
    assert isinstance(failed, list)
    assert (found[0].rdata, found[0].authenticated, found[0].asked_at.year) == (
        ("10 mx.b.example.",),
        True,
        2023,
    )
    assert failed[0].state == "timeout"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("nonsense", "no name"),
        ({}, "no name"),
        ({"name": "b.example", "status": "NOERROR"}, "no type"),
        ({"name": "b.example", "results": {"MX": {}}}, "no status"),
        (zdns("b.example", "TLSA", [answer("b.example", "TLSA", 7)]), "without a value"),  # type: ignore[arg-type]
    ],
)
def test_a_line_that_says_nothing_is_set_aside(told: object, reason: str) -> None:
    [found] = read_zdns(lines(told), "r", NOW)
    assert isinstance(found, Reject)
    assert reason in found.reason


@pytest.mark.slow
@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "type", "status", "data", "answers", "results", "MX", "answer", "exchanges"]), inner, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_any_json_gives_answers_or_a_reject(told: object) -> None:
    for read in (read_zdns, read_massdns):
        assert len(list(read(lines(told), "r", NOW))) == 1


def test_an_import_becomes_domains_and_exchanges_and_nobody_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "zdns.json"
    path.write_bytes(lines(MX, A, TXT, GONE, SILENT, EMPTY, MX, LOOKUP).getvalue() + b"\nnot json\n")
    study = Study(tmp_path, Settings.model_validate({"domains": {"records": ["spf", "dmarc"]}}))
    imported = import_answers(study, "zdns", path)
    assert (imported.rows, imported.answers, imported.rejected) == (9, 8, 1)
    assert read_out(study, imported.run_id, "zdns") == 5
    assert import_answers(study, "zdns", path).already
    assert read_out(study, imported.run_id, "zdns") == 5
    rows = {row["domain"]: row for row in read(study, "domains")}
    assert {name.removesuffix(".example"): row["mail"] for name, row in rows.items()} == {
        "b": "mx", "c": "mx", "gone": "nxdomain", "silent": "timeout", "empty": "unknown",
    }  # fmt: skip
    assert (rows["b.example"]["spf"]["state"], rows["b.example"]["dmarc"]["state"]) == (
        "invalid",
        "not_asked",
    )
    assert rows["b.example"]["source"] == "zdns"
    mx = {row["domain"]: row for row in read(study, "mx")}
    assert (mx["b.example"]["state"], mx["b.example"]["addresses"]) == ("cname", ["192.0.2.1"])
    assert (mx["c.example"]["state"], mx["c.example"]["aaaa_state"]) == ("ok", None)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("saddr,sport\n192.0.2.1,25\n")
    with pytest.raises(StudyError, match="none of its 2 rows is one of massdns's"):
        import_answers(Study(tmp_path, Settings()), "massdns", path)


def read(study: Study, table: str) -> list[dict[str, Any]]:
    return [row for file in visible_files(study.data / table) for row in pq.read_table(file).to_pylist()]
