"""Datasets of earlier commits of this repository, written by their own code, read and upgraded by today's.

Each directory of data/earlier has the name of the commit whose `mailcensus demo` wrote it: a lab of twelve hosts, and
the tables that the commit's own analysis made of it.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.migrations.shape import query_of, reshaped
from mailcensus.dataset.migrations.upgrade import outdated_parts, upgrade
from mailcensus.dataset.migrations.version import DATASET_VERSION, version_of
from mailcensus.dataset.parts import PartWriter, visible_files, visible_parts
from mailcensus.dataset.run import CurrentRun, read_run
from mailcensus.dataset.tables import Dataset
from mailcensus.model import TABLES, Certificate, Hit, schema_of
from mailcensus.study import StudyError
from mailcensus.wire.certificates import parse_certificate

HERE = Path(__file__).parent / "data"
FIRST, LATER = "d7d4e00", "151a0ab"
COLUMNS = HERE / f"columns-{DATASET_VERSION}.json"


@pytest.fixture(params=[FIRST, LATER])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A dataset of an earlier commit, to work on."""
    shutil.copytree(HERE / "earlier" / request.param / "data", tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """That of the earliest commit that writes one."""
    shutil.copytree(HERE / "earlier" / FIRST / "data", tmp_path / "data")
    return tmp_path / "data"


def rows_of(data: Path) -> dict[str, pa.Table]:
    """Every table as readers see it."""
    dataset = Dataset(data)
    return {name: dataset.table(name).to_pyarrow() for name in TABLES if (data / name).is_dir()}


def as_written(data: Path, name: str) -> list[dict[str, Any]]:
    """A table without our package."""
    return [
        row for path in sorted((data / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def known(row: dict[str, Any]) -> dict[str, Any]:
    """What a row says, without nulls at any depth of structs."""
    return {
        name: known(value) if isinstance(value, dict) else value
        for name, value in row.items()
        if value is not None
    }


def test_every_row_is_read_as_it_was_written_and_what_was_not_recorded_is_null(data: Path) -> None:
    read = rows_of(data)
    for name in read:
        assert list(map(known, read[name].to_pylist())) == list(map(known, as_written(data, name))), name
    assert len(read["grabs"]) > 100
    assert {row["dataset_version"] for row in read["runs"].to_pylist()} == {None}


def test_an_upgrade_changes_no_row_but_certificates_that_are_read_again_from_their_bytes(data: Path) -> None:
    before, run = rows_of(data), read_run(data)
    written: list[str] = []
    assert upgrade(data, lambda one: written.append(one.table)) == len(written) > 0
    after = rows_of(data)
    for name in before:
        if name != "certificates":
            assert after[name].equals(before[name]), name
    names = ["sha256", "der", "spki_sha256", "not_before", "not_after", "common_name"]
    names = [name for name in names if name in before["certificates"].column_names]
    assert after["certificates"].select(names).equals(before["certificates"].select(names))
    assert read_run(data) == run
    assert list(outdated_parts(data)) == []
    assert upgrade(data) == 0


def test_certificates_are_after_an_upgrade_what_their_bytes_tell_today(first: Path) -> None:
    (part,) = visible_files(first / "certificates")
    old = pq.read_table(part)
    pq.write_table(
        old.set_column(old.column_names.index("common_name"), "common_name", pa.nulls(len(old), pa.string())),
        part,
    )
    upgrade(first)
    today = table_of(Certificate, [parse_certificate(der) for der in old["der"].to_pylist()])
    assert as_written(first, "certificates") == today.to_pylist()
    assert today["common_name"].null_count < len(today)


def test_every_part_says_its_version_after_an_upgrade(first: Path) -> None:
    paths = [path for name in TABLES for path in visible_files(first / name)]
    assert {version_of(path, pq.read_schema(path)) for path in paths} == {1}
    upgrade(first)
    paths = [path for name in TABLES for path in visible_files(first / name)]
    assert {version_of(path, pq.read_schema(path)) for path in paths} == {DATASET_VERSION}


def test_nobody_writes_beside_parts_of_another_shape(first: Path) -> None:
    with pytest.raises(
        StudyError, match=rf"dataset version 1, now \d+\); run: mailcensus upgrade {first.parent}$"
    ):
        CurrentRun(first, datetime.now(UTC))
    upgrade(first)
    with CurrentRun(first, datetime.now(UTC)) as run:
        assert run.run_id == read_run(first).run_id  # type: ignore[union-attr]


def test_no_two_upgrades_at_once(first: Path) -> None:
    lock = WriterLock(first, upgrading=True)
    with pytest.raises(StudyError, match="another mailcensus is writing"):
        upgrade(first)
    lock.release()


def test_an_upgrade_that_was_killed_goes_on(first: Path) -> None:
    before = rows_of(first)

    class Killed(BaseException):
        pass

    def kill(_: object) -> None:
        raise Killed

    left = len(list(outdated_parts(first)))
    while left:
        with pytest.raises(Killed):
            upgrade(first, kill)
        # Old parts and new ones side by side are still one table.
        assert rows_of(first)["grabs"].equals(before["grabs"])
        assert rows_of(first)["runs"].equals(before["runs"])
        left -= 1
        assert len(list(outdated_parts(first))) == left
    assert upgrade(first) == 0


def test_a_kill_between_a_new_part_and_the_removal_of_the_old_one_shows_no_row_twice(first: Path) -> None:
    before = rows_of(first)
    (old,) = visible_parts(first / "hits")
    kept = old.path.read_bytes()
    upgrade(first)
    old.path.write_bytes(kept)
    assert rows_of(first)["hits"].equals(before["hits"])
    upgrade(first)
    assert rows_of(first)["hits"].equals(before["hits"])


def test_a_part_of_a_newer_mailcensus_is_refused(first: Path) -> None:
    (part,) = visible_files(first / "hits")
    table = pq.read_table(part).replace_schema_metadata({b"mailcensus.dataset_version": b"99"})
    pq.write_table(table, part)
    message = (
        rf"{part}: of dataset version 99, this mailcensus knows {DATASET_VERSION}; take a newer mailcensus"
    )
    for reading in (lambda: Dataset(first).table("hits"), lambda: upgrade(first), lambda: WriterLock(first)):
        with pytest.raises(StudyError, match=message):
            reading()


@given(said=st.binary(max_size=12))
def test_any_word_for_a_version_is_a_version_or_an_error(said: bytes) -> None:
    schema = schema_of(Hit).with_metadata({b"mailcensus.dataset_version": said})
    with suppress(StudyError):
        assert 1 <= version_of(Path("part"), schema) <= DATASET_VERSION


def test_a_column_that_may_not_be_null_cannot_be_made_up() -> None:
    with pytest.raises(pa.ArrowInvalid, match="engine is missing and may not be null"):
        reshaped(schema_of(Hit).empty_table().drop_columns("engine"), schema_of(Hit))


@pytest.mark.parametrize(("inner", "put_together"), [("a", False), ("b", True)])
def test_only_structs_with_other_members_are_put_together_anew(
    inner: str, put_together: bool, tmp_path: Path
) -> None:
    part, members = tmp_path / "part.parquet", {inner: 1}
    pq.write_table(pa.table({"ip": ["192.0.2.1"], "tls": [members]}), part)
    shape = pa.struct([pa.field("a", pa.int64(), nullable=False)])
    query = query_of([part], pa.schema([pa.field("ip", pa.string(), nullable=False), pa.field("tls", shape)]))
    assert query.startswith("SELECT *") != put_together


def test_new_parts_say_their_version(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write(
        [Hit(run_id="r", seen_at=datetime.now(UTC), ip="127.0.0.1", port=25, engine="connect")]
    )
    (path,) = visible_files(tmp_path / "hits")
    assert version_of(path, pq.read_schema(path)) == DATASET_VERSION


def columns_now() -> dict[str, dict[str, str]]:
    """Every column of today's records at any depth, with its type and whether it may be null."""
    return {name: dict(_flat(schema_of(record), "")) for name, record in TABLES.items()}


def _flat(fields: Any, above: str) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for field in fields:
        kind, name = field.type, above + field.name
        inner = kind.value_type if pa.types.is_list(kind) else kind
        nested = pa.types.is_struct(inner)
        said = ("list of " if pa.types.is_list(kind) else "") + ("struct" if nested else str(inner))
        flat.append((name, said + ("" if field.nullable else ", not null")))
        if nested:
            flat += _flat([inner.field(at) for at in range(inner.num_fields)], f"{name}.")
    return flat


def test_columns_change_with_the_version_only_but_for_new_ones_that_may_be_null() -> None:
    """Where it fails: raise DATASET_VERSION, say there what changes, give `upgrade` a step, and record the columns:

    python -c "import json; from tests.dataset.test_migrations import *; print(json.dumps(columns_now(), indent=1))"
    """
    recorded, now = json.loads(COLUMNS.read_text()), columns_now()
    for table, columns in recorded.items():
        assert table in now, f"{table} is gone: see the docstring"
        for name, kind in columns.items():
            assert now[table].get(name) == kind, f"{table}.{name} has changed: see the docstring"
        added = {name: kind for name, kind in now[table].items() if name not in columns}
        must = [name for name, kind in added.items() if kind.endswith("not null") and _above(name, columns)]
        assert must == [], f"{table}: {must} may not be null: see the docstring"


def _above(name: str, columns: dict[str, str]) -> bool:
    """Whether what a column lies in was there before."""
    above = name.rpartition(".")[0]
    return not above or above in columns
