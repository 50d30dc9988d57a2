"""Public keys and certificates, each stored once under the hash that names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key, whatever protocol showed it."""

    spki_sha256: Annotated[str, Column("SHA-256 over the canonical SubjectPublicKeyInfo DER, hex")]
    algorithm: Annotated[str, Column("rsa, dsa, ecdsa, ed25519, ed448, or the algorithm's OID where unknown")]
    bits: Annotated[int | None, Column("key size in bits; null: unknown", pa.uint32())] = None
    curve: Annotated[str | None, Column("named curve, e.g. secp256r1")] = None
    spki_der: Annotated[bytes, Column("the canonical SubjectPublicKeyInfo DER")]
    findings: Annotated[
        tuple[str, ...], Column("always empty: what is known against keys is in `key_findings`")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An X.509 certificate: its bytes and the columns analyses ask for."""

    sha256: Annotated[str, Column("SHA-256 over the DER, hex")]
    der: Annotated[bytes, Column("the certificate, exactly as sent")]
    parse_status: Annotated[
        str, Column("ok, or what could not be read; columns that could not be read are null")
    ] = "ok"
    spki_sha256: Annotated[str | None, Column("canonical key")] = None
    subject: Annotated[str | None, Column("subject, RFC 4514")] = None
    issuer: Annotated[str | None, Column("issuer, RFC 4514")] = None
    common_name: Annotated[str | None, Column("last common name of the subject")] = None
    sans: Annotated[tuple[str, ...] | None, Column("DNS and IP subject alternative names, at most 100")] = (
        None
    )
    sans_count: Annotated[int | None, Column("how many there are", pa.uint32())] = None
    not_before: Annotated[datetime | None, Column("start of validity")] = None
    not_after: Annotated[datetime | None, Column("end of validity")] = None
    serial: Annotated[str | None, Column("serial number, hex; a leading - when negative")] = None
    signature_algorithm: Annotated[str | None, Column("signature algorithm, name or OID")] = None
    key_algorithm: Annotated[str | None, Column("as keys.algorithm")] = None
    key_bits: Annotated[int | None, Column("as keys.bits", pa.uint32())] = None
    curve: Annotated[str | None, Column("as keys.curve")] = None
    is_ca: Annotated[bool | None, Column("basic constraints say CA; null: no such extension")] = None
    path_length: Annotated[int | None, Column("basic constraints' pathLenConstraint", pa.uint32())] = None
    policies: Annotated[tuple[str, ...] | None, Column("certificate policies, OIDs, at most 20")] = None
    validation: Annotated[
        str | None, Column("dv, ov, iv or ev, as the CA/Browser Forum's policy OIDs say; null: they do not")
    ] = None
    self_issued: Annotated[bool | None, Column("issuer and subject are the same name")] = None
    self_signed: Annotated[
        bool | None, Column("its signature verifies with its own key; null: could not be checked")
    ] = None
