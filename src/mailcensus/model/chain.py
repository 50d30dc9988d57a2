"""What OpenSSL says of a chain of certificates, against one root store, for a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column

_U8, _U16 = pa.uint8(), pa.uint16()


class ChainStatus(StrEnum):
    """The verdict in one word: what OpenSSL objects to first, in the order in which it checks."""

    VALID = "valid"
    SELF_SIGNED = "self_signed"
    """The leaf names itself as its issuer and is no trust anchor."""
    UNTRUSTED_ROOT = "untrusted_root"
    """The chain ends in a self-signed certificate that the store does not have."""
    BROKEN_CHAIN = "broken_chain"
    """An issuer is neither among what was sent nor in the store."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BAD_SIGNATURE = "bad_signature"
    WEAK_SIGNATURE = "weak_signature"
    """Only this is wrong: a signature of the path is below OpenSSL's security level 2 (MD5, SHA-1)."""
    WEAK_KEY = "weak_key"
    """Only this is wrong: a key of the path is below OpenSSL's security level 2 (RSA of 1,024 bits, EC below 224)."""
    OTHER = "other"
    """Anything else that OpenSSL objects to, and leafs that it cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainError:
    """One thing that is wrong with a chain, in OpenSSL's own words."""

    code: Annotated[
        int, Column("X509_V_ERR_* of OpenSSL's x509_vfy.h; 0: ours, the certificate cannot be read", _U16)
    ]
    name: Annotated[str, Column("what OpenSSL calls it, e.g. certificate has expired")]
    depth: Annotated[int, Column("which certificate of the path: 0 is the leaf", _U8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The verdict on one chain as it was sent, by one root store, for grabs from `holds_from` to `holds_until`.

    A grab belongs to the row with its chain_id and holds_from <= started_at < holds_until: one row for each root
    store and state of that store (store_sha256).
    """

    chain_id: Annotated[
        str, Column("SHA-256 over the hex hashes of grabs.tls.chain, one after the other, as one text; hex")
    ]
    leaf_sha256: Annotated[str, Column("the first certificate")]
    sent: Annotated[int, Column("certificates sent", _U16)]
    root_store: Annotated[str, Column("mozilla, system, or the path that facts.root_stores names")]
    store_date: Annotated[
        date, Column("day of the store: certifi's release, or when its file was last changed")
    ]
    store_sha256: Annotated[str, Column("SHA-256 over the store's file, hex")]
    at: Annotated[
        datetime, Column("the time that was verified for: the first grab, or the start of the span")
    ]
    holds_from: Annotated[
        datetime | None, Column("the verdict is the same for every time from here on; null: since ever")
    ]
    holds_until: Annotated[datetime | None, Column("and before this; null: for ever")]
    status: Annotated[ChainStatus, Column("the verdict in one word; what OpenSSL objects to first")]
    errors: Annotated[
        tuple[ChainError, ...], Column("everything found wrong, the first one first; empty: valid")
    ] = ()
    path: Annotated[
        tuple[str, ...],
        Column(
            "SHA-256 of the certificates of the path, leaf first; of a chain that does not verify as far as it goes"
        ),
    ] = ()
    path_length: Annotated[int, Column("certificates in the path, leaf and root included", _U8)] = 0
    root_issued_leaf: Annotated[
        bool | None,
        Column("a root of the store signed the leaf itself; null: no path to a root of the store"),
    ] = None
    security_level: Annotated[
        int | None,
        Column(
            "highest OpenSSL security level (0 to 5) that keys and signatures of the path pass; null: unknown",
            _U8,
        ),
    ] = None
    valid_with_known_intermediates: Annotated[
        bool | None,
        Column("valid when intermediates seen elsewhere in the dataset are added; null: no broken_chain"),
    ] = None
    known_intermediates_sha256: Annotated[
        str | None, Column("which these were: SHA-256 over their hashes; null: not tried")
    ] = None
    wrong_order: Annotated[
        bool | None,
        Column("certificates of the path were not sent in its order; null: the leaf cannot be read"),
    ] = None
    superfluous: Annotated[
        int, Column("certificates sent that are not of the path, copies and roots not counted", _U16)
    ] = 0
    duplicates: Annotated[int, Column("certificates sent again in the same chain", _U16)] = 0
    root_sent: Annotated[
        bool | None,
        Column("a self-issued certificate was sent behind the leaf; null: the leaf cannot be read"),
    ] = None
    unreadable: Annotated[
        int,
        Column(
            "certificates sent that OpenSSL cannot read, that were not kept, or behind the first 30; "
            "left out of the verdict",
            _U16,
        ),
    ] = 0
    revocation: Annotated[
        str | None,
        Column(
            "by facts.crls: good, revoked, or unknown (no current CRL of the issuer); null: none configured"
        ),
    ] = None
    revoked_at: Annotated[datetime | None, Column("since when, as the CRL says")] = None
    revocation_reason: Annotated[str | None, Column("why, as the CRL says (RFC 5280 section 5.3.1)")] = None
    crls_sha256: Annotated[
        str | None,
        Column("which lists these were: SHA-256 over the hashes of the files; null: none configured"),
    ] = None
