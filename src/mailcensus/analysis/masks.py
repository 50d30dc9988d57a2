"""Sets of services as bit masks, and counting by pairs of services without writing the pairs out per host.

Millions of hosts show their keys on a few hundred different sets of services, so everything about pairs of
services is first counted per set and only then spread over the pairs in it.
"""

from __future__ import annotations

import ibis

MAX_SERVICES = 31
"""Two masks fit into one 64-bit integer."""


def named(table: ibis.Table, services: ibis.Table) -> ibis.Table:
    """A table with a column `mask`, with the lists `services` and `ports` that the mask stands for."""
    masks = table.select("mask").distinct()
    members = masks.join(services, (masks.mask & services.bit) != 0)
    lists = members.group_by("mask").agg(
        services=members.service.collect(order_by=members.bit),
        ports=members.port.collect(order_by=members.bit),
    )
    return table.join(lists, "mask")


def service_pairs(services: ibis.Table, *, same: bool) -> ibis.Table:
    """Unordered pairs of services, the smaller port first; `same` adds each service with itself.

    Returns:
        One row per pair: bit_a, bit_b, ports, port_a, port_b, service_a, service_b, ssh_a, ssh_b.
    """
    a, b = services, services.view()
    pairs = a.join(b, a.bit <= b.bit if same else a.bit < b.bit)
    return pairs.select(
        bit_a=a.bit, bit_b=b.bit, ports=a.port.cast("string") + "-" + b.port.cast("string"),
        port_a=a.port, port_b=b.port, service_a=a.service, service_b=b.service, ssh_a=a.ssh, ssh_b=b.ssh,
    )  # fmt: skip


def owners_by_pair(alone: ibis.Table, masks: ibis.Table, pairs: ibis.Table, count: str) -> ibis.Table:
    """How many owners have at least one mask with both services of a pair.

    Args:
        alone: mask; owners who have no pair in two of their masks. They are counted by mask, whoever they are.
        masks: owner, mask; the other owners, who may have several and one twice.
        count: name of the counting column.
    Returns:
        One row per pair that any owner has: bit_a, bit_b, <count>.
    """
    with_one = alone.group_by("mask").agg(owners=alone.count())
    different = masks.distinct()
    owners = different.group_by("owner").agg(masks=different.mask.collect().sort())
    alike = owners.group_by("masks").agg(owners=owners.count()).mutate(like=ibis.row_number().over())
    each = ibis.union(
        with_one.select(with_one.owners, with_one.mask, like=-1 - with_one.mask),
        alike.select("owners", mask=alike.masks.unnest(), like=alike.like),
    )
    found = each.join(pairs, [(each.mask & pairs.bit_a) != 0, (each.mask & pairs.bit_b) != 0])
    once = found.select("like", "owners", "bit_a", "bit_b").distinct()
    return once.group_by("bit_a", "bit_b").agg(**{count: once.owners.sum().cast("int64")})
