"""A study as a DuckDB session: SQL that makes a view of every table, for people who ask questions of their own.

Records are views by their names, tables of the analysis views in the schema `analysis`. A table without rows yet is an
empty view of the right columns, so that a query runs on any study. Whoever has opted out since is left out.

Views look into the directory each time they are asked (`*.parquet`): they show what a running study adds.
"""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb

from mailcensus.analysis.catalogue import TABLES as ANALYSED
from mailcensus.dataset.sql_text import sql_text
from mailcensus.model import TABLES as RECORDS
from mailcensus.model import schema_of

_LAST_GRABS = """\
CREATE OR REPLACE VIEW last_grabs AS
SELECT * FROM grabs
WHERE run_id = (SELECT max(run_id) FROM grabs)
QUALIFY row_number() OVER (PARTITION BY ip, service ORDER BY attempt DESC) = 1;"""
_SHOWN = """\
CREATE OR REPLACE VIEW shown AS
SELECT ip, service, tls.spki_sha256 AS spki_sha256 FROM last_grabs WHERE tls.spki_sha256 IS NOT NULL
UNION
SELECT ip, service, host_key.spki_sha256
FROM (SELECT ip, service, unnest(ssh.host_keys) AS host_key FROM last_grabs)
WHERE host_key.spki_sha256 IS NOT NULL;"""


def session_sql(data: Path, left_out: Collection[str]) -> str:
    """SQL of a session.

    Args:
        data: the study's data directory.
        left_out: addresses whose rows no view shows.
    """
    return "\n".join(_statements(data.resolve(), sorted(left_out))) + "\n"


def notebook(sql: str) -> str:
    """A cell of a notebook that opens the session; `study.sql(...).df()` then asks it."""
    return "\n".join(
        (
            "import duckdb",
            "",
            "study = duckdb.connect()",
            f"study.execute({_python_text(sql)})",
            'study.sql("SELECT service, outcome, count(*) AS hosts FROM last_grabs GROUP BY ALL ORDER BY ALL")',
            "",
        )
    )


def _statements(data: Path, left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield "-- Addresses that have opted out since they were asked."
        yield f"CREATE OR REPLACE TEMP TABLE left_out AS SELECT unnest([{', '.join(map(sql_text, left_out))}]) AS ip;"
    yield "-- What was recorded."
    for name, record in RECORDS.items():
        columns = schema_of(record).names
        kept = " WHERE ip NOT IN (FROM left_out)" if left_out and "ip" in columns else ""
        yield f"CREATE OR REPLACE VIEW {name} AS {_rows(data / name, record)}{kept};"
    yield "-- The newest run, each service as it was last asked; and who showed which key in it."
    yield _LAST_GRABS
    yield _SHOWN
    yield "-- What the analysis made of it."
    yield "CREATE SCHEMA IF NOT EXISTS analysis;"
    for spec in ANALYSED:
        path = data / "analysis" / f"{spec.name}.parquet"
        rows = _parquet(path) if path.exists() else _empty(spec.row)
        yield f"CREATE OR REPLACE VIEW analysis.{spec.name} AS {rows};"


def _rows(directory: Path, record: type) -> str:
    return _parquet(directory / "*.parquet") if any(directory.glob("*.parquet")) else _empty(record)


def _parquet(path: Path) -> str:
    pattern = str(Path(glob.escape(str(path.parent)), path.name))
    return f"SELECT * FROM read_parquet({sql_text(pattern)})"


def _empty(record: type) -> str:
    """No rows, with the columns of a record."""
    described = duckdb.from_arrow(schema_of(record).empty_table())
    columns = zip(described.columns, described.types, strict=True)
    nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns)
    return f"SELECT * FROM (SELECT {nothing} WHERE false)"


def _python_text(text: str) -> str:
    """A text over several lines as Python writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"""\n{escaped}"""'
