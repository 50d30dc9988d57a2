"""Populations of whole studies: what may be asked, what not and why, in which order."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from mailcensus.population import Population, load_population
from mailcensus.study import Settings, Study, StudyError

CONTACT = {"contact": "scan@example.org", "opt_out": "https://example.org/opt-out"}

Loader = Callable[..., Population]


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    """Loads the population of a study made of `study` settings and files for `population` settings."""

    def load(study: dict[str, object], exclusions: tuple[str, ...] = (), **files: str) -> Population:
        population: dict[str, object] = {}
        for name, content in files.items():
            (tmp_path / f"{name}.txt").write_text(content)
            population[name] = f"{name}.txt"
        for number, content in enumerate(exclusions):
            (tmp_path / f"out{number}.txt").write_text(content)
        population["exclusions"] = [f"out{number}.txt" for number in range(len(exclusions))]
        return load_population(
            Study(tmp_path, Settings.model_validate({"study": study, "population": population}))
        )

    return load


def test_a_population_is_its_sources_less_special_ranges_less_exclusions(load: Loader) -> None:
    population = load(
        CONTACT,
        prefixes="193.1.0.0/22\n10.0.0.0/24\n",
        hosts="193.1.0.1\n193.2.0.1\n2a00::25\n",
        exclusions=("193.1.1.0/24\n8.8.8.8\n", "193.1.0.0/23\n"),
    )
    assert len(population) == 512 + 2
    assert [(part.name, part.count) for part in population.sources] == [
        ("prefixes prefixes.txt", 1024 + 256),
        ("hosts hosts.txt", 3),
    ]
    assert [(part.name, part.count) for part in population.left_out] == [
        ("special-purpose addresses (RFC 6890)", 256),
        ("exclusions out0.txt", 256),
        ("exclusions out1.txt", 256),
    ]


def test_every_address_that_may_be_asked_comes_once(load: Loader) -> None:
    population = load(
        CONTACT, prefixes="193.1.0.0/20\n2a00::/119\n", exclusions=("193.1.7.0/24\n2a00::8/125\n",)
    )
    expected = {str(ip) for text in ("193.1.0.0/20", "2a00::/119") for ip in ipaddress.ip_network(text)}
    expected -= {str(ip) for text in ("193.1.7.0/24", "2a00::8/125") for ip in ipaddress.ip_network(text)}
    asked = list(population.addresses())
    assert len(asked) == len(population) == len(expected)
    assert set(asked) == expected
    assert all(population.prefixes.contains(ip) for ip in asked)


def test_a_new_exclusion_moves_nobody_else_in_the_order(load: Loader) -> None:
    before = load(CONTACT, prefixes="193.1.0.0/22\n")
    after = load(CONTACT, prefixes="193.1.0.0/22\n", exclusions=("193.1.2.0/24\n",))
    assert after.order.identity == before.order.identity
    assert list(after.targets()) == [
        (position, ip) for position, ip in before.targets() if not ip.startswith("193.1.2.")
    ]
    assert list(after.targets(300)) == [target for target in after.targets() if target[0] >= 300]


def test_other_sources_or_another_seed_are_another_order(load: Loader) -> None:
    one = load(CONTACT, prefixes="193.1.0.0/22\n")
    two = load(CONTACT, prefixes="193.1.0.0/22\n193.2.0.0/32\n")
    assert one.order.identity != two.order.identity


def test_special_ranges_are_asked_only_when_the_study_says_so(load: Loader) -> None:
    assert len(load({}, prefixes="127.0.0.0/24\n")) == 0
    assert len(load({"allow_special": True}, prefixes="127.0.0.0/24\n")) == 256


@pytest.mark.parametrize(
    ("study", "missing"),
    [
        ({}, "study.contact and study.opt_out not set"),
        ({"contact": "a@example.org"}, "study.opt_out not set"),
        ({"contact": " ", "opt_out": "https://example.org"}, "study.contact not set"),
        ({"allow_special": True}, "study.contact and study.opt_out not set"),
    ],
)
def test_public_addresses_need_a_contact_and_an_opt_out(
    load: Loader, study: dict[str, object], missing: str
) -> None:
    with pytest.raises(StudyError, match=f"{missing}, and the population has 256 public addresses"):
        load(study, prefixes="193.1.0.0/24\n")


def test_public_addresses_that_are_excluded_need_nobody(load: Loader) -> None:
    assert len(load({}, prefixes="193.1.0.0/24\n", exclusions=("193.1.0.0/16\n",))) == 0


def test_a_study_without_sources_says_what_to_set(load: Loader) -> None:
    with pytest.raises(StudyError, match=r"nobody to ask; set population\.country, population\.prefixes or"):
        load(CONTACT)


def test_an_empty_source_is_an_empty_population(load: Loader) -> None:
    population = load(CONTACT, hosts="# none found\n")
    assert (len(population), list(population.addresses()), population.order.positions) == (0, [], 0)


@pytest.mark.shared_data
def test_a_country_is_its_networks_without_ipv6_that_no_sweep_gets_through(
    tmp_path: Path, shared_data: Path
) -> None:
    database = shared_data / "maxmind-db" / "test-data" / "GeoLite2-Country-Test.mmdb"
    (tmp_path / "hosts.txt").write_text("2a02:d280::25\n")
    settings = {"country": "cz", "country_database": str(database), "hosts": "hosts.txt"}
    population = load_population(
        Study(tmp_path, Settings.model_validate({"study": CONTACT, "population": settings}))
    )
    assert [part.name for part in population.sources] == [
        "country CZ, located there",
        "country CZ, only registered there",
        "hosts hosts.txt",
    ]
    assert population.left_out[0].name == "IPv6 prefixes too wide to sweep"
    assert population.left_out[0].count > 1 << 64
    assert population.left_out[0].prefixes.contains("2a02:d280::26")
    assert "2a02:d280::25" in set(population.addresses())


@pytest.mark.shared_data
def test_the_order_of_a_whole_country_stays_in_the_country(tmp_path: Path, shared_data: Path) -> None:
    database = shared_data / "geo" / "geo-whois-asn-country" / "geo-whois-asn-country-ipv4.mmdb"
    (tmp_path / "out.txt").write_text("86.0.0.0/8\n")
    settings = {"country": "IE", "country_database": str(database), "exclusions": ["out.txt"]}
    population = load_population(
        Study(tmp_path, Settings.model_validate({"study": CONTACT, "population": settings}))
    )
    assert len(population) + population.left_out[0].count == 15_679_216
    asked = list(islice(population.addresses(start=12_345_678), 20_000))
    assert all(population.prefixes.contains(ip) for ip in asked)
    assert len(set(asked)) == len(asked)
