"""Counts by service, with all services together as a last row, and shares that are null where there is nobody."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence

ALL = "all"
"""Name of the row over all services. It counts handshakes: a host with three services is in it three times."""


def and_all(counts: ibis.Table, *keys: str) -> ibis.Table:
    """Counts by bit and `keys`, and the same summed over all services as bit 0."""
    numbers = [name for name in counts.columns if name not in ("bit", *keys)]
    whole = counts.mutate(bit=ibis.literal(0, counts.bit.type()))
    summed = whole.group_by("bit", *keys).agg(**{name: whole[name].sum().cast("int64") for name in numbers})
    kept = counts.mutate(**{name: counts[name].cast("int64") for name in numbers})
    return ibis.union(kept.select("bit", *keys, *numbers), summed.select("bit", *keys, *numbers))


def shares_of(counts: ibis.Table, part: str, whole: str, *keys: str) -> ibis.Table:
    """With `whole`, the sum of `part` over each service's rows (and equal `keys`), and share = part / whole."""
    by = ["bit", *keys]
    sums = counts.group_by(by).agg(**{whole: counts[part].sum().cast("int64")})
    if keys:
        rows = counts.join(sums, [counts[key].identical_to(sums[key]) for key in by])
        rows = rows.select(*counts.columns, whole)
    else:
        rows = counts.join(sums, "bit")
    return rows.mutate(share=share(rows[part], rows[whole]))


def in_order(evidence: Evidence, rows: ibis.Table, *then: str | ibis.Value) -> ibis.Table:
    """Rows with service and port, in the order of the services table, all services last."""
    services = evidence.services.select("service", "port", service_bit="bit")
    rows = rows.left_join(services, rows.bit == services.service_bit)
    rows = rows.mutate(service=rows.service.fill_null(ALL), together=rows.bit == 0)
    return rows.order_by("together", "port", "service", *then)


def share(part: ibis.Value, whole: ibis.Value) -> ibis.Value:
    """part / whole; null where there is nobody to have a share of."""
    return part / whole.nullif(0)


def names_of(codes: dict[int, str], name: str, arrow: str = "uint16") -> ibis.Table:
    """A table of codes and their names: <name>, <name>_name."""
    return ibis.memtable(
        {name: list(codes), f"{name}_name": list(codes.values())},
        schema={name: arrow, f"{name}_name": "string"},
    )


def coded(rows: ibis.Table, names: ibis.Table, column: str) -> ibis.Table:
    """With `code` and `name` (by `names_of`; of unknown codes the code in hex) in place of a column of codes."""
    rows = rows.left_join(names, column).drop(f"{column}_right")
    code = rows[column].cast("int64")
    return rows.mutate(code=code, name=rows[f"{column}_name"].fill_null(_hex(code))).drop(
        column, f"{column}_name"
    )


def _hex(code: ibis.Value) -> ibis.Value:
    return ibis.literal("0x") + _to_hex(code).lpad(4, "0")


@ibis.udf.scalar.builtin(name="to_hex")  # type: ignore[untyped-decorator]
def _to_hex(number: int) -> str:  # type: ignore[empty-body]
    """Hex digits: the database's own function."""
