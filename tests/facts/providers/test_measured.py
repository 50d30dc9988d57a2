"""The published .gov data against labels made by hand, and the provider table against a map made by others.

`gov_sample.tsv` was drawn at random before its labels were made, and after the rules were but for what
docs/explanation/providers.md names: 100 of all domains with an
exchange (`even`) and 80 of those whose exchanges serve fewer than ten domains (`hard`), where rules have something to
do. Each was labelled by hand from its exchanges, their reverse names and the organisation of their AS, with the
reason beside it; `open` is what these do not tell.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from mailcensus.dataset.imports import import_mss
from mailcensus.facts.providers.domain import read_domain
from mailcensus.facts.providers.holders import Holders
from mailcensus.facts.providers.reading import read_domains
from mailcensus.facts.providers.table import provider_table
from mailcensus.model import DomainProvider, Party, Role
from mailcensus.study import Settings, Study

pytestmark = pytest.mark.slow
TABLE = provider_table()
KNOWN = (Party.FIRST, Party.THIRD, Party.MIXED)
FITTING = {
    "Email Security": {Role.FILTER},
    "Email Provider": {Role.MAILBOX, Role.FORWARDING},
    "Web Host": {Role.HOSTING, Role.MAILBOX},
    "ISP": {Role.HOSTING},
}


@pytest.fixture(scope="module")
def found(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, DomainProvider]:
    folder = shared_data / "mss"
    settings = {"domains": {"list": str(folder / "registry-gov.csv")}}
    study = Study(tmp_path_factory.mktemp("study"), Settings.model_validate(settings))
    run_id = import_mss(study, folder / "US").run_id
    seen = read_domains(study.data, run_id)
    holders = Holders.of(seen, TABLE.policy)
    return {one.domain: read_domain(one, holders, TABLE, run_id).domain for one in seen}


def labels(sample: str) -> list[dict[str, str]]:
    lines = (Path(__file__).parent / "gov_sample.tsv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader([lines[0].removeprefix("# "), *lines[1:]], delimiter="\t")
    return [row for row in rows if row["sample"] == sample]


def verdicts(found: Mapping[str, DomainProvider], sample: str, field: str) -> Counter[str]:
    """Right, wrong or unknown, of the labels that are not open."""
    counts: Counter[str] = Counter()
    for row in labels(sample):
        if row["party"] != "open":
            said = getattr(found[row["domain"]], field)
            counts["right" if said == row["party"] else "unknown" if said == Party.UNKNOWN else "wrong"] += 1
    return counts


def test_nearly_all_domains_with_mail_are_classified(found: Mapping[str, DomainProvider]) -> None:
    parties = Counter(one.party for one in found.values() if one.providers or one.unknown_reason)
    with_exchange = [
        one for one in found.values() if not (one.unknown_reason or "").startswith("no exchange")
    ]
    known = sum(one.party in KNOWN for one in with_exchange)
    taking = sum(one.party is not Party.NO_MAIL for one in with_exchange)
    assert (known, taking) == (7_243, 7_391)
    assert parties[Party.THIRD] > parties[Party.FIRST] > parties[Party.MIXED]


def test_labels_made_by_hand_agree_better_than_with_the_rule_of_names(
    found: Mapping[str, DomainProvider],
) -> None:
    assert verdicts(found, "even", "party") == {"right": 97, "unknown": 3}
    assert verdicts(found, "even", "name_rule") == {"right": 81, "unknown": 17, "wrong": 2}
    assert verdicts(found, "hard", "party") == {"right": 53, "unknown": 12, "wrong": 1}
    assert verdicts(found, "hard", "name_rule") == {"right": 19, "unknown": 27, "wrong": 20}


def test_providers_are_those_of_the_labels(found: Mapping[str, DomainProvider]) -> None:
    third = [
        row
        for sample in ("even", "hard")
        for row in labels(sample)
        if row["provider"] and found[row["domain"]].party is Party.THIRD
    ]
    wrong = [row["domain"] for row in third if found[row["domain"]].provider != row["provider"]]
    assert (len(third), wrong) == (125, ["frankfort-in.gov"])


def test_kinds_of_providers_agree_with_a_map_made_by_others(shared_data: Path) -> None:
    with (shared_data / "providers/parsedmarc/base_reverse_dns_map.csv").open(encoding="utf-8") as file:
        kinds = {row["base_reverse_dns"]: row["type"] for row in csv.DictReader(file)}
    both = [
        (one.role, kinds[domain])
        for one in TABLE.providers.values()
        for domain in one.domains
        if kinds.get(domain) in FITTING
    ]
    fitting = sum(role in FITTING[kind] for role, kind in both)
    assert len(both) > 150
    assert fitting / len(both) > 0.9
