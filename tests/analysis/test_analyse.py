"""The tables as a whole: the empty study, unknown answers, files, and every headline in plain SQL."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mailcensus.analysis.analyse import analyse
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.summary import HEADLINES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.analysis.writing import read_tables, write_tables
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Grab, Hit, Outcome, Run, Ssh, SshHostKey, Stage, Tls, TlsMode, schema_of
from mailcensus.study import StudyError

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def grab(ip: str, service: str, outcome: Outcome, stage: Stage, **more: Any) -> Grab:
    return Grab(
        run_id="r", vantage="t", started_at=NOW, duration_ms=1, ip=ip, port=1, service=service,
        protocol="ssh" if service == "ssh" else "smtp", tls_mode=TlsMode.STARTTLS, outcome=outcome,
        stage=stage, **more,
    )  # fmt: skip


def tls(key: str) -> Tls:
    return Tls(version=0x0303, spki_sha256=key, leaf_sha256=f"certificate of {key}")


def ssh(*keys: str) -> Ssh:
    return Ssh(host_keys=tuple(SshHostKey(algorithm="a", fingerprint="f", spki_sha256=key) for key in keys))


GRABS = [
    grab("127.0.0.1", "smtp", Outcome.OK, Stage.DONE, starttls_offered=True, tls=tls("a")),
    grab("127.0.0.1", "submission", Outcome.OK, Stage.DONE, starttls_offered=True, tls=tls("a")),
    grab("127.0.0.1", "ssh", Outcome.OK, Stage.DONE, ssh=ssh("a", "b")),
    grab("127.0.0.2", "smtp", Outcome.RATE_LIMITED, Stage.GREETING),
    grab("127.0.0.2", "smtp", Outcome.OK, Stage.DONE, attempt=2, starttls_offered=True, tls=tls("c")),
    grab("127.0.0.2", "ssh", Outcome.OK, Stage.DONE, ssh=ssh("b")),
    grab("127.0.0.3", "smtp", Outcome.RATE_LIMITED, Stage.GREETING),
    grab("127.0.0.3", "smtp", Outcome.RATE_LIMITED, Stage.GREETING, attempt=2),
    grab("127.0.0.4", "smtp", Outcome.TIMEOUT, Stage.CONNECT),
    grab("127.0.0.5", "smtp", Outcome.NO_STARTTLS, Stage.CAPABILITIES, starttls_offered=False),
    grab("127.0.0.6", "smtp", Outcome.TLS_ALERT, Stage.TLS, starttls_offered=True),
    grab("127.0.0.7", "smtp", Outcome.EXCLUDED, Stage.CONNECT),
    grab("127.0.0.8", "ssh", Outcome.OK, Stage.DONE, ssh=ssh("c")),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    PartWriter(tmp_path, "grabs", Grab).write(GRABS)
    hits = [("127.0.0.1", False), ("127.0.0.2", False), ("127.0.0.9", True)]
    PartWriter(tmp_path, "hits", Hit).write(
        [Hit(run_id="r", seen_at=NOW, ip=ip, port=25, engine="connect", canary=canary) for ip, canary in hits]
    )
    run = Run(
        run_id="r", stage="discover", started_at=NOW, ended_at=NOW, vantage="t", mailcensus_version="0",
        settings_json="{}", asked=500,
    )  # fmt: skip
    PartWriter(tmp_path, "runs", Run).write([run])
    return tmp_path


def rows_in(data: Path, table: str) -> list[dict[str, Any]]:
    """The rows of one table; all of them take seconds to work out."""
    (spec,) = (spec for spec in TABLES if spec.name == table)
    rows: list[dict[str, Any]] = rows_of(spec, gather(Dataset(data))).to_pylist()
    return rows


@pytest.mark.slow
def test_an_empty_study_has_every_table_with_no_rows_and_zero_counts(tmp_path: Path) -> None:
    tables = analyse(Dataset(tmp_path))
    assert list(tables) == [spec.name for spec in TABLES]
    for spec in TABLES:
        assert tables[spec.name].schema.equals(schema_of(spec.row))
    unknown = (
        "addresses_asked",
        "sampled_from",
        "hits_estimated",
        "hits_estimated_low",
        "hits_estimated_high",
        "keys_compromised",
        "hosts_compromised",
        "keys_weak",
    )
    for row in tables.pop("summary").to_pylist():
        assert row["value"] == (None if row["name"] in unknown else 0)
        assert row["share"] is None
    (verdict,) = tables.pop("vantage_verdict").to_pylist()
    assert (verdict["verdict"], verdict["zero_is_finding"]) == ("cannot_tell", None)
    statistics = {row["name"]: row["value"] for row in tables.pop("cluster_statistics").to_pylist()}
    assert (statistics.pop("clusters"), statistics.pop("hosts")) == (0, 0)
    assert set(statistics.values()) == {None}
    assert {row["ours"] for row in tables.pop("published_values").to_pylist()} <= {None, 0}
    for table in tables.values():
        numbers = [
            value for row in table.to_pylist() for value in row.values() if isinstance(value, int | float)
        ]
        assert not any(numbers)


def test_hits_without_grabs_are_counted(tmp_path: Path) -> None:
    hit = Hit(run_id="r", seen_at=NOW, ip="127.0.0.1", port=25, engine="connect")
    PartWriter(tmp_path, "hits", Hit).write([hit])
    summary = {row["name"]: row["value"] for row in rows_in(tmp_path, "summary")}
    assert (summary["hits"], summary["hosts_asked"]) == (1, 0)


def test_unknown_is_never_counted_as_no(data: Path) -> None:
    smtp = next(row for row in rows_in(data, "services") if row["service"] == "smtp")
    assert (smtp["port"], smtp["asked"], smtp["ok"]) == (25, 7, 2)
    assert (smtp["rate_limited"], smtp["timeout"], smtp["excluded"], smtp["no_starttls"]) == (1, 1, 1, 1)
    assert (smtp["starttls_offered"], smtp["starttls_known"], smtp["starttls_share"]) == (3, 4, 3 / 4)
    assert (smtp["tls"], smtp["tls_known"], smtp["tls_share"]) == (2, 4, 2 / 4)
    assert (smtp["connected"], smtp["key_shown"], smtp["key_shown_share"]) == (5, 2, 2 / 5)


def test_shares_of_outcomes_add_up_per_service(data: Path) -> None:
    rows = rows_in(data, "outcomes")
    for service in ("smtp", "ssh", "submission"):
        assert sum(row["share"] for row in rows if row["service"] == service) == pytest.approx(1)


_FINAL = """
CREATE VIEW final AS SELECT * FROM '{data}/grabs/*.parquet'
QUALIFY row_number() OVER (PARTITION BY ip, service ORDER BY attempt DESC) = 1;
CREATE VIEW shown AS
SELECT DISTINCT ip, service, tls.spki_sha256 AS key, false AS ssh FROM final WHERE tls.spki_sha256 IS NOT NULL
UNION SELECT ip, service, unnest(ssh.host_keys).spki_sha256, true FROM final;
CREATE VIEW held AS SELECT DISTINCT ip, key FROM shown;
CREATE VIEW reached AS WITH RECURSIVE r(ip, other) AS (
    SELECT ip, ip FROM held
    UNION SELECT r.ip, b.ip FROM r JOIN held a ON r.other = a.ip JOIN held b USING (key)
) SELECT ip, min(other) AS cluster, count(*) AS hosts FROM r GROUP BY ip HAVING count(*) > 1;
"""

_HEADLINES = {
    "addresses_asked": "SELECT asked FROM '{data}/runs/*.parquet' WHERE stage = 'discover'",
    "hits": "SELECT count(*) FROM '{data}/hits/*.parquet' WHERE NOT canary",
    "sampled_from": "SELECT sampled_from FROM '{data}/runs/*.parquet' WHERE stage = 'discover'",
    **{f"hits_estimated{end}": "SELECT NULL" for end in ("", "_low", "_high")},
    "excluded_later": "SELECT 0",
    "hosts_asked": "SELECT count(DISTINCT ip) FROM final",
    "hosts_connected": "SELECT count(DISTINCT ip) FROM final WHERE stage <> 'connect' AND outcome <> 'excluded'",
    "hosts_with_key": "SELECT count(DISTINCT ip) FROM shown",
    "keys": "SELECT count(DISTINCT key) FROM shown",
    "keys_shared": "SELECT count(*) FROM (SELECT key FROM held GROUP BY key HAVING count(*) > 1)",
    "hosts_sharing": "SELECT count(DISTINCT a.ip) FROM held a JOIN held b ON a.key = b.key AND a.ip <> b.ip",
    "clusters": "SELECT count(DISTINCT cluster) FROM reached",
    "biggest_cluster": "SELECT max(hosts) FROM reached",
    "hosts_reusing": """SELECT count(DISTINCT ip) FROM
        (SELECT ip FROM shown GROUP BY ip, key HAVING count(DISTINCT service) > 1)""",
    "hosts_ssh_and_tls": """SELECT count(*) FROM
        (SELECT ip FROM shown GROUP BY ip HAVING bool_or(ssh) AND NOT bool_and(ssh))""",
    "hosts_cross_protocol": """SELECT count(DISTINCT a.ip) FROM shown a JOIN shown b USING (ip, key)
        WHERE a.ssh AND NOT b.ssh""",
    "keys_cross_protocol": """SELECT count(DISTINCT a.key) FROM shown a JOIN shown b USING (key)
        WHERE a.ssh AND NOT b.ssh""",
    "keys_checked": "SELECT 0",  # nobody has looked; where somebody has: test_key_findings
    "keys_compromised": "SELECT NULL",
    "hosts_compromised": "SELECT NULL",
    "hosts_checked": "SELECT 0",
    "keys_weak": "SELECT NULL",
    "grabs": "SELECT count(*) FROM final",
    **{f"grabs_{outcome}": f"SELECT count(*) FROM final WHERE outcome = '{outcome}'" for outcome in Outcome},
}


def test_every_headline_equals_plain_sql(data: Path) -> None:
    rows = {row["name"]: row for row in rows_in(data, "summary")}
    connection = duckdb.connect()
    connection.execute(_FINAL.format(data=data))

    def ask(query: str) -> Any:
        return connection.execute(query.format(data=data)).fetchall()[0][0]

    assert list(rows) == [headline.name for headline in HEADLINES] == list(_HEADLINES)
    values = {name: ask(query) for name, query in _HEADLINES.items()}
    assert {name: row["value"] for name, row in rows.items()} == values
    for headline in HEADLINES:
        row = rows[headline.name]
        assert row["denominator_name"] == headline.denominator
        if headline.denominator:
            assert row["denominator"] == values[headline.denominator]
            known = values[headline.denominator]
            assert row["share"] == (values[headline.name] / known if known else None)


@pytest.mark.slow
def test_tables_are_written_as_parquet_and_csv_and_read_back(data: Path) -> None:
    tables = analyse(Dataset(data))
    for _ in range(2):
        write_tables(tables, data / "analysis")
    assert read_tables(data / "analysis") == tables
    assert sorted(path.suffix for path in (data / "analysis").iterdir()) == [".csv"] * len(TABLES) + [
        ".parquet"
    ] * len(TABLES)
    csv = pyarrow.csv.read_csv(data / "analysis" / "shared_keys.csv")
    assert csv.column_names == tables["shared_keys"].column_names
    assert csv.column("ports").to_pylist()[-1] == "22; 25"
    assert pq.read_schema(data / "analysis" / "clusters.parquet").equals(tables["clusters"].schema)


def test_reading_tables_before_the_analysis_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="run: mailcensus analyse"):
        read_tables(tmp_path)


def test_tables_that_cannot_be_written_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "analysis").write_text("a file in the way")
    with pytest.raises(StudyError, match="tables cannot be written"):
        write_tables({"t": pa.table({"a": [1]})}, tmp_path / "analysis")


def test_more_services_than_a_mask_holds_are_refused(tmp_path: Path) -> None:
    grabs = [grab("127.0.0.1", f"service {number}", Outcome.OK, Stage.DONE) for number in range(32)]
    PartWriter(tmp_path, "grabs", Grab).write(grabs)
    with pytest.raises(ValueError, match="32 services"):
        gather(Dataset(tmp_path))


def test_a_key_that_was_quoted_and_is_not_held_is_no_sighting(tmp_path: Path) -> None:
    held = Tls(version=0x0304, spki_sha256="a", leaf_sha256="b", signature_verified=True)
    shown = {"127.0.0.1": (Outcome.OK, held, ssh("c")),
             "127.0.0.2": (Outcome.PROTOCOL_ERROR, replace(held, signature_verified=False), ssh("d"))}  # fmt: skip
    PartWriter(tmp_path, "grabs", Grab).write(
        [
            row
            for ip, (outcome, tls_shown, ssh_shown) in shown.items()
            for row in (
                grab(ip, "smtp", Outcome.OK, Stage.DONE, tls=tls_shown),
                grab(ip, "ssh", outcome, Stage.SESSION, ssh=ssh_shown),
            )
        ]
    )
    evidence = gather(Dataset(tmp_path))
    seen = evidence.showings.join(evidence.hosts, "host").join(evidence.keys, "key").to_pyarrow().to_pylist()
    assert sorted((row["ip"], row["spki_sha256"]) for row in seen) == [("127.0.0.1", "a"), ("127.0.0.1", "c")]


def test_software_is_counted_by_host_and_its_end_of_support_has_a_source(tmp_path: Path) -> None:
    exim = {"greeting": "220 mx Exim 4.80", "software": "Exim", "software_version": "4.80"}
    PartWriter(tmp_path, "grabs", Grab).write(
        [
            grab("127.0.0.1", "smtp", Outcome.OK, Stage.DONE, **exim),
            grab("127.0.0.1", "submission", Outcome.OK, Stage.DONE, **exim),
            grab("127.0.0.2", "smtp", Outcome.OK, Stage.DONE, greeting="220 nobody knows"),
            grab("127.0.0.3", "smtp", Outcome.TIMEOUT, Stage.CONNECT),
        ]
    )
    rows = rows_in(tmp_path, "software")
    assert [(row["product"], row["version"], row["hosts"], row["spoken"]) for row in rows] == [
        (None, None, 1, 2),
        ("Exim", "4.80", 1, 2),
    ]
    assert rows[1]["support_ended"]
    assert rows[1]["source"].startswith("https://")
    assert rows[0]["support_ended"] is None
