"""Counts by service, with all services together as a last row, and shares that are null where there is nobody."""

from __future__ import annotations

import ibis

from mailcensus.analysis.database_functions import to_hex
from mailcensus.analysis.evidence import Evidence

ALL = "all"
"""Name of the row over all services. It counts handshakes: a host with three services is in it three times."""


def and_all(evidence: Evidence, counts: ibis.Table, *keys: str) -> ibis.Table:
    """Counts by `bit` and `keys` as counts by service, and the same over all services.

    Args:
        counts: bit, keys, and numbers to sum. With `mask` in place of `bit`, what is counted is shown on several
            services: it counts for each of these, and once for all.
    Returns:
        service, port, together (this is the row of all), keys, numbers.
    """
    shown_on = "bit" if "bit" in counts.columns else "mask"
    numbers = [name for name in counts.columns if name not in (shown_on, *keys)]
    rows = _rows(evidence)
    each = counts.join(rows, (counts[shown_on] & rows.covers) != 0)
    return each.group_by("service", "port", "together", *keys).agg(
        **{name: each[name].sum().cast("int64") for name in numbers}
    )


def shares_of(rows: ibis.Table, part: str, whole: str, *keys: str) -> ibis.Table:
    """With `whole`, the sum of `part` over each service's rows (and equal `keys`), and share = part / whole."""
    same = ibis.window(group_by=["service", *keys])
    rows = rows.mutate(**{whole: rows[part].sum().over(same).cast("int64")})
    return rows.mutate(share=share(rows[part], rows[whole]))


def in_order(rows: ibis.Table, *then: str | ibis.Value) -> ibis.Table:
    """Rows of `and_all` in the order of the services table, all services last."""
    return rows.order_by("together", "port", "service", *then)


def share(part: ibis.Value, whole: ibis.Value) -> ibis.Value:
    """part / whole; null where there is nobody to have a share of."""
    return part / whole.nullif(0)


def names_of(codes: dict[int, str]) -> ibis.Table:
    """A table of codes and their names: known_code, known_name."""
    return ibis.memtable(
        {"known_code": list(codes), "known_name": list(codes.values())},
        schema={"known_code": "int64", "known_name": "string"},
    )


def coded(rows: ibis.Table, names: ibis.Table, column: str, name: str, *, code: str = "code") -> ibis.Table:
    """With `code`, the numbers of a column, and their names (by `names_of`; of unknown codes the code in hex)."""
    rows = rows.mutate(**{code: rows[column].cast("int64")})
    rows = rows.left_join(names, rows[code] == names.known_code)
    in_hex = ibis.literal("0x") + to_hex(rows[code]).lpad(4, "0")
    return rows.mutate(**{name: rows.known_name.fill_null(in_hex)}).drop("known_code", "known_name")


def _rows(evidence: Evidence) -> ibis.Table:
    """Rows that tables by service may have, held: service, port, together, covers (mask of services)."""

    def made() -> ibis.Table:
        services = evidence.services
        each = services.select("service", "port", covers="bit", together=ibis.literal(False))
        every = services.aggregate(
            service=ibis.literal(ALL), port=ibis.null("int64"), covers=services.bit.bit_or(),
            together=ibis.literal(True),
        )  # fmt: skip
        return evidence.dataset.put("rows_by_service", ibis.union(each, every))

    return evidence.once("rows_by_service", made)
