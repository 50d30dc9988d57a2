"""A list of domains against a name server on loopback: every state, and nothing asked twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dns.rcode
import pyarrow.parquet as pq
import pytest

from dns_server import NODATA, SERVFAIL, NameServer, Reply, name_server, records
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.domains.resolve import ResolveProgress, check_domains, list_of, resolve
from mailcensus.model import ExchangeState, Mx
from mailcensus.population import load_population
from mailcensus.study import Settings, Study, StudyError

ANSWERS: dict[str, Reply] = {
    ". SOA": records(". 60 IN SOA a. b. 1 2 3 4 5"),
    "full.example MX": records(
        "full.example. 60 IN MX 10 MX.full.example.", "full.example. 60 IN MX 20 alias.full.example."
    ),
    "mx.full.example A": records("mx.full.example. 60 IN A 127.0.0.5"),
    "mx.full.example AAAA": records("mx.full.example. 60 IN AAAA ::1"),
    "_25._tcp.mx.full.example TLSA": records(f"_25._tcp.mx.full.example. 60 IN TLSA 3 1 1 {'ab' * 32}"),
    "alias.full.example A": records(
        "alias.full.example. 60 IN CNAME mx.full.example.", "mx.full.example. 60 IN A 127.0.0.5"
    ),
    "alias.full.example AAAA": NODATA,
    "full.example TXT": records('full.example. 60 IN TXT "v=spf1 include:a.example" " -all"'),
    "_dmarc.full.example TXT": records('_dmarc.full.example. 60 IN TXT "v=DMARC1; p=reject; sp=none"'),
    "_smtp._tls.full.example TXT": records('_smtp._tls.full.example. 60 IN TXT "v=TLSRPTv1; rua=mailto:a@b"'),
    "_mta-sts.full.example TXT": records('_mta-sts.full.example. 60 IN TXT "v=STSv1; id=a"'),
    "full.example NS": records("full.example. 60 IN NS Ns.full.example."),
    "full.example CAA": NODATA,
    "example CAA": records('example. 60 IN CAA 0 issue "ca.example"'),
    "sub.full.example MX": records("sub.full.example. 60 IN MX 10 mx.full.example."),
    "null.example MX": records("null.example. 60 IN MX 0 ."),
    "literal.example MX": records("literal.example. 60 IN MX 10 192.0.2.1."),
    "none.example MX": NODATA,
    "none.example A": NODATA,
    "none.example AAAA": NODATA,
    "implicit.example MX": NODATA,
    "implicit.example A": records("implicit.example. 60 IN A 127.0.0.7"),
    "implicit.example AAAA": NODATA,
    "nobody-knows.example MX": NODATA,
    "nobody-knows.example A": NODATA,
    "nobody-knows.example AAAA": SERVFAIL,
    "failing.example MX": SERVFAIL,
    "refused.example MX": (dns.rcode.REFUSED, ()),
    "dangling.example MX": records(
        "dangling.example. 60 IN MX 1 gone.example.",
        "dangling.example. 60 IN MX 2 empty.example.",
        "dangling.example. 60 IN MX 3 failing-host.example.",
    ),
    "empty.example A": NODATA,
    "empty.example AAAA": NODATA,
    "failing-host.example A": SERVFAIL,
    "failing-host.example AAAA": NODATA,
}
FAILING = {question for question, reply in ANSWERS.items() if reply == SERVFAIL}
DOMAINS = """domain,State
full.example,CA
sub.full.example,NY
null.example,
literal.example,
none.example,
implicit.example,
nobody-knows.example,
failing.example,
refused.example,
dangling.example,
gone.example,
"""


def study_of(directory: Path, server: NameServer, domains: str = DOMAINS, **dns_settings: Any) -> Study:
    directory.mkdir(exist_ok=True)
    (directory / "domains.csv").write_text(domains)
    told = {"resolvers": [server.resolver], "tries": 1, "queries_per_s": 1e6, "authority_queries_per_s": 1e6}
    settings = Settings.model_validate(
        {
            "study": {"allow_special": True},
            "domains": {"list": "domains.csv", "fetch_policies": False},
            "dns": told | dns_settings,
        }
    )
    return Study(directory, settings)


def resolved(study: Study, stop_after: int | None = None) -> ResolveProgress | None:
    async def resolving() -> ResolveProgress | None:
        def stop(progress: ResolveProgress) -> None:
            if progress.in_session == stop_after:
                signal.raise_signal(signal.SIGINT)

        with CurrentRun(study.data, datetime.now(UTC)) as run:
            return await resolve(study, run, list_of(study), stop)

    return asyncio.run(resolving())


def rows(study: Study, table: str) -> list[dict[str, Any]]:
    return [row for file in visible_files(study.data / table) for row in pq.read_table(file).to_pylist()]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    with name_server(ANSWERS) as server:
        found = study_of(tmp_path_factory.mktemp("domains") / "study", server)
        resolved(found)
    return found


def test_where_mail_goes_has_a_state_of_its_own_for_every_end(study: Study) -> None:
    assert {row["domain"].removesuffix(".example"): row["mail"] for row in rows(study, "domains")} == {
        "full": "mx",
        "sub.full": "mx",
        "null": "null_mx",
        "literal": "broken",
        "none": "no_mail",
        "implicit": "implicit_mx",
        "nobody-knows": "servfail",
        "failing": "servfail",
        "refused": "refused",
        "dangling": "mx",
        "gone": "nxdomain",
    }


def test_exchanges_have_theirs(study: Study) -> None:
    found = {(row["domain"], row["exchange"]): row for row in rows(study, "mx")}
    assert {key[1]: row["state"] for key, row in found.items() if key[0] != "sub.full.example"} == {
        "mx.full.example": "ok",
        "alias.full.example": "cname",
        ".": "null_mx",
        "192.0.2.1": "ip_literal",
        "implicit.example": "ok",
        "gone.example": "nxdomain",
        "empty.example": "no_address",
        "failing-host.example": "servfail",
    }
    mx = found["full.example", "mx.full.example"]
    assert (mx["addresses"], mx["a_state"], mx["aaaa_state"]) == (["127.0.0.5", "::1"], "answer", "answer")
    assert (mx["tlsa_state"], mx["tlsa_secure"], mx["tlsa_at"]) == ("present", None, "mx.full.example")
    assert mx["tlsa"] == [{"usage": 3, "selector": 1, "matching_type": 1, "data": "ab" * 32}]
    assert found["full.example", "alias.full.example"]["cname_target"] == "mx.full.example"
    assert found["implicit.example", "implicit.example"]["implicit"] is True


def test_what_a_domain_publishes_is_read(study: Study) -> None:
    full, sub, none = (
        next(row for row in rows(study, "domains") if row["domain"] == f"{name}.example")
        for name in ("full", "sub.full", "none")
    )
    assert (full["groups"], full["exchanges"], full["ns"]) == ([("State", "CA")], 2, ["ns.full.example"])
    assert (full["spf"]["all_qualifier"], full["spf"]["includes"]) == ("-", ["a.example"])
    assert (full["dmarc"]["policy"], full["dmarc"]["found_at"]) == ("reject", "full.example")
    assert (sub["dmarc"]["policy"], sub["dmarc"]["found_at"]) == ("none", "full.example")
    assert (full["tls_rpt"]["state"], full["mta_sts"]["state"], full["mta_sts"]["policy_state"]) == (
        "present", "present", "not_asked",
    )  # fmt: skip
    assert (full["caa"]["found_at"], full["caa"]["issuers"]) == ("example", ["ca.example"])
    assert [none[name]["state"] for name in ("spf", "dmarc", "mta_sts", "tls_rpt")] == ["absent"] * 4


def test_a_resolver_that_never_validates_says_nothing_of_dnssec(study: Study) -> None:
    assert {row["dnssec"] for row in rows(study, "domains")} == {"unknown"}
    assert {row["authenticated"] for row in rows(study, "dns")} == {None}


def test_every_answer_is_evidence_once(study: Study) -> None:
    asked = [(row["name"], row["type"]) for row in rows(study, "dns")]
    assert len(asked) == len(set(asked))
    assert {row["resolver"] for row in rows(study, "dns")} == set(study.settings.dns.resolvers)


def test_exchanges_become_the_population(study: Study) -> None:
    assert sorted(load_population(study).addresses()) == ["127.0.0.5", "127.0.0.7", "::1"]


def test_a_study_that_is_not_resolved_has_no_population_yet(tmp_path: Path) -> None:
    with (
        name_server({}) as server,
        pytest.raises(StudyError, match="not resolved yet; run: mailcensus resolve"),
    ):
        load_population(study_of(tmp_path / "study", server))


@pytest.mark.parametrize(("stop_after", "in_flight"), [(1, 1), (10, 1), (1, 100), (5, 100)])
def test_taken_up_again_it_asks_nothing_twice(
    tmp_path: Path, study: Study, stop_after: int, in_flight: int
) -> None:
    with name_server(ANSWERS) as server:
        again = study_of(tmp_path / "study", server, in_flight=in_flight)
        with pytest.raises(KeyboardInterrupt):
            resolved(again, stop_after)
        assert stop_after <= len(rows(again, "domains")) < 11
        resolved(again)
        assert resolved(again) is None
    twice = [question for question, times in Counter(server.questions).items() if times > 1]
    assert [question for question in twice if question != ". SOA" and ANSWERS.get(question) != SERVFAIL] == []
    for table, key in (("domains", "domain"), ("mx", "exchange"), ("dns", "name")):
        assert sorted(str(row[key]) for row in rows(again, table)) == sorted(
            str(row[key]) for row in rows(study, table)
        )


def test_what_a_kill_left_of_a_domain_is_removed_and_its_answers_used(tmp_path: Path) -> None:
    with name_server(ANSWERS) as server:
        killed = study_of(tmp_path / "study", server, "full.example\n", in_flight=1)
        resolved(killed)
        before = len(server.questions)
        PartWriter(killed.data, "mx", Mx).write([_stray(killed)])
        for file in visible_files(killed.data / "domains"):
            file.unlink()
        (killed.data / "run.json").write_text(
            (killed.data / "run.json").read_text().replace('"done"', '"running"')
        )
        resolved(killed)
        assert server.questions[before:] == [". SOA"]
    assert len(rows(killed, "domains")) == 1
    assert sorted(row["exchange"] for row in rows(killed, "mx")) == ["alias.full.example", "mx.full.example"]


def _stray(study: Study) -> Mx:
    row = rows(study, "mx")[0]
    return Mx(
        run_id=row["run_id"], domain="full.example", preference=1, exchange="x.example", state=ExchangeState.OK,
        asked_at=row["asked_at"],
    )  # fmt: skip


@pytest.mark.parametrize("table", ["domains", "mx", "dns"])
@pytest.mark.parametrize("stop_after", [6, None])
def test_of_a_damaged_part_nothing_is_lost_and_only_its_questions_are_asked_again(
    tmp_path: Path, study: Study, table: str, stop_after: int | None
) -> None:
    with name_server(ANSWERS) as server:
        harmed = study_of(tmp_path / "study", server, in_flight=1)
        with pytest.raises(KeyboardInterrupt) if stop_after else nullcontext():
            resolved(harmed, stop_after)
        lost = [f"{row['name']} {row['type']}" for row in rows(harmed, "dns")] if table == "dns" else []
        before = list(server.questions)
        for file in visible_files(harmed.data / table):
            file.write_bytes(file.read_bytes()[:-1])
        resolved(harmed)
        again = Counter(server.questions[len(before) :]) & Counter(before)
        assert set(again) - FAILING == {". SOA", *lost} - FAILING
        assert list((harmed.data / "damaged" / table).iterdir())
    for name in ("domains", "mx", "dns"):
        assert _said(rows(harmed, name)) == _said(rows(study, name))


def _said(found: list[dict[str, Any]]) -> list[str]:
    """Rows without what differs from run to run."""
    changing = ("run_id", "asked_at", "resolver", "duration_ms", "rtt_ms")
    return sorted(repr({key: value for key, value in row.items() if key not in changing}) for row in found)


def test_another_list_needs_another_run(tmp_path: Path) -> None:
    with name_server(ANSWERS) as server:
        study = study_of(tmp_path / "study", server, "null.example\n")
        resolved(study)
        (study.directory / "domains.csv").write_text("null.example\nnone.example\n")
        with pytest.raises(StudyError, match=r"not the list with which run .* began.*run\.json"):
            resolved(study)


def test_policies_of_strangers_are_fetched_by_somebody_they_can_turn_to(tmp_path: Path) -> None:
    (tmp_path / "domains.csv").write_text("a.example\n")
    settings = Settings.model_validate({"domains": {"list": "domains.csv"}})
    with pytest.raises(
        StudyError, match=r"study\.contact and study\.opt_out.*domains\.fetch_policies = false"
    ):
        check_domains(Study(tmp_path, settings))
