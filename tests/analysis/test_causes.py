"""Readings of hand-made clusters: one case for each rule, and for what must not be taken for it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hand_made import Leaf, Server, evidence_of, side_by_side

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.cause_rules import MEANINGS, RULES, Reading
from mailcensus.analysis.table_spec import rows_of

SPECS = {spec.name: spec for spec in TABLES}
CA = "CN=Some CA"


def farm(count: int, leaf: Leaf, **same: Any) -> list[Server]:
    """Hosts with one certificate; names, networks and SSH keys of their own unless told."""
    servers = []
    for n in range(count):
        own = {
            "name": f"mx.firm{n}.example",
            "ssh": f"ssh {n}",
            "asn": 64500 + n,
            "country": "IE" if n % 2 else "EE",
        }
        servers.append(Server(ip=f"198.51.{n}.7", tls=leaf, **(own | same)))
    return servers


def one_domain(servers: list[Server]) -> list[Server]:
    return [replace(server, name=f"mx{n}.firm.example") for n, server in enumerate(servers)]


FIRM = Leaf(key="tls", names=("firm.example",), issuer=CA)
SELF = Leaf(key="tls", names=("appliance",))
MANY = Leaf(key="tls", names=tuple(f"customer{n}.example" for n in range(6)), issuer=CA)
STAR = Leaf(key="tls", names=("*.firm.example", "firm.example"), issuer=CA)
MICROSOFT = Leaf(key="tls", names=("update.microsoft.com",), issuer=CA)
PLESK = Leaf(key="tls", names=("Plesk",), subject="CN=Plesk,O=Plesk")

TWO = [replace(FIRM, names=(f"mx{n}.firm.example",)) for n in range(2)]
OTHERS = [replace(FIRM, key="k", names=("mx.firm0.example",)), replace(FIRM, key="own")]

CASES = {
    "one name and neighbours": (
        [replace(s, ip=f"198.51.0.{n}") for n, s in enumerate(farm(3, FIRM, ssh="ssh", name="a.firm.example", asn=1))],
        Reading.ONE_MACHINE,
    ),
    "all keys, other names": (farm(4, FIRM, ssh="ssh", asn=64500), Reading.CLONED_IMAGE),
    "all keys, other names, everywhere": (farm(4, SELF, ssh="ssh"), Reading.CLONED_IMAGE),
    "SSH key only, one network": (
        [replace(s, tls=replace(FIRM, key=f"tls {n}")) for n, s in enumerate(farm(4, FIRM, ssh="ssh", asn=64500))],
        Reading.CLONED_IMAGE,
    ),
    "SSH key only, unrelated networks": (
        [replace(s, tls=replace(FIRM, key=f"tls {n}")) for n, s in enumerate(farm(4, FIRM, ssh="ssh"))],
        Reading.PRODUCT_DEFAULT,
    ),
    "a panel's certificate": (farm(4, PLESK), Reading.PRODUCT_DEFAULT),
    "an unlisted product's certificate": (farm(5, SELF), Reading.PRODUCT_DEFAULT),
    "a panel's certificate in one copied image": (farm(4, PLESK, ssh="ssh", asn=64500), Reading.CLONED_IMAGE),
    "a well-known name anywhere": (farm(4, MICROSOFT), Reading.SUSPICIOUS),
    "a well-known name at home": (
        farm(4, MICROSOFT, asn=8075, as_org="MICROSOFT-CORP", name="mx.microsoft.com"),
        Reading.ONE_OPERATOR,
    ),
    "somebody's issued certificate anywhere": (farm(5, FIRM), Reading.SUSPICIOUS),
    "a delivery network": (farm(4, MANY, as_org="CLOUDFLARENET", ssh=None, name=None), Reading.CDN),
    "a wildcard": (one_domain(farm(4, STAR)), Reading.WILDCARD),
    "a hoster's wildcard": (farm(4, STAR, asn=64500), Reading.SHARED_HOSTING),
    "many domains in a certificate": (farm(3, MANY, asn=64500), Reading.SHARED_HOSTING),
    "one domain": (one_domain(farm(3, FIRM)), Reading.ONE_OPERATOR),
    "a key in two certificates": (
        one_domain([replace(s, tls=leaf) for s, leaf in zip(farm(2, FIRM), TWO, strict=True)]),
        Reading.ONE_OPERATOR,
    ),
    "an SSH key that is another host's TLS key": (
        [farm(1, OTHERS[0])[0], replace(farm(2, OTHERS[1])[1], ssh="k")],
        Reading.ONE_OPERATOR,
    ),
    "no names, no networks": (farm(3, FIRM, name=None, asn=None, country=None), Reading.UNKNOWN),
    "a copy, and a name of Microsoft's": (
        [
            *farm(4, MICROSOFT),
            replace(farm(6, FIRM)[4], tls=replace(FIRM, key="x"), ssh="ssh 0", asn=64500),
            replace(farm(6, FIRM)[5], tls=replace(FIRM, key="y"), ssh="ssh 0", asn=64500),
        ],
        Reading.MIXED,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def study() -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """All cases side by side: tables, and the case of each address."""
    apart, case_of = side_by_side({case: servers for case, (servers, _) in CASES.items()})
    with evidence_of(*apart) as evidence:
        names = ("cluster_causes", "key_causes", "cause_summary", "cluster_hosts")
        return {name: rows_of(SPECS[name], evidence).to_pylist() for name in names}, case_of


@pytest.mark.parametrize("case", CASES)
def test_the_reading_of(case: str, study: tuple[dict[str, list[dict[str, Any]]], dict[str, str]]) -> None:
    tables, case_of = study
    clusters = {row["cluster"] for row in tables["cluster_hosts"] if case_of[row["ip"]] == case}
    found = [row for row in tables["cluster_causes"] if row["cluster"] in clusters]
    assert [row["reading"] for row in found] == [CASES[case][1]], found


def test_every_reading_says_on_what_it_rests(
    study: tuple[dict[str, list[dict[str, Any]]], dict[str, str]],
) -> None:
    row = next(
        r for r in study[0]["cluster_causes"] if r["reading"] == Reading.CLONED_IMAGE and r["hosts"] == 4
    )
    assert {"hosts=4", "ssh_known=4", "ssh_keys=1"} <= set(row["evidence"])
    assert row["confidence"] == "high"
    for row in study[0]["key_causes"]:
        rules = [rule for rule in RULES if rule.reading == row["reading"]]
        said = {words for rule in rules for _, words in rule.supports}
        assert {*row["supports"], *row["doubts"]} <= said
        assert (row["confidence"] is None) == (row["reading"] == Reading.UNKNOWN)


def test_a_mixed_cluster_says_of_what(study: tuple[dict[str, list[dict[str, Any]]], dict[str, str]]) -> None:
    mixed = [row for row in study[0]["cluster_causes"] if row["reading"] == Reading.MIXED]
    assert [row["readings"] for row in mixed] == [["suspicious=4", "cloned_image=3"]]


def test_shares_of_hark_add_up_to_hark(study: tuple[dict[str, list[dict[str, Any]]], dict[str, str]]) -> None:
    rows = study[0]["cause_summary"]
    assert (
        [row["reading"] for row in rows]
        == [str(reading) for reading in Reading]
        == [str(r) for r in MEANINGS]
    )
    assert sum(row["hosts"] for row in rows) == len(study[0]["cluster_hosts"]) == rows[0]["hosts_sharing"]
    assert sum(row["clusters"] for row in rows) == len(study[0]["cluster_causes"])
    assert sum(row["keys"] for row in rows) == len(study[0]["key_causes"])
    for row in rows:
        assert row["high"] + row["medium"] + row["low"] == (
            row["clusters"] if row["reading"] != "unknown" else 0
        )


@pytest.mark.slow
def test_a_study_without_clusters_has_no_readings() -> None:
    with evidence_of(Server(ip="192.0.2.1", tls=FIRM)) as evidence:
        assert rows_of(SPECS["cluster_causes"], evidence).num_rows == 0
        assert rows_of(SPECS["key_causes"], evidence).num_rows == 0
        assert {row["hosts"] for row in rows_of(SPECS["cause_summary"], evidence).to_pylist()} == {0}
