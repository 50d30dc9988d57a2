"""The mail exchanges of a study's domains as a population: whom DNS named to this run."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import Study, StudyError

_SCHEMA = pa.schema([("run_id", pa.string()), ("addresses", pa.list_(pa.string()))])


def exchange_addresses(study: Study) -> PrefixSet:
    """The addresses of the exchanges that the current run found, with those of implicit MX.

    A part that is still there beside the bigger one it was merged into changes nothing: this is a set.

    Raises:
        StudyError: the run has not asked DNS about all its domains yet, or its files cannot be read.
    """
    try:
        run_id = _resolved_run(study.data / "run.json")
        if run_id is None:
            raise StudyError(
                f"{study.directory}: its domains are not resolved yet; run: mailcensus resolve {study.directory}"
            )
        return PrefixSet.of(sorted(_addresses(study.data / "mx", run_id)))
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{study.data}: the exchanges cannot be read: {str(error).splitlines()[0]}"
        ) from None


def _resolved_run(path: Path) -> str | None:
    """The current run, where it is through with DNS."""
    if not path.is_file():
        return None
    run = json.loads(path.read_text(encoding="utf-8"))
    is_done = run["stages"].get("resolve", {}).get("state") == "done"
    return str(run["run_id"]) if is_done else None


def _addresses(directory: Path, run_id: str) -> set[str]:
    found: set[str] = set()
    for part in directory.glob("part-*.parquet"):
        table = pq.read_table(part, columns=_SCHEMA.names)
        kept = table.filter(pc.equal(table["run_id"], run_id))
        found.update(pc.list_flatten(kept["addresses"]).to_pylist())
    return found
