"""Which addresses are taken for one machine, and which are not."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hand_made import Leaf, Server, evidence_of, side_by_side

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.machines import machine_of_hosts
from mailcensus.analysis.table_spec import rows_of

SPECS = {spec.name: spec for spec in TABLES}
OWN = Leaf(key="tls", names=("mx.firm.example",))
EACH = {"smtp": OWN, "imap": Leaf(key="imap", names=("mx.firm.example",))}
MX = Server(ip="192.0.2.1", name="mx.firm.example", ssh="ssh", tls=OWN, asn=64500)
NEXT = replace(MX, ip="192.0.2.2")
FAR = replace(MX, ip="198.51.100.7", asn=64501)
V6 = replace(MX, ip="2001:db8::1")
CLONES = [replace(MX, ip=f"198.51.{n}.7", asn=64500 + n) for n in range(5)]

MACHINES = {
    "neighbours with equal keys and names": ((MX, NEXT), (["adjacent"], "high")),
    "a dual-stack pair": ((MX, V6), (["dual_stack"], "high")),
    "a dual-stack pair that offers no SSH": (
        (replace(MX, ssh=None), replace(V6, ssh=None)),
        (["dual_stack"], "medium"),
    ),
    "one name in two ASes": ((MX, FAR), (["multi_homed"], "low")),
    "one name in four networks": (CLONES[:4], (["multi_homed"], "low")),
    "one reverse name": (
        (replace(MX, ptr="a.example"), replace(FAR, asn=64500, ptr="a.example")),
        (["multi_homed"], "low"),
    ),
    "three, each joined to the next": ((V6, MX, NEXT), (["adjacent", "dual_stack"], "high")),
    "unknown names, which are not different names": (
        (replace(MX, name=None), replace(NEXT, name=None)),
        (["adjacent"], "medium"),
    ),
    "neighbours of one name, one of which was not seen to have SSH": (
        (MX, replace(NEXT, ssh=None)),
        (["adjacent"], "medium"),
    ),
    "software that one address does not name": ((MX, replace(NEXT, software=None)), (["adjacent"], "high")),
    "a service that one address did not show": (
        (replace(MX, tls=EACH), replace(NEXT, tls={"smtp": OWN})),
        (["adjacent"], "high"),
    ),
}
OTHERS = {
    "another name": (MX, replace(NEXT, name="mx2.firm.example")),
    "another SSH key": (MX, replace(NEXT, ssh="other")),
    "another key on one service": (
        replace(MX, tls=EACH),
        replace(NEXT, tls=EACH | {"imap": Leaf(key="other", names=("mx.firm.example",))}),
    ),
    "other mail software": (MX, replace(NEXT, software="Exim")),
    "other SSH software": (MX, replace(NEXT, ssh_software="SSH-2.0-dropbear_2022.83")),
    "another AS": (MX, replace(NEXT, asn=64501)),
    "seventeen addresses apart": (MX, replace(NEXT, ip="192.0.2.18")),
    "the placeholder of an image": tuple(replace(s, name="localhost.localdomain") for s in (MX, NEXT)),
    "no names and four addresses apart": (replace(MX, name=None), replace(MX, ip="192.0.2.5", name=None)),
    "far apart in one AS": (MX, replace(FAR, asn=64500)),
    "far apart and nobody knows in which AS": (MX, replace(FAR, asn=None)),
    "IPv4 and IPv6 without a name": (MX, replace(V6, name=None)),
    "IPv4 and IPv6 with other software": (MX, replace(V6, software="Exim")),
    "neighbours without a name, one of them without SSH": (
        replace(MX, name=None),
        replace(NEXT, name=None, ssh=None),
    ),
    "neighbours without SSH, perhaps a farm": (replace(MX, ssh=None), replace(NEXT, ssh=None)),
    "one name in five networks, an image": CLONES,
}


@pytest.fixture(scope="module")
def found() -> dict[str, list[dict[str, Any]]]:
    """Case to its machines; all cases side by side in one study."""
    cases = {case: servers for case, (servers, _) in MACHINES.items()} | OTHERS
    apart, case_of = side_by_side(cases)
    machines: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    with evidence_of(*apart) as evidence:
        for row in rows_of(SPECS["machines"], evidence).to_pylist():
            machines[case_of[row["first_ip"]]].append(row)
    return machines


@pytest.mark.parametrize("case", MACHINES)
def test_one_machine_is(case: str, found: dict[str, list[dict[str, Any]]]) -> None:
    servers, (bases, confidence) = MACHINES[case]
    rows = [(row["hosts"], row["bases"], row["confidence"]) for row in found[case]]
    assert rows == [(len(servers), bases, confidence)]


@pytest.mark.parametrize("case", OTHERS)
def test_another_machine_is_what_has(case: str, found: dict[str, list[dict[str, Any]]]) -> None:
    assert found[case] == []


def test_every_host_has_a_machine_and_addresses_of_one_have_the_same() -> None:
    alone = Server(ip="192.0.2.9", name="alone.example", ssh="its own")
    with evidence_of(MX, NEXT, alone) as evidence:
        hosts = machine_of_hosts(evidence).order_by("host").to_pyarrow().to_pydict()
        members = rows_of(SPECS["machine_hosts"], evidence).to_pylist()
    assert hosts["host"] == [0, 1, 2]
    assert hosts["machine"][:2] == [1, 1]
    assert hosts["machine"][2] > 1
    assert members == [{"machine": 1, "ip": "192.0.2.1"}, {"machine": 1, "ip": "192.0.2.2"}]


def test_where_nothing_is_shared_there_is_no_machine() -> None:
    with evidence_of(MX) as evidence:
        assert rows_of(SPECS["machines"], evidence).num_rows == 0
        assert machine_of_hosts(evidence).count().to_pyarrow().as_py() == 1
