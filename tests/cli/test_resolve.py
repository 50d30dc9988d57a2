"""From a list of domains to grabs of their exchanges, as a user does it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dns_server import NODATA, Reply, name_server, records
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.tables import Dataset
from mailcensus.lab.plan import Plan
from mailcensus.study import Settings
from mailcensus.study.template import study_toml

EXCHANGES = 16
SPECS = {spec.name: spec for spec in MAIL_DOMAIN_TABLES}

Command = Callable[..., Any]


def answers_of(plan: Plan) -> tuple[dict[str, Reply], dict[str, str]]:
    """A domain for each of the first hosts of a lab; and the exchange at each address."""
    answers: dict[str, Reply] = {". SOA": records(". 60 IN SOA a. b. 1 2 3 4 5")}
    names = {}
    for number, host in enumerate(plan.hosts[:EXCHANGES]):
        domain, exchange = f"d{number}.example", f"mx.d{number}.example"
        answers[f"{domain} MX"] = records(f"{domain}. 60 IN MX 10 {exchange}.")
        answers[f"{exchange} A"] = records(f"{exchange}. 60 IN A {host.ip}")
        answers[f"{exchange} AAAA"] = NODATA
        names[host.ip] = exchange
    return answers, names


def study_of(directory: Path, lab_study: Path, resolver: str) -> None:
    """The study of a lab, with a list of domains in place of its addresses."""
    told = tomllib.loads((lab_study / "study.toml").read_text())
    told.pop("facts", None)
    del told["population"]
    told["collect"]["services"] = ["smtp"]
    told["domains"] = {"list": "domains.csv"}
    told["dns"] = {"resolvers": [resolver], "queries_per_s": 1e6, "authority_queries_per_s": 1e6}
    (directory / "study.toml").write_text(study_toml(Settings.model_validate(told)))
    rows = "".join(f"d{number}.example,city\n" for number in range(EXCHANGES))
    (directory / "domains.csv").write_text(f"domain,level\n{rows}not one,x\n")


@pytest.mark.slow
def test_domains_become_exchanges_that_are_grabbed_under_their_names(
    mailcensus: Command, lab: Plan, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailcensus.cli.run.run_analysis", lambda *told, **more: {})
    monkeypatch.setattr("mailcensus.cli.run.run_report", lambda study, *told, **more: study.report)
    answers, names = answers_of(lab)
    directory = tmp_path / "domains"
    directory.mkdir()
    with name_server(answers) as server:
        study_of(directory, study, server.resolver)
        refused = mailcensus("population", directory)
        assert (refused.status, "mailcensus resolve" in refused.err) == (2, True)
        ran = mailcensus("run", directory, "--without-preflight")
        assert ran.status == 0, ran.err
        assert f"{EXCHANGES} domains; 0 duplicates and 1 rows that are none" in ran.err
        asked = len(server.questions)
        assert mailcensus("run", directory, "--without-preflight").status == 0
        assert "resolved already" in mailcensus("resolve", directory).err
        assert len(server.questions) == asked
    assert sorted(mailcensus("population", directory, "--list").out.split()) == sorted(names)
    grabs = [
        row for file in visible_files(directory / "data" / "grabs") for row in pq.read_table(file).to_pylist()
    ]
    assert {grab["ip"] for grab in grabs} == set(names)
    with_tls = [grab for grab in grabs if grab["tls"] is not None]
    assert with_tls
    assert all(grab["tls"]["sni"] == names[grab["ip"]] for grab in with_tls)
    posture_is_that_of_the_grabs(directory, {names[grab["ip"]]: grab for grab in grabs})


def posture_is_that_of_the_grabs(directory: Path, grabs: dict[str, dict[str, Any]]) -> None:
    """One exchange a domain, one server an exchange, no root that anybody trusts, no MTA-STS, no TLSA."""
    evidence = gather(Dataset(directory / "data"))
    exchanges = {row["exchange"]: row for row in table("exchange_security", evidence)}
    assert set(exchanges) == set(grabs)
    shook_hands = {exchange: grab["tls"] is not None for exchange, grab in grabs.items()}
    assert set(shook_hands.values()) == {True, False}
    for exchange, row in exchanges.items():
        assert (row["domains"], row["servers"], row["asked"]) == (1, 1, 1)
        assert row["tls"] is shook_hands[exchange]
        assert row["valid"] is row["named"] is False
    found = {
        (row["exchanges"], row["criterion"]): (row["domains"], row["known"], row["holds"])
        for row in table("domain_tls", evidence)
        if row["group"] == "all"
    }
    for scope in ("every", "first"):
        assert found[scope, "tls"] == (EXCHANGES, EXCHANGES, sum(shook_hands.values()))
        assert found[scope, "valid"] == found[scope, "named"] == (EXCHANGES, EXCHANGES, 0)
        assert found[scope, "dane"] == found[scope, "mta_sts"] == (EXCHANGES, EXCHANGES, 0)


def table(name: str, evidence: Evidence) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows_of(SPECS[name], evidence).to_pylist()
    return found


def test_init_names_the_list(mailcensus: Command, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("domain\na.example\n")
    assert mailcensus("init", tmp_path / "study", "--domains", tmp_path / "list.csv").status == 0
    told = tomllib.loads((tmp_path / "study" / "study.toml").read_text())
    assert told["domains"]["list"] == str(tmp_path / "list.csv")
    missing = mailcensus("init", tmp_path / "other", "--domains", tmp_path / "none.csv")
    assert (missing.status, "--domains" in missing.err) == (2, True)


def test_who_could_not_be_turned_to_resolves_without_fetching_policies(
    mailcensus: Command, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text("domain\na.example\n")
    mailcensus("init", tmp_path / "study", "--domains", tmp_path / "list.csv")
    refused = mailcensus("resolve", tmp_path / "study")
    assert (refused.status, "study.contact" in refused.err) == (2, True)
