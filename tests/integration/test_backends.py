"""The analyses on other engines: the same tables as in DuckDB, of the same datasets.

PostgreSQL works out every table of the catalogue but those of senders. Spark takes seconds to plan what PostgreSQL does
in a tenth of one: here some of each kind, and the same ones in ClickHouse; all by `python -m bench.backends`.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import random_logins
from analysis.mail_domains import random_domains
from analysis.passive import random_flows
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.engines.choice import on_engine
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.passive.tables import PASSIVE_TABLES
from mailcensus.analysis.senders.tables import SENDER_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.model.run import VANTAGES_JOINED_BY
from realservers.clickhouse import clickhouse_server, need_clickhouse
from realservers.postgres import postgres_programs, postgres_server
from report.synthetic import mixed_hosts, study_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

_SPECS = {spec.name: spec for spec in TABLES}
_OF_DOMAINS = {spec.name for spec in MAIL_DOMAIN_TABLES}
_OF_FLOWS = {spec.name for spec in PASSIVE_TABLES}
_OF_LOGINS = {name for name in _SPECS if name.startswith("auth_")}
_OF_HOSTS = set(_SPECS) - _OF_DOMAINS - _OF_FLOWS - _OF_LOGINS - {spec.name for spec in SENDER_TABLES}
_VANTAGES = ("north", "south")
_SOME = (
    *("run_table", "within_host", "shared_keys", "clusters", "key_causes", "machine_hosts", "cluster_words"),
    *("size_two_patterns", "tls_versions", "starttls_stripping", "vantage_services"),
)
"""Of hosts: joins, lists in order, words by regular expressions, masks, what is put there from here, constants."""
_MAPS_AND_RANKS = ("server_locations", "preference_ranks", "domain_tls", "shared_fate", "provider_market")
"""Of domains."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of Debian's PostgreSQL."""
    if postgres_programs() is None:
        pytest.skip("postgresql is not installed")
    with postgres_server() as url:
        yield url


def _hosts(data: Path) -> None:
    """Asked by two vantages, each in every other network."""
    study_of(data.parent, [replace(host, ip=_address(n)) for n, host in enumerate(mixed_hosts(120))])
    _replace_in(data / "runs", "vantage", lambda row: VANTAGES_JOINED_BY.join(_VANTAGES))
    _replace_in(data / "grabs", "vantage", lambda row: _VANTAGES[_network(row["ip"]) % 2])


