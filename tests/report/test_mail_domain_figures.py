"""Every figure of the domain study is drawn from its table, and none from a table that leaves nothing to draw."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis" / "mail_domains"))

from random_domains import write

from mailcensus.analysis.evidence import gather
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.report.figures import FIGURES, FURTHER_FIGURES, write_figures

pytestmark = pytest.mark.slow
DRAWN = [spec.name for spec in MAIL_DOMAIN_TABLES if spec.name in FIGURES]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pa.Table]:
    data = tmp_path_factory.mktemp("domains")
    write(data, 5)
    evidence = gather(Dataset(data))
    return {spec.name: rows_of(spec, evidence) for spec in MAIL_DOMAIN_TABLES if spec.name in DRAWN}


@pytest.mark.parametrize("name", DRAWN)
def test_the_figures_of_a_table_are_written(
    tables: Mapping[str, pa.Table], name: str, tmp_path: Path
) -> None:
    parts = write_figures(name, tables[name], tmp_path)
    endings = {f"-{end}" for end in FURTHER_FIGURES.get(name, {}) if not end.startswith("home")}
    assert {part.name for part in parts} == {name.replace("_", "-") + end for end in ("", *endings)}
    for part in parts:
        assert (tmp_path / f"{part.name}.svg").stat().st_size > 1_000
        assert (tmp_path / f"{part.name}.pdf").read_bytes().startswith(b"%PDF")


def test_a_study_has_a_map_of_its_own_country_which_the_states_have_anyway(
    tables: Mapping[str, pa.Table], tmp_path: Path
) -> None:
    rows = tables["server_locations"].to_pylist()
    assert {row["country"] for row in rows if row["foreign"] is False} == {"US"}
    at_home = [{**row, "foreign": row["country"] != "DE"} for row in rows]
    german = pa.Table.from_pylist(at_home, schema=tables["server_locations"].schema)
    drawn = {
        part.name.removeprefix("server-locations")
        for part in write_figures("server_locations", german, tmp_path)
    }
    assert drawn == {
        "",
        "-operators",
        "-united-states",
        "-united-states-operators",
        "-home",
        "-home-operators",
    }


@pytest.mark.parametrize("name", DRAWN)
def test_without_rows_there_is_no_figure(tables: Mapping[str, pa.Table], name: str, tmp_path: Path) -> None:
    assert write_figures(name, tables[name].slice(0, 0), tmp_path) == []


def test_the_curve_of_units_ends_at_all_domains(tables: Mapping[str, pa.Table]) -> None:
    figure = FIGURES["redundancy"].draw(tables["redundancy"])
    assert figure is not None
    curves = [line for line in figure.axes[0].get_lines() if len(np.asarray(line.get_ydata())) > 1]
    assert curves
    for line in curves:
        shares = np.asarray(line.get_ydata()).tolist()
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, 1.0)
