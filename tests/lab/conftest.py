"""Labs to test: a tiny one written by hand, and one served in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailcensus.lab.plan import Cause, CertificatePlan, HostPlan, KeyKind, KeyPlan, Plan, ServicePlan
from mailcensus.lab.population import make_plan
from mailcensus.lab.products import LISTENERS
from mailcensus.lab.running import running
from mailcensus.lab.truth import truth_from_json
from mailcensus.model import TlsMode
from places import own_block
from served_lab import Served

_ROWS = {row.name: row for row in LISTENERS}


def service(name: str, *, certificate: str | None = None, host_key: str | None = None) -> ServicePlan:
    row = _ROWS[name]
    return ServicePlan(
        name=name,
        protocol=row.protocol,
        tls=row.tls,
        port=row.port + 20_000,
        host_name="tiny.lab.example",
        greeting="SSH-2.0-Tiny" if name == "ssh" else "220 tiny",
        starttls_offered=row.tls is TlsMode.STARTTLS and certificate is not None,
        certificate=certificate,
        host_key=host_key,
    )


def host(ip: str, *services: ServicePlan) -> HostPlan:
    return HostPlan(ip=ip, cause=Cause.SINGLE, group="by hand", services=services)


@pytest.fixture
def tiny() -> Plan:
    """a and b share key 1, b and c key 2; d shows one key on SSH and SMTP; e has no TLS; f no SMTP."""
    numbers = "129d"
    keys = [KeyPlan(name=f"key {n}", kind=KeyKind.ED25519, seed=n) for n in numbers]
    certificates = [
        CertificatePlan(name=f"certificate {n}", key=f"key {n}", common_name="tiny") for n in numbers
    ]
    certificates.append(CertificatePlan(name="certificate 1 again", key="key 1", common_name="other"))
    return Plan(
        seed=0,
        block="127.10.0.0/28",
        port_offset=20_000,
        services=("ssh", "smtp", "imap", "https"),
        keys=tuple(keys),
        certificates=tuple(certificates),
        hosts=(
            host(
                "127.10.0.1", service("smtp", certificate="certificate 1"), service("ssh", host_key="key 9")
            ),
            host(
                "127.10.0.2",
                service("smtp", certificate="certificate 1 again"),
                service("imap", certificate="certificate 2"),
            ),
            host("127.10.0.3", service("smtp"), service("imap", certificate="certificate 2")),
            host(
                "127.10.0.4",
                service("smtp", certificate="certificate d"),
                service("ssh", host_key="key d"),
                service("https", certificate="certificate d"),
            ),
            host("127.10.0.5", service("smtp")),
            host("127.10.0.6", service("https", certificate="certificate d")),
            host("127.10.0.7"),
        ),
    )


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A lab of sixty hosts in a process of its own."""
    directory = tmp_path_factory.mktemp("lab")
    plan = make_plan(seed=7, size=60, block=own_block())
    truth, ledger = directory / "truth.json", directory / "ledger.jsonl"
    with running(plan, truth_path=truth, ledger_path=ledger):
        yield Served(plan, truth_from_json(truth.read_text()), ledger)
