"""Two vantages ask the mail exchanges of domains that the office has resolved, each by its name, swept by masscan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.domains.resolve import list_of, resolve
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.study import Study
from namespaces import need
from namespaces.crew import hosts, office_and_crew, rows, study, tls_options
from namespaces.star import BLOCK, Star, star
from places import fresh_network
from realservers.dns_tree import Zone, dns_tree
from realservers.process import ServerMissing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

EXCHANGES = 6
RATE_PER_S = 400
PATIENCE_S = 150.0


@pytest.fixture(scope="module")
def here() -> Iterator[Star]:
    need("ip", "masscan")
    with star(2) as made:
        yield made


def exchanges_of(plan: Plan) -> dict[str, str]:
    """By address, the name of an exchange; from all networks."""
    mail = [host.ip for host in plan.hosts if any(service.name == "smtp" for service in host.services)]
    return {ip: f"mx{number}.example" for number, ip in enumerate(mail[:: len(mail) // EXCHANGES])}


def resolved(directory: Path, tree_directory: Path, names: dict[str, str]) -> None:
    """Resolve the study's domains where a resolver is; the office has none."""
    (directory / "domains.txt").write_text(
        "".join(f"{name.removesuffix('.example')}.org\n" for name in names.values())
    )
    zones = [
        Zone("example.", records=[f"{name}. 60 IN A {ip}" for ip, name in names.items()]),
        Zone(
            "org.",
            records=[f"{name.removesuffix('.example')}.org. 60 IN MX 1 {name}." for name in names.values()],
        ),
    ]
    with dns_tree(tree_directory, fresh_network(), zones) as tree:
        with (directory / "study.toml").open("a") as file:
            file.write(f'\n[dns]\nresolvers = ["{tree.address}"]\n')
        ours = Study.open(directory)
        with CurrentRun(ours.data, datetime.now(UTC)) as run:
            asyncio.run(resolve(ours, run, list_of(ours), lambda progress: None))


def test_exchanges_are_asked_by_their_names_and_all_else_without_one(here: Star, tmp_path: Path) -> None:
    plan = make_plan(seed=12, size=30, block=BLOCK)
    names = exchanges_of(plan)
    rate = f"connections_per_s = {RATE_PER_S}.0\nprefix_connections_per_s = {RATE_PER_S}.0"
    directory = study(
        tmp_path / "study",
        plan,
        (
            ("connections_per_s = 5000.0\nprefix_connections_per_s = 5000.0", rate),
            (
                "[discovery]\n",
                '[domains]\nlist = "domains.txt"\n\n[discovery]\nengine = "masscan"\ncooldown_s = 1\n',
            ),
            ('services = ["', 'services = ["smtp"] # ["'),
        ),
    )
    try:
        resolved(directory, tmp_path / "tree", names)
    except ServerMissing as missing:
        pytest.skip(str(missing))
    log = tmp_path / "crew.log"
    tls = tls_options(tmp_path)
    with (
        hosts(here, tmp_path / "hosts", plan),
        office_and_crew(here, directory, 4, tls, log) as (office, crew),
    ):
        assert office.wait(PATIENCE_S) == 0, log.read_text()
        assert {member.wait(PATIENCE_S) for member in crew.values()} == {0}, log.read_text()
    grabs = rows(directory, "grabs")
    asked = {row["ip"]: (row["tls"] or {}).get("sni") for row in grabs}
    assert {row["engine"] for row in rows(directory, "hits")} == {"masscan"}
    assert {row["vantage"] for row in grabs} <= {"v1", "v2"}
    assert {ip: name for ip, name in asked.items() if name is not None} == names
    assert len(asked) > len(names)
    assert {row["ip"] for row in rows(directory, "hits")} == set(asked)
