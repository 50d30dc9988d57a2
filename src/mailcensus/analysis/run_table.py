"""The run in one row, with the columns in which published studies of re-used keys sum up a country."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import ibis

from mailcensus.analysis.database_functions import bit_count
from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTableRow:
    """One run."""

    run_id: Annotated[str, Column("the run")]
    countries: Annotated[tuple[str, ...], Column("countries the study asks for; empty: it goes by addresses")]
    scan_started_at: Annotated[datetime | None, Column("when its first finished stage began")]
    scan_finished_at: Annotated[datetime | None, Column("when its last finished stage ended")]
    answering: Annotated[int, Column("addresses that answered discovery, canaries left out")]
    hosts_asked: Annotated[int, Column("hosts asked for any service")]
    in_country: Annotated[int | None, Column("of these: the database says they are in the study's countries")]
    out_of_country: Annotated[int | None, Column("of these: the database says another country")]
    country_unknown: Annotated[
        int | None, Column("of these: no database says; null: the study has no countries")
    ]
    no_crypto: Annotated[
        int, Column("hosts asked that showed no key; hosts that did not answer are among them")
    ]
    some_crypto: Annotated[int, Column("hosts asked that showed a key")]
    some_crypto_share: Annotated[float | None, Column("some_crypto / hosts_asked")]
    crypto_host_ports: Annotated[int, Column("hosts and services that showed a key")]
    unique_keys: Annotated[int, Column("different keys shown")]
    keys_share: Annotated[
        float | None, Column("unique_keys / crypto_host_ports: 1 where no key is shown twice")
    ]
    hosts_only_local_keys: Annotated[int, Column("hosts that showed keys, none of which another host shows")]
    hosts_in_clusters: Annotated[int, Column("hosts showing a key that another host shows")]
    hark: Annotated[float | None, Column("hosts_in_clusters / some_crypto")]
    clusters: Annotated[int, Column("clusters")]
    biggest_cluster: Annotated[int | None, Column("hosts in the biggest cluster")]
    median_cluster: Annotated[float | None, Column("median size over clusters")]
    mean_cluster: Annotated[float | None, Column("mean size over clusters")]


def run_table(evidence: Evidence) -> ibis.Table:
    """The newest run in one row.

    Returns:
        One row; none where there is no run. Shares name their denominators in their columns.
    """
    row = _when(evidence).cross_join(_placed(evidence), _crypto(evidence), _clusters(evidence))
    local = row.some_crypto - row.hosts_in_clusters
    rows = row.mutate(
        run_id=ibis.literal(evidence.run_id, "string"),
        no_crypto=row.hosts_asked - row.some_crypto,
        some_crypto_share=row.some_crypto / row.hosts_asked.nullif(0),
        keys_share=row.unique_keys / row.crypto_host_ports.nullif(0),
        hosts_only_local_keys=local,
        hark=row.hosts_in_clusters / row.some_crypto.nullif(0),
    )
    return rows.filter(rows.run_id.notnull())


def countries_of(evidence: Evidence) -> list[str]:
    """The countries the run's study.toml names, in its order."""
    for text in evidence.runs.settings_json.to_pyarrow().to_pylist():
        population = json.loads(text).get("population") or {}
        named = population.get("country") or ()
        if named:
            return [name.upper() for name in ([named] if isinstance(named, str) else named)]
    return []


def _when(evidence: Evidence) -> ibis.Table:
    runs, hits = evidence.runs, evidence.hits
    when = runs.aggregate(scan_started_at=runs.started_at.min(), scan_finished_at=runs.ended_at.max())
    return when.cross_join(hits.aggregate(answering=hits.ip.nunique()))


def _placed(evidence: Evidence) -> ibis.Table:
    facts, countries = evidence.host_facts, countries_of(evidence)
    if not countries:
        none = dict.fromkeys(("in_country", "out_of_country", "country_unknown"), ibis.null("int64"))
        return facts.aggregate(hosts_asked=facts.count()).mutate(
            countries=ibis.literal([], "array<string>"), **none
        )
    inside = facts.country.isin(countries)
    return facts.aggregate(
        hosts_asked=facts.count(),
        in_country=inside.fill_null(False).sum().fill_null(0),
        out_of_country=(~inside).fill_null(False).sum().fill_null(0),
        country_unknown=facts.country.isnull().sum().fill_null(0),
    ).mutate(countries=ibis.literal(countries, "array<string>"))


def _crypto(evidence: Evidence) -> ibis.Table:
    hosts, keys = evidence.showing_hosts, evidence.shown_keys
    shown = hosts.aggregate(
        some_crypto=hosts.count(), crypto_host_ports=bit_count(hosts.mask).sum().fill_null(0)
    )
    return shown.cross_join(keys.aggregate(unique_keys=keys.count()))


def _clusters(evidence: Evidence) -> ibis.Table:
    members = evidence.cluster_members
    sizes = members.group_by("cluster").agg(size=members.count())
    size = sizes["size"]
    return sizes.aggregate(
        hosts_in_clusters=size.sum().fill_null(0),
        clusters=size.count(),
        biggest_cluster=size.max(),
        median_cluster=size.median(),
        mean_cluster=size.mean(),
    )
