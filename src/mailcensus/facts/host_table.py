"""The rows of `hosts` of one run: which there are, new ones, and all of them anew from other databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.databases import Databases
from mailcensus.facts.reverse_names import ReverseName
from mailcensus.model import DnsState, Host, schema_of

_SCHEMA = schema_of(Host)
_PTR = tuple(field.name for field in fields(ReverseName))
_ANSWERED = [str(state) for state in (DnsState.OK, DnsState.NXDOMAIN, DnsState.NODATA)]
_ROWS = 100_000
"""Rows worked out at a time."""


class HostTable:
    """Reads and writes the rows of a run."""

    def __init__(self, run: CurrentRun, databases: Databases) -> None:
        self._run = run
        self._databases = databases
        self._parts = PartWriter(run.data, "hosts", Host)

    def ips(self) -> set[str]:
        """Addresses that have a row."""
        return set(self._rows_of_run(["ip"])["ip"].to_pylist())

    def ptr_known(self) -> set[str]:
        """Addresses of which DNS has said whether they have a reverse name."""
        rows = self._rows_of_run(["ip", "ptr_state"])
        return set(rows.filter(pc.is_in(rows["ptr_state"], pa.array(_ANSWERED)))["ip"].to_pylist())

    def counts(self) -> tuple[int, int]:
        """Rows of the run, and those of which something is known."""
        rows = self._rows_of_run(["country_source", "as_source", "ptr_state"])
        known = pc.or_(
            pc.or_(rows["country_source"].is_valid(), rows["as_source"].is_valid()),
            pc.equal(rows["ptr_state"], DnsState.OK),
        )
        return len(rows), pc.sum(known).as_py() or 0

    def add(self, ips: Sequence[str], names: Mapping[str, ReverseName]) -> None:
        """Write rows of addresses that have none, with the reverse names that are known."""
        for first in range(0, len(ips), _ROWS):
            some = ips[first : first + _ROWS]
            said = [names.get(ip) for ip in some]
            columns = {
                name: pa.array([getattr(one, name, None) for one in said], _SCHEMA.field(name).type)
                for name in _PTR
            }
            self._parts.write_table(self._table(some, columns))

    def renew(self, ips: Sequence[str]) -> None:
        """Make these the run's rows, from the databases as they are now; what DNS said stays, other runs' rows too."""
        self._parts.replace_all([*self._rows_of_others(), *self._renewed(ips)])

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        self._parts.compact()

    def _renewed(self, ips: Sequence[str]) -> Iterator[pa.Table]:
        before = self._rows_of_run(["ip", *_PTR]).combine_chunks()
        places = {ip: place for place, ip in enumerate(before["ip"].to_pylist())}
        for first in range(0, len(ips), _ROWS):
            some = ips[first : first + _ROWS]
            index = pa.array([places.get(ip) for ip in some], pa.int64())
            yield self._table(some, {name: before[name].take(index) for name in _PTR})

    def _table(self, ips: Sequence[str], ptr: Mapping[str, pa.Array]) -> pa.Table:
        now = pa.scalar(datetime.now(UTC), _SCHEMA.field("looked_up_at").type)
        columns = {
            "run_id": pa.repeat(self._run.run_id, len(ips)),
            "ip": pa.array(ips, pa.string()),
            "looked_up_at": pa.repeat(now, len(ips)),
            **self._databases.columns_of(ips),
            **ptr,
            "ptr_state": pc.fill_null(ptr["ptr_state"], str(DnsState.NOT_ASKED)),
        }
        return pa.table([columns[name] for name in _SCHEMA.names], schema=_SCHEMA)

    def _rows_of_run(self, columns: list[str]) -> pa.Table:
        tables = [
            table.filter(pc.equal(table["run_id"], self._run.run_id)).select(columns)
            for table in self._files([*columns, "run_id"])
        ]
        return pa.concat_tables([_SCHEMA.empty_table().select(columns), *tables])

    def _rows_of_others(self) -> Iterator[pa.Table]:
        for file in visible_files(self._run.data / "hosts"):
            table = pq.read_table(file)
            others = table.filter(pc.not_equal(table["run_id"], self._run.run_id))
            empty = _SCHEMA.empty_table()  # gives an older part the columns that came since
            yield (
                pa.concat_tables([empty, others], promote_options="default")
                .select(_SCHEMA.names)
                .cast(_SCHEMA)
            )

    def _files(self, columns: list[str]) -> Iterator[pa.Table]:
        for file in visible_files(self._run.data / "hosts"):
            yield pq.read_table(file, columns=columns)
