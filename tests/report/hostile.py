"""What strangers might write, and a study in which they wrote it wherever they can."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.analysis.analyse import analyse
from mailcensus.analysis.catalogue import TABLES
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Host as HostFacts
from mailcensus.model import schema_of
from mailcensus.report import build_report
from report.synthetic import START, Host, study_of

HOSTILE = (
    '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">'
    "</script></style></title><svg onload=document.title='owned'>{{7*7}}",
    r"\input{/etc/passwd}$\immediate\write18{id}$ %&#_^~{} \end{document}",
    "=cmd|'/C calc'!A0",
    "@SUM(1+1)*cmd|'/C calc'!A0",
    "-2+3+cmd|'/C calc'!A0",
    "+1;DDE()",
    "\t=1+1",
    "\x1b[2J\x1b]0;owned\x07\x9b31m \x00\x08 gone\r",
    "\u202egnp.exe\u2066\u200f\ufeff\u2028\u0085",
)
"""HTML and script, LaTeX, four beginnings of a formula, a hidden one, terminal escapes, bidirectional controls."""
_WORDS = {"service": "smtp", "mail": "mx", "level": "host", "area": "world"}


def write_hostile_study(folder: Path) -> Path:
    """The report, of hosts that say these things and of tables in which every other text is one of them."""
    hosts = [
        Host(f"10.0.0.{i}", {"smtp": i // 3, "ssh": i // 4, "imap": i // 3}, text, greeting=text)
        for i, text in enumerate(HOSTILE * 4, start=1)
    ]
    study = study_of(folder, hosts, name=HOSTILE[0] + HOSTILE[-1])
    facts = [
        {
            "run_id": "20261103T080000Z",
            "ip": host.ip,
            "looked_up_at": START,
            "ptr": host.name,
            "as_org": host.name,
        }
        | {"asn": 64_500 + i % 3, "country": "IE", "ptr_state": "ok"}
        for i, host in enumerate(hosts)
    ]
    _write(study.data / "hosts", facts, schema_of(HostFacts))
    dataset = Dataset(study.data)
    tables = dict(analyse(dataset))
    for spec in TABLES:
        if not tables[spec.name].num_rows:
            tables[spec.name] = _made_up(schema_of(spec.row))
    return build_report(study, tables, dataset, made_at=datetime(2026, 11, 22, tzinfo=UTC)).parent


def _made_up(schema: pa.Schema) -> pa.Table:
    rows = [{field.name: _value(field, i) for field in schema} for i in range(3 * len(HOSTILE))]
    return pa.Table.from_pylist(rows, schema=schema)


def _value(field: pa.Field, row: int) -> Any:
    text = HOSTILE[row % len(HOSTILE)]
    if pa.types.is_string(field.type):
        return _WORDS.get(field.name, text)
    if pa.types.is_list(field.type):
        return (
            [text, HOSTILE[(row + 1) % len(HOSTILE)]] if pa.types.is_string(field.type.value_type) else [1, 2]
        )
    if pa.types.is_boolean(field.type):
        return True
    if pa.types.is_integer(field.type):
        return row + 1
    if pa.types.is_floating(field.type):
        return 0.5
    if pa.types.is_timestamp(field.type):
        return START
    return START.date() if pa.types.is_date(field.type) else None


def _write(folder: Path, rows: list[Mapping[str, Any]], schema: pa.Schema) -> None:
    folder.mkdir(parents=True)
    full = [dict.fromkeys(schema.names) | dict(row) for row in rows]
    pq.write_table(pa.Table.from_pylist(full, schema=schema), folder / "part-00000001-00000001.parquet")
