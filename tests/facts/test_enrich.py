"""The enrich stage: which rows there are, when they are made anew, and who is asked how often."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dns_server import NODATA, SERVFAIL, NameServer, Reply, name_server, records
from mailcensus.dataset.migrations.upgrade import upgrade
from mailcensus.dataset.run import CurrentRun, read_run
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.databases import Databases
from mailcensus.facts.enrich import STAGE, EnrichProgress, check_databases, enrich
from mailcensus.study import Settings, StageFailed, Study, StudyError
from probe_studies import put_hits

IPS = ("192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1")


def study_of(directory: Path, **facts: object) -> Study:
    directory.mkdir(exist_ok=True)
    (directory / "country-2026-11.csv").write_text("192.0.2.0,192.0.2.255,IE\n2001:db8::,2001:db8::ff,GB\n")
    (directory / "other-2026-10.csv").write_text("192.0.2.0,192.0.2.255,FR\n198.51.100.0,198.51.100.9,FR\n")
    (directory / "as-2026-11-20.pfx2as").write_text("192.0.2.0\t24\t64500\n192.0.2.128\t25\t64501_64499\n")
    (directory / "names-20261101.csv").write_text("198.51.100.0,198.51.100.255,64499,Elsewhere\n")
    return Study(directory, Settings.model_validate({"facts": facts}))


DATABASES = ("country-2026-11.csv", "other-2026-10.csv", "as-2026-11-20.pfx2as", "names-20261101.csv")


def enriched(study: Study, ips: Iterable[str] = IPS, stop_after: int = 0) -> bool:
    """Run the stage; ends as if interrupted when so many reverse names have been asked."""

    def count(progress: EnrichProgress) -> None:
        if progress.hosts_done == stop_after:
            raise StageFailed("enough")

    with CurrentRun(study.data, datetime.now(UTC)) as run:
        put_hits(run, ips)
        return asyncio.run(enrich(study, run, Databases.of_study(study), count))


def rows(study: Study) -> dict[str, dict[str, Any]]:
    found = Dataset(study.data).table("hosts").to_pyarrow().to_pylist()
    by_ip = {row["ip"]: row for row in found}
    assert len(by_ip) == len(found)
    return by_ip


def test_the_first_database_that_knows_an_address_counts_and_is_named(tmp_path: Path) -> None:
    study = study_of(tmp_path, databases=DATABASES)
    assert enriched(study)
    hosts = rows(study)
    assert {ip: (row["country"], row["country_source"]) for ip, row in hosts.items()} == {
        "192.0.2.1": ("IE", "country-2026-11.csv, dated 2026-11"),
        "192.0.2.200": ("IE", "country-2026-11.csv, dated 2026-11"),
        "198.51.100.1": ("FR", "other-2026-10.csv, dated 2026-10"),
        "2001:db8::1": ("GB", "country-2026-11.csv, dated 2026-11"),
    }
    names = ("asn", "asns", "as_org", "prefix", "as_source")
    assert {ip: tuple(row[name] for name in names) for ip, row in hosts.items()} == {
        "192.0.2.1": (64500, [64500], None, "192.0.2.0/24", "as-2026-11-20.pfx2as, dated 2026-11-20"),
        "192.0.2.200": (
            64499,
            [64499, 64501],
            "Elsewhere",
            "192.0.2.128/25",
            "as-2026-11-20.pfx2as, dated 2026-11-20",
        ),
        "198.51.100.1": (64499, [64499], "Elsewhere", None, "names-20261101.csv, dated 2026-11-01"),
        "2001:db8::1": (None, None, None, None, None),
    }
    assert {row["ptr_state"] for row in hosts.values()} == {"not_asked"}


def test_every_fact_has_its_database_beside_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, databases=(*DATABASES, "place-2026-11.csv"))
    (tmp_path / "place-2026-11.csv").write_text(
        "network,country,region,city,latitude,longitude,is_anycast\n192.0.2.0/25,IE,Leinster,Dublin,53.35,-6.26,true\n"
    )
    enriched(study)
    host, far = (rows(study)[ip] for ip in ("192.0.2.1", "192.0.2.200"))
    place = ("region", "city", "latitude", "longitude", "location_source", "anycast", "anycast_source")
    source = "place-2026-11.csv, dated 2026-11"
    assert [host[name] for name in place] == ["Leinster", "Dublin", 53.35, -6.26, source, True, source]
    assert [far[name] for name in place] == [None] * len(place)
    assert host["prefix_source"] == "as-2026-11-20.pfx2as, dated 2026-11-20"
    assert far["as_org_source"] == "names-20261101.csv, dated 2026-11-01"
    assert (host["as_org_source"], rows(study)["198.51.100.1"]["prefix_source"]) == (None, None)


def test_done_once_it_changes_nothing_until_a_database_or_the_addresses_change(tmp_path: Path) -> None:
    study = study_of(tmp_path, databases=DATABASES)
    assert enriched(study)
    before = rows(study)
    assert not enriched(study)
    assert rows(study) == before
    (tmp_path / DATABASES[0]).write_text("192.0.2.0,192.0.2.255,DE\n")
    assert enriched(study)
    assert rows(study)["192.0.2.1"]["country"] == "DE"
    assert enriched(study, ["203.0.113.1"])
    assert rows(study).keys() == {*IPS, "203.0.113.1"}
    stages = Dataset(study.data).table("runs").to_pyarrow().to_pylist()
    assert [(row["stage"], row["asked"], row["answered"]) for row in stages] == [
        ("enrich", 4, 4),
        ("enrich", 4, 3),
        ("enrich", 5, 3),
    ]


def test_rows_of_another_run_that_an_older_version_wrote_stay_once_upgraded(tmp_path: Path) -> None:
    study = study_of(tmp_path, databases=DATABASES)
    enriched(study)
    for part in (study.data / "hosts").iterdir():
        pq.write_table(pq.read_table(part).drop(["anycast_source", "prefix_source"]), part)
    (study.data / "run.json").unlink()
    with pytest.raises(StudyError, match="mailcensus upgrade"):
        enriched(study, IPS[:1])
    upgrade(study.data)
    enriched(study, IPS[:1])
    found = Dataset(study.data).table("hosts").to_pyarrow().to_pylist()
    assert sorted(row["ip"] for row in found) == sorted([*IPS, IPS[0]])
    assert len({row["run_id"] for row in found}) == 2


ZONE: dict[str, Reply] = {
    "1.2.0.192.in-addr.arpa PTR": records(
        "1.2.0.192.in-addr.arpa. 60 IN PTR mx.example.", "1.2.0.192.in-addr.arpa. 60 IN PTR a.example."
    ),
    "mx.example A": records("mx.example. 60 IN A 192.0.2.9", "mx.example. 60 IN A 192.0.2.1"),
    "200.2.0.192.in-addr.arpa PTR": records("200.2.0.192.in-addr.arpa. 60 IN PTR mx.example."),
    "1.100.51.198.in-addr.arpa PTR": records("1.100.51.198.in-addr.arpa. 60 IN PTR lost.example."),
    "lost.example A": SERVFAIL,
    f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa PTR": NODATA,
}
NAMES = ("ptr_state", "ptr", "ptr_names_forward_confirmed", "ptr_confirmed")


def test_reverse_names_are_kept_with_what_leads_back(tmp_path: Path) -> None:
    with name_server(ZONE) as server:
        study = _asking(tmp_path, server)
        enriched(study, [*IPS, "192.0.2.3"])
    assert {ip: tuple(row[name] for name in NAMES) for ip, row in rows(study).items()} == {
        "192.0.2.1": ("ok", "mx.example", ["mx.example"], True),
        "192.0.2.200": ("ok", "mx.example", [], False),
        "198.51.100.1": ("ok", "lost.example", [], None),
        "2001:db8::1": ("nodata", None, None, None),
        "192.0.2.3": ("nxdomain", None, None, None),
    }
    assert rows(study)["192.0.2.1"]["ptr_names"] == ["a.example", "mx.example"]
    assert all(row["ptr_at"] is not None for row in rows(study).values())


def _asking(directory: Path, server: NameServer) -> Study:
    return study_of(
        directory, databases=DATABASES, ptr=True, resolvers=(server.resolver,), queries_per_s=10_000
    )


def test_an_interrupted_stage_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    ips = [f"192.0.2.{n}" for n in range(1, 41)]
    with name_server({}) as server:
        study = _asking(tmp_path, server)
        with pytest.raises(StageFailed, match="enough"):
            enriched(study, ips, stop_after=12)
        asked = set(rows(study))
        assert len(asked) >= 12
        record = read_run(study.data)
        assert record is not None
        assert record.stages[STAGE].state == "running"
        before = len(server.questions)
        assert enriched(study, ips)
        assert len(server.questions) == before + 40 - len(asked)
        assert rows(study).keys() == set(ips)


def test_after_a_database_changed_dns_is_asked_only_for_what_it_has_not_answered(tmp_path: Path) -> None:
    zone = {**ZONE, "200.2.0.192.in-addr.arpa PTR": SERVFAIL}
    with name_server(zone) as server:
        study = _asking(tmp_path, server)
        enriched(study)
        before = rows(study)
        assert before["192.0.2.200"]["ptr_state"] == "servfail"
        server.questions.clear()
        (tmp_path / DATABASES[0]).write_text("192.0.2.0,192.0.2.255,DE\n")
        assert enriched(study)
        assert set(server.questions) == {"200.2.0.192.in-addr.arpa PTR"}
    after = rows(study)
    assert after["192.0.2.1"]["country"] == "DE"
    assert after["192.0.2.1"]["ptr_at"] == before["192.0.2.1"]["ptr_at"]
    assert after["192.0.2.1"]["ptr"] == "mx.example"


def test_a_database_that_is_not_there_is_said_before_anybody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.mmdb: not found; mend facts\.databases"):
        check_databases(study_of(tmp_path, databases=("none.mmdb",)))
