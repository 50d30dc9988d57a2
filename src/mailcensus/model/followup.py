"""What is learnt by asking again: follow-up grabs, and the suites a server takes when asked one by one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column
from mailcensus.model.grab import Grab
from mailcensus.model.outcome import Outcome

_U16, _U32 = pa.uint16(), pa.uint32()


@dataclass(frozen=True, slots=True, kw_only=True)
class Followup(Grab):
    """A grab that asked again, later and otherwise, because of what the first one had shown."""

    purpose: Annotated[
        str, Column("why it was asked: a row of the follow-ups table, e.g. legacy_sslv3, ssh_ed25519")
    ]
    starttls_injected: Annotated[
        bool | None,
        Column("a command sent in the clear behind STARTTLS was obeyed behind TLS; null: not checked"),
    ] = None

    @classmethod
    def of(cls, grab: Grab, purpose: str, starttls_injected: bool | None) -> Followup:
        """A grab with its purpose."""
        return cls(
            **{field.name: getattr(grab, field.name) for field in fields(Grab)},
            purpose=purpose,
            starttls_injected=starttls_injected,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """The suites that one service takes in one TLS version, found by offering ever fewer."""

    run_id: Annotated[str, Column("the run that asked")]
    vantage: Annotated[str, Column("name of the machine that asked")]
    started_at: Annotated[datetime, Column("when the first of its connections began")]
    ended_at: Annotated[datetime, Column("when the last one ended")]
    ip: Annotated[str, Column("address asked")]
    port: Annotated[int, Column("port asked", _U16)]
    service: Annotated[str, Column("row of the services table")]
    version: Annotated[int, Column("TLS version as on the wire", _U16)]
    version_name: Annotated[str, Column("TLS version, e.g. TLSv1.2")]
    cipher_suites: Annotated[
        tuple[int, ...],
        Column("suites taken, in the order the server chose them out of all that were left", _U16),
    ]
    cipher_suite_names: Annotated[tuple[str, ...], Column("their IANA names; the number where there is none")]
    preference: Annotated[
        str | None, Column("whose order counts: server or client; null: fewer than two suites, or unknown")
    ] = None
    complete: Annotated[bool, Column("the server refused the rest; false: the list may be longer")]
    connections: Annotated[int, Column("connections it took", _U32)]
    outcome: Annotated[Outcome, Column("how the last connection ended")]
    error: Annotated[str | None, Column("what it said, where it was no refusal of TLS")] = None
