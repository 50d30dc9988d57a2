"""The hits of a former study as a population: to ask again whoever answered then."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.population.address import parse_address
from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import StudyError

_SCHEMA = pa.schema([("run_id", pa.string()), ("ip", pa.string()), ("canary", pa.bool_())])


def former_hits(directory: Path) -> PrefixSet:
    """Who answered in the newest run with hits of the study in a directory, canaries left out.

    A part that is still there beside the bigger one it was merged into changes nothing: this is a set.

    Raises:
        StudyError: there is no study with hits, or its files cannot be read.
    """
    try:
        hits = _read(directory / "data" / "hits")
        newest = pc.equal(hits["run_id"], pc.max(hits["run_id"]))
        chosen = hits.filter(pc.and_(newest, pc.invert(hits["canary"])))
        found = PrefixSet.of_parsed(_alone(ip) for ip in chosen["ip"].to_pylist())
    except (OSError, pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(
            f"{directory}: the hits that population.hits_of asks for cannot be read: {reason}"
        ) from None
    if not found.count:
        raise StudyError(
            f"{directory}: population.hits_of must be the directory of a study with hits; it has none in data/hits"
        )
    return found


def _read(directory: Path) -> pa.Table:
    parts = [pq.read_table(part, columns=_SCHEMA.names) for part in directory.glob("part-*.parquet")]
    return pa.concat_tables([_SCHEMA.empty_table(), *(part.cast(_SCHEMA) for part in parts)])


def _alone(ip: str) -> tuple[int, int, int]:
    version, value = parse_address(ip)
    return version, value, value + 1
