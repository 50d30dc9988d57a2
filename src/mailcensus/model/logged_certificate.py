"""A certificate of which only a log's words are known: whoever wrote the log did not keep its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCertificate:
    """A certificate as Zeek's x509.log describes it. `certificates` holds those whose bytes are known."""

    run_id: Annotated[str, Column("the run that read it")]
    sha256: Annotated[str, Column("SHA-256 over the DER as the log has it, hex")]
    seen_at: Annotated[datetime, Column("when it was logged first")]
    subject: Annotated[str | None, Column("subject, RFC 4514, in the log's words")] = None
    issuer: Annotated[str | None, Column("issuer, likewise")] = None
    serial: Annotated[str | None, Column("serial number, hex, as the log has it")] = None
    sans: Annotated[tuple[str, ...] | None, Column("DNS and IP subject alternative names")] = None
    not_before: Annotated[datetime | None, Column("start of its validity")] = None
    not_after: Annotated[datetime | None, Column("end of its validity")] = None
    signature_algorithm: Annotated[str | None, Column("what signs it, e.g. sha256WithRSAEncryption")] = None
    key_type: Annotated[str | None, Column("rsa, dsa, ecdsa, unknown")] = None
    key_bits: Annotated[int | None, Column("size of its key in bits", pa.uint32())] = None
    curve: Annotated[str | None, Column("named curve")] = None
    ca: Annotated[bool | None, Column("basicConstraints says CA; null: it says nothing")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownServer:
    """A server as Zeek's known_services.log and known_certs.log have it: once a day each, and no connection."""

    run_id: Annotated[str, Column("the run that read it")]
    source: Annotated[str, Column("name of the file")]
    seen_at: Annotated[datetime, Column("when it was logged")]
    ip: Annotated[str, Column("address of the server")]
    port: Annotated[int, Column("its port", pa.uint16())]
    protocols: Annotated[
        tuple[str, ...] | None,
        Column("what Zeek found spoken, upper case; empty: nothing it knows; null: known by its certificate"),
    ] = None
    subject: Annotated[str | None, Column("subject of its certificate, RFC 4514")] = None
    issuer: Annotated[str | None, Column("issuer of its certificate, RFC 4514")] = None
    serial: Annotated[str | None, Column("serial number of its certificate, hex")] = None
