"""What operators are told of: concerns about keys and about hosts, worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import ibis
import pyarrow as pa

from mailcensus.analysis.cross_protocol import cross_protocol
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.hygiene_tables import hygiene_priorities
from mailcensus.analysis.key_findings import checked_counts, weak_keys
from mailcensus.facts.key_flaws import Severity


class Concern(StrEnum):
    """Why somebody is written to."""

    COMPROMISED_KEY = "compromised_key"
    WEAK_KEY = "weak_key"
    SSH_AND_TLS = "ssh_and_tls"
    """An SSH host key that is a TLS key too, there or elsewhere."""
    SHARED_WITH_OTHERS = "shared_with_others"
    """Hosts of other operators show the key as well."""
    ODD_KEY = "odd_key"
    HYGIENE = "hygiene"
    """Flaws of TLS that are no key's: old versions, RC4, no forward secrecy, expired or untrusted certificates."""
    SHARED_WITHIN = "shared_within"
    """Several hosts of the same operator show the key."""


PRIORITY = {concern: place for place, concern in enumerate(Concern, start=1)}
"""1 is the most urgent."""
_OF_SEVERITY = {
    Severity.COMPROMISED: Concern.COMPROMISED_KEY,
    Severity.WEAK: Concern.WEAK_KEY,
    Severity.ODD: Concern.ODD_KEY,
}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key of concern."""

    spki_sha256: str
    algorithm: str | None
    bits: int | None
    flaws: tuple[str, ...]
    """What is known against it, worst first (`facts.key_flaws.Flaw`)."""
    severity: str | None
    """Of the worst of these."""
    ssh_and_tls: bool
    shown_by: Mapping[str, tuple[str, ...]]
    """Address to the services that show it there, by standard port."""
    cluster: int | None

    def concerns(self, shared_with_others: bool, hosts_here: int) -> tuple[Concern, ...]:
        """Why an operator is told of it, worst first."""
        found = {_OF_SEVERITY[Severity(self.severity)]} if self.severity else set()
        if self.ssh_and_tls:
            found.add(Concern.SSH_AND_TLS)
        if shared_with_others:
            found.add(Concern.SHARED_WITH_OTHERS)
        elif hosts_here > 1:
            found.add(Concern.SHARED_WITHIN)
        return tuple(sorted(found, key=PRIORITY.__getitem__))


@dataclass(frozen=True, slots=True)
class Findings:
    """All there is to tell, of all operators."""

    keys: tuple[KeyFacts, ...]
    """By name."""
    hygiene: Mapping[str, tuple[str, ...]]
    """Address to the flaws that its TLS has (`analysis.hygiene.Flaw`)."""
    keys_checked: int
    """Keys shown that were looked over for flaws; 0: nobody looked, and no flaws says nothing."""


def gather_findings(evidence: Evidence) -> Findings:
    """The findings of a run."""
    flaws = {
        row["spki_sha256"]: (row["severity"], tuple(row["findings"]))
        for row in weak_keys(evidence).select("spki_sha256", "severity", "findings").to_pyarrow().to_pylist()
    }
    both = set(cross_protocol(evidence).spki_sha256.to_pyarrow().to_pylist())
    hygiene = hygiene_priorities(evidence).select("ip", "reasons").to_pyarrow().to_pylist()
    return Findings(
        keys=_keys(evidence, flaws, both),
        hygiene={row["ip"]: tuple(row["reasons"].split(",")) for row in hygiene},
        keys_checked=checked_counts(evidence).keys,
    )


def _keys(
    evidence: Evidence, flaws: Mapping[str, tuple[str, tuple[str, ...]]], both: set[str]
) -> tuple[KeyFacts, ...]:
    """Keys with flaws, keys of SSH and TLS at once, and keys of several hosts."""
    told = evidence.dataset.put(
        "keys_told", pa.table({"spki_sha256": pa.array({*flaws, *both}, pa.string())})
    )
    shown_keys = evidence.keys.semi_join(evidence.shown_keys, "key")
    noted = shown_keys.semi_join(told, "spki_sha256").select("key")
    either = ibis.union(noted, evidence.cluster_keys.select("key"), distinct=True)
    shared = evidence.cluster_keys.select(shared_key="key", in_cluster="cluster")
    rows = shown_keys.semi_join(either, "key").select("key", "spki_sha256", "algorithm", "bits")
    rows = rows.left_join(shared, rows.key == shared.shared_key).drop("shared_key")
    chosen = evidence.dataset.put("keys_of_concern", rows)
    shown = _shown_by(evidence, chosen)
    return tuple(
        KeyFacts(
            spki_sha256=row["spki_sha256"],
            algorithm=row["algorithm"],
            bits=row["bits"],
            severity=flaws.get(row["spki_sha256"], (None, ()))[0],
            flaws=flaws.get(row["spki_sha256"], (None, ()))[1],
            ssh_and_tls=row["spki_sha256"] in both,
            shown_by=shown.get(row["key"], {}),
            cluster=row["in_cluster"],
        )
        for row in chosen.order_by("spki_sha256").to_pyarrow().to_pylist()
    )


def _shown_by(evidence: Evidence, chosen: ibis.Table) -> dict[int, dict[str, tuple[str, ...]]]:
    services = evidence.services.select("service", "bit").order_by("bit").to_pyarrow().to_pylist()
    showings = evidence.showings.semi_join(chosen, "key").join(evidence.hosts.select("host", "ip"), "host")
    table = showings.select("key", "ip", "mask").order_by("key", "ip").to_pyarrow()
    by_mask: dict[int, tuple[str, ...]] = {}
    shown: dict[int, dict[str, tuple[str, ...]]] = {}
    for key, ip, mask in zip(*(column.to_pylist() for column in table.columns), strict=True):
        if mask not in by_mask:
            by_mask[mask] = tuple(row["service"] for row in services if row["bit"] & mask)
        shown.setdefault(key, {})[ip] = by_mask[mask]
    return shown
