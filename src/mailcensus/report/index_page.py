"""The first page: the answer, how it came to be, and the chapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.catalogue import TABLES
from mailcensus.report.chapters import DEFINITIONS, Chapter
from mailcensus.report.provenance import Fact, dek, facts, is_unfinished, ports_in_words, sample_words
from mailcensus.report.summary import Headline, Sentence, headlines, lead
from mailcensus.study import Settings


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
    chapters: Sequence[Chapter]
    files: Sequence[TableFile]

    def context(self) -> dict[str, object]:
        """Its fields, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def index_page(
    settings: Settings,
    tables: Mapping[str, pa.Table],
    runs: pa.Table,
    chapters: Sequence[Chapter],
) -> IndexPage:
    """Gather the first page."""
    answered = _anyone_answered(tables["services"])
    return IndexPage(
        dek=dek(settings, runs),
        notices=_notices(settings, tables, runs),
        lead=lead(tables["summary"]),
        headlines=headlines(tables["summary"]) if answered else (),
        facts=facts(settings, runs),
        definitions=DEFINITIONS,
        chapters=chapters,
        files=[
            TableFile(spec.name, spec.title, tables[spec.name].num_rows)
            for spec in TABLES
            if spec.name in tables
        ],
    )


def _notices(settings: Settings, tables: Mapping[str, pa.Table], runs: pa.Table) -> list[list[str]]:
    sampled = sample_words(runs)
    notices = [[sampled]] if sampled else []
    if not _anyone_answered(tables["services"]):
        notices.append(_nobody(settings, runs))
    elif is_unfinished(runs):
        notices.append(["Collection has not finished: the numbers are of what is recorded so far."])
    return notices


def _anyone_answered(services: pa.Table) -> bool:
    return bool(pc.sum(services["connected"]).as_py())


def _nobody(settings: Settings, runs: pa.Table) -> list[str]:
    if runs.num_rows == 0:
        return [
            "Nothing has been asked yet, or the first stage has not finished.",
            "Go on with: mailcensus run",
        ]
    discovered = [run for run in runs.to_pylist() if run["stage"] == "discover"]
    asked = sum(run["asked"] for run in discovered)
    port = ports_in_words(settings.discovery.ports)
    return [
        f"Nothing answered: {asked:,} addresses were asked on {port}, and no service of any of them spoke.",
        "This can mean that there is no such server in the population, or that this vantage cannot reach "
        f"{port}: many networks block it. The study had no canaries (servers known to answer), so the two cannot "
        "be told apart. Before you take this for a finding, ask a mail server of your own from the same vantage.",
    ]
