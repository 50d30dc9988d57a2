"""Certificates that products bring along or make for themselves when nobody gives them one.

The catalogue is the `[[default_certificate]]` rows of `cause_patterns.toml`; a study adds rows of its own in a file of
the same form (`facts.default_certificates`). A row names its product and knows its certificates by a pattern of their
subject, by their SHA-256, or by that of their key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column, schema_of
from mailcensus.study import StudyError

KIND = "default_certificate"
_FIELDS = {"product", "subject", "certificates", "keys", "says"}
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DefaultCertificate:
    """One row of the catalogue."""

    product: str
    says: str
    """Where the fact comes from."""
    subject: str | None = None
    """Regular expression (RE2) for the subject as RFC 4514 text, upper and lower case alike."""
    certificates: frozenset[str] = frozenset()
    """SHA-256 of certificates, hex."""
    keys: frozenset[str] = frozenset()
    """Canonical keys, by their SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultCertificateRow:
    """One product whose default certificates were shown."""

    product: Annotated[str, Column("the product, as the catalogue calls it")]
    hosts: Annotated[int, Column("hosts that show such a certificate")]
    hosts_with_tls: Annotated[int, Column("hosts that show any certificate: the denominator")]
    share: Annotated[float | None, Column("hosts / hosts_with_tls")]
    certificates: Annotated[int, Column("different certificates")]
    keys: Annotated[int, Column("different keys in them")]
    says: Annotated[str, Column("where the catalogue has it from")]


def default_certificates(evidence: Evidence) -> ibis.Table:
    """Products whose default certificates were shown.

    Returns:
        One row per row of the catalogue that matched, most hosts first.
    """
    catalogue = catalogue_of(evidence.dataset.default_certificates)
    shown = _shown(evidence)
    found = products(catalogue, shown["subject"], shown["certificate_sha256"], shown["spki_sha256"])
    matched = pa.table(
        {
            "product_row": pa.array(found),
            "certificate": pa.array(shown["certificate"], pa.int32()),
        }
    ).filter(pa.array(found >= 0))
    held = evidence.dataset.put("default_leaves", matched)
    leaves = evidence.leaves.join(held, "certificate")
    counts = leaves.group_by("product_row").agg(
        hosts=leaves.host.nunique(), certificates=leaves.certificate.nunique(), keys=leaves.key.nunique()
    )
    with_tls = int(evidence.leaves.host.nunique().to_pyarrow().as_py())
    rows = [_row(catalogue[row["product_row"]], row, with_tls) for row in counts.to_pyarrow().to_pylist()]
    table = pa.Table.from_pylist(rows, schema=schema_of(DefaultCertificateRow))
    return evidence.dataset.put("default_certificate_rows", table).order_by(ibis.desc("hosts"), "product")


def _row(entry: DefaultCertificate, counts: dict[str, int], with_tls: int) -> dict[str, object]:
    return {
        "product": entry.product, "hosts": counts["hosts"], "hosts_with_tls": with_tls,
        "share": counts["hosts"] / with_tls if with_tls else None,
        "certificates": counts["certificates"], "keys": counts["keys"], "says": entry.says,
    }  # fmt: skip


def _shown(evidence: Evidence) -> dict[str, list[Any]]:
    """One row per certificate shown as a leaf: certificate, certificate_sha256, spki_sha256, subject."""
    shown = evidence.certificates.join(evidence.keys.select("key", "spki_sha256"), "key")
    stored = evidence.dataset.table("certificates")
    rows = shown.left_join(stored.select("sha256", "subject"), shown.certificate_sha256 == stored.sha256)
    found: dict[str, list[Any]] = (
        rows.select("certificate", "certificate_sha256", "spki_sha256", subject=rows.subject.fill_null(""))
        .distinct()
        .to_pyarrow()
        .to_pydict()
    )
    return found


