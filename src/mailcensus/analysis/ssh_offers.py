"""What SSH servers offer: algorithms of every kind, versions, HASSH fingerprints, and which of it is weak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.database_functions import list_distinct
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import share
from mailcensus.dataset.tables import later_attempts, of_run, without_superseded
from mailcensus.model import Column

SHOWN_MAX = 100
_LISTS = {
    "kex": "kex_algorithms",
    "host_key": "host_key_algorithms",
    "cipher": "ciphers_server_to_client",
    "mac": "macs_server_to_client",
}
_ONE = {"version": "protocol_version", "hassh": "hassh_server"}
_WEAK = {
    "kex": ("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1",
            "rsa1024-sha1"),
    "host_key": ("ssh-dss", "ssh-rsa"),
    "version": ("1.5", "1.3"),
}  # fmt: skip
"""RFC 9142 section 4 (SHA-1 in key exchange), RFC 8332 (ssh-rsa signs with SHA-1), RFC 4253 (version 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOfferRow:
    """One thing that SSH servers offer or say."""

    kind: Annotated[str, Column("kex, host_key, cipher, mac (to the client), version, hassh")]
    name: Annotated[str, Column("its name, as sent")]
    weak: Annotated[bool, Column("SHA-1, MD5, DSA, RC4, DES, CBC modes, 64-bit blocks, no encryption, SSH 1")]
    hosts: Annotated[int, Column("hosts that offer it")]
    known: Annotated[int, Column("hosts that said anything of this kind")]
    share: Annotated[float | None, Column("hosts / known")]


def ssh_alike(evidence: Evidence) -> ibis.Table:
    """SSH servers that said who they are, alike ones together, held: bit, the columns of `grabs.ssh`, hosts."""

    def made() -> ibis.Table:
        grabs = evidence.dataset.table("grabs")
        spoken = of_run(grabs, evidence.run_id).filter(grabs.ssh.identification.notnull())
        columns = {name: spoken.ssh[name] for name in (*_LISTS.values(), *_ONE.values())}
        narrow = spoken.select("ip", "service", "attempt", **columns)
        final = without_superseded(narrow, later_attempts(grabs, evidence.run_id)).drop("ip", "attempt")
        alike = final.group_by(list(final.columns)).agg(hosts=final.count())
        bits = evidence.services.select("service", "bit")
        return evidence.dataset.put("ssh_alike", alike.join(bits, "service").drop("service"))

    return evidence.once("ssh_alike", made)


def ssh_offers(evidence: Evidence) -> ibis.Table:
    """Algorithms, versions and fingerprints of SSH servers.

    Returns:
        One row per kind and name, most offered first, at most SHOWN_MAX of a kind; `hosts` out of `known`.
    """
    rows = ssh_alike(evidence)
    lists = [_each(rows, place, kind, list_distinct(rows[name]).unnest(), rows[name])
             for place, (kind, name) in enumerate(_LISTS.items())]  # fmt: skip
    ones = [_each(rows, len(_LISTS) + place, kind, rows[name], rows[name])
            for place, (kind, name) in enumerate(_ONE.items())]  # fmt: skip
    counts = ibis.union(*lists, *ones)
    counts = counts.mutate(share=share(counts.hosts, counts.known), weak=_weak(counts.kind, counts.name))
    window = ibis.window(group_by="kind", order_by=[counts.hosts.desc(), counts.name])
    shown = counts.mutate(row=ibis.row_number().over(window))
    return shown.filter(shown.row < SHOWN_MAX).order_by("place", ibis.desc("hosts"), "name")


def _each(rows: ibis.Table, place: int, kind: str, names: ibis.Value, said: ibis.Value) -> ibis.Table:
    each = rows.filter(said.notnull()).select("hosts", name=names)
    known = rows.aggregate(known=rows.hosts.sum(where=said.notnull()).fill_null(0).cast("int64"))
    counts = each.group_by("name").agg(hosts=each.hosts.sum().cast("int64")).cross_join(known)
    return counts.mutate(place=ibis.literal(place, "int8"), kind=ibis.literal(kind))


def _weak(kind: ibis.Value, name: ibis.Value) -> ibis.Value:
    cipher = name.startswith("arcfour") | name.contains("des-") | name.contains("-cbc") | name.isin(["none"])
    mac = name.startswith("hmac-md5") | name.startswith("hmac-sha1") | (name == "none")
    by_name = [((kind == of) & name.isin(names), True) for of, names in _WEAK.items()]
    return ibis.cases(
        *by_name, ((kind == "cipher") & cipher, True), ((kind == "mac") & mac, True), else_=False
    )
