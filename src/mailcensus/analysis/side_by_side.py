"""Several runs in one database, with one number for each address, key and service over all of them.

Tables, `run` being the place of the run among the snapshots:

    hosts       host, ip                                numbers sort as addresses do
    keys        key, spki_sha256, algorithm, bits
    certificates certificate, certificate_sha256
    services    service, name
    asked       run, host                               any service was asked of the address
    places      run, host, service, keyless, starttls, version
    shown       run, host, service, key, certificate    each once
    sightings   run, host, service, key, kind           shown without certificates; kind: the key's algorithm
    members     run, host, cluster                      clusters of each run by itself, numbered as in its report
    shared      run, key, cluster                       keys of clusters
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from mailcensus.analysis.addresses import address_numbers
from mailcensus.analysis.components import number_clusters
from mailcensus.analysis.snapshot import Snapshot
from mailcensus.model import schema_of

_NAMES = (
    # table, number, name, further columns
    ("keys", "key", "spki_sha256", ", any_value(algorithm) AS algorithm, any_value(bits) AS bits"),
    ("certificates", "certificate", "certificate_sha256", ""),
)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Runs that are compared."""

    snapshots: tuple[Snapshot, ...]
    connection: Any
    """The DuckDB connection that holds the tables."""
    made: set[str] = field(default_factory=set)
    """Tables of `put_swept` that there are."""

    def rows(self, record: type, query: str, **parameters: object) -> pa.Table:
        """The rows a query gives, with exactly the columns and types that a record declares."""
        schema = schema_of(record)
        found = self.connection.sql(query, params=parameters or None).to_arrow_table()
        return found.select(schema.names).cast(schema)

    def table(self, query: str, **parameters: object) -> pa.Table:
        """The rows a query gives, as they are."""
        return self.connection.sql(query, params=parameters or None).to_arrow_table()

    def put_swept(self, run: int) -> None:
        """Hold, as `swept_<run>`, the addresses of other runs that this one's discovery went over in vain."""
        if f"swept_{run}" in self.made:
            return
        self.made.add(f"swept_{run}")
        rows = self.table(
            "SELECT host, ip FROM hosts WHERE host NOT IN (SELECT host FROM asked WHERE run = $run)", run=run
        )
        swept = self.snapshots[run].swept.contains(rows["ip"].to_pylist())
        self.connection.register(f"swept_rows_{run}", rows.filter(pa.array(swept)))
        self.make(f"swept_{run}", f"SELECT host FROM swept_rows_{run}")

    def make(self, name: str, query: str) -> None:
        """Hold the rows of a query as a table."""
        self.connection.execute(f"CREATE TABLE {name} AS {query}")


def side_by_side(snapshots: Sequence[Snapshot]) -> SideBySide:
    """Runs in one database."""
    sides = SideBySide(tuple(snapshots), duckdb.connect())
    sides.connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    for run, snapshot in enumerate(snapshots):
        for part in ("hosts", "places", "shown", "keys", "certificates"):
            sides.connection.register(f"{part}_{run}", getattr(snapshot, part))
        names = pa.table({"own": range(len(snapshot.services)), "name": snapshot.services})
        sides.connection.register(f"services_{run}", names)
    _number_names(sides)
    _number_hosts(sides)
    _put_places(sides)
    _put_clusters(sides)
    return sides


def _union(sides: SideBySide, query: str) -> str:
    """A query for each run, `{run}` standing for its place, put together."""
    return " UNION ALL ".join(query.format(run=run) for run in range(len(sides.snapshots)))


def _number_names(sides: SideBySide) -> None:
    for table, number, name, further in _NAMES:
        rows = _union(sides, f"SELECT * FROM {table}_{{run}}")
        sides.make(
            table,
            f"SELECT (row_number() OVER ())::INTEGER AS {number}, * FROM "
            f"(SELECT {name}{further} FROM ({rows}) GROUP BY {name})",
        )
    names = sorted({name for snapshot in sides.snapshots for name in snapshot.services})
    sides.connection.register(
        "names", pa.table({"service": pa.array(range(len(names)), pa.int8()), "name": names})
    )
    sides.make("services", "SELECT * FROM names")


def _number_hosts(sides: SideBySide) -> None:
    every = _union(sides, "SELECT ip FROM hosts_{run}")
    ips = sides.table(f"SELECT DISTINCT ip FROM ({every})")["ip"].combine_chunks()
    ordered = ips.take(address_numbers(ips).order())
    numbers = pa.array(np.arange(len(ordered)), pa.int32())
    sides.connection.register("ordered", pa.table({"host": numbers, "ip": ordered}))
    sides.make("hosts", "SELECT * FROM ordered")
    sides.make(
        "numbered",
        _union(
            sides,
            "SELECT {run} AS run, own.host AS own, hosts.host FROM hosts_{run} own JOIN hosts USING (ip)",
        ),
    )
    sides.make("asked", "SELECT run, host FROM numbered")


def _put_places(sides: SideBySide) -> None:
    common = (
        "JOIN numbered n ON n.run = {run} AND n.own = rows.host JOIN services_{run} s ON s.own = rows.service "
        "JOIN services v ON v.name = s.name"
    )
    sides.make(
        "places",
        _union(
            sides,
            f"SELECT {{run}} AS run, n.host, v.service, keyless, starttls, version FROM places_{{run}} rows {common}",
        ),
    )
    sides.make(
        "shown",
        _union(
            sides,
            "SELECT {run} AS run, n.host, v.service, keys.key, certificates.certificate "
            f"FROM shown_{{run}} rows {common} "
            "JOIN keys_{run} k ON k.key = rows.key JOIN keys ON keys.spki_sha256 = k.spki_sha256 "
            "LEFT JOIN certificates_{run} c ON c.certificate = rows.certificate "
            "LEFT JOIN certificates ON certificates.certificate_sha256 = c.certificate_sha256",
        ),
    )
    sides.make(
        "sightings",
        "SELECT DISTINCT run, host, service, key, coalesce(algorithm, '') AS kind FROM shown JOIN keys USING (key)",
    )


def _put_clusters(sides: SideBySide) -> None:
    sides.connection.execute("CREATE TABLE links (run INTEGER, host INTEGER, key INTEGER, cluster BIGINT)")
    for run in range(len(sides.snapshots)):
        links = sides.table(
            "WITH one AS (SELECT DISTINCT host, key FROM shown WHERE run = $run) "
            "SELECT host, key FROM one SEMI JOIN (SELECT key FROM one GROUP BY key HAVING count(*) > 1) USING (key)",
            run=run,
        )
        clusters = number_clusters(
            links["host"].to_numpy().astype(np.int64), links["key"].to_numpy().astype(np.int64)
        )
        sides.connection.register(
            "numbered_links", links.append_column("cluster", pa.array(clusters, pa.int64()))
        )
        sides.connection.execute(f"INSERT INTO links SELECT {run}, host, key, cluster FROM numbered_links")
    sides.make("members", "SELECT DISTINCT run, host, cluster FROM links")
    sides.make("shared", "SELECT DISTINCT run, key, cluster FROM links")
