"""What a perfect study of a plan would find, worked out from the plan by the simplest means there are.

Nothing here is shared with the analyses it judges: keys are hashed here, clusters are found by walking from host
to host over plain sets. It judges what a study asks: hosts that answer on the discovery port, and on them the
plan's services.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from mailcensus.lab.material import Material
from mailcensus.lab.plan import Cause, HostPlan, Plan, ServicePlan, TlsVersions
from mailcensus.lab.products import LISTENERS
from mailcensus.lab.readings import READINGS
from mailcensus.model import Outcome, TlsMode


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTruth:
    """What one service shows. None: it never gets that far; as in `model.Grab`."""

    port: int
    outcome: Outcome
    attempts: int = 1
    """How many tries it takes at least: more than one where the first are told to come back later."""
    greeting: str | None = None
    capabilities_before: tuple[str, ...] | None = None
    auth_before: tuple[str, ...] | None = None
    starttls_offered: bool | None = None
    capabilities_after: tuple[str, ...] | None = None
    auth_after: tuple[str, ...] | None = None
    tls_version: str | None = None
    chain: tuple[str, ...] | None = None
    """SHA-256 of each certificate as sent, hex, leaf first."""
    spki_sha256: str | None = None
    """The key it shows, by TLS or SSH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTruth:
    """One responding address."""

    cause: str
    group: str
    services: dict[str, ServiceTruth]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTruth:
    """Addresses linked by keys, directly or over others. At least two."""

    addresses: tuple[str, ...]
    causes: tuple[str, ...]
    keys: tuple[str, ...]
    """The keys that two or more of its addresses show."""
    reading: str | None = None
    """What should be said of why they share keys; None: hosts of several groups, or of none that has a reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossProtocolTruth:
    """An address that shows its SSH host key on TLS services too."""

    ip: str
    spki_sha256: str
    services: tuple[str, ...]
    """The TLS services, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The answer sheet of a lab."""

    seed: int
    block: str
    discovery_port: int
    services: tuple[str, ...]
    responding: tuple[str, ...]
    hosts: dict[str, HostTruth]
    clusters: tuple[ClusterTruth, ...]
    """Largest first."""
    cross_protocol: tuple[CrossProtocolTruth, ...]
    machines: tuple[tuple[str, ...], ...]
    """Addresses of each machine that has several."""
    hark_hosts: int
    """HARK: hosts in clusters, the numerator."""
    key_hosts: int
    """Hosts that show at least one key, the denominator."""
    outcomes: dict[str, dict[str, int]]
    """Service to outcome to how many responding hosts, after all retries."""

    def to_json(self) -> str:
        """The truth as JSON; `truth_from_json` reads it."""
        return json.dumps(asdict(self), indent=1)


def truth_of(plan: Plan, material: Material | None = None) -> Truth:
    """The truth of a plan. `material` saves making its keys twice."""
    material = material or Material(plan)
    responding = [host for host in plan.hosts if _answers(host, plan.discovery_port)]
    hosts = {host.ip: _host_truth(host, plan, material) for host in responding}
    keys = {ip: _keys_of(host) for ip, host in hosts.items()}
    clusters = _clusters(hosts, keys)
    return Truth(
        seed=plan.seed,
        block=plan.block,
        discovery_port=plan.discovery_port,
        services=plan.services,
        responding=tuple(hosts),
        hosts=hosts,
        clusters=clusters,
        cross_protocol=tuple(found for ip, host in hosts.items() if (found := _cross_protocol(ip, host))),
        machines=_machines(responding),
        hark_hosts=sum(len(cluster.addresses) for cluster in clusters),
        key_hosts=sum(1 for shown in keys.values() if shown),
        outcomes={
            name: dict(Counter(host.services[name].outcome.value for host in hosts.values()))
            for name in plan.services
        },
    )


def _answers(host: HostPlan, port: int) -> bool:
    return any(service.port == port and not service.mute for service in host.services)


def _host_truth(host: HostPlan, plan: Plan, material: Material) -> HostTruth:
    planned = {service.name: service for service in host.services}
    ports = {row.name: row.port + plan.port_offset for row in LISTENERS}
    services = {
        name: _service_truth(planned[name], material)
        if name in planned
        else ServiceTruth(port=ports[name], outcome=Outcome.REFUSED)
        for name in plan.services
    }
    return HostTruth(cause=host.cause.value, group=host.group, services=services)


def _service_truth(service: ServicePlan, material: Material) -> ServiceTruth:
    if service.mute:
        return ServiceTruth(port=service.port, outcome=Outcome.TIMEOUT)
    if service.protocol == "ssh":
        assert service.host_key is not None
        return ServiceTruth(
            port=service.port,
            outcome=Outcome.OK,
            greeting=service.greeting,
            spki_sha256=material.spki_sha256(service.host_key),
        )
    upgraded = service.tls is TlsMode.STARTTLS
    shows_tls = service.starttls_offered or service.tls is TlsMode.IMPLICIT
    talks = service.protocol != "http"
    return ServiceTruth(
        port=service.port,
        outcome=Outcome.OK if shows_tls else Outcome.NO_STARTTLS,
        attempts=1 + service.refusals,
        greeting=service.greeting if talks else None,
        capabilities_before=service.capabilities_before if upgraded else None,
        auth_before=service.auth_before if upgraded else None,
        starttls_offered=service.starttls_offered if upgraded else None,
        capabilities_after=service.capabilities_after if shows_tls and talks else None,
        auth_after=service.auth_after if shows_tls and talks else None,
        **_tls_truth(service, material, shows_tls),
    )


def _tls_truth(service: ServicePlan, material: Material, shows_tls: bool) -> dict[str, Any]:
    if not shows_tls or service.certificate is None:
        return {}
    chain = material.chain(service.certificate)
    return {
        "tls_version": "TLSv1.2" if service.tls_versions is TlsVersions.TLS12 else "TLSv1.3",
        "chain": tuple(hashlib.sha256(der).hexdigest() for der in chain),
        "spki_sha256": material.spki_sha256(material.key_of(service.certificate)),
    }


def _keys_of(host: HostTruth) -> set[str]:
    return {service.spki_sha256 for service in host.services.values() if service.spki_sha256 is not None}


def _cross_protocol(ip: str, host: HostTruth) -> CrossProtocolTruth | None:
    ssh = host.services.get("ssh")
    if ssh is None or ssh.spki_sha256 is None:
        return None
    same = {name for name, service in host.services.items() if service.spki_sha256 == ssh.spki_sha256}
    if same == {"ssh"}:
        return None
    return CrossProtocolTruth(ip=ip, spki_sha256=ssh.spki_sha256, services=tuple(sorted(same - {"ssh"})))


def _clusters(hosts: dict[str, HostTruth], keys: dict[str, set[str]]) -> tuple[ClusterTruth, ...]:
    showing: dict[str, set[str]] = {}
    for ip, shown in keys.items():
        for key in shown:
            showing.setdefault(key, set()).add(ip)
    left = set(hosts)
    clusters = []
    for ip in hosts:
        if ip in left:
            together = _reach(ip, keys, showing)
            left -= together
            if len(together) > 1:
                clusters.append(_cluster(together, hosts, keys, showing))
    return tuple(sorted(clusters, key=lambda cluster: (-len(cluster.addresses), cluster.addresses)))


def _reach(start: str, keys: dict[str, set[str]], showing: dict[str, set[str]]) -> set[str]:
    """Everybody who can be reached from one host by way of shared keys, itself included (breadth first)."""
    seen = {start}
    queue = deque([start])
    while queue:
        for key in keys[queue.popleft()]:
            for ip in showing[key] - seen:
                seen.add(ip)
                queue.append(ip)
    return seen


def _cluster(
    together: set[str],
    hosts: dict[str, HostTruth],
    keys: dict[str, set[str]],
    showing: dict[str, set[str]],
) -> ClusterTruth:
    causes = {hosts[ip].cause for ip in together}
    linking = {key for ip in together for key in keys[ip] if len(showing[key]) > 1}
    return ClusterTruth(
        addresses=tuple(ip for ip in hosts if ip in together),
        causes=tuple(sorted(causes)),
        keys=tuple(sorted(linking)),
        reading=READINGS.get(Cause(min(causes))) if len(causes) == 1 else None,
    )


def _machines(hosts: list[HostPlan]) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for host in hosts:
        if host.cause in (Cause.MACHINE, Cause.MULTI_HOMED):
            groups.setdefault(host.group, []).append(host.ip)
    return tuple(tuple(ips) for ips in groups.values() if len(ips) > 1)


def truth_from_json(text: str) -> Truth:
    """Read what `Truth.to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is not such a text.
    """
    raw: dict[str, Any] = json.loads(text)
    raw["hosts"] = {ip: _host_from(host) for ip, host in raw["hosts"].items()}
    raw["clusters"] = tuple(ClusterTruth(**_tuples(cluster)) for cluster in raw["clusters"])
    raw["machines"] = tuple(tuple(machine) for machine in raw["machines"])
    raw["cross_protocol"] = tuple(CrossProtocolTruth(**_tuples(found)) for found in raw["cross_protocol"])
    return Truth(**_tuples(raw))


def _host_from(raw: dict[str, Any]) -> HostTruth:
    services = {
        name: ServiceTruth(**{**_tuples(service), "outcome": Outcome(service["outcome"])})
        for name, service in raw["services"].items()
    }
    return HostTruth(cause=raw["cause"], group=raw["group"], services=services)


def _tuples(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
