"""What the leak of a shared key exposes."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hand_made import NOW, RUN, Leaf, Server, evidence_of, named

from mailcensus.analysis.blast_radius import without_forward_secrecy
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.model import Enumeration, Outcome
from mailcensus.model.chain import Chain, ChainStatus

SPEC = next(spec for spec in TABLES if spec.name == "blast_radius")
RSA_TRANSPORT, ECDHE = 0x009C, 0xC02F
OLD = Leaf(key="old", names=("old.example",), algorithm="rsa")
NEW = Leaf(key="new", names=("new.example", "www.new.example"), algorithm="rsa")
EDDSA = Leaf(key="eddsa", names=("eddsa.example",), algorithm="ed25519")


def pair(leaf: Leaf, first: int, **fields: Any) -> list[Server]:
    return [
        Server(ip=f"198.51.{first + n}.1", name=f"mx{first + n}.firm.example", tls={"smtp": leaf}, **fields)
        for n in range(2)
    ]


SERVERS = [
    *pair(OLD, 10, suite=RSA_TRANSPORT, asn=64500, country="IE"),
    *pair(NEW, 20, suite=ECDHE),
    *pair(EDDSA, 30),
    *(
        replace(server, asn=64500 + n, country=("EE", "IE")[n])
        for n, server in enumerate(pair(NEW, 40, ssh="ssh"))
    ),
    *pair(Leaf(key="listed", algorithm="rsa"), 50, suite=ECDHE),
    *pair(Leaf(key="taken", algorithm="rsa"), 60, suite=ECDHE),
]


def enumeration(ip: str, suites: tuple[int, ...], complete: bool = True) -> Enumeration:
    return Enumeration(
        run_id=RUN, vantage="t", started_at=NOW, ended_at=NOW, ip=ip, port=25, service="smtp", version=0x0303,
        version_name="TLSv1.2", cipher_suites=suites, cipher_suite_names=(), complete=complete, connections=2,
        outcome=Outcome.OK,
    )  # fmt: skip


ENUMERATIONS = [
    *(enumeration(f"198.51.{n}.1", (ECDHE,)) for n in (50, 51)),
    enumeration("198.51.60.1", (ECDHE, RSA_TRANSPORT), complete=False),
    enumeration("198.51.20.1", (ECDHE,)),
]


def chain(leaf: Leaf, status: ChainStatus, store: str = "mozilla") -> Chain:
    return Chain(
        chain_id="c", leaf_sha256=leaf.sha256, sent=1, root_store=store, store_date=NOW.date(), store_sha256="s",
        at=NOW, holds_from=None, holds_until=None, status=status,
    )  # fmt: skip


CHAINS = [
    chain(NEW, ChainStatus.EXPIRED),
    chain(NEW, ChainStatus.VALID),
    chain(OLD, ChainStatus.SELF_SIGNED),
    chain(OLD, ChainStatus.VALID, store="own-roots.pem"),
    chain(EDDSA, ChainStatus.VALID, store="own-roots.pem"),
]


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, dict[str, Any]]]:
    keys = {named(key): key for key in ("old", "new", "eddsa", "ssh", "listed", "taken")}
    with evidence_of(*SERVERS, enumerations=ENUMERATIONS, chains=CHAINS) as evidence:
        yield {keys[row["spki_sha256"]]: row for row in rows_of(SPEC, evidence).to_pylist()}


def test_key_transport_lets_recorded_traffic_be_read(rows: dict[str, dict[str, Any]]) -> None:
    assert {key: row["decryption"] for key, row in rows.items()} == {
        "old": True,
        "taken": True,  # one of its hosts takes such a suite, though it chose another one
        "listed": False,  # every service that shows it was enumerated, and takes none
        "new": None,  # only one of four was
        "eddsa": False,
        "ssh": False,
    }
    assert [rows[key]["transport_hosts"] for key in ("old", "taken", "new")] == [2, 1, 0]


def test_trust_is_what_the_chains_say_by_mozillas_roots_and_unknown_without(
    rows: dict[str, dict[str, Any]],
) -> None:
    trusted = {key: row["trusted"] for key, row in rows.items()}
    assert trusted == {"new": True, "old": False, "eddsa": None, "ssh": None, "listed": None, "taken": None}


def test_hosts_names_networks_countries_and_services_are_those_that_show_it(
    rows: dict[str, dict[str, Any]],
) -> None:
    new = rows["new"]
    assert (new["hosts"], new["machines"], new["asns"], new["countries"]) == (4, 4, 2, ["EE", "IE"])
    assert new["services"] == ["smtp"]
    greeted = [f"mx{n}.firm.example" for n in (20, 21, 40, 41)]
    assert (new["names"], new["some_names"]) == (6, sorted(["new.example", "www.new.example", *greeted]))
    assert (rows["ssh"]["by_ssh"], rows["ssh"]["by_tls"], rows["ssh"]["services"]) == (True, False, ["ssh"])


def test_ranks_follow_the_stated_score(rows: dict[str, dict[str, Any]]) -> None:
    scores = {key: row["score"] for key, row in rows.items()}
    assert scores == {"new": 4 * 3, "ssh": 2 * 3, "old": 2 * 2, "taken": 2 * 2, "listed": 2, "eddsa": 2}
    ordered = sorted(rows.values(), key=lambda row: (-row["score"], -row["hosts"], row["spki_sha256"]))
    assert [row["rank"] for row in ordered] == [1, 2, 3, 4, 5, 6]


def test_suites_without_forward_secrecy_are_those_named_so() -> None:
    codes = without_forward_secrecy()
    assert {0x002F, 0x009C, 0xC004} <= set(codes)
    assert not {0x1301, 0xC02F, 0x009E, 0x0003} & set(codes)
