"""Re-checks: what programs of others see where a run saw a shared key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


class RecheckVerdict(StrEnum):
    """What an independent client came to."""

    AGREES = "agrees"
    """It was shown the same key."""
    DIFFERS = "differs"
    """It was shown another key of the same kind."""
    UNREACHABLE = "unreachable"
    """No answer that says anything: closed, silent, cut off, or "come back later". Never a match, never a mismatch."""
    NO_LONGER_OFFERED = "no_longer_offered"
    """The server answered and offers no TLS, or no key of this kind, any more."""
    CLIENT_FAILED = "client_failed"
    """The client is missing, cannot ask for this, or could not talk with the server."""
    EXCLUDED = "excluded"
    """An exclusion stood in the way; nothing was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """One key of one cluster, asked for again on one service and port of one address."""

    run_id: Annotated[str, Column("the run whose cluster is checked")]
    cluster: Annotated[int, Column("the cluster's number in that run")]
    asked_at: Annotated[datetime, Column("when the client was started")]
    duration_ms: Annotated[float, Column("how long it took, all its connections for this key together")]
    ip: Annotated[str, Column("the address")]
    port: Annotated[int, Column("port asked", pa.uint16())]
    service: Annotated[str, Column("row of the services table")]
    spki_sha256: Annotated[str, Column("canonical key that the run saw there")]
    algorithm: Annotated[str | None, Column("its kind, as keys.algorithm")]
    server_name: Annotated[
        str | None, Column("server name sent, as when the run saw the key; null: none")
    ] = None
    verdict: Annotated[
        RecheckVerdict, Column("agrees, differs, unreachable, no_longer_offered, client_failed, excluded")
    ]
    spki_seen: Annotated[str | None, Column("canonical key that the client was shown; null: none")] = None
    client: Annotated[str, Column("program of the system that asked: ssh-keyscan or openssl")]
    client_version: Annotated[str | None, Column("what it says of its version; null: it is not there")]
    detail: Annotated[str | None, Column("its own words, or the server's, where there is no key")] = None
