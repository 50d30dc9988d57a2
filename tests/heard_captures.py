"""Captures read in memory: the flows, certificates and keys of bytes or files, with no study around them."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mailcensus.model import Flow
from mailcensus.passive.captures.connections import Connection
from mailcensus.passive.captures.opening import open_capture
from mailcensus.passive.captures.reading import CaptureRead, Captures
from mailcensus.passive.captures.records import flow_of
from mailcensus.passive.clients import ClientPolicy, Clients
from mailcensus.wire.services import SERVICES, Service

PORTS: dict[int, Service] = {service.port: service for service in SERVICES}


@dataclass
class Heard:
    """What came of some captures."""

    flows: list[Flow] = field(default_factory=list)
    certificates: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    reads: list[CaptureRead] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def flow(self) -> Flow:
        """The one flow there is."""
        (flow,) = self.flows
        return flow


def hear(
    *captures: bytes | Path,
    any_port: bool = False,
    clients: ClientPolicy = ClientPolicy.KEEP,
    services: dict[int, Service] | None = None,
) -> Heard:
    """Read captures as one."""
    heard = Heard()
    services = PORTS if services is None else services
    naming = Clients(clients, b"secret")

    def ended(connection: Connection, cut: str | None) -> None:
        service = services.get(connection.server[1])
        flow, certificates, keys = flow_of(connection, cut, "run", naming, service)
        heard.flows.append(flow)
        heard.certificates += certificates
        heard.keys += keys

    reader = Captures(services, ended, any_port=any_port)
    for capture in captures:
        if isinstance(capture, Path):
            with open_capture(capture) as stream:
                heard.reads.append(reader.read(stream, capture.name))
        else:
            heard.reads.append(reader.read(io.BytesIO(capture), "capture"))
    for read in heard.reads:
        heard.counts.update(read.counts)
    heard.counts.update(reader.end())
    return heard
