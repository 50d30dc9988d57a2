"""Sources together: their union, what is not announced, other shards, samples, former studies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Hit
from mailcensus.population import Population, load_population
from mailcensus.population.former import former_hits
from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import Settings, Study, StudyError

STUDY = {"contact": "scan@example.org", "opt_out": "https://example.org/opt-out"}
AS_ROWS = "193.1.0.0,193.1.0.255,64500,One\n193.1.1.0,193.1.1.127,64501,Two\n2a00::,2a00::ffff,64500,One\n"
COUNTRY_ROWS = "193.1.0.0,193.1.3.255,IE\n193.2.0.0,193.2.0.255,MT\n193.3.0.0,193.3.0.255,DE\n"


def load(directory: Path, **population: object) -> Population:
    (directory / "as.csv").write_text(AS_ROWS)
    (directory / "cc.csv").write_text(COUNTRY_ROWS)
    settings = {"as_database": "as.csv", "country_database": "cc.csv", **population}
    return load_population(
        Study(directory, Settings.model_validate({"study": STUDY, "population": settings}))
    )


def parts(population: Population) -> dict[str, int]:
    return {part.name: part.count for part in (*population.sources, *population.left_out)}


def hit(ip: str, *, run_id: str = "2026", canary: bool = False) -> Hit:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return Hit(run_id=run_id, seen_at=now, ip=ip, port=25, engine="connect", canary=canary)


def test_all_sources_together_are_their_union(tmp_path: Path) -> None:
    (tmp_path / "prefixes.txt").write_text("193.9.0.0/24\n")
    (tmp_path / "hosts.txt").write_text("193.1.0.7\n2a00::25\n")
    PartWriter(tmp_path / "former" / "data", "hits", Hit).write([hit("193.8.0.1")])
    population = load(
        tmp_path,
        country=["ie", "MT"],
        as_numbers=[64500, 64501],
        prefixes="prefixes.txt",
        hosts="hosts.txt",
        hits_of="former",
    )
    assert parts(population) == {
        "country IE, located there": 1024,
        "country IE, only registered there": 0,
        "country MT, located there": 256,
        "country MT, only registered there": 0,
        "AS64500": 256 + (1 << 16),
        "AS64501": 128,
        "prefixes prefixes.txt": 256,
        "hosts hosts.txt": 2,
        "hits of former": 1,
    }
    assert len(population) == 1024 + 256 + (1 << 16) + 256 + 1


def test_what_is_not_announced_is_left_out_and_counted(tmp_path: Path) -> None:
    population = load(tmp_path, country="IE", routed="as.csv")
    assert len(population) == 256 + 128
    assert parts(population)["not announced by as.csv"] == 1024 - 256 - 128


def test_a_list_of_one_ip_version_says_nothing_about_the_other(tmp_path: Path) -> None:
    (tmp_path / "ipv4.csv").write_text("193.1.0.0,193.1.0.255,64500,One\n")
    (tmp_path / "hosts.txt").write_text("193.1.0.1\n193.1.1.1\n2a00::25\n")
    population = load(tmp_path, hosts="hosts.txt", routed="ipv4.csv")
    assert set(population.addresses()) == {"193.1.0.1", "2a00::25"}


def test_an_ipv6_prefix_of_an_as_that_no_sweep_gets_through_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("2a00::,2a00:0:ffff:ffff:ffff:ffff:ffff:ffff,64500,One\n")
    population = load(tmp_path, as_numbers=[64500], as_database="wide.csv")
    assert (len(population), parts(population)["IPv6 prefixes too wide to sweep"]) == (0, 1 << 96)


def test_the_shards_of_a_study_share_its_addresses_and_count_the_others(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("193.1.1.0/25\n")
    shards = [load(tmp_path, country=["IE", "DE"], exclusions=["out.txt"], shard=f"{n}/3") for n in (1, 2, 3)]
    asked = [ip for shard in shards for ip in shard.addresses()]
    assert len(asked) == len(set(asked)) == sum(map(len, shards)) == 1024 + 256 - 128
    for number, shard in enumerate(shards, start=1):
        assert parts(shard)[f"in other shards than {number}/3"] == 1024 + 256 - shard.order.positions
    assert len({shard.order.identity for shard in shards}) == 3


def test_a_sample_is_drawn_before_exclusions_and_counted_after_them(tmp_path: Path) -> None:
    """So an exclusion that comes in later changes nobody else's place, in the sample or out of it."""
    (tmp_path / "out.txt").write_text("193.1.1.0/24\n")
    whole = load(tmp_path, country="IE", sample="25%")
    rest = load(tmp_path, country="IE", sample="25%", exclusions=["out.txt"])
    assert len(whole) == whole.order.positions == rest.order.positions == 256
    assert list(rest.targets()) == [
        target for target in whole.targets() if not target[1].startswith("193.1.1.")
    ]
    assert len(rest) == len(list(rest.targets())) < 256
    assert whole.prefixes.count == 1024
    assert parts(rest)["exclusions out.txt"] == 256


def test_a_sample_of_a_number_is_that_many(tmp_path: Path) -> None:
    assert len(load(tmp_path, country="IE", sample=100)) == 100
    assert len(load(tmp_path, country="IE", sample=5000)) == 1024


def test_the_hits_of_a_study_are_those_of_its_newest_run_without_canaries(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "data", "hits", Hit)
    writer.write([hit("193.1.0.1", run_id="2025"), hit("193.1.0.2")])
    writer.write([hit("193.1.0.2"), hit("2a00::25"), hit("193.1.0.9", canary=True)])
    assert former_hits(tmp_path) == PrefixSet.of(["193.1.0.2", "2a00::25"])
    writer.compact()
    assert former_hits(tmp_path) == PrefixSet.of(["193.1.0.2", "2a00::25"])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100])
def test_a_damaged_part_of_a_former_study_is_one_line(tmp_path: Path, content: bytes) -> None:
    part = tmp_path / "data" / "hits" / "part-00000001-00000001.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    with pytest.raises(
        StudyError, match=r"the hits that population\.hits_of asks for cannot be read"
    ) as caught:
        former_hits(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_former_study_of_an_unreadable_address_is_one_line(tmp_path: Path) -> None:
    PartWriter(tmp_path / "data", "hits", Hit).write([hit("mail.example")])
    with pytest.raises(StudyError, match="not an IPv4 or IPv6 address"):
        former_hits(tmp_path)
