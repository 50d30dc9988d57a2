"""The first page: the answer, how it came to be, and the chapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.catalogue import TABLES
from mailcensus.report.answers import answers, answers_beside_hosts
from mailcensus.report.chapters import DEFINITIONS, Chapter
from mailcensus.report.provenance import Fact, dek, facts, is_unfinished, sample_words
from mailcensus.report.summary import Headline, Sentence, headlines, lead
from mailcensus.report.table_view import TableView, analysis_view
from mailcensus.report.vantage import canary_facts, preflight_facts, vantage_notice
from mailcensus.study import Settings

BIGGEST_SHOWN = 5
"""Clusters on the first page."""
_BIGGEST_COLUMNS = ("cluster", "hosts", "machines", "reading", "confidence", "supports")


@dataclass(frozen=True, slots=True)
class TableFile:
    """One CSV file of the report."""

    name: str
    title: str
    rows: int


@dataclass(frozen=True, slots=True)
class IndexPage:
    """What the template of the first page needs."""

    dek: str
    notices: Sequence[Sequence[str]]
    lead: Sequence[Sentence]
    headlines: Sequence[Headline]
    facts: Sequence[Fact]
    definitions: Sequence[tuple[str, str]]
    biggest: TableView | None
    """The biggest clusters; None: there are none."""
    chapters: Sequence[Chapter]
    files: Sequence[TableFile]

    def context(self) -> dict[str, object]:
        """Its fields, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def index_page(
    settings: Settings,
    tables: Mapping[str, pa.Table],
    runs: pa.Table,
    preflights: pa.Table,
    chapters: Sequence[Chapter],
    folder: Path,
    paged: int,
) -> IndexPage:
    """Gather the first page; `runs` and `preflights` are the run's rows of these tables."""
    answered = _anyone_answered(tables["services"])
    return IndexPage(
        dek=dek(settings, runs),
        notices=_notices(settings, tables, runs),
        lead=[
            *lead(tables["summary"]),
            *(answers(tables) if answered else ()),
            *answers_beside_hosts(tables),
        ],
        headlines=headlines(tables["summary"]) if answered else (),
        facts=[
            *facts(settings, runs),
            Fact("Canaries", canary_facts(tables["vantage_verdict"])),
            Fact("Preflight", preflight_facts(preflights)),
        ],
        definitions=DEFINITIONS,
        biggest=_biggest(tables, folder, paged),
        chapters=chapters,
        files=[
            TableFile(spec.name, spec.title, tables[spec.name].num_rows)
            for spec in TABLES
            if spec.name in tables
        ],
    )


def _biggest(tables: Mapping[str, pa.Table], folder: Path, paged: int) -> TableView | None:
    """The first few clusters with the reading of why, or none."""
    (spec,) = (spec for spec in TABLES if spec.name == "cluster_causes")
    first = tables["cluster_causes"].sort_by("cluster").slice(0, BIGGEST_SHOWN)
    if not first.num_rows:
        return None
    view = analysis_view(spec, first, folder, shown=_BIGGEST_COLUMNS, known_clusters=paged)
    return replace(view, title="The biggest clusters", csv="tables/clusters.csv")


def _notices(settings: Settings, tables: Mapping[str, pa.Table], runs: pa.Table) -> list[list[str]]:
    sampled = sample_words(runs)
    notices = [[sampled]] if sampled else []
    seeing = vantage_notice(settings, tables, runs)
    if seeing:
        notices.append(seeing)
    if not _anyone_answered(tables["services"]):
        notices += _nobody(tables, runs, said=bool(seeing))
    elif is_unfinished(runs):
        notices.append(["Collection has not finished: the numbers are of what is recorded so far."])
    return notices


def _anyone_answered(services: pa.Table) -> bool:
    return bool(pc.sum(services["connected"]).as_py())


def _nobody(tables: Mapping[str, pa.Table], runs: pa.Table, *, said: bool) -> list[list[str]]:
    (verdict,) = tables["vantage_verdict"].to_pylist()
    if verdict["hits"] and runs.num_rows:
        return [[f"No service of the {verdict['hits']:,} addresses that answered has spoken."]]
    if runs.num_rows == 0 and not said:
        return [
            ["Nothing has been asked yet, or the first stage has not finished.", "Go on with: mailcensus run"]
        ]
    return []
