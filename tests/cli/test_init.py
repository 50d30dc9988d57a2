"""`mailcensus init` and `mailcensus population`."""

from pathlib import Path
from typing import Any

import pytest

from mailcensus.study import Settings, Study


@pytest.fixture
def prefixes(tmp_path: Path) -> Path:
    """A file of two prefixes that overlap."""
    path = tmp_path / "prefixes.txt"
    path.write_text("127.5.0.0/29 # eight\n127.5.0.4/30\n")
    return path


def _allow_special(study: Path) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text().replace("allow_special = false", "allow_special = true"))


def test_init_writes_a_study_that_reads_as_the_defaults(mailcensus: Any, tmp_path: Path) -> None:
    ended = mailcensus("init", tmp_path / "ruritania")
    assert (ended.status, ended.out) == (0, "")
    settings = Study.open(tmp_path / "ruritania").settings
    assert settings == Settings.model_validate({"study": {"name": "ruritania"}})


def test_init_names_files_outside_the_study_from_the_root_and_files_inside_from_the_study(
    mailcensus: Any, tmp_path: Path, prefixes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mailcensus("init", "study", "--prefixes", "prefixes.txt").status == 0
    assert Study.open(Path("study")).settings.population.prefixes == prefixes
    assert mailcensus("init", ".", "--prefixes", "prefixes.txt").status == 0
    assert Study.open(Path()).settings.population.prefixes == Path("prefixes.txt")


def test_init_overwrites_no_study(mailcensus: Any, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("# mine\n")
    ended = mailcensus("init", tmp_path)
    assert ended.status == 2
    assert ended.err == (
        f"mailcensus: {tmp_path}/study.toml: there is a study already; take another directory or edit it\n"
    )
    assert (tmp_path / "study.toml").read_text() == "# mine\n"


def test_init_refuses_files_that_are_not_there_and_a_country_without_a_database(
    mailcensus: Any, tmp_path: Path
) -> None:
    ended = mailcensus("init", tmp_path / "s", "--hosts", tmp_path / "none")
    assert (ended.status, ended.err) == (2, f"mailcensus: --hosts {tmp_path}/none: no such file\n")
    ended = mailcensus("init", tmp_path / "s", "--country", "IE")
    assert ended.status == 2
    assert "--country needs --country-database" in ended.err
    assert not (tmp_path / "s").exists()


def test_init_takes_every_source_and_whatever_narrows_it(
    mailcensus: Any, tmp_path: Path, prefixes: Path
) -> None:
    database, former = tmp_path / "countries", tmp_path / "2025"
    database.mkdir()
    former.mkdir()
    options = ["--prefixes", prefixes, "--country", "ie", "--country", "MT", "--country-database", database]
    options += ["--as-number", "1213", "--as-number", "6830", "--as-database", prefixes, "--routed", prefixes]
    options += ["--hits-of", former, "--sample", "0.5%", "--shard", "2/8"]
    assert mailcensus("init", tmp_path / "s", *options).status == 0
    population = Study.open(tmp_path / "s").settings.population
    assert population.countries == ("IE", "MT")
    assert (population.as_numbers, population.as_database) == ((1213, 6830), prefixes)
    assert (population.country_database, population.hits_of, population.routed) == (
        database,
        former,
        prefixes,
    )
    assert (population.sample, population.shard) == ("0.5%", "2/8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--as-number", "1213"), "--as-number needs --as-database"),
        (("--sample", "0"), "--sample: '0' is no sample"),
        (("--shard", "0/2"), "--shard: '0/2' is no shard"),
        (("--hits-of", "none"), "--hits-of none: no such file or directory"),
        (("--as-number", "0"), "--as-number"),
    ],
)
def test_init_refuses_bad_options_in_one_line_and_makes_nothing(
    mailcensus: Any, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    ended = mailcensus("init", tmp_path / "s", *options)
    assert ended.status == 2
    assert words in ended.err
    assert not (tmp_path / "s").exists()


def test_population_counts_by_prefix_country_and_as(mailcensus: Any, tmp_path: Path, prefixes: Path) -> None:
    (tmp_path / "as.csv").write_text("127.5.0.0,127.5.0.3,64500,One\n127.5.0.4,127.5.0.5,64501,Two\n")
    (tmp_path / "cc.csv").write_text("127.5.0.0,127.5.0.6,IE\n")
    (tmp_path / "study.toml").write_text(
        "[study]\nallow_special = true\n[population]\nprefixes = 'prefixes.txt'\n"
        "as_database = 'as.csv'\ncountry_database = 'cc.csv'\n"
    )
    assert mailcensus("population", tmp_path, "--by", "as", "--json").json == [
        {"as": "AS64500", "addresses": 4, "note": "One"},
        {"as": "AS64501", "addresses": 2, "note": "Two"},
        {"as": None, "addresses": 2, "note": None},
    ]
    assert mailcensus("population", tmp_path, "--by", "country", "--json").json == [
        {"country": "IE", "addresses": 7, "note": None},
        {"country": None, "addresses": 1, "note": None},
    ]
    assert mailcensus("population", tmp_path, "--by", "prefix", "--json").json == [
        {"prefix": "127.5.0.0/29", "addresses": 8, "note": None}
    ]
    ended = mailcensus("population", tmp_path, "--by", "as", "--top", "1")
    assert ["AS64500", "4", "50.00%", "One"] in [line.split() for line in ended.out.splitlines()]
    assert "AS64501" not in ended.out
    assert ended.err == "and 2 more; --top 3 prints all\n"


def test_population_of_a_sample_says_what_is_not_in_it(
    mailcensus: Any, tmp_path: Path, prefixes: Path
) -> None:
    toml = "[study]\nallow_special = true\n[population]\nprefixes = 'prefixes.txt'\nsample = '50%'\n"
    (tmp_path / "study.toml").write_text(toml)
    ended = mailcensus("population", tmp_path)
    words = [line.split() for line in ended.out.splitlines()]
    assert ["not", "in", "the", "sample", "4"] in words
    assert ["addresses", "to", "ask", "4"] in words
    (account,) = mailcensus("population", tmp_path, "--json").json
    assert (account["addresses"], account["sample_of"]) == (4, 8)
    assert len(mailcensus("population", tmp_path, "--list").out.splitlines()) == 4
    ended = mailcensus("population", tmp_path, "--by", "prefix")
    assert ended.err == "counted over the 8 addresses that the sample of 4 is drawn from\n"


def test_population_counts_sources_and_what_is_left_out(
    mailcensus: Any, tmp_path: Path, prefixes: Path
) -> None:
    mailcensus("init", tmp_path / "s", "--prefixes", prefixes)
    ended = mailcensus("population", tmp_path / "s", "--json")
    assert ended.json == [
        {
            "addresses": 0,
            "sources": [{"name": "prefixes prefixes.txt", "addresses": 8}],
            "left_out": [{"name": "special-purpose addresses (RFC 6890)", "addresses": 8}],
        }
    ]
    _allow_special(tmp_path / "s")
    ended = mailcensus("population", tmp_path / "s")
    words = [line.split() for line in ended.out.splitlines()]
    assert ["prefixes", "prefixes.txt", "8"] in words
    assert ["addresses", "to", "ask", "8"] in words


def test_population_lists_each_address_once_in_the_order_of_asking(
    mailcensus: Any, tmp_path: Path, prefixes: Path
) -> None:
    mailcensus("init", tmp_path / "s", "--prefixes", prefixes)
    _allow_special(tmp_path / "s")
    addresses = mailcensus("population", tmp_path / "s", "--list").out.splitlines()
    assert sorted(addresses) == [f"127.5.0.{last}" for last in range(8)]
    assert addresses != sorted(addresses)
    assert mailcensus("population", tmp_path / "s", "--list").out.splitlines() == addresses
    assert mailcensus("population", tmp_path / "s", "--list", "--json").status == 2


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[study\n", "not valid TOML"),
        ("[study]\nnmae = 'x'\n", "study.nmae: no such setting"),
        ("[politeness]\nin_flight = 0\n", "politeness.in_flight: Input should be greater than 0"),
        ("[population]\ncountry = 'IE'\n", "population.country needs population.country_database"),
        ("", "nobody to ask; set population.country, population.prefixes or population.hosts"),
        ("[population]\nprefixes = 'none.txt'\n", "none.txt: cannot be read: No such file or directory"),
        ("[population]\nprefixes = 'bad.txt'\n", "bad.txt: bad prefix at line 2: '127.0.0.300'"),
        (
            "[population]\ncountry = 'IE'\ncountry_database = 'none.mmdb'\n",
            "none.mmdb: cannot be read: No such file or directory",
        ),
        (
            "[population]\ncountry = 'IE'\ncountry_database = 'bad.txt'\n",
            "bad.txt: its first row '127.0.0.1' is of no",
        ),
        ("[population]\nas_numbers = [1]\n", "population.as_numbers needs population.as_database"),
        ("[population]\nas_numbers = [0]\n", "population.as_numbers.0: Input should be greater than 0"),
        ("[population]\nas_numbers = [9]\nas_database = 'as.csv'\n", "as.csv: no prefix of AS9"),
        ("[population]\nas_numbers = [9]\nas_database = 'cc.csv'\n", "cc.csv: holds no AS numbers"),
        ("[population]\ncountry = 'IE'\ncountry_database = 'as.csv'\n", "as.csv: holds no countries"),
        ("[population]\ncountry = ['IE', 'XX']\ncountry_database = 'cc.csv'\n", "no network of country 'XX'"),
        ("[population]\nhosts = 'as.csv'\n", "as.csv: bad address at line 1"),
        ("[population]\nhits_of = 'none'\n", "must be the directory of a study with hits"),
        (
            "[population]\nprefixes = 'public.txt'\nrouted = 'cc.csv'\n",
            "population.routed must be an AS database",
        ),
        ("[population]\nprefixes = 'public.txt'\nsample = '0%'\n", "population.sample: '0%' is no sample"),
        ("[population]\nprefixes = 'public.txt'\nsample = -5\n", "population.sample: '-5' is no sample"),
        ("[population]\nprefixes = 'public.txt'\nshard = '3/2'\n", "population.shard: '3/2' is no shard"),
        ("[population]\nprefixes = 'public.txt'\n", "study.contact and study.opt_out not set"),
    ],
)
def test_bad_input_is_one_line_with_its_place_and_status_2(
    mailcensus: Any, tmp_path: Path, toml: str, words: str
) -> None:
    (tmp_path / "study.toml").write_text(toml)
    (tmp_path / "bad.txt").write_text("127.0.0.1\n127.0.0.300\n")
    (tmp_path / "public.txt").write_text("8.8.8.0/24\n")
    (tmp_path / "as.csv").write_text("8.8.8.0,8.8.8.255,15169,Google\n")
    (tmp_path / "cc.csv").write_text("8.8.8.0,8.8.8.255,IE\n")
    ended = mailcensus("population", tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert words in ended.err
    assert ended.err.startswith(f"mailcensus: {tmp_path}/")
    assert ended.err.count("\n") == 1


def test_a_directory_without_a_study_is_named_with_the_command_that_makes_one(
    mailcensus: Any, tmp_path: Path
) -> None:
    ended = mailcensus("population", tmp_path / "none")
    assert ended.status == 2
    assert ended.err == (
        f"mailcensus: {tmp_path}/none/study.toml: not found; make a study with: mailcensus init {tmp_path}/none\n"
    )
