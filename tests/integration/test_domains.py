"""A tree of DNS made of the published MX records of .gov, with zones that are broken in every way beside them."""

from __future__ import annotations

import asyncio
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.domains.resolve import list_of, resolve
from mailcensus.study import Settings, Study
from places import fresh_network
from realservers.dns_tree import Tree, Zone, dns_tree
from realservers.process import ServerMissing
from realservers.published_mail import published_zones

pytestmark = pytest.mark.integration

PUBLISHED = 300
"""Domains of the published list that are taken; all of them take minutes."""

ODD_ZONES = [
    Zone(
        "example.",
        signed=True,
        records=[
            "good.example. 60 IN MX 10 mx.good.example.",
            "mx.good.example. 60 IN A 127.0.0.5",
            f"_25._tcp.mx.good.example. 60 IN TLSA 3 1 1 {'ab' * 32}",
            "null.example. 60 IN MX 0 .",
            "literal.example. 60 IN MX 10 192.0.2.1.",
            "implicit.example. 60 IN A 127.0.0.7",
            "nothing.example. 60 IN TXT nothing",
            "circle.example. 60 IN CNAME circle2.example.",
            "circle2.example. 60 IN CNAME circle.example.",
            "alias.example. 60 IN CNAME good.example.",
            "toalias.example. 60 IN MX 10 cname.example.",
            "cname.example. 60 IN CNAME mx.good.example.",
            "mixed.example. 60 IN MX 10 mx.bogus.example.",
            "mixed.example. 60 IN MX 20 mx.unsigned.example.",
        ],
    ),
    Zone(
        "bogus.example.",
        signed=True,
        records=["bogus.example. 60 IN MX 10 mx.bogus.example.", "mx.bogus.example. 60 IN A 127.0.0.8"],
        forged={"MX\t10 mx.bogus": "MX\t10 my.bogus", "127.0.0.8": "127.0.0.9"},
    ),
    Zone("expired.example.", signed=True, expired=True, records=["expired.example. 60 IN MX 1 mx.good.example."]),
    Zone(
        "unsigned.example.",
        records=["unsigned.example. 60 IN MX 10 mx.unsigned.example.", "mx.unsigned.example. 60 IN A 127.0.0.6"],
    ),
    Zone(
        "unanchored.example.",
        signed=True,
        anchored=False,
        records=["unanchored.example. 60 IN MX 10 mx.good.example."],
    ),
    Zone(
        "long.example.",
        signed=True,
        records=[f"long.example. 60 IN MX {n} {'m' * 50}{n:02}.long.example." for n in range(60)],
    ),
    Zone(
        "hashed.example.",
        signed=True,
        nsec3=True,
        records=["hashed.example. 60 IN MX 1 mx.good.example.", "in.hashed.example. 60 IN A 127.0.0.7"],
    ),
    Zone("under.hashed.example.", records=["under.hashed.example. 60 IN MX 1 mx.good.example."]),
    Zone("lame.example.", server="7"),
    Zone("dead.example.", server="9"),
    Zone("slow.example.", server="4"),
    Zone("silent.example.", server="5"),
    Zone("nonsense.example.", server="6"),
]  # fmt: skip

ENDS: dict[str, tuple[set[str], set[str]]] = {
    "good": ({"mx"}, {"secure"}),
    "alias": ({"mx"}, {"secure"}),
    "toalias": ({"mx"}, {"secure"}),
    "mixed": ({"mx"}, {"secure"}),
    "null": ({"null_mx"}, {"secure"}),
    "literal": ({"broken"}, {"secure"}),
    "implicit": ({"implicit_mx"}, {"secure"}),
    "nothing": ({"no_mail"}, {"secure"}),
    "not-there": ({"nxdomain"}, {"secure"}),
    "bogus": ({"bogus"}, {"bogus"}),
    "expired": ({"bogus"}, {"bogus"}),
    "unsigned": ({"mx"}, {"insecure"}),
    "unanchored": ({"mx"}, {"insecure"}),
    "long": ({"mx"}, {"secure"}),
    "hashed": ({"mx"}, {"secure"}),
    "in.hashed": ({"implicit_mx"}, {"secure"}),
    "under.hashed": ({"mx"}, {"insecure"}),
    "circle": ({"servfail"}, {"unknown"}),
    # Unbound 1.17 does not say why (RFC 8914); newer ones do.
    "lame": ({"servfail", "lame"}, {"unknown"}),
    "nonsense": ({"servfail", "lame"}, {"unknown"}),
    "refusing": ({"refused"}, {"unknown"}),
    "dead": ({"timeout"}, {"unknown"}),
    "silent": ({"timeout"}, {"unknown"}),
    "slow": ({"mx"}, {"insecure"}),
}


