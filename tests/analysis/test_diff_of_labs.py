"""A lab's plan and the same plan some time later: what was changed in it is what a comparison finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mailcensus.analysis.diff import diff
from mailcensus.analysis.snapshot import take_snapshot
from mailcensus.dataset.parts import PartWriter
from mailcensus.lab.plan import Cause, HostPlan, KeyPlan, Plan, ServicePlan
from mailcensus.lab.population import make_plan
from mailcensus.lab.records import Noise, records_of
from mailcensus.model import Certificate, Grab, Key
from mailcensus.study import Settings, Study

pytestmark = pytest.mark.slow

QUIET = Noise(nameless=0, unplaced=0, unanswered=0, updated=0)


def study_of(plan: Plan, directory: Path) -> Study:
    records = records_of(plan, QUIET)
    for table, record, rows in (
        ("grabs", Grab, records.grabs),
        ("keys", Key, records.keys),
        ("certificates", Certificate, records.certificates),
    ):
        PartWriter(directory / "data", table, record).write(rows)
    return Study(directory, Settings())


def changed(plan: Plan, service: ServicePlan, key: str, suffix: str) -> tuple[Plan, ServicePlan]:
    """A service with a host key of its own, of the old one's kind."""
    old = next(each for each in plan.keys if each.name == key)
    new = KeyPlan(name=f"{key}-{suffix}", kind=old.kind, seed=f"{old.seed} {suffix}")
    return replace(plan, keys=(*plan.keys, new)), replace(service, host_key=new.name)


def with_hosts(plan: Plan, hosts: dict[str, HostPlan | None]) -> Plan:
    kept = (hosts.get(host.ip, host) for host in plan.hosts)
    return replace(plan, hosts=tuple(host for host in kept if host is not None))


def ssh_of(host: HostPlan) -> ServicePlan | None:
    return next((service for service in host.services if service.host_key), None)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_changed_in_a_plan_is_what_is_found(seed: int, tmp_path: Path) -> None:
    before = make_plan(seed=seed, size=300)
    singles = [host for host in before.hosts if host.cause is Cause.SINGLE and ssh_of(host)]
    rotating, leaving, muted, first, second = singles[:5]
    after, hosts = before, {}
    service = ssh_of(rotating)
    assert service is not None
    assert service.host_key is not None
    after, new = changed(after, service, service.host_key, "new")
    hosts[rotating.ip] = replace(
        rotating, services=tuple(new if s is service else s for s in rotating.services)
    )
    hosts[leaving.ip] = None  # not among those asked
    hosts[muted.ip] = replace(muted, services=tuple(replace(s, mute=True) for s in muted.services))
    # Two hosts that had keys of their own get one image: a cluster is born.
    shared = ssh_of(first)
    assert shared is not None
    hosts[second.ip] = replace(
        second,
        services=tuple(replace(s, host_key=shared.host_key) if s.host_key else s for s in second.services),
    )
    clones = {host.group: host for host in before.hosts if host.cause is Cause.CLONE}
    dying = next(iter(clones.values())).group
    for number, host in enumerate(host for host in before.hosts if host.group == dying):
        services = []
        for service in host.services:
            if service.host_key:
                after, service = changed(after, service, service.host_key, f"own-{number}")
            services.append(replace(service, certificate=None, starttls_offered=False))
        hosts[host.ip] = replace(host, services=tuple(services))
    after = with_hosts(after, hosts)

    a, b = study_of(before, tmp_path / "a"), study_of(after, tmp_path / "b")
    tables = {
        name: table.to_pylist() for name, table in diff(take_snapshot(a, "A"), take_snapshot(b, "B")).items()
    }

    places = {(row["ip"], row["service"]): row["change"] for row in tables["place_changes"]}
    assert places[rotating.ip, "ssh"] == places[second.ip, "ssh"] == "rotated"
    addresses = {row["ip"]: row["change"] for row in tables["address_changes"]}
    assert addresses[leaving.ip] == "not_asked_after"
    assert addresses[muted.ip] == "unknown_after"
    cloned = {host.ip for host in before.hosts if host.group == dying}
    assert set(places.values()) <= {"rotated", "gone"}
    assert {ip for ip, _ in places} == {
        rotating.ip,
        second.ip,
        *(ip for ip in cloned if ssh_or_tls(before, ip)),
    }
    changes = Counter(row["change"] for row in tables["cluster_changes"])
    assert changes.pop("died") == 1
    assert changes.pop("born") == 1
    assert set(changes) == {"kept"}


def ssh_or_tls(plan: Plan, ip: str) -> bool:
    host = next(host for host in plan.hosts if host.ip == ip)
    return any(service.host_key or service.certificate for service in host.services)
