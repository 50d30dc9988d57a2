"""Which kinds of keys services show: algorithm, length, curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyKindRow:
    """One kind of key on one service."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    algorithm: Annotated[str | None, Column("rsa, dsa, ecdsa, ed25519, ed448 or an OID; null: not recorded")]
    bits: Annotated[int | None, Column("key size in bits; null: unknown")]
    curve: Annotated[str | None, Column("named curve")]
    hosts: Annotated[int, Column("hosts that show such a key on this service")]
    hosts_showing: Annotated[int, Column("hosts that show any key on this service")]
    share: Annotated[
        float, Column("hosts / hosts_showing; SSH servers show several, so shares add up to more")
    ]
    keys: Annotated[int, Column("different keys of this kind on this service")]
    keys_showing: Annotated[int, Column("different keys on this service")]
    keys_share: Annotated[float, Column("keys / keys_showing")]


def key_kinds(evidence: Evidence) -> ibis.Table:
    """Key lengths and types per port.

    Returns:
        One row per service and kind, most hosts first; `hosts` out of `hosts_showing`, `keys` out of
        `keys_showing`.
    """
    kinds, of_keys = _kinds(evidence)
    hosts = _by_service(evidence, _host_masks(evidence, of_keys), "hosts")
    keys = _by_service(evidence, evidence.shown_keys.join(of_keys, "key").select("mask", "kind"), "keys")
    showing = _by_service(
        evidence, evidence.showing_hosts.select("mask", kind=ibis.literal(0)), "hosts_showing"
    )
    rows = hosts.join(keys, ["bit", "kind"]).join(showing.drop("kind"), "bit").join(kinds, "kind")
    whole = keys.group_by("bit").agg(keys_showing=keys["keys"].sum())
    rows = rows.join(whole, "bit").join(evidence.services, "bit")
    return rows.mutate(
        share=rows.hosts / rows.hosts_showing, keys_share=rows["keys"] / rows.keys_showing
    ).order_by("port", "service", ibis.desc("hosts"), "algorithm", "bits", "curve")


def _host_masks(evidence: Evidence, of_keys: ibis.Table) -> ibis.Table:
    """One row per host and kind: mask, kind. Or more, of hosts that show only one key on each service: these cannot
    be counted twice, and are nearly all."""
    several = evidence.showing_hosts.filter("several")
    masks = evidence.showings.join(of_keys, "key")
    one_each = masks.anti_join(several, "host").select("mask", "kind")
    others = masks.semi_join(several, "host").group_by("host", "kind").agg(mask=ibis._.mask.bit_or())
    return ibis.union(one_each, others.select("mask", "kind"))


def _kinds(evidence: Evidence) -> tuple[ibis.Table, ibis.Table]:
    """The kinds with a number each, and the kind of each key."""
    described = evidence.keys.select("algorithm", "bits", "curve").distinct()
    kinds = evidence.dataset.put("key_kinds", described.mutate(kind=ibis.row_number().over().cast("int32")))
    keys = evidence.keys
    alike = [keys[name].identical_to(kinds[name]) for name in ("algorithm", "bits", "curve")]
    return kinds, evidence.dataset.put("kinds_of_keys", keys.join(kinds, alike).select("key", "kind"))


def _by_service(evidence: Evidence, masks: ibis.Table, count: str) -> ibis.Table:
    """Rows with a mask, counted for each service in it: bit, kind, <count>."""
    alike = masks.group_by("mask", "kind").agg(rows=masks.count())
    each = alike.join(evidence.services.select("bit"), (alike.mask & evidence.services.bit) != 0)
    return each.group_by("bit", "kind").agg(**{count: each["rows"].sum().cast("int64")})
