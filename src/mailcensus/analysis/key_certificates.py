"""The certificates that shared keys were shown in, counted per key, and the registered domains they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from mailcensus.analysis.cause_patterns import first_matching
from mailcensus.analysis.default_certificates import catalogue_of, products
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import UNKNOWN, Codes
from mailcensus.population.registered_domains import registered_domains


@dataclass(frozen=True, slots=True)
class KeyCertificates:
    """What the certificates of each shared key say; keys by place."""

    counts: dict[str, Codes]
    """The columns of Facts that are about certificates."""
    owner: Codes
    """Row of the well-known names that one of its certificates has; UNKNOWN where none has."""
    domain_key: Codes
    domain: tuple[str, ...]
    """Registered domains that each key's certificates name: place of the key, and domain."""
    names: tuple[frozenset[str], ...]
    """Per key: different names in its certificates."""

    def covers(self, key: Codes, domain: Codes, domains: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether the certificates of a key name a registered domain, pair by pair.

        Args:
            key: places of keys.
            domain: numbers of domains; UNKNOWN is never named.
            domains: the domain of each number.
        """
        number = {text: place for place, text in enumerate(domains)}
        named = np.array([number.get(text, UNKNOWN) for text in self.domain], np.int64)
        width = len(domains) + 1
        there = np.unique((self.domain_key * width + named)[named != UNKNOWN])
        return np.asarray(np.isin(key * width + domain, there) & (domain != UNKNOWN))


def key_certificates(evidence: Evidence, keys: Codes) -> KeyCertificates:
    """The certificates of these shared keys, given in ascending order."""
    rows = _rows(evidence)
    of = np.searchsorted(keys, np.array(rows["key"], np.int64))
    names = [
        _names(common_name, sans) for common_name, sans in zip(rows["common_name"], rows["sans"], strict=True)
    ]
    domains = [registered_domains(own) for own in names]
    owner = _any_match("well_known", names)
    flags = {
        "issued": np.array([not issued_to_itself for issued_to_itself in rows["own"]], np.bool_),
        "wildcards": np.array([any(name.startswith("*.") for name in own) for own in names], np.bool_),
        "default_certificates": products(
            catalogue_of(evidence.dataset.default_certificates),
            rows["subject"],
            rows["certificate_sha256"],
            rows["spki_sha256"],
        )
        >= 0,
        "well_known_certificates": owner != UNKNOWN,
        "cdn_certificates": _any_match("cdn", names) != UNKNOWN,
    }
    count = len(keys)
    most = np.zeros(count, np.int64)
    np.maximum.at(most, of, np.array([len(own) for own in domains], np.int64))
    of_key = np.full(count, UNKNOWN)
    np.maximum.at(of_key, of, owner)
    return KeyCertificates(
        counts={
            "certificates": np.bincount(of, minlength=count),
            **{name: np.bincount(of[flag], minlength=count) for name, flag in flags.items()},
            "certificate_domains": most,
        },
        owner=of_key,
        domain_key=np.repeat(of, [len(own) for own in domains]).astype(np.int64),
        domain=tuple(chain.from_iterable(domains)),
        names=_names_by_key(of, names, count),
    )


def _rows(evidence: Evidence) -> dict[str, list[Any]]:
    """One row per certificate of a shared key: key, spki_sha256, certificate_sha256, subject, common_name, sans,
    own (it has no other issuer)."""
    shown = evidence.certificates.semi_join(evidence.cluster_keys, "key").select("key", "certificate_sha256")
    shown = shown.join(evidence.keys.select("key", "spki_sha256"), "key")
    stored = evidence.dataset.table("certificates")
    rows = shown.left_join(stored, shown.certificate_sha256 == stored.sha256).select(
        "key", "spki_sha256", "certificate_sha256", "common_name",
        subject=stored.subject.fill_null(""), sans=stored.sans,
        own=stored.self_signed.fill_null(False) | stored.self_issued.fill_null(True),
    )  # fmt: skip
    found: dict[str, list[Any]] = rows.to_pyarrow().to_pydict()
    return found


def _names(common_name: str | None, sans: Sequence[str] | None) -> tuple[str, ...]:
    """Names of a certificate in lower case, each once."""
    texts = (common_name, *(sans or ()))
    return tuple(dict.fromkeys(text.lower().removesuffix(".") for text in texts if text))


def _any_match(kind: str, names: Sequence[tuple[str, ...]]) -> Codes:
    """The row of this kind that matches any name of each certificate; UNKNOWN where none does."""
    flat = list(chain.from_iterable(names))
    of = np.repeat(np.arange(len(names)), [len(own) for own in names])
    found = np.full(len(names), UNKNOWN)
    np.maximum.at(found, of, first_matching(kind, "names", flat))
    return found


def _names_by_key(of: Codes, names: Sequence[tuple[str, ...]], count: int) -> tuple[frozenset[str], ...]:
    by_key: list[frozenset[str]] = [frozenset()] * count
    for key, own in zip(of.tolist(), names, strict=True):
        by_key[key] = by_key[key].union(own)
    return tuple(by_key)
