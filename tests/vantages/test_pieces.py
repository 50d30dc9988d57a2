"""Pieces are disjoint, together the whole, and need nothing but themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from known_studies import known_of
from mailcensus.population import Population, PrefixSet, load_population
from mailcensus.population.address import parse_address
from mailcensus.population.network import network_of
from mailcensus.population.sources import Databases
from mailcensus.population.systems import system_of_networks
from mailcensus.probe.server_names import read_server_names
from mailcensus.study import Settings, Study
from mailcensus.vantages.pieces import files_of, identity_of, pieces_of, settings_of, write_files

PREFIXES = ("198.18.0.0/20", "10.1.2.128/25", "2001:db8:1::/126")


def study(directory: Path, **sections: object) -> Study:
    (directory / "prefixes.txt").write_text("".join(f"{prefix}\n" for prefix in PREFIXES))
    (directory / "out.txt").write_text("198.18.1.0/24\n")
    told = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt", "exclusions": ["out.txt"]},
    }
    return Study(directory, Settings.model_validate({**told, **sections}))


def population_of_piece(directory: Path, whole: Study, name: str, **exclusions: str) -> Population:
    (piece,) = [piece for piece in pieces_of(load_population(whole), 5, 10) if piece.name == name]
    files = files_of(piece, known_of(whole), exclusions)
    settings = settings_of(whole, piece, files, 8)
    write_files(directory, files)
    return load_population(Study(directory, settings))


def test_pieces_are_disjoint_whole_networks_and_everybody_is_in_one(tmp_path: Path) -> None:
    population = load_population(study(tmp_path))
    together = PrefixSet()
    for piece in pieces_of(population, 5, 10):
        assert together.intersect(piece.everyone).count == 0
        together = together.union(piece.everyone)
    assert together == population.everyone


def test_a_vantage_asks_of_its_piece_what_the_study_would_have_asked(tmp_path: Path) -> None:
    whole = study(tmp_path)
    asked: set[str] = set()
    for piece in pieces_of(load_population(whole), 5, 10):
        directory = tmp_path / piece.name
        asked |= set(
            population_of_piece(
                directory, whole, piece.name, **{"exclusions/out.txt": "198.18.1.0/24\n"}
            ).addresses()
        )
    assert asked == set(load_population(whole).addresses())


def test_a_sample_is_drawn_from_each_piece(tmp_path: Path) -> None:
    told = {"prefixes": "prefixes.txt", "sample": "10%"}
    pieces = pieces_of(load_population(study(tmp_path, population=told)), 5, 10)
    for piece in pieces:
        assert piece.sample == max(1, round(piece.everyone.count * 0.1))


def test_follow_ups_and_noise_are_asked_of_each_piece_as_the_study_wants_them(tmp_path: Path) -> None:
    names = {"198.18.0.1": "mx.example", "10.1.2.130": "mail.example", "192.0.2.1": "elsewhere.example"}
    (tmp_path / "names.txt").write_text("".join(f"{ip} {name}\n" for ip, name in names.items()))
    followups = {"server_names": ["file"], "server_names_file": "names.txt"}
    whole = study(tmp_path, followups=followups, noise={"ports": [1337], "sample": 420})
    known = known_of(whole)
    sampled, named = 0, dict[str, str]()
    for piece in pieces_of(load_population(whole), 5, 420):
        files = files_of(piece, known, {})
        write_files(tmp_path / piece.name, files)
        settings = settings_of(whole, piece, files, 8)
        sampled += settings.noise.sample
        assert settings.followups.server_names_file is not None
        named |= read_server_names(tmp_path / piece.name / settings.followups.server_names_file)
    assert sampled == pytest.approx(420, abs=5)
    assert named == {ip: name for ip, name in names.items() if "elsewhere" not in name}


def test_systems_are_in_one_piece_each_where_they_have_a_limit_and_are_known_there(tmp_path: Path) -> None:
    rows = [
        "198.18.0.0,198.18.4.127,64500",
        "198.18.5.0,198.18.9.255,64501",
        "2001:db8:1::,2001:db8:2::,64500",
    ]
    (tmp_path / "systems.csv").write_text("\n".join(["start_ip,end_ip,asn", *rows]))
    politeness = {"as_connections_per_s": 5}
    told = {"prefixes": "prefixes.txt", "as_database": "systems.csv"}
    whole = study(tmp_path, population=told, politeness=politeness)
    known, population = known_of(whole), load_population(whole)
    pieces = pieces_of(population, 5, 10, known.owners)
    assert sum(piece.everyone.count for piece in pieces) == population.everyone.count
    assert identity_of(pieces) != identity_of(pieces_of(population, 5, 10))
    system_of = system_of_networks(Databases(whole).autonomous_systems().table)
    places: dict[int, set[str]] = {}
    for piece in pieces:
        files = files_of(piece, known, {})
        write_files(tmp_path / piece.name, files)
        as_seen = system_of_piece(Study(tmp_path / piece.name, settings_of(whole, piece, files, 8)))
        for ip in map(piece.everyone.address_at, range(piece.everyone.count)):
            network = network_of(*parse_address(ip))
            assert as_seen(network) == system_of(network)
            places.setdefault(system_of(network) or -network, set()).add(piece.name)
    assert {asn for asn in places if asn > 0} == {64500, 64501}
    assert {len(names) for names in places.values()} == {1}
    assert len(set.union(*places.values())) == len(pieces) > 2


def system_of_piece(piece: Study) -> Callable[[int], int | None]:
    """As its vantage has it; without a limit where it has no system that is known."""
    if piece.settings.population.as_database is None:
        assert piece.settings.politeness.as_connections_per_s is None
        return lambda network: None
    assert piece.settings.politeness.as_connections_per_s == 5
    return system_of_networks(Databases(piece).autonomous_systems().table)


def test_canaries_rest_as_much_longer_as_there_are_vantages(tmp_path: Path) -> None:
    whole = study(tmp_path, canaries={"hosts": ["198.18.0.1"], "rest_s": 5.0})
    (piece, *_) = pieces_of(load_population(whole), 5, 10)
    canaries = settings_of(whole, piece, [], 8).canaries
    assert (canaries.hosts, canaries.rest_s) == (("198.18.0.1:25",), 40.0)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_no_file_is_written_outside_the_pieces_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a path in a study"):
        write_files(tmp_path, {name: ""})
