"""The rows of a comparison over borders: several studies, each of its own country or population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mailcensus.model import Column

Studies = Annotated[tuple[str, ...], Column("studies, by their labels")]


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderCountRow:
    """How much of one study is linked with others."""

    study: Annotated[str, Column("the study's label")]
    hosts: Annotated[int, Column("addresses that show a key")]
    linked_hosts: Annotated[
        int, Column("of these: show a key that different addresses show here and in another study")
    ]
    linked_share: Annotated[float | None, Column("linked_hosts / hosts")]
    clusters: Annotated[int, Column("clusters of the study by itself")]
    linked_clusters: Annotated[int, Column("of these: with a linked address")]
    linked_lone_hosts: Annotated[
        int, Column("linked addresses that are in no cluster of the study by itself")
    ]
    linked_studies: Annotated[int, Column("studies it is linked with")]
    keys: Annotated[int, Column("different keys shown")]
    border_keys: Annotated[int, Column("of these: shown by different addresses here and in another study")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLinkRow:
    """Two studies, and what links them."""

    study_a: Annotated[str, Column("the one")]
    study_b: Annotated[str, Column("the other")]
    keys: Annotated[int, Column("keys that different addresses show in both")]
    hosts_a: Annotated[int, Column("addresses of the one that show such a key")]
    hosts_b: Annotated[int, Column("addresses of the other that show such a key")]
    groups_a: Annotated[int, Column("clusters and lone addresses of the one that are linked")]
    groups_b: Annotated[int, Column("clusters and lone addresses of the other that are linked")]
    linked_pairs: Annotated[int, Column("pairs of them that have a key in common")]
    single_links: Annotated[int, Column("of these: pairs with exactly one key in common")]
    addresses_in_both: Annotated[
        int, Column("addresses that both studies saw a key of; they link nobody by themselves")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderKeyRow:
    """A key that different addresses show in two or more studies."""

    spki_sha256: Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]
    studies: Studies
    hosts: Annotated[int, Column("addresses that show it, over all studies")]
    hosts_by_study: Annotated[tuple[int, ...], Column("the same for each of the studies, in their order")]
    supercluster: Annotated[int, Column("the supercluster it belongs to")]
    algorithm: Annotated[str | None, Column("rsa, dsa, ecdsa, ed25519, ed448 or an OID")]
    bits: Annotated[int | None, Column("key size in bits")]
    services: Annotated[tuple[str, ...], Column("services that show it")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperclusterRow:
    """Addresses of all studies together that keys link, directly or through others."""

    supercluster: Annotated[int, Column("its number; 1 is the largest")]
    studies: Studies
    over_borders: Annotated[bool, Column("it has addresses of two or more studies")]
    hosts: Annotated[int, Column("different addresses")]
    hosts_by_study: Annotated[tuple[int, ...], Column("addresses in each of the studies, in their order")]
    clusters: Annotated[int, Column("clusters of the studies by themselves that it joins")]
    lone_hosts: Annotated[int, Column("addresses that are in no cluster of their study by itself")]
    keys: Annotated[int, Column("keys that two or more of its addresses show")]
    border_keys: Annotated[int, Column("of these: shown by different addresses in two or more studies")]
    first_ip: Annotated[str, Column("its smallest address")]
