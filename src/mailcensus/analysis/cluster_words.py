"""Words in the names that a cluster's hosts go by: who they are, where their keys do not say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column

WORDS = 20
"""Words listed per cluster."""
CLUSTERS = 1_000
"""Clusters whose words are counted: the largest. The names of a few hosts are read faster than a table of them."""
LEAST_LETTERS = 3
SEPARATORS = ".,;:@()<>[]{}/\\\"'=_-*+!?#|\t"
SAID_BY_ALL = (
    *(
        "220",
        "esmtp",
        "smtp",
        "lmtp",
        "ready",
        "service",
        "server",
        "the",
        "and",
        "for",
        "mail",
        "com",
        "net",
    ),
    *(
        "org",
        "www",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
    ),
    *("jul", "aug", "sep", "oct", "nov", "dec", "utc", "gmt", "cest", "cet"),
)
"""Words that say nothing of who a host is: protocols, dates, the commonest labels of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWordRow:
    """One word in the names of a cluster's hosts."""

    cluster: Annotated[int, Column("the cluster's number; 1 is the largest")]
    word: Annotated[str, Column("the word, lower case")]
    hosts: Annotated[int, Column("hosts of the cluster whose names have it; two at least")]
    cluster_hosts: Annotated[int, Column("hosts in the cluster")]
    share: Annotated[float, Column("hosts / cluster_hosts")]
    greetings: Annotated[int, Column("of hosts: have it in an SMTP greeting")]
    certificates: Annotated[int, Column("of hosts: have it in a certificate's common or alternative name")]
    reverse_names: Annotated[int, Column("of hosts: have it in the PTR record")]


def cluster_words(evidence: Evidence) -> ibis.Table:
    """Frequencies of words per cluster, for word clouds.

    Returns:
        One row per word and cluster up to number CLUSTERS, at most WORDS of a cluster, most hosts first. Words on
        a single host of the cluster are left out.
    Source: SMTP greetings, names of leaf certificates, PTR records of the table `hosts`.
    """
    members = evidence.dataset.put("members_for_words", _members(evidence))
    texts = enumerate(_texts(evidence, members))
    said = ibis.union(*(_words(of_source, place) for place, of_source in texts))
    hosts = said.group_by("host", "word").agg(sources=said.source.bit_or())
    each = hosts.join(members, "host")
    counts = each.group_by("cluster", "word").agg(
        hosts=each.count(),
        **{
            name: ((each.sources & (1 << place)) != 0).sum()
            for place, name in enumerate(("greetings", "certificates", "reverse_names"))
        },
    )
    counts = counts.filter(counts.hosts >= 2)
    most_first = [counts.hosts.desc(), counts.word.asc()]
    ranked = counts.mutate(rank=ibis.row_number().over(group_by=counts.cluster, order_by=most_first))
    sizes = members.group_by("cluster").agg(cluster_hosts=members.count())
    rows = ranked.filter(ranked["rank"] < WORDS).join(sizes, "cluster")
    return rows.mutate(share=rows.hosts / rows.cluster_hosts).order_by("cluster", "rank")


def _members(evidence: Evidence) -> ibis.Table:
    members = evidence.cluster_members.select("host", "cluster")
    return members.filter(members.cluster <= CLUSTERS)


def _texts(evidence: Evidence, members: ibis.Table) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
    """What hosts are called: host, text; by greeting, by certificate, by reverse name."""
    smtp = evidence.services.filter(evidence.services.protocol == "smtp")
    said = evidence.greetings.semi_join(smtp, "service")
    addresses = evidence.hosts.semi_join(members, "host")
    leaves = evidence.leaves.semi_join(members, "host").select("host", "certificate")
    facts = evidence.host_facts.filter(evidence.host_facts.ptr.notnull())
    return (
        said.join(addresses, "ip").select("host", text="greeting"),
        leaves.join(_certificate_names(evidence, leaves), "certificate").select("host", "text"),
        facts.semi_join(members, "host").select("host", text="ptr"),
    )


def _certificate_names(evidence: Evidence, leaves: ibis.Table) -> ibis.Table:
    certificates = evidence.dataset.table("certificates")
    names = certificates.select(
        certificate_sha256="sha256",
        text=certificates.common_name.fill_null("") + " " + certificates.sans.join(" ").fill_null(""),
    )
    numbers = evidence.certificates.semi_join(leaves, "certificate")
    return numbers.join(names, "certificate_sha256").select("certificate", "text")


def _words(texts: ibis.Table, place: int) -> ibis.Table:
    """host, word, source (a bit)."""
    # One expression for all separators: replacing them sign by sign takes twice the time.
    plain = texts.text.lower().re_replace(f"[{re.escape(SEPARATORS)}]+", " ")
    words = texts.select("host", word=plain.split(" ").unnest(), source=ibis.literal(1 << place))
    lettered = words.word.re_search("[^0-9]")
    telling = (words.word.length() >= LEAST_LETTERS) & lettered & words.word.notin(SAID_BY_ALL)
    return words.filter(telling)
