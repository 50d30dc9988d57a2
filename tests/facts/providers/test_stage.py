"""The tables of a run: what they are made from, and when anew."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.providers import has_domains, infer_in_run, infer_providers
from mailcensus.model import (
    TABLES,
    Certificate,
    Chain,
    ChainStatus,
    DnsState,
    Domain,
    ExchangeState,
    Grab,
    Host,
    MailState,
    Mx,
    Outcome,
    PolicyState,
    Spf,
    Stage,
    Tls,
    TlsMode,
)
from mailcensus.study import Settings, Study

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LEAF, OTHER_LEAF = "aa" * 32, "bb" * 32


def put(data: Path, name: str, *rows: object) -> None:
    PartWriter(data, name, TABLES[name]).write(rows)


def rows_of(data: Path, name: str) -> list[dict[str, Any]]:
    return [row for file in visible_files(data / name) for row in pq.read_table(file).to_pylist()]


def domain(name: str, position: int, mail: MailState = MailState.MX, **more: Any) -> Domain:
    return Domain(
        run_id="r", domain=name, as_given=name, position=position, registered_domain=name, groups={},
        mail=mail, asked_at=NOW, **more,
    )  # fmt: skip


def mx(name: str, exchange: str, *ips: str, state: ExchangeState = ExchangeState.OK) -> Mx:
    return Mx(
        run_id="r", domain=name, preference=10, exchange=exchange, state=state, addresses=ips, asked_at=NOW
    )


def grab(ip: str, leaf: str, greeting: str, service: str = "smtp") -> Grab:
    return Grab(
        run_id="r", vantage="v", started_at=NOW, duration_ms=1, ip=ip, port=25, service=service,
        protocol="smtp", tls_mode=TlsMode.STARTTLS, outcome=Outcome.OK, stage=Stage.DONE, greeting=greeting,
        tls=Tls(leaf_sha256=leaf),
    )  # fmt: skip


def filled(data: Path) -> None:
    spf = Spf(state=PolicyState.PRESENT, includes=("spf.protection.outlook.com",))
    put(
        data, "domains",
        domain("white.example", 0), domain("filter.example", 1, spf=spf), domain("ptr.example", 2),
        domain("none.example", 3, MailState.NULL_MX), domain("lost.example", 4, MailState.TIMEOUT),
        domain("faked.example", 5),
    )  # fmt: skip
    put(
        data, "mx",
        mx("white.example", "mail.white.example", "192.0.2.1"),
        mx("filter.example", "x.mx1.iphmx.com"),
        mx("ptr.example", "mail.ptr.example", "192.0.2.2", "192.0.2.3"),
        mx("none.example", ".", state=ExchangeState.NULL_MX),
        mx("faked.example", "mail.faked.example", "192.0.2.4"),
    )  # fmt: skip
    refuted = {"ptr_names": ("mx.iphmx.com",), "ptr_names_forward_confirmed": (), "ptr_confirmed": False}
    unchecked = {"ptr_names": ("gate.messagelabs.com",)}
    put(
        data, "hosts",
        *(Host(run_id="r", ip=ip, looked_up_at=NOW, ptr_state=DnsState.OK, **more)
          for ip, more in {"192.0.2.2": refuted, "192.0.2.3": unchecked, "192.0.2.9": refuted}.items()),
    )  # fmt: skip
    put(
        data, "grabs",
        grab("192.0.2.1", LEAF, "220 mail.white.example ESMTP"),
        grab("192.0.2.4", OTHER_LEAF, "220 hello"),
        grab("192.0.2.4", LEAF, "* OK imap.emailsrvr.com", service="imap"),
    )  # fmt: skip
    put(
        data, "certificates",
        *(Certificate(sha256=leaf, der=b"", parse_status="ok", sans=("*.mimecast.com",))
          for leaf in (LEAF, OTHER_LEAF)),
    )  # fmt: skip
    put(
        data, "chains",
        *(Chain(chain_id=leaf, leaf_sha256=leaf, sent=1, root_store="mozilla", store_date=NOW.date(),
                store_sha256="", at=NOW, holds_from=None, holds_until=None, status=status)
          for leaf, status in ((LEAF, ChainStatus.VALID), (OTHER_LEAF, ChainStatus.SELF_SIGNED))),
    )  # fmt: skip


def test_every_table_has_its_say(tmp_path: Path) -> None:
    filled(tmp_path)
    inferred = infer_providers(tmp_path, "r")
    assert (inferred.domains, inferred.known) == (6, 4)
    said = {
        row["domain"]: (row["party"], row["provider"], row["decided_by"])
        for row in rows_of(tmp_path, "domain_providers")
    }
    assert said == {
        "white.example": ("third", "mimecast", "certificate"),
        "filter.example": ("third", "cisco", "exchange_name"),
        "ptr.example": ("third", "broadcom", "ptr"),  # of the other address the name leads elsewhere
        "none.example": ("no_mail", None, None),
        "lost.example": ("unknown", None, None),
        "faked.example": ("first", "faked.example", "registered_domain"),  # nobody trusts that certificate
    }
    (filtered,) = (row for row in rows_of(tmp_path, "domain_providers") if row["domain"] == "filter.example")
    assert (filtered["filtered_by"], filtered["mailbox_provider"]) == ("cisco", "microsoft")
    exchanges = rows_of(tmp_path, "mx_providers")
    assert [row["exchange"] for row in exchanges] == [
        "mail.white.example", "x.mx1.iphmx.com", "mail.ptr.example", "mail.faked.example",
    ]  # fmt: skip
    assert exchanges[0]["evidence"][0] == {
        "kind": "certificate", "value": "mimecast.com", "provider": "mimecast",
    }  # fmt: skip


def test_rows_of_other_runs_stay_and_ones_own_are_replaced(tmp_path: Path) -> None:
    put(tmp_path, "domains", domain("a.example", 0))
    infer_providers(tmp_path, "r")
    infer_providers(tmp_path, "r")
    infer_providers(tmp_path, "other")
    assert [row["run_id"] for row in rows_of(tmp_path, "domain_providers")] == ["r"]


def test_as_a_stage_it_is_done_when_something_changed(tmp_path: Path) -> None:
    study = Study(tmp_path, Settings())
    with CurrentRun(study.data, NOW) as run:
        assert not infer_in_run(study, run)
        assert not has_domains(study.data, run.run_id)
    with CurrentRun(study.data, NOW) as run:
        row = domain("a.example", 0)
        put(study.data, "domains", type(row)(**{**_fields(row), "run_id": run.run_id}))
        assert infer_in_run(study, run)
        assert not infer_in_run(study, run)
        put(study.data, "mx", mx("a.example", "mx.a.example"))
        assert infer_in_run(study, run)


def _fields(row: Domain) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
