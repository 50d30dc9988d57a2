"""The rows of key lifetimes over many runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLifetimeRow:
    """One key over all runs."""

    spki_sha256: Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]
    first_seen_at: Annotated[datetime, Column("end of the first run that saw it")]
    last_seen_at: Annotated[datetime, Column("end of the last run that saw it")]
    runs_seen: Annotated[int, Column("runs that saw it")]
    hosts: Annotated[int, Column("different addresses that showed it, over all runs")]
    ended: Annotated[
        bool, Column("a later run knows that it is gone from every place where it was last seen")
    ]
    algorithm: Annotated[str | None, Column("rsa, dsa, ecdsa, ed25519, ed448 or an OID")]
    bits: Annotated[int | None, Column("key size in bits")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalRow:
    """One step of the survival curve of keys in their places."""

    days: Annotated[float, Column("days since a key was first seen in its place")]
    at_risk: Annotated[int, Column("keys in places that were followed so long")]
    ended: Annotated[int, Column("of these: known to be gone after so many days")]
    censored: Annotated[int, Column("of these: last heard of after so many days, alive then")]
    survival_share: Annotated[
        float, Column("Kaplan-Meier estimate: share of keys still in their place after these days")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalRow:
    """Certificates from one run to the next that saw the place."""

    run_a: Annotated[str, Column("the earlier run")]
    run_b: Annotated[str, Column("the run right after it")]
    places: Annotated[int, Column("services of addresses that showed a certificate in both")]
    same_certificate: Annotated[int, Column("of these: the same certificate")]
    same_key: Annotated[int, Column("of these: another certificate with the same key")]
    other_key: Annotated[int, Column("of these: another certificate and another key")]
    same_key_share: Annotated[
        float | None, Column("same_key / (same_key + other_key): renewals that kept the key")
    ]
