"""The headline numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis

from mailcensus.analysis.estimate import estimate
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.key_findings import checked_counts, severe
from mailcensus.facts.key_flaws import Severity
from mailcensus.model import Outcome


@dataclass(frozen=True, slots=True)
class Headline:
    """One number of the summary."""

    name: str
    denominator: str | None
    """Name of the number it is a share of."""
    definition: str


# fmt: off
HEADLINES: tuple[Headline, ...] = (
    #        name                     share of             definition
    Headline("addresses_asked",       None,                "addresses asked; known once discovery is done"),
    Headline("hits",                  "addresses_asked",   "addresses that answered, canaries left out"),
    Headline("sampled_from",          None,                "addresses of which those asked are a random sample"),
    Headline("hits_estimated",        "sampled_from",      "hits there would be among all of these, by the sample"),
    Headline("hits_estimated_low",    "sampled_from",      "lower end of the 95 % interval of that (Wilson's)"),
    Headline("hits_estimated_high",   "sampled_from",      "upper end of the 95 % interval of that (Wilson's)"),
    Headline("excluded_later",        None,                "addresses asked and excluded since: in no other table"),
    Headline("hosts_asked",           None,                "hosts asked for any service"),
    Headline("hosts_connected",       "hosts_asked",       "hosts that took a connection on any service"),
    Headline("hosts_with_key",        "hosts_connected",   "hosts that showed any key"),
    Headline("keys",                  None,                "different keys shown"),
    Headline("keys_shared",           "keys",              "keys that two or more hosts show"),
    Headline("hosts_sharing",         "hosts_with_key",    "hosts showing a key that another one shows (HARK)"),
    Headline("clusters",              None,                "groups of hosts linked by shared keys, on any ports"),
    Headline("biggest_cluster",       "hosts_with_key",    "hosts in the biggest cluster"),
    Headline("hosts_reusing",         "hosts_with_key",    "hosts that show one key on several services"),
    Headline("hosts_ssh_and_tls",     "hosts_with_key",    "hosts that show keys by SSH and by TLS"),
    Headline("hosts_cross_protocol",  "hosts_ssh_and_tls", "hosts whose SSH host key is a TLS key of theirs"),
    Headline("keys_cross_protocol",   "keys",              "keys shown by SSH and by TLS, on whatever hosts"),
    Headline("keys_checked",          "keys",              "keys that were looked over for weaknesses"),
    Headline("keys_compromised",      "keys_checked",      "keys of these whose private half anybody can have"),
    Headline("hosts_compromised",     "hosts_checked",     "hosts showing such a key"),
    Headline("hosts_checked",         "hosts_with_key",    "hosts showing a key that was looked over"),
    Headline("keys_weak",             "keys_checked",      "keys of these that are too short, or weak otherwise"),
    Headline("grabs",                 None,                "services asked over all hosts, last attempts only"),
    *(
        Headline(f"grabs_{outcome}", "grabs", f"grabs whose outcome is {outcome}")
        for outcome in Outcome
    ),
)
# fmt: on
_OF_SAMPLES = ("sampled_from", "hits_estimated", "hits_estimated_low", "hits_estimated_high")

_ROWS = ibis.schema(
    {
        "place": "int64",
        "name": "string",
        "value": "int64",
        "denominator": "int64",
        "denominator_name": "string",
        "share": "float64",
        "definition": "string",
    }
)


def summary(evidence: Evidence) -> ibis.Table:
    """The headline numbers.

    Returns:
        One row per Headline, in that order; `value` out of `denominator`.
    """
    values = _values(evidence).to_pyarrow().to_pylist()[0]
    rows = [_row(place, headline, values) for place, headline in enumerate(HEADLINES)]
    return ibis.memtable(rows, schema=_ROWS).order_by("place")


def _row(place: int, headline: Headline, values: Mapping[str, int | None]) -> dict[str, object]:
    value, denominator = values[headline.name], values[headline.denominator] if headline.denominator else None
    return {
        "place": place,
        "name": headline.name,
        "value": value,
        "denominator": denominator,
        "denominator_name": headline.denominator,
        "share": value / denominator if denominator and value is not None else None,
        "definition": headline.definition,
    }


def _values(evidence: Evidence) -> ibis.Table:
    """All numbers in one row, a column each."""
    first, *others = (part(evidence) for part in (_discovered, _asked, _shown, _keys, _clusters, _grabs))
    row = first.cross_join(*others).mutate(**_sample(evidence), **_looked_over(evidence))
    return row.select(**{headline.name: row[headline.name].cast("int64") for headline in HEADLINES})


def _discovered(evidence: Evidence) -> ibis.Table:
    discovery = evidence.runs.filter(evidence.runs.stage == "discover")
    asked = discovery.aggregate(addresses_asked=discovery.asked.max())
    hits = evidence.hits.aggregate(
        hits=evidence.hits.ip.nunique(), excluded_later=ibis.literal(len(evidence.dataset.left_out))
    )
    return asked.cross_join(hits)


def _sample(evidence: Evidence) -> dict[str, ibis.Value]:
    """What a sample says about the whole it was drawn from; unknown where there was no sample, or nobody asked."""
    discovery = evidence.runs.filter(evidence.runs.stage == "discover")
    counts = discovery.aggregate(asked=discovery.asked.max(), whole=discovery.sampled_from.max())
    hits, found = evidence.hits.ip.nunique().to_pyarrow().as_py(), counts.to_pyarrow().to_pylist()[0]
    values: dict[str, int | None] = dict.fromkeys(_OF_SAMPLES)
    if found["whole"] is not None and found["asked"]:
        guess = estimate(min(hits, found["asked"]), found["asked"], found["whole"])
        values = dict(zip(_OF_SAMPLES, (found["whole"], guess.count, guess.low, guess.high), strict=True))
    return {name: ibis.literal(value, "int64") for name, value in values.items()}


def _looked_over(evidence: Evidence) -> dict[str, ibis.Value]:
    """What is known against keys; unknown where none was looked at."""
    checked = checked_counts(evidence)
    compromised, weak = severe(evidence, Severity.COMPROMISED), severe(evidence, Severity.WEAK)
    values = {
        "keys_checked": checked.keys,
        "hosts_checked": checked.hosts,
        "keys_compromised": compromised["keys"],
        "hosts_compromised": compromised["hosts"],
        "keys_weak": weak["keys"],
    }
    return {name: ibis.literal(value, "int64") for name, value in values.items()}


def _asked(evidence: Evidence) -> ibis.Table:
    hosts = evidence.hosts
    return hosts.aggregate(hosts_asked=hosts.count(), hosts_connected=_count(hosts.connected))


def _shown(evidence: Evidence) -> ibis.Table:
    hosts, showings = evidence.showing_hosts, evidence.showings
    several = showings.filter((showings.mask & (showings.mask - 1)) != 0)
    showing = hosts.aggregate(
        hosts_with_key=hosts.count(), hosts_ssh_and_tls=_count(_by_ssh_and_tls(hosts, evidence))
    )
    reusing = several.aggregate(
        hosts_reusing=several.host.nunique(),
        hosts_cross_protocol=several.host.nunique(where=_by_ssh_and_tls(several, evidence)),
    )
    return showing.cross_join(reusing)


def _keys(evidence: Evidence) -> ibis.Table:
    keys = evidence.shown_keys
    return keys.aggregate(
        keys=keys.count(),
        keys_shared=_count(keys.hosts >= 2),
        keys_cross_protocol=_count(_by_ssh_and_tls(keys, evidence)),
    )


def _clusters(evidence: Evidence) -> ibis.Table:
    members = evidence.cluster_members
    clusters = members.group_by("cluster").agg(hosts=members.count())
    return clusters.aggregate(
        clusters=clusters.count(),
        hosts_sharing=clusters.hosts.sum().fill_null(0),
        biggest_cluster=clusters.hosts.max().fill_null(0),
    )


def _grabs(evidence: Evidence) -> ibis.Table:
    kinds = evidence.grab_kinds
    outcomes = {
        f"grabs_{outcome}": kinds.grabs.sum(where=kinds.outcome == str(outcome)).fill_null(0)
        for outcome in Outcome
    }
    return kinds.aggregate(grabs=kinds.grabs.sum().fill_null(0), **outcomes)


def _by_ssh_and_tls(table: ibis.Table, evidence: Evidence) -> ibis.Value:
    return ((table.mask & evidence.ssh_mask) != 0) & ((table.mask & ~evidence.ssh_mask) != 0)


def _count(condition: ibis.Value) -> ibis.Value:
    return condition.sum().fill_null(0)
