"""Parts that are not what was written: found by their checksum, set aside, and asked again.

A disk that fails, a copy that was cut short or an editor may change a part behind our back. Every command that takes
up a run looks at all parts first (about a second a gigabyte). What is damaged goes to `data/damaged/<table>/`, where
no reader looks and somebody may still try to rescue it. Then what was lost is found out anew:

- `grabs`: what has no grab on disk is asked again;
- `certificates`, `keys`: grabs of the run that show what is no longer there are taken out, and asked again;
- `domains`: those without a row are done again, out of the answers of DNS that are on disk;
- `mx`: likewise the domains that have fewer exchanges there than they had;
- `dns`: all domains of the run are done again, out of the answers that are still there;
- `hits`: discovery begins anew, unless the part is of an earlier run; an address is a hit once, as ever;
- what follows from these: its stage is done again.

Rows of earlier runs and of imported files cannot be asked again, and what a run noted down of itself (`runs`,
`politeness`, `canaries` and their like) cannot either: that these are lost is said, and that is all.

Everything here is done before a damaged part is moved, so that a kill on the way has it done again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.files import sync
from mailcensus.dataset.parts import Part, PartWriter, checksum_of, visible_parts
from mailcensus.model import TABLES, MailState, schema_of
from mailcensus.study import StudyError

_LOG = logging.getLogger(__name__)

DIRECTORY = "damaged"
STAGES_OF = {
    "hits": ("discover", "collect"),
    "grabs": ("collect", "providers"),
    "certificates": ("collect", "providers"),
    "keys": ("collect", "check_keys"),
    "followups": ("follow_up",),
    "enumerations": ("follow_up",),
    "noise": ("noise",),
    "hosts": ("enrich", "providers"),
    "chains": ("chains", "providers"),
    "domains": ("resolve", "providers"),
    "mx": ("resolve", "providers"),
    "dns": ("resolve", "providers"),
    "mx_providers": ("providers",),
    "domain_providers": ("providers",),
    "key_checks": ("check_keys",),
    "key_findings": ("check_keys",),
}
"""Stages that make a table again; a table that is not here cannot be made again."""
_SHOWN = ("certificates", "keys")
_IMPLICIT = str(MailState.IMPLICIT_MX)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A part that is not what was written."""

    table: str
    part: Part


def damaged_parts(data: Path) -> list[Damaged]:
    """All of a dataset, tables in the order of `model.TABLES`."""
    return [
        Damaged(table, part)
        for table in TABLES
        for part in visible_parts(data / table)
        if not _is_whole(part)
    ]


def check_parts(data: Path) -> None:
    """Refuse to read a dataset with damaged parts.

    Raises:
        StudyError: there is one; the message says what to do.
    """
    for damaged in damaged_parts(data):
        raise StudyError(
            f"{damaged.part.path}: damaged, it is not what was written; `mailcensus run {data.parent}` sets it aside "
            "and asks again, or put back a copy"
        )


def stages_to_repeat(data: Path, damaged: Sequence[Damaged], run_id: str) -> list[str]:
    """Stages of a run that lost rows, in the order of `STAGES_OF`."""
    return list(
        dict.fromkeys(
            stage
            for table, stages in STAGES_OF.items()
            for stage in stages
            if any(one.table == table and _may_hold(data, one, run_id) for one in damaged)
        )
    )


def take_out_incomplete(data: Path, damaged: Sequence[Damaged], run_id: str) -> None:
    """Take rows of a run out that are worth nothing without what was damaged, so that they come again."""
    bad = {one.part.path for one in damaged}
    tables = {one.table for one in damaged}
    if not tables.isdisjoint(_SHOWN):
        certificates, keys = (
            set(_values(data, table, column, bad))
            for table, column in (("certificates", "sha256"), ("keys", "spki_sha256"))
        )
        for table in ("grabs", "followups"):
            _keep(data, table, bad, lambda rows: _are_complete(rows, run_id, certificates, keys))
    # Exchanges of domains without a row go when the stage is taken up.
    if "dns" in tables:
        _keep(data, "domains", bad, lambda rows: (name != run_id for name in rows["run_id"].to_pylist()))
    elif "mx" in tables:
        left = Counter(_values(data, "mx", "domain", bad, run_id))
        _keep(data, "domains", bad, lambda rows: _have_exchanges(rows, run_id, left))