def _address(number: int) -> str:
    """Neighbours of version 4; behind them two hosts in each /48, which text may leave out in one of them alone."""
    if number < 90:
        return f"10.0.{number // 6}.{number}"
    return str(IPv6Address((0x20010DB8 << 96) + (number // 2 - 45 << 80) + (number % 2 << 64) + number))


def _network(ip: str) -> int:
    address = ip_address(ip)
    return int(address) >> (8 if address.version == 4 else 80)


def _replace_in(directory: Path, column: str, value: Callable[[dict[str, Any]], str]) -> None:
    for file in directory.glob("*.parquet"):
        table = pq.read_table(file)
        place, field = table.schema.get_field_index(column), table.schema.field(column)
        table = table.set_column(place, field, pa.array(map(value, table.to_pylist()), field.type))
        file.unlink()
        pq.write_table(
            table, directory / "part-00000001-00000001.parquet"
        )  # its checksum is not the old one's


_DATASETS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "hosts": (_hosts, _OF_HOSTS),
    "domains": (lambda data: random_domains.write(data, 1), _OF_DOMAINS),
    "flows": (lambda data: random_flows.write(data, seed=7), _OF_FLOWS),
    "logins": (lambda data: random_logins.write(data, 3), _OF_LOGINS),
}
"""What writes a dataset, and the tables that have rows of it. Those of senders are worked out in Python."""


@pytest.mark.parametrize("which", _DATASETS)
def test_postgresql_makes_the_tables_that_duckdb_makes(which: str, postgres: str, tmp_path: Path) -> None:
    write, wanted = _DATASETS[which]
    data = tmp_path / "data"
    write(data)
    found = assert_same(data, postgres, sorted(wanted))
    assert found >= wanted & {"vantage_services"}


def test_a_session_leaves_nothing_behind(postgres: str, tmp_path: Path) -> None:
    _hosts(tmp_path / "data")
    with on_engine(Dataset(tmp_path / "data"), postgres) as there:
        rows_of(_SPECS["summary"], gather(there))
    with psycopg.connect(postgres) as connection:
        _wait_for_others(connection)
        found = connection.execute("SELECT relname FROM pg_class WHERE oid >= 16384").fetchall()
    assert found == []


def _wait_for_others(connection: psycopg.Connection[Any]) -> None:
    """A session drops its tables once it notices that its client has gone, and is listed until it has."""
    others = (
        "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    end_s = time.monotonic() + 60
    while connection.execute(others).fetchone():
        assert time.monotonic() < end_s, "a session does not end"
        time.sleep(0.05)


@pytest.fixture
def quick_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark without what pays for many rows only: half the CPU for few."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: scripts/install-spark")
    if shutil.which("java") is None:
        pytest.skip("java is not installed")
    settings = tmp_path / "conf" / "spark-defaults.conf"
    settings.parent.mkdir()
    settings.write_text(
        "spark.sql.codegen.wholeStage false\n"
        "spark.sql.codegen.factoryMode NO_CODEGEN\n"
        "spark.sql.adaptive.enabled false\n"
        "spark.sql.shuffle.partitions 1\n"
    )
    monkeypatch.setenv("SPARK_CONF_DIR", str(settings.parent))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


@pytest.mark.usefixtures("quick_spark")
def test_spark_makes_the_tables_that_duckdb_makes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    _hosts(data)
    before, left_out = set(data.iterdir()), Dataset(data).table("grabs").ip.to_pyarrow().to_pylist()[:1]
    here = gather(Dataset(data, left_out))
    with on_engine(Dataset(data, left_out), "spark") as there:
        (folder,) = set(data.iterdir()) - before
        java = process_with(str(folder))
        assert java is not None
        assert listening(java) <= {"127.0.0.1", "[::ffff:127.0.0.1]"}
        evidence = gather(there)
        assert [name for name in _SOME if not _same(name, here, evidence)] == []
    assert all(rows_of(_SPECS[name], here).num_rows for name in _SOME)
    assert (set(data.iterdir()), process_with(str(folder))) == (before, None)


@pytest.fixture
def clickhouse() -> Iterator[str]:
    """The URL of ClickHouse's engine, for one session."""
    need_clickhouse()
    with clickhouse_server() as server:
        yield server.url


def test_clickhouse_makes_the_tables_that_duckdb_makes(clickhouse: str, tmp_path: Path) -> None:
    _hosts(tmp_path / "data")
    assert assert_same(tmp_path / "data", clickhouse, _SOME) == set(_SOME)


def test_clickhouse_keeps_maps_ranks_and_lists_that_are_null(clickhouse: str, tmp_path: Path) -> None:
    random_domains.write(tmp_path / "data", 1)
    assert assert_same(tmp_path / "data", clickhouse, _MAPS_AND_RANKS) == set(_MAPS_AND_RANKS)


def test_a_session_of_clickhouse_leaves_no_tables(clickhouse: str, tmp_path: Path) -> None:
    with on_engine(Dataset(tmp_path), clickhouse) as there:
        kept = there.put("kept", pa.table({"names": pa.array([None, [], ["a"]], pa.list_(pa.string()))}))
        assert there.rows(kept)["names"].to_pylist() == [None, [], ["a"]]
    count = b"SELECT count() FROM system.tables WHERE is_temporary"
    with urlopen(clickhouse.replace("clickhouse", "http"), count) as answer:
        assert answer.read() == b"0\n"


def process_with(text: str) -> int | None:
    """A process whose command line has this in it."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if text in (entry / "cmdline").read_text(errors="replace"):
                return int(entry.name)
    return None


def listening(process: int) -> set[str]:
    """Addresses at which a process listens."""
    sockets = subprocess.run(["ss", "-Hltnp"], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[3].rpartition(":")[0] for line in sockets if f"pid={process}," in line}


def assert_same(data: Path, backend: str, names: Sequence[str]) -> set[str]:
    """The same rows in the same order; fractions but for their last digits. Gives the tables that have rows."""
    here = gather(Dataset(data))
    with on_engine(Dataset(data), backend) as there:
        evidence = gather(there)
        assert [name for name in names if not _same(name, here, evidence)] == []
    found = {name for name in names if rows_of(_SPECS[name], here).num_rows}
    assert found
    return found


def _same(name: str, here: Evidence, there: Evidence) -> bool:
    ours, theirs = (rows_of(_SPECS[name], evidence) for evidence in (here, there))
    assert ours.schema.equals(theirs.schema)
    columns = [(ours[column].to_pylist(), theirs[column].to_pylist()) for column in ours.column_names]
    return all(len(a) == len(b) and all(map(_alike, a, b)) for a, b in columns)


def _alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
    return bool(ours == theirs)
