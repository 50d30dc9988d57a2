"""Blast radius: what is exposed if the private key of a shared key leaks.

Whoever holds the key can pose as every host that shows it (impersonation), towards clients that check names only
where the certificate is trusted. Traffic that was recorded can be read (decryption) where the key itself carried the
session secret: RSA key transport, and static Diffie-Hellman. With forward secrecy it cannot.

Score: machines times the sum of these, each 1 where it is so and 0 where it is not so or not known:
1 (impersonation, always), decryption, trusted, shown by SSH, shown by SSH and TLS, in two or more ASes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Annotated

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.across_hosts import COMMON_NAMES
from mailcensus.analysis.causes import read_keys
from mailcensus.analysis.cluster_evidence import key_facts
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import UNKNOWN, Codes, host_notes
from mailcensus.analysis.masks import named
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column
from mailcensus.model.chain import ChainStatus
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES

BROWSERS = "mozilla"
"""The root store whose verdict counts."""
_NO_TRANSPORT = ("ed25519", "ed448", "dsa")
"""Keys that can only sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadiusRow:
    """One shared key, and what its leak exposes."""

    rank: Annotated[int, Column("1 is the highest score; equal scores by hosts, then by key")]
    score: Annotated[
        int,
        Column(
            "machines * (1 + decryption + trusted + by_ssh + by_ssh and by_tls + asns >= 2), unknown counting 0"
        ),
    ]
    spki_sha256: Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]
    cluster: Annotated[int, Column("the cluster's number; 1 is the largest")]
    reading: Annotated[str, Column("why it is shared, as in key_causes")]
    algorithm: Annotated[str | None, Column("rsa, dsa, ecdsa, ed25519, ed448 or an OID")]
    bits: Annotated[int | None, Column("key size in bits")]
    hosts: Annotated[int, Column("hosts that show it: whoever holds the key can pose as them")]
    machines: Annotated[int, Column("machines these are, as far as can be inferred")]
    names: Annotated[int, Column("names exposed: in its certificates, and those its hosts greet with")]
    some_names: Annotated[tuple[str, ...], Column("some of these names, in order, at most ten")]
    asns: Annotated[int, Column("different ASes of the hosts whose AS is known")]
    countries: Annotated[tuple[str, ...], Column("countries of the hosts whose country is known")]
    services: Annotated[tuple[str, ...], Column("services that show it, by standard port")]
    by_ssh: Annotated[
        bool, Column("shown by SSH: who holds it can take over log-ins of all who trust that host key")
    ]
    by_tls: Annotated[bool, Column("shown by TLS")]
    decryption: Annotated[
        bool | None,
        Column(
            "recorded traffic can be read: key transport or static Diffie-Hellman was seen; false: the key cannot be "
            "used so, or every service that shows it was enumerated and takes no such suite; null: not known"
        ),
    ]
    transport_hosts: Annotated[
        int, Column("hosts on which such a suite was negotiated or taken with this key")
    ]
    trusted: Annotated[
        bool | None,
        Column("a certificate with the key is valid by Mozilla's roots; null: no chain of it was checked"),
    ]


def without_forward_secrecy() -> tuple[int, ...]:
    """Suites in which the certificate's key carries or makes the session secret (RFC 5246 section 8.1)."""
    static = (
        "TLS_RSA_WITH_",
        "TLS_RSA_PSK_",
        "TLS_ECDH_ECDSA_",
        "TLS_ECDH_RSA_",
        "TLS_DH_RSA_",
        "TLS_DH_DSS_",
    )
    return tuple(
        code for code, name in CIPHER_SUITES.items() if name.startswith(static) and "EXPORT" not in name
    )


def blast_radius(evidence: Evidence) -> ibis.Table:
    """Shared keys by what their leak exposes.

    Returns:
        One row per shared key, by rank.
    """
    read = read_keys(evidence).select(
        *("key", "place", "cluster", "reading", "hosts", "machines", "asns", "by_ssh", "by_tls")
    )
    rows = read.join(_exposed(evidence), "place").join(evidence.keys, "key")
    rows = named(rows.join(evidence.cluster_keys.select("key", "mask"), "key"), evidence.services)
    rows = rows.left_join(_transport(evidence), "key").drop("key_right").left_join(_trust(evidence), "key")
    seen = rows.transport_hosts.fill_null(0)
    rows = rows.mutate(
        transport_hosts=seen,
        decryption=ibis.cases(
            (seen > 0, True),
            (~rows.by_tls | rows.algorithm.isin(_NO_TRANSPORT), False),
            (rows.all_enumerated, False),
            else_=ibis.null("boolean"),
        ),
    )
    reasons = (rows.decryption, rows.trusted, rows.by_ssh, rows.by_ssh & rows.by_tls, rows.asns >= 2)
    worth = sum((reason.fill_null(False).cast("int64") for reason in reasons), ibis.literal(1))
    rows = rows.mutate(score=(rows.machines * worth).cast("int64"))
    order = [rows.score.desc(), rows.hosts.desc(), rows.spki_sha256.asc()]
    return rows.mutate(rank=ibis.row_number().over(order_by=order) + 1).order_by("rank")