def _keep(data: Path, table: str, bad: set[Path], wanted: Callable[[pa.Table], Iterable[bool]]) -> None:
    """Keep the wanted rows of a table's whole parts."""
    if not (parts := [part for part in visible_parts(data / table) if part.path not in bad]):
        return
    writer = PartWriter(data, table, TABLES[table])
    for part in parts:
        if not all(all(wanted(rows)) for rows in _row_groups(part)):
            writer.replace(
                part, (rows.filter(pa.array(list(wanted(rows)), pa.bool_())) for rows in _row_groups(part))
            )


def _row_groups(part: Part) -> Iterator[pa.Table]:
    """The rows of a part, a row group in memory at a time."""
    with pq.ParquetFile(part.path) as source:
        yield from map(source.read_row_group, range(source.num_row_groups))


def set_aside(data: Path, damaged: Sequence[Damaged]) -> None:
    """Move damaged parts to where no reader looks, and say so."""
    for one in damaged:
        directory = data / DIRECTORY / one.table
        directory.mkdir(parents=True, exist_ok=True)
        moved = one.part.path.rename(directory / one.part.path.name)
        sync(one.part.path.parent)
        again = "asked again" if one.table in STAGES_OF else "lost"
        _LOG.warning(
            "%s was damaged and is set aside as %s; what was in it is %s", one.part.path, moved, again
        )


def _is_whole(part: Part) -> bool:
    try:
        if part.checksum is not None:
            return checksum_of(part.path) == part.checksum
        pq.read_metadata(part.path)  # from before there were checksums: at least it has its end
    except (OSError, pa.ArrowException):
        return False
    return True


def _may_hold(data: Path, damaged: Damaged, run_id: str) -> bool:
    """Whether a part may have rows of a run: run ids sort by time, and so do parts."""
    if "run_id" not in schema_of(TABLES[damaged.table]).names:
        return True
    later = [part for part in visible_parts(data / damaged.table) if part.first > damaged.part.last]
    return not any(_oldest_run(part, run_id) < run_id for part in later if _is_whole(part))


def _oldest_run(part: Part, otherwise: str) -> str:
    oldest = pc.min(pq.read_table(part.path, columns=["run_id"])["run_id"]).as_py()
    return otherwise if oldest is None else str(oldest)


def _values(data: Path, table: str, column: str, but: set[Path], run_id: str | None = None) -> Iterator[str]:
    """Values of a column in whole parts, of one run where one is told."""
    chosen = None if run_id is None else [("run_id", "=", run_id)]
    for part in visible_parts(data / table):
        if part.path not in but:
            yield from pq.read_table(part.path, columns=[column], filters=chosen)[column].to_pylist()


def _have_exchanges(rows: pa.Table, run_id: str, left: Mapping[str, int]) -> Iterator[bool]:
    """For each domain, whether all its exchanges are on disk; those of other runs are left alone."""
    for name, domain, mail, exchanges in zip(
        *(rows[column].to_pylist() for column in ("run_id", "domain", "mail", "exchanges")), strict=True
    ):
        yield name != run_id or left.get(domain, 0) >= (1 if mail == _IMPLICIT else exchanges)


def _are_complete(rows: pa.Table, run_id: str, certificates: set[str], keys: set[str]) -> Iterator[bool]:
    """For each grab, whether all it shows is on disk; those of other runs are left alone."""
    for name, tls, ssh in zip(
        *(rows[column].to_pylist() for column in ("run_id", "tls", "ssh")), strict=True
    ):
        shown = set((tls or {}).get("chain") or ())
        key_names = {key["spki_sha256"] for key in (ssh or {}).get("host_keys") or ()}
        key_names.add((tls or {}).get("spki_sha256"))
        yield name != run_id or (shown <= certificates and key_names - {None} <= keys)
