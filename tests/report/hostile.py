"""A study in which strangers wrote what is hostile wherever they can, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hostile_text import HOSTILE, record_of, table_of, text_of
from made_once import made_once
from mailcensus.analysis.analyse import analyse
from mailcensus.analysis.catalogue import TABLES
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import TABLES as RECORDS
from mailcensus.model import (
    ExchangeState,
    MailState,
    Outcome,
    Party,
    Role,
    Sides,
    Stage,
    TlsMode,
    schema_of,
)
from mailcensus.report import build_report
from mailcensus.senders.conditions import CONDITIONS
from report.synthetic import START, Host, study_of

RUN = "20261103T080000Z"


MADE = "made.txt"


def hostile_study(factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Its report, of hosts, domains, providers, senders and flows that say these things.

    Returns:
        The report's folder, and the names of the tables that the analysis made out of all that. In the other tables
        every text is a stranger's too, without any analysis.
    """
    folder = made_once(factory, "hostile", _write_hostile_study)
    return folder / "report", set((folder / MADE).read_text().split())


def _write_hostile_study(folder: Path) -> None:
    hosts = [
        Host(f"10.0.0.{i}", {"smtp": i // 3, "ssh": i // 4, "imap": i // 3}, text, greeting=text)
        for i, text in enumerate(HOSTILE * 4, start=1)
    ]
    study = study_of(folder, hosts, name=HOSTILE[0] + HOSTILE[-1])
    for table, known in {**_OF_HOSTS, **_OF_DOMAINS, **_OF_FLOWS, **_OF_SENDERS}.items():
        _write(study.data, table, [known(i) for i in range(len(HOSTILE))])
    _write(study.data, "hosts", [_host(i, host.ip) for i, host in enumerate(hosts)])
    dataset = Dataset(study.data)
    tables = dict(analyse(dataset))
    made = {name for name, table in tables.items() if table.num_rows}
    tables |= {spec.name: table_of(schema_of(spec.row)) for spec in TABLES if spec.name not in made}
    page = build_report(study, tables, dataset, made_at=datetime(2026, 11, 22, tzinfo=UTC))
    assert page.parent == folder / "report"
    (folder / MADE).write_text(" ".join(made))


def _write(data: Path, table: str, known: list[Mapping[str, Any]]) -> None:
    record = RECORDS[table]
    rows = [record_of(record, i, **{"run_id": RUN, **each}) for i, each in enumerate(known)]
    PartWriter(data, table, record).write(rows)


def _server(i: int) -> str:
    """A mail server of domains: an address that a study may ask."""
    return f"5.0.0.{i + 1}"


def _host(i: int, ip: str) -> dict[str, Any]:
    named = {"ip": ip, "ptr": text_of(i), "as_org": text_of(i), "asn": 64_500 + i % 3}
    place = {"country": "IE", "anycast": False, "latitude": float(i), "longitude": float(i)}
    return {**named, **place, "ptr_state": "ok", "looked_up_at": START}


def _grab(i: int) -> dict[str, Any]:
    """A host that says it everywhere: capabilities, ways to log in, names of algorithms, alerts."""
    asked = {"ip": f"10.0.1.{i + 1}", "port": 25, "service": "smtp", "protocol": "smtp", "started_at": START}
    return {**asked, "tls_mode": TlsMode.STARTTLS, "outcome": Outcome.OK, "stage": Stage.DONE, "attempt": 1}


def _flow(i: int) -> dict[str, Any]:
    asked = {
        "ip": f"10.0.0.{i + 1}",
        "port": 25,
        "service": "smtp",
        "protocol": "smtp",
        "tls_mode": TlsMode.STARTTLS,
    }
    return {**asked, "run_id": f"{RUN}-passive", "sides": Sides.BOTH, "cut": None, "established": True}


_OF_HOSTS = {"hosts": lambda i: _host(i, _server(i)), "grabs": _grab}
_OF_DOMAINS = {
    "domains": lambda i: {"domain": text_of(i), "position": i, "mail": MailState.MX, "exchanges": 1},
    "mx": lambda i: {
        "domain": text_of(i), "exchange": text_of(i + 1), "state": ExchangeState.OK, "tlsa": (),
        "addresses": (_server(i),),
    },
    "mx_providers": lambda i: {"domain": text_of(i), "exchange": text_of(i + 1), "party": Party.THIRD},
    "domain_providers": lambda i: {"domain": text_of(i), "party": Party.THIRD, "role": Role.MAILBOX},
}  # fmt: skip
_OF_FLOWS = {
    "flows": _flow,
    "flow_sources": lambda i: {"run_id": f"{RUN}-passive"},
    "logged_certificates": lambda i: {"run_id": f"{RUN}-passive"},
}
_OF_SENDERS = {
    "sender_conditions": lambda i: {"condition": CONDITIONS[i].name, "should": "refuse"},
    "sender_tokens": lambda i: {"token": f"t{i}", "condition": CONDITIONS[i].name},
    "attempts": lambda i: {
        "attempt_id": f"a{i}",
        "condition": CONDITIONS[i].name,
        "token": f"t{i}",
        "body_token": f"t{i}",
        "client_ip": f"10.0.2.{i}",
    },
    "tls_reports": lambda i: {"condition": CONDITIONS[i].name, "error": None, "client_ip": f"10.0.2.{i}"},
    "policy_fetches": lambda i: {"condition": CONDITIONS[i].name, "client_ip": f"10.0.2.{i}"},
}
