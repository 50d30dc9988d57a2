"""Posture tables of small populations written by hand, with values that can be counted on one's fingers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_posture import NOW, RUN, chain_id, named

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.posture.striking import systems_of
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Certificate, Chain, ChainError, Grab, Host, Key, Outcome, Stage, Tls
from mailcensus.wire.services import SERVICE_BY_NAME

pytestmark = pytest.mark.slow

SPECS = {spec.name: spec for spec in POSTURE_TABLES}
BEGINS = NOW - timedelta(days=30)


@contextmanager
def study(**records: list[Any]) -> Iterator[Evidence]:
    """The evidence of a dataset with these rows."""
    kinds = {"grabs": Grab, "certificates": Certificate, "chains": Chain, "keys": Key, "hosts": Host}
    with TemporaryDirectory() as directory:
        for table, rows in records.items():
            if rows:
                PartWriter(Path(directory), table, kinds[table]).write(rows)
        yield gather(Dataset(Path(directory)))


def grab(ip: str, service: str = "smtp", tls: Tls | None = None, **fields: Any) -> Grab:
    row = SERVICE_BY_NAME[service]
    usual = {"outcome": Outcome.OK, "stage": Stage.DONE, "starttls_offered": tls is not None or None}
    usual |= {"started_at": NOW}
    return Grab(
        run_id=RUN, vantage="t", duration_ms=1, ip=ip, port=row.port, service=service,
        protocol=row.protocol, tls_mode=row.tls_mode, tls=tls, **{**usual, **fields},
    )  # fmt: skip


def leaf_of(name: str, *behind: str, version: int = 0x0303, suite: int = 0xC02F) -> Tls:
    chain = tuple(named(one) for one in (name, *behind))
    return Tls(
        version=version,
        cipher_suite=suite,
        chain=chain,
        leaf_sha256=chain[0],
        spki_sha256=named(f"key of {name}"),
    )


def certificate(name: str, days: int = 90, **fields: Any) -> Certificate:
    usual = {
        "not_before": BEGINS,
        "not_after": BEGINS + timedelta(days=days, seconds=-1),
        "self_issued": False,
    }
    return Certificate(
        sha256=named(name),
        der=b"",
        spki_sha256=named(f"key of {name}"),
        **{**usual, "self_signed": False, **fields},
    )


def verdict(tls: Tls, *codes: int, status: str = "valid", **fields: Any) -> Chain:
    assert tls.chain is not None
    usual = {"root_store": "mozilla", "holds_from": None, "holds_until": None}
    usual |= {"store_date": date(2026, 9, 1), "store_sha256": "s"}
    return Chain(
        chain_id=chain_id(tls.chain), leaf_sha256=tls.chain[0], sent=len(tls.chain), at=NOW,
        status=status, errors=tuple(ChainError(code=c, name="", depth=0) for c in codes),
        **{**usual, **fields},
    )  # fmt: skip


def rows(evidence: Evidence, name: str, columns: str, service: str | None = None) -> list[tuple[Any, ...]]:
    table = rows_of(SPECS[name], evidence)
    if service is not None:
        table = table.filter([one == service for one in table["service"].to_pylist()])
    return [tuple(row.values()) for row in table.select(columns.split()).to_pylist()]


def test_a_study_of_nothing_gives_every_table_without_rows_or_shares() -> None:
    with study() as evidence:
        found = {name: rows_of(spec, evidence) for name, spec in SPECS.items()}
    assert {name for name, table in found.items() if table.num_rows} == {"issuer_market"}
    assert [row["hhi"] for row in found["issuer_market"].to_pylist()] == [None, None]


def test_one_host_without_tls_has_no_share_of_anything() -> None:
    with study(grabs=[grab("10.0.0.1", outcome=Outcome.TIMEOUT, stage=Stage.GREETING)]) as evidence:
        for name, spec in SPECS.items():
            for row in rows_of(spec, evidence).to_pylist():
                assert not any(value != value for value in row.values()), f"{name} has a NaN"
        assert rows(evidence, "tls_services", "answering tls tls_known tls_known_share") == [(1, 0, 0, None)]
        assert rows(evidence, "starttls", "answering known supported_share upgraded_share") == [
            (1, 0, None, None)
        ]


def test_one_host_with_a_chain_has_a_row_of_its_service_and_of_all() -> None:
    with study(grabs=[grab("10.0.0.1", tls=leaf_of("a", "i"))], certificates=[certificate("a")]) as evidence:
        found = {name: rows_of(spec, evidence).num_rows for name, spec in SPECS.items()}
    assert found["tls_versions"] == found["cipher_classes"] == found["stapling"] == 2
    assert found["certificate_addresses"] == found["key_hosts"] == found["certificate_lifetimes"] == 1


def test_unknown_is_in_no_denominator_of_starttls() -> None:
    grabs = [
        grab("10.0.0.1", tls=leaf_of("a")),
        grab("10.0.0.2", starttls_offered=False, outcome=Outcome.NO_STARTTLS, stage=Stage.STARTTLS),
        grab("10.0.0.3", starttls_offered=True, outcome=Outcome.TIMEOUT, stage=Stage.TLS),
        grab("10.0.0.4", starttls_offered=True, outcome=Outcome.TLS_ALERT, stage=Stage.TLS),
        grab("10.0.0.5", outcome=Outcome.RATE_LIMITED, stage=Stage.GREETING),
        grab("10.0.0.6", outcome=Outcome.TIMEOUT, stage=Stage.CONNECT),
    ]
    with study(grabs=grabs) as evidence:
        columns = "answering known supported supported_share upgrade_known upgraded upgraded_share"
        assert rows(evidence, "starttls", columns) == [(5, 4, 3, 0.75, 2, 1, 0.5)]
        assert rows(evidence, "tls_services", "tls tls_share tls_known tls_known_share") == [
            (1, 0.2, 3, 1 / 3)
        ]


def test_only_the_last_attempt_counts() -> None:
    first = grab("10.0.0.1", tls=leaf_of("a", version=0x0301))
    second = grab("10.0.0.1", tls=leaf_of("a", version=0x0304, suite=0x1301), attempt=2)
    with study(grabs=[first, second]) as evidence:
        assert rows(evidence, "tls_versions", "version handshakes", "smtp") == [("TLSv1.3", 1)]


def test_a_chain_with_two_errors_has_one_status_and_counts_in_two_rows() -> None:
    bad, good = leaf_of("bad"), leaf_of("good", "i")
    grabs = [grab("10.0.0.1", tls=bad), grab("10.0.0.2", tls=good), grab("10.0.0.3", tls=leaf_of("unjudged"))]
    chains = [verdict(bad, 18, 10, status="self_signed"), verdict(good)]
    with study(grabs=grabs, chains=chains) as evidence:
        columns = "status handshakes share found found_share judged unknown"
        assert rows(evidence, "chain_statuses", columns, "smtp") == [
            ("valid", 1, 0.5, 1, 0.5, 2, 1),
            ("self_signed", 1, 0.5, 1, 0.5, 2, 1),
            ("expired", 0, 0.0, 1, 0.5, 2, 1),
        ]


def test_a_verdict_is_that_of_the_time_of_the_grab() -> None:
    tls = leaf_of("a")
    grabs = [grab("10.0.0.1", tls=tls), grab("10.0.0.2", tls=tls, started_at=NOW - timedelta(days=1))]
    chains = [verdict(tls, holds_until=NOW), verdict(tls, 10, status="expired", holds_from=NOW)]
    with study(grabs=grabs, chains=chains) as evidence:
        assert rows(evidence, "chain_statuses", "status handshakes", "smtp") == [("valid", 1), ("expired", 1)]


def test_the_newest_state_of_a_store_counts_and_stores_are_kept_apart() -> None:
    tls = leaf_of("a")
    chains = [
        verdict(tls, 20, status="broken_chain", store_date=date(2020, 1, 1), store_sha256="z"),
        verdict(tls),
        verdict(tls, 20, status="broken_chain", root_store="system", valid_with_known_intermediates=True),
    ]
    with study(grabs=[grab("10.0.0.1", tls=tls)], chains=chains) as evidence:
        found = rows(evidence, "chain_statuses", "root_store status handshakes", "all")
        assert found == [("mozilla", "valid", 1), ("system", "broken_chain", 1)]
        assert rows(evidence, "broken_chains", "root_store broken repairable", "all") == [
            ("mozilla", 0, 0),
            ("system", 1, 1),
        ]


def test_roots_that_issue_leafs_are_counted_by_leaf() -> None:
    direct, proper = leaf_of("direct"), leaf_of("proper", "i")
    grabs = [grab(f"10.0.0.{n}", tls=direct) for n in (1, 2, 3)] + [grab("10.0.0.4", tls=proper)]
    chains = [verdict(direct, root_issued_leaf=True), verdict(proper, root_issued_leaf=False)]
    with study(
        grabs=grabs, chains=chains, certificates=[certificate("direct"), certificate("proper")]
    ) as evidence:
        assert rows(evidence, "ca_practice", "service verifiable root_issued root_issued_share") == [
            ("smtp", 2, 1, 0.5),
            ("all", 2, 1, 0.5),
        ]


def test_a_key_that_the_server_does_not_hold_shows_no_certificate() -> None:
    quoted = Tls(version=0x0303, leaf_sha256=named("a"), chain=(named("a"),), signature_verified=False)
    with study(grabs=[grab("10.0.0.1", tls=quoted)], certificates=[certificate("a")]) as evidence:
        assert rows(evidence, "tls_services", "tls certificates") == [(1, 0)]
        assert rows(evidence, "certificate_addresses", "addresses") == []


def test_a_certificate_on_three_addresses_and_its_tail() -> None:
    grabs = [grab(f"10.0.0.{n}", tls=leaf_of("many")) for n in (1, 2, 3)]
    grabs += [grab("10.0.0.3", "imaps", leaf_of("many")), grab("10.0.0.4", tls=leaf_of("one"))]
    certificates = [certificate("many", self_signed=True), certificate("one")]
    with study(grabs=grabs, certificates=certificates) as evidence:
        columns = "leaf_group addresses certificates certificates_at_least at_least_share"
        assert rows(evidence, "certificate_addresses", columns) == [
            ("all", 1, 1, 2, 1.0),
            ("all", 3, 1, 1, 0.5),
            ("self_signed", 3, 1, 1, 1.0),
        ]


def test_the_striking_certificate_is_the_one_in_most_systems_and_any_can_be_asked_for() -> None:
    grabs = [grab(f"10.0.0.{n}", tls=leaf_of("cloned")) for n in (1, 2, 3)]
    grabs += [grab(f"10.0.1.{n}", tls=leaf_of("farm")) for n in (1, 2, 3, 4)]
    asns = [64496, 64497, None, 64498, 64498, 64498, 64498]
    hosts = [
        Host(run_id=RUN, ip=one.ip, looked_up_at=NOW, asn=asn, as_org=asn and f"Network {asn}")
        for one, asn in zip(grabs, asns, strict=True)
    ]
    certificates = [certificate(name, self_signed=True, common_name=name) for name in ("cloned", "farm")]
    with study(grabs=grabs, hosts=hosts, certificates=certificates) as evidence:
        columns = "rank common_name ases hosts as_unknown"
        assert rows(evidence, "striking_certificates", columns) == [
            (1, "cloned", 2, 3, 1),
            (2, "farm", 1, 4, 0),
        ]
        assert rows(evidence, "striking_systems", "rank asn hosts") == [
            (1, 64496, 1),
            (2, 64497, 1),
            (3, None, 1),
        ]
        asked = systems_of(evidence, named("farm")).to_pyarrow().to_pylist()
        assert [(row["asn"], row["hosts"], row["share"]) for row in asked] == [(64498, 4, 1.0)]


def test_a_market_of_one_issuer_has_the_greatest_index() -> None:
    grabs = [grab(f"10.0.0.{n}", tls=leaf_of(f"leaf {n}")) for n in (1, 2, 3, 4)]
    issuers = ("O=One,CN=a", "CN=b,O=One", "O=Two", "O=One")
    certificates = [certificate(f"leaf {n}", issuer=issuer) for n, issuer in enumerate(issuers, 1)]
    with study(grabs=grabs, certificates=certificates) as evidence:
        columns = "market organisation certificates share cumulative_share"
        assert rows(evidence, "issuers", columns) == [
            ("not_self_issued", "One", 3, 0.75, 0.75),
            ("not_self_issued", "Two", 1, 0.25, 1.0),
        ]
        assert rows(evidence, "issuer_market", "certificates hhi top_1_share top_10_share") == [
            (0, None, None, None),
            (4, 75.0**2 + 25.0**2, 0.75, 1.0),
        ]


def test_a_lifetime_is_held_against_the_limit_of_the_day_it_begins() -> None:
    within = {"2012-07-01": 1827, "2015-04-01": 1188, "2018-03-01": 825, "2020-08-31": 825, "2020-09-01": 398}
    within |= {"2026-03-14": 398, "2026-03-15": 200, "2027-03-15": 100, "2029-03-15": 47}
    spans = {**dict.fromkeys(within.items(), 0), **{(day, n + 1): 1 for day, n in within.items()}}
    certificates = [_lasting(day, days) for day, days in spans] + [_lasting("2012-06-30", 9000)]
    grabs = [
        grab("10.0.0.1", "smtp", leaf_of("2012-06-30 9000")),
        *(grab(f"10.0.1.{n}", tls=leaf_of(f"{day} {days}")) for n, (day, days) in enumerate(spans)),
    ]
    with study(grabs=grabs, certificates=certificates) as evidence:
        found = rows(
            evidence, "certificate_lifetimes", "leaf_group certificates limited over_limit over_limit_share"
        )
        assert found == [("all", 19, 18, 9, 0.5)]


def _lasting(day: str, days: int) -> Certificate:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    end = start + timedelta(days=days, seconds=-1)
    return certificate(f"{day} {days}", not_before=start, not_after=end)


def test_a_prime_of_one_host_is_told_from_a_shared_one() -> None:
    def with_prime(ip: str, prime: str, name: str | None = None) -> Grab:
        return grab(ip, tls=Tls(version=0x0303, dh_bits=1024, dh_prime_sha256=prime, dh_prime_name=name))

    grabs = [with_prime(f"10.0.0.{n}", "p1", "modp1024") for n in (1, 2, 3)]
    grabs += [with_prime("10.0.0.4", "p2"), with_prime("10.0.0.5", "p2"), with_prime("10.0.0.6", "p3")]
    with study(grabs=grabs) as evidence:
        assert rows(evidence, "dh_prime_kinds", "kind primes hosts share") == [
            ("well_known", 1, 3, 0.5),
            ("shared", 1, 2, 1 / 3),
            ("one_host", 1, 1, 1 / 6),
        ]
        assert rows(evidence, "dh_sizes", "service bits handshakes") == [("smtp", 1024, 6), ("all", 1024, 6)]
