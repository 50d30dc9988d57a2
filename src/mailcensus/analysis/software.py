"""Which software servers say they run, and which of it its makers no longer mend."""

from __future__ import annotations

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.rows import SoftwareRow
from mailcensus.model import schema_of
from mailcensus.wire.software import Software
from mailcensus.wire.software_end_of_life import end_of_life


def software(evidence: Evidence) -> ibis.Table:
    """What greetings, headers and identifications name; versions whose support has ended say when and by whom.

    Returns:
        One row per protocol, product and version, most hosts first. `hosts` are out of `spoken`, the hosts that
        said anything that names software on that protocol, known to us or not.
    """
    counted = evidence.software.to_pyarrow().to_pylist()
    spoken: dict[str, int] = {}
    for row in counted:
        spoken[row["protocol"]] = spoken.get(row["protocol"], 0) + row["hosts"]
    rows = [
        row | _end(row["product"], row["version"]) | {"spoken": spoken[row["protocol"]],
                                                     "share": row["hosts"] / spoken[row["protocol"]]}
        for row in counted
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["protocol"], -row["hosts"], row["product"] or "", row["version"] or ""))
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema_of(SoftwareRow)))


def _end(product: str | None, version: str | None) -> dict[str, object]:
    ended = end_of_life(Software(product, version)) if product is not None else None
    if ended is None:
        return {"support_ended": None, "source": None, "source_as_of": None}
    return {
        "support_ended": ended.ended.isoformat(),
        "source": ended.source,
        "source_as_of": ended.as_of.isoformat(),
    }