def products(
    catalogue: Sequence[DefaultCertificate],
    subjects: Sequence[str],
    certificates: Sequence[str],
    keys: Sequence[str],
) -> npt.NDArray[np.int64]:
    """For each certificate the place of the first row that knows it, hashes before patterns; -1 where none does.

    Args:
        subjects, certificates, keys: subject, SHA-256 and canonical key of each certificate.
    """
    found = np.full(len(subjects), -1)
    if not len(subjects):
        return found
    named = pa.array(subjects, pa.string()).dictionary_encode()
    of = np.asarray(named.indices.to_numpy())
    for place, entry in reversed(list(enumerate(catalogue))):
        if entry.subject is not None:
            hits = pc.match_substring_regex(named.dictionary, entry.subject, ignore_case=True)
            found[np.asarray(hits.to_numpy(zero_copy_only=False))[of]] = place
    for place, entry in reversed(list(enumerate(catalogue))):
        for values, wanted in ((certificates, entry.certificates), (keys, entry.keys)):
            if wanted:
                there = pc.is_in(pa.array(values, pa.string()), pa.array(wanted, pa.string()))
                found[np.asarray(there.to_numpy(zero_copy_only=False))] = place
    return found


def catalogue_of(path: Path | None) -> tuple[DefaultCertificate, ...]:
    """The rows of a study's own file, then those that come with mailcensus.

    Raises:
        StudyError: the file cannot be read, or a row of it is wrong.
    """
    own = _read(path) if path is not None else ()
    return own + _built_in()


@cache
def _built_in() -> tuple[DefaultCertificate, ...]:
    text = (files("mailcensus.analysis") / "cause_patterns.toml").read_text("utf-8")
    return tuple(_entry(row) for row in tomllib.loads(text)[KIND])


def _read(path: Path) -> tuple[DefaultCertificate, ...]:
    try:
        rows = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StudyError(
            f"{path}: cannot be read: {error.strerror}; mend facts.default_certificates"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: no TOML: {error}") from None
    if set(rows) - {KIND} or not isinstance(rows.get(KIND, []), list):
        raise StudyError(f"{path}: holds more than [[{KIND}]] tables; leave these alone")
    entries = []
    for number, row in enumerate(rows.get(KIND, []), 1):
        try:
            entries.append(_entry(row))
        except ValueError as error:
            raise StudyError(f"{path}: [[{KIND}]] number {number}: {error}") from None
    return tuple(entries)


def _entry(row: Any) -> DefaultCertificate:
    """A row of TOML, checked.

    Raises:
        ValueError: what is wrong, in words.
    """
    if not isinstance(row, dict) or set(row) - _FIELDS:
        raise ValueError(f"its fields are not among {', '.join(sorted(_FIELDS))}")
    product, says, subject = (row.get(name) for name in ("product", "says", "subject"))
    if not isinstance(product, str) or not isinstance(says, str):
        raise ValueError("needs product and says (where the fact comes from), both text")
    if subject is not None:
        _check_pattern(subject)
    certificates, keys = (_hashes(row.get(name, []), name) for name in ("certificates", "keys"))
    if subject is None and not certificates and not keys:
        raise ValueError("needs subject, certificates or keys")
    return DefaultCertificate(product, says, subject, certificates, keys)


def _check_pattern(subject: object) -> None:
    if not isinstance(subject, str) or not subject:
        raise ValueError("subject is no regular expression")
    try:
        pc.match_substring_regex(pa.array([""]), subject, ignore_case=True)
    except pa.ArrowInvalid as error:
        raise ValueError(f"subject is no regular expression (RE2): {error}") from None


def _hashes(values: object, name: str) -> frozenset[str]:
    if not isinstance(values, list) or not all(isinstance(v, str) and _HASH.fullmatch(v) for v in values):
        raise ValueError(f"{name} are SHA-256 hashes, 64 hexadecimal digits in lower case, in a list")
    return frozenset(values)
