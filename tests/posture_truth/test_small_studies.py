"""Studies of nothing, and of one grab: every table of the catalogue, in every form, without a share of nobody."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from mailcensus.analysis.analyse import analyse
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.analysis.writing import write_tables
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.chains import judge_chains
from mailcensus.lab.chains import KINDS
from mailcensus.lab.pki import AT, LabAuthorities
from mailcensus.model import Certificate, Field, Grab, Outcome, Stage, Tls, schema_of
from mailcensus.report import build_report
from mailcensus.report.latex import latex_table
from mailcensus.report.shown_columns import all_columns, shown_columns
from mailcensus.study import Settings, Study
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.services import SERVICE_BY_NAME
from posture_truth.shares import part_of, share_columns, whole_of

UNNAMED_WHOLES = {
    ("cluster_kinds", "clusters_share"),
    ("cluster_kinds", "hosts_share"),
    ("ledger_systems", "share"),
    ("key_hosts", "hosts_share"),
    ("issuers", "cumulative_share"),
}
"""Shares of something that is no column of their table: of all clusters, of the whole run."""
_NO_NUMBER = re.compile(r"(?<![A-Za-z0-9.\-])[-+]?(nan|NaN|NAN|inf|Infinity)(?![A-Za-z0-9.\-])")
_CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)

Tables = dict[str, pa.Table]


def test_every_share_says_which_column_is_its_denominator() -> None:
    shares = [(spec, share) for spec in TABLES for share in share_columns(spec)]
    silent = {(spec.name, share.name) for spec, share in shares if whole_of(spec, share) is None}
    assert shares
    assert silent - UNNAMED_WHOLES == set()


def _study(directory: Path) -> Study:
    directory.mkdir()
    (directory / "roots.pem").write_bytes(LabAuthorities().roots_pem)
    return Study(directory, Settings.model_validate({"facts": {"root_stores": ("roots.pem",)}}))


def _grab(service: str = "submission", **fields: Any) -> Grab:
    row = SERVICE_BY_NAME[service]
    usual = {"outcome": Outcome.OK, "stage": Stage.DONE}
    return Grab(
        run_id="r", vantage="t", started_at=AT, duration_ms=1, ip="198.18.0.1", port=row.port, service=service,
        protocol=row.protocol, tls_mode=row.tls_mode, **{**usual, **fields},
    )  # fmt: skip


def _tls() -> tuple[Tls, list[Certificate]]:
    world = LabAuthorities()
    chain = [parse_certificate(der) for der in KINDS[0](world, "mx.example").certificates]
    tls = Tls(
        version=0x0304, cipher_suite=0x1302, group=29, signature_scheme=0x0804, signature_verified=True,
        chain=tuple(one.sha256 for one in chain), leaf_sha256=chain[0].sha256, spki_sha256=chain[0].spki_sha256,
        finished=True,
    )  # fmt: skip
    return tls, chain


def _one_of(kind: str) -> tuple[list[Grab], list[Certificate]]:
    """The only row of a study."""
    if kind == "nothing":
        return [], []
    if kind == "refused":
        return [_grab(outcome=Outcome.REFUSED, stage=Stage.CONNECT)], []
    if kind == "come back later":
        return [_grab(outcome=Outcome.RATE_LIMITED, stage=Stage.GREETING, greeting="421 later")], []
    if kind == "without TLS":
        return [_grab(outcome=Outcome.NO_STARTTLS, starttls_offered=False, auth_before=("PLAIN",))], []
    tls, chain = _tls()
    words = {"auth_before": (), "auth_after": ("PLAIN",), "software": "Postfix", "software_version": "3.7.11"}
    return [_grab(tls=tls, starttls_offered=True, starttls_accepted=True, **words)], chain


KINDS_OF_STUDY = ("nothing", "refused", "come back later", "without TLS", "everything")


@pytest.fixture(scope="module", params=KINDS_OF_STUDY)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Tables]:
    """A study and all its tables."""
    study = _study(tmp_path_factory.mktemp("small") / "study")
    grabs, certificates = _one_of(request.param)
    if grabs:
        PartWriter(study.data, "grabs", Grab).write(grabs)
    if certificates:
        PartWriter(study.data, "certificates", Certificate).write(certificates)
        with CurrentRun(study.data, AT + timedelta(hours=1)) as run:
            judge_chains(study, run, lambda _: None)
    return study, analyse(Dataset(study.data))


def _rows(tables: Tables) -> Iterator[tuple[TableSpec, dict[str, Any]]]:
    for spec in TABLES:
        yield from ((spec, row) for row in tables[spec.name].to_pylist())


def _shares(tables: Tables) -> Iterator[tuple[TableSpec, Field, dict[str, Any]]]:
    for spec, row in _rows(tables):
        yield from ((spec, share, row) for share in share_columns(spec))


@pytest.mark.slow
def test_every_table_has_the_columns_it_declares_and_no_number_that_is_none(
    made: tuple[Study, Tables],
) -> None:
    _, tables = made
    assert list(tables) == [spec.name for spec in TABLES]
    for spec in TABLES:
        assert tables[spec.name].schema.equals(schema_of(spec.row)), spec.name
    for spec, row in _rows(tables):
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        assert all(math.isfinite(value) for value in numbers.values()), (spec.name, numbers)


@pytest.mark.slow
def test_a_share_is_its_part_of_its_whole_and_unknown_exactly_where_there_is_nobody(
    made: tuple[Study, Tables],
) -> None:
    for spec, share, row in _shares(made[1]):
        part, whole = part_of(spec, share), whole_of(spec, share)
        if whole is None:
            continue
        told = (spec.name, share.name, row)
        assert (row[share.name] is None) == (not row[whole] or (part is not None and row[part] is None)), told
        if part is not None and row[share.name] is not None:
            assert row[share.name] == pytest.approx(row[part] / row[whole]), told


@pytest.mark.slow
def test_every_table_is_csv_parquet_and_latex_without_a_number_that_is_none(
    made: tuple[Study, Tables], tmp_path: Path
) -> None:
    _, tables = made
    write_tables(tables, tmp_path)
    for spec in TABLES:
        with (tmp_path / f"{spec.name}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert (header, len(rows)) == (tables[spec.name].column_names, tables[spec.name].num_rows)
        assert not _none_numbers(cell for row in rows for cell in row), spec.name
        assert pyarrow.parquet.read_table(tmp_path / f"{spec.name}.parquet").equals(tables[spec.name])
        latex = latex_table(spec, tables[spec.name], all_columns(spec))
        assert latex.count(r"\begin{tabular}") == 1
        assert not _NO_NUMBER.search(latex), spec.name


@pytest.mark.slow
def test_the_report_has_every_table_and_no_cell_with_a_number_that_is_none(
    made: tuple[Study, Tables],
) -> None:
    study, tables = made
    report = build_report(study, tables, Dataset(study.data)).parent
    written = {path.stem for path in (report / "tables").glob("*.csv")}
    assert written >= {spec.name for spec in TABLES}
    for page in report.rglob("*.html"):
        assert not _none_numbers(_CELL.findall(page.read_text(encoding="utf-8"))), page
    for spec in TABLES:
        page = (report / "tables" / f"{spec.name}.html").read_text(encoding="utf-8")
        nobody = [
            1 for one, share, row in _shares(tables) if one == spec and row.get(whole_of(spec, share)) == 0
        ]
        assert page.count(">no hosts<") == len(nobody), spec.name
        latex = (report / "tables" / f"{spec.name}.tex").read_text(encoding="utf-8")
        assert not nobody or "no hosts" in latex or shown_columns(spec) != all_columns(spec), spec.name


def _none_numbers(cells: Sequence[str] | Iterator[str]) -> list[str]:
    return [cell for cell in cells if _NO_NUMBER.search(cell)]