def _transport(evidence: Evidence) -> ibis.Table:
    """Per shared key shown by TLS: hosts with a suite without forward secrecy, and whether enumeration says all.

    Returns:
        key, transport_hosts, all_enumerated.
    """
    suites = without_forward_secrecy()
    answers = evidence.answers
    shown = answers.filter(answers.key.notnull() & ((answers.bit & evidence.ssh_mask) == 0))
    shown = shown.semi_join(evidence.cluster_keys, "key")
    each = shown.left_join(_enumerated(evidence, suites), ["host", "bit"])
    seen = each.cipher_suite.isin(suites).fill_null(False) | each.taken.fill_null(False)
    return each.group_by("key").agg(
        transport_hosts=each.host.nunique(where=seen), all_enumerated=(~each.taken).fill_null(False).all()
    )


def _enumerated(evidence: Evidence, suites: tuple[int, ...]) -> ibis.Table:
    """Services whose suites were asked for one by one: host, bit, taken (null: the lists may be longer)."""
    asked = of_run(evidence.dataset.table("enumerations"), evidence.run_id)
    numbered = asked.join(evidence.hosts, "ip").join(evidence.services.select("service", "bit"), "service")
    each = numbered.select("host", "bit", "complete", suite=numbered.cipher_suites.unnest())
    listed = each.filter(each.suite.isin(suites)).select("host", "bit").distinct().mutate(listed=True)
    whole = numbered.group_by("host", "bit").agg(complete=numbered.complete.all())
    services = whole.left_join(listed, ["host", "bit"])
    taken = ibis.cases(
        (services.listed.fill_null(False), True), (services.complete, False), else_=ibis.null("boolean")
    )
    return services.select("host", "bit", taken=taken)


def _trust(evidence: Evidence) -> ibis.Table:
    """Per key with a checked chain: key, trusted."""
    chains = evidence.dataset.table("chains")
    chains = chains.filter(chains.root_store == BROWSERS)
    verdicts = chains.group_by(certificate_sha256=chains.leaf_sha256).agg(
        trusted=(chains.status == str(ChainStatus.VALID)).any()
    )
    each = evidence.certificates.join(verdicts, "certificate_sha256")
    return each.group_by("key").agg(trusted=each.trusted.any())


def _exposed(evidence: Evidence) -> ibis.Table:
    """Names and countries per key: place, names, some_names, countries."""
    facts, notes = key_facts(evidence), host_notes(evidence)
    shown = facts.certificates.names
    certified = np.repeat(np.arange(len(shown)), [len(own) for own in shown])
    texts = np.array([*chain.from_iterable(shown), *notes.names], object)
    name = notes.name[facts.member] + len(certified)
    named = np.flatnonzero(notes.name[facts.member] != UNKNOWN)
    code = np.concatenate([np.arange(len(certified)), name[named]])
    key = np.concatenate([certified, facts.member_key[named]])
    names, some_names = _texts_by_key(key, code, texts, len(facts.key), COMMON_NAMES)
    country = notes.country[facts.member]
    placed = np.flatnonzero(country != UNKNOWN)
    _, countries = _texts_by_key(
        facts.member_key[placed], country[placed], np.array(notes.countries, object), len(facts.key)
    )
    columns = {"place": pa.array(np.arange(len(facts.key))), "names": pa.array(names)}
    columns |= {"some_names": some_names, "countries": countries}
    return evidence.dataset.put("exposed", pa.table(columns))


def _texts_by_key(
    key: Codes, code: Codes, texts: npt.NDArray[np.object_], keys: int, most: int | None = None
) -> tuple[Codes, pa.Array]:
    """Different texts of each key.

    Args:
        key, code: pairs of a key's place and a text's place, in any order, any number of times.
        texts: texts by place; several places may have one text.
        most: so many are listed; all of them unless told.
    Returns:
        How many each key has, and lists of them in order.
    """
    coded = pa.array(texts, pa.string()).dictionary_encode()
    order = pc.array_sort_indices(coded.dictionary)
    rank = np.argsort(order.to_numpy())[coded.indices.to_numpy()]
    width = max(1, len(order))
    pairs = np.unique(key * width + rank[code])
    of, text = pairs // width, pairs % width
    counts = np.bincount(of, minlength=keys)
    first = np.concatenate([[0], np.cumsum(counts)])
    listed = np.arange(len(of)) - first[of] < (most or len(of))
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, most or width))])
    values = coded.dictionary.take(order).take(pa.array(text[listed]))
    return counts, pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
