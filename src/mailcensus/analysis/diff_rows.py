"""The rows of a comparison of two runs, A the earlier one by convention and B the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from mailcensus.model import Column

Spki = Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """One of the runs compared."""

    label: Annotated[str, Column("how this comparison calls it")]
    run_id: Annotated[str, Column("the run")]
    began_at: Annotated[datetime, Column("when its first grab began")]
    ended_at: Annotated[datetime, Column("when its last grab began")]
    services: Annotated[tuple[str, ...], Column("services asked")]
    hosts: Annotated[int, Column("addresses asked for any service")]
    hosts_with_keys: Annotated[int, Column("of these: showed a key")]
    keys: Annotated[int, Column("different keys shown")]
    clusters: Annotated[int, Column("clusters")]
    hosts_in_clusters: Annotated[int, Column("addresses in clusters")]
    population: Annotated[
        int | None,
        Column("addresses that its discovery was to ask; null: not known, so silence says nothing"),
    ]
    remark: Annotated[str | None, Column("why that is not known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffSummaryRow:
    """One headline number of a comparison."""

    name: Annotated[str, Column("name of the number")]
    value: Annotated[int, Column("the count")]
    denominator: Annotated[int | None, Column("what it is a share of; null: it is a share of nothing")]
    denominator_name: Annotated[str | None, Column("name of the denominator")]
    share: Annotated[float | None, Column("value / denominator; null: no denominator, or it is zero")]
    definition: Annotated[str, Column("what is counted")]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRow:
    """What two runs have in common."""

    what: Annotated[str, Column("addresses or keys: of all hosts, or of hosts in clusters")]
    a: Annotated[int, Column("in A")]
    b: Annotated[int, Column("in B")]
    in_both: Annotated[int, Column("in both")]
    a_share: Annotated[float | None, Column("in_both / a")]
    b_share: Annotated[float | None, Column("in_both / b")]
    jaccard_share: Annotated[float | None, Column("in_both / (a + b - in_both)")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSummaryRow:
    """What became of the places of one service."""

    service: Annotated[str, Column("row of the services table")]
    change: Annotated[str, Column("what became of the places; see the how-to page")]
    places: Annotated[int, Column("addresses of which that is so")]
    of: Annotated[int, Column("addresses that showed a key on the service in A or in B")]
    share: Annotated[float | None, Column("places / of")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceChangeRow:
    """One service of one address whose key or certificate is not what it was."""

    ip: Annotated[str, Column("the address")]
    service: Annotated[str, Column("row of the services table")]
    change: Annotated[str, Column("rotated, renewed, other_kind, gone, appeared")]
    keys_a: Annotated[tuple[str, ...], Column("keys shown in A")]
    keys_b: Annotated[tuple[str, ...], Column("keys shown in B")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChangeRow:
    """One address that does not simply show a key of its own in both runs."""

    ip: Annotated[str, Column("the address")]
    change: Annotated[str, Column("what became of it; see the how-to page")]
    services_a: Annotated[tuple[str, ...], Column("services that showed a key in A")]
    services_b: Annotated[tuple[str, ...], Column("services that showed a key in B")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChangeRow:
    """One key that is not simply at an address where it was."""

    spki_sha256: Spki
    change: Annotated[str, Column("moved, gone, appeared, unknown_after, unknown_before")]
    algorithm: Annotated[str | None, Column("rsa, dsa, ecdsa, ed25519, ed448 or an OID")]
    bits: Annotated[int | None, Column("key size in bits")]
    hosts_a: Annotated[int, Column("addresses that show it in A")]
    hosts_b: Annotated[int, Column("addresses that show it in B")]
    first_ip_a: Annotated[str | None, Column("the smallest of those in A")]
    first_ip_b: Annotated[str | None, Column("the smallest of those in B")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterChangeRow:
    """Clusters of both runs that hang together by addresses or keys."""

    change: Annotated[
        str,
        Column(
            "kept, grown, shrunk, changed, moved, merged, split, reorganised, died, born, unknown_after, unknown_before"
        ),
    ]
    category: Annotated[str, Column("unlinked, simple (one with one) or complex")]
    clusters_a: Annotated[tuple[int, ...], Column("clusters of A, by number")]
    clusters_b: Annotated[tuple[int, ...], Column("clusters of B, by number")]
    hosts_a: Annotated[int, Column("addresses of these clusters of A")]
    hosts_b: Annotated[int, Column("addresses of these clusters of B")]
    hosts_both: Annotated[int, Column("addresses in both")]
    hosts_left: Annotated[int, Column("only in A, and B knows what they show now")]
    hosts_joined: Annotated[int, Column("only in B, and A knows what they showed")]
    hosts_unknown: Annotated[int, Column("only in one of the two, and the other one does not know")]
    keys_a: Annotated[int, Column("shared keys of these clusters of A")]
    keys_b: Annotated[int, Column("shared keys of these clusters of B")]
    keys_both: Annotated[int, Column("shared keys in both")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPairRow:
    """A cluster of A and one of B that have an address or a key in common."""

    cluster_a: Annotated[int, Column("cluster of A, by number")]
    cluster_b: Annotated[int, Column("cluster of B, by number")]
    hosts_a: Annotated[int, Column("addresses of the one")]
    hosts_b: Annotated[int, Column("addresses of the other")]
    hosts_both: Annotated[int, Column("addresses in both")]
    keys_a: Annotated[int, Column("shared keys of the one")]
    keys_b: Annotated[int, Column("shared keys of the other")]
    keys_both: Annotated[int, Column("shared keys in both")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureRow:
    """How many services say something else than they did."""

    service: Annotated[str, Column("row of the services table")]
    what: Annotated[str, Column("starttls (offered) or tls_version (negotiated)")]
    before: Annotated[str, Column("in A")]
    after: Annotated[str, Column("in B")]
    hosts: Annotated[int, Column("addresses of which that is so")]
    of: Annotated[int, Column("addresses of which it is known in both")]
    share: Annotated[float | None, Column("hosts / of")]
