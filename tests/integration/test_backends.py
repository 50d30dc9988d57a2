"""The analyses on other engines: the same tables as in DuckDB, of the same datasets.

PostgreSQL works out every table of the catalogue but those of senders.
"""

from __future__ import annotations

import math
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

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
from report.synthetic import mixed_hosts, study_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

_SPECS = {spec.name: spec for spec in TABLES}
_OF_DOMAINS = {spec.name for spec in MAIL_DOMAIN_TABLES}
_OF_FLOWS = {spec.name for spec in PASSIVE_TABLES}
_OF_LOGINS = {name for name in _SPECS if name.startswith("auth_")}
_OF_HOSTS = set(_SPECS) - _OF_DOMAINS - _OF_FLOWS - _OF_LOGINS - {spec.name for spec in SENDER_TABLES}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server of Debian's PostgreSQL on a socket of its own; its URL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found:
        pytest.skip("postgresql is not installed")
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    become = ("runuser", "-u", user, "--") if os.getuid() == 0 else ()
    directory = Path(tempfile.mkdtemp(prefix="mailcensus-"))
    shutil.chown(directory, user)
    place = ["-D", str(directory / "data")]

    def run(program: str, *arguments: str) -> None:
        command = [*become, str(found[-1].with_name(program)), *place, *arguments]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", timeout=60
        )

    # Not C: the tables must sort as bytes do whatever the server's own language is.
    run("initdb", "--auth=trust", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
    run("pg_ctl", "-w", "-o", f"-k {directory} -c listen_addresses= -c fsync=off", "start")
    yield f"postgresql://{user}@/postgres?host={directory}"
    run("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(directory)


def _hosts(data: Path) -> None:
    study_of(data.parent, mixed_hosts(120))


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
    assert_same(data, postgres, sorted(wanted))


def test_a_session_leaves_nothing_behind(postgres: str, tmp_path: Path) -> None:
    import psycopg

    _hosts(tmp_path / "data")
    with on_engine(Dataset(tmp_path / "data"), postgres) as there:
        rows_of(_SPECS["summary"], gather(there))
    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE oid >= 16384").fetchall()
    assert found == []


def assert_same(data: Path, backend: str, names: Iterable[str]) -> None:
    """The same rows in the same order; fractions but for their last digits."""
    here = gather(Dataset(data))
    with on_engine(Dataset(data), backend) as there:
        evidence = gather(there)
        assert [name for name in names if not _same(name, here, evidence)] == []
    assert any(rows_of(_SPECS[name], here).num_rows for name in names)


def _same(name: str, here: Evidence, there: Evidence) -> bool:
    ours, theirs = (rows_of(_SPECS[name], evidence) for evidence in (here, there))
    assert ours.schema.equals(theirs.schema)
    columns = [(ours[column].to_pylist(), theirs[column].to_pylist()) for column in ours.column_names]
    return all(len(a) == len(b) and all(map(_alike, a, b)) for a, b in columns)


def _alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
    return bool(ours == theirs)
