"""Hits and runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column

VANTAGES_JOINED_BY = ", "
"""Between the names of several machines that asked one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An address that answered on the discovery port."""

    run_id: Annotated[str, Column("the run that asked")]
    seen_at: Annotated[datetime, Column("when the answer came")]
    ip: Annotated[str, Column("the address")]
    port: Annotated[int, Column("the discovery port", pa.uint16())]
    engine: Annotated[str, Column("connect, zmap, masscan; nmap: an import")]
    rtt_ms: Annotated[float | None, Column("time to the answer")] = None
    canary: Annotated[bool, Column("a known responder, mixed in to test the vantage")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One stage of a run: what was asked for, with what, and what came of it. Written when the stage ends."""

    run_id: Annotated[str, Column("names the run; every hit and grab carries it")]
    stage: Annotated[str, Column("discover, collect, follow_up, noise, enrich")]
    started_at: Annotated[datetime, Column("when the stage first began")]
    ended_at: Annotated[datetime, Column("when it was complete")]
    vantage: Annotated[str, Column("name of the machine that asked, or the names of all that did")]
    mailcensus_version: Annotated[str, Column("version of this tool")]
    settings_json: Annotated[str, Column("the whole study.toml as it was read, as JSON")]
    hello_profile: Annotated[str | None, Column("name of the ClientHello profile")] = None
    interruptions: Annotated[int, Column("how often the stage was taken up again", pa.uint32())] = 0
    asked: Annotated[
        int,
        Column(
            "addresses asked (discover), grabs made (collect), follow-ups made (follow_up; by one machine those of its "
            "last session), "
            "connections begun (noise), hosts looked up (enrich)"
        ),
    ] = 0
    answered: Annotated[
        int,
        Column(
            "hits (discover), grabs with outcome ok (collect), connections that stood (noise), hosts of which "
            "something is known (enrich)"
        ),
    ] = 0
    excluded: Annotated[int, Column("addresses left out by exclusions")] = 0
    sampled_from: Annotated[
        int | None,
        Column(
            "addresses of which those asked are a random sample (discover); null: all that may be were asked"
        ),
    ] = None
    dataset_version: Annotated[
        int | None,
        Column("version of the dataset it was written to; null: before November 2026", pa.uint16()),
    ] = None