@dataclass(frozen=True)
class Resolved:
    """A study of the tree, and what the resolver was asked for it."""

    study: Study
    validated: Study
    """Another one, of the odd zones, that validates by itself."""
    questions: list[str]

    def rows(self, table: str, study: Study | None = None) -> list[dict[str, Any]]:
        """A table of it, or of the other one."""
        files = visible_files((study or self.study).data / table)
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def by_domain(self, table: str) -> dict[str, list[dict[str, Any]]]:
        """Its rows by domain."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows(table):
            found[row["domain"]].append(row)
        return found


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Path:
    return shared_data / "mss" / "US"


@pytest.fixture(scope="module")
def resolved(server_directory: Path, published: Path) -> Iterator[Resolved]:
    zones, domains = published_zones(published, PUBLISHED)
    names = [*domains, *(f"{name}.example" for name in ENDS)]
    try:
        with dns_tree(server_directory / "tree", fresh_network(), [*zones, *ODD_ZONES], log=True) as tree:
            study = study_of(server_directory / "study", tree, names)
            asyncio.run(run_of(study))
            questions = tree.questions()
            ends = [name for name in names if name.endswith(".example")]
            validated = study_of(server_directory / "validated", tree, ends, validate_ourselves=True)
            asyncio.run(run_of(validated))
            yield Resolved(study, validated, questions)
    except ServerMissing as missing:
        pytest.skip(str(missing))


def study_of(directory: Path, tree: Tree, names: list[str], **told: object) -> Study:
    directory.mkdir()
    (directory / "domains.txt").write_text("\n".join(names))
    settings = Settings.model_validate(
        {
            "study": {"allow_special": True},
            "domains": {"list": "domains.txt"},
            "dns": {
                "resolvers": [tree.address],
                "queries_per_s": 1e6,
                "authority_queries_per_s": 1e6,
                "timeout_s": 3.0,
                "tries": 2,
                **told,
                "trust_anchors": str(tree.resolver.log.parent / "anchor"),
            },
        }
    )
    return Study(directory, settings)


async def run_of(study: Study) -> None:
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        await resolve(study, run, list_of(study), lambda progress: None)


@pytest.mark.parametrize("name", ENDS)
def test_every_zone_has_its_state(resolved: Resolved, name: str) -> None:
    [row] = resolved.by_domain("domains")[f"{name}.example"]
    mail, dnssec = ENDS[name]
    assert row["mail"] in mail
    assert row["dnssec"] in dnssec


@pytest.mark.parametrize("name", [name for name in ENDS if name not in ("not-there", "refusing")])
def test_our_own_validation_agrees_with_the_resolver(resolved: Resolved, name: str) -> None:
    """Where the resolver cannot say, ours can say what the zone is: it rests on the delegation."""
    [row] = [
        row for row in resolved.rows("domains", resolved.validated) if row["domain"] == f"{name}.example"
    ]
    if row["dnssec"] == "unknown":
        assert row["dnssec_validated"] in ("unknown", "insecure", "secure")
    else:
        assert (row["dnssec_validated"], row["dnssec_error"] is None) == (
            row["dnssec"],
            row["dnssec"] == "secure",
        )


def test_exchanges_behind_signatures_and_aliases(resolved: Resolved) -> None:
    mx = resolved.by_domain("mx")
    [good] = mx["good.example"]
    assert (good["state"], good["mx_secure"], good["addresses_secure"]) == ("ok", True, True)
    assert (good["tlsa_state"], good["tlsa_secure"], good["tlsa_at"]) == ("present", True, "mx.good.example")
    [alias] = mx["toalias.example"]
    assert (alias["state"], alias["cname_target"], alias["tlsa_at"]) == (
        "cname",
        "mx.good.example",
        "mx.good.example",
    )
    assert alias["tlsa_state"] == "present"
    assert [row["state"] for row in mx["mixed.example"]] == ["bogus", "ok"]
    assert [row["addresses_secure"] for row in mx["mixed.example"]] == [None, False]
    assert len(mx["long.example"]) == 60


def test_a_long_answer_came_by_tcp(resolved: Resolved) -> None:
    [long] = [row for row in resolved.rows("dns") if (row["name"], row["type"]) == ("long.example", "MX")]
    assert (long["transport"], len(long["rdata"])) == ("tcp", 60)


def test_published_exchanges_come_back_as_they_were_published(resolved: Resolved, published: Path) -> None:
    found = {
        (row["domain"], row["preference"], row["exchange"])
        for row in resolved.rows("mx")
        if not row["implicit"]
    }
    asked = {row["domain"] for row in resolved.rows("domains")}
    with (published / "mx_records.csv").open() as file:
        told = {
            (row["queried"].lower(), int(row["preference"]), row["exchange"].lower().rstrip(".") or ".")
            for row in csv.DictReader(file)
            if row["queried"].lower() in asked
        }
    assert len(told) > PUBLISHED
    assert {key for key in found if key[0].endswith(".gov")} == told


def test_published_addresses_come_back_too(resolved: Resolved, published: Path) -> None:
    with (published / "mx_ip.csv").open() as file:
        addresses = defaultdict(set)
        for row in csv.DictReader(file):
            addresses[row["queried"].lower().rstrip(".")].add(row["a_record"])
    compared = 0
    for row in resolved.rows("mx"):
        if row["domain"].endswith(".gov") and row["exchange"] in addresses:
            assert set(row["addresses"]) == addresses[row["exchange"]]
            compared += 1
    assert compared > PUBLISHED


def test_nothing_was_asked_twice(resolved: Resolved) -> None:
    """But for further tries of what failed, and TCP behind UDP."""
    answered = {f"{row['name']} {row['type']}": row for row in resolved.rows("dns")}
    twice = [question for question, times in Counter(resolved.questions).items() if times > 1]
    assert {answered[question]["state"] for question in twice if question in answered} <= {
        "servfail", "lame", "refused", "timeout", "answer",
    }  # fmt: skip
    assert [
        question
        for question in twice
        if question in answered
        and answered[question]["attempts"] == 1
        and answered[question]["transport"] != "tcp"
    ] == []
