"""One study of eight real servers.

The tables on how users log in are what the servers were configured to offer; the verdicts on their chains are those of
`openssl verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.chains import judge_chains
from mailcensus.model import Certificate, Grab, Outcome, Stage
from mailcensus.study import Settings, Study
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.services import SERVICE_BY_NAME
from oracles.configurations import CONFIGURATIONS, Workshop
from oracles.observer import observe_service
from oracles.openssl_verify import openssl_verify
from oracles.tls_clients import Target
from probe_studies import collected, grabs_of, study_of
from realservers import ejabberd, nginx, ngircd, prosody
from realservers.identity import Authority, ecdsa_key
from realservers.logins import OFFERED, Names
from realservers.ports import PORTS
from realservers.process import ServerMissing

pytestmark = pytest.mark.integration

STUDIED = {name: port for name, port in {**PORTS, **ngircd.PORTS}.items() if name not in ("ssh", "https")}
XMPP = {"Prosody": prosody.PORTS, "ejabberd": ejabberd.PORTS}
"""They answer those who name a domain only, which a study of addresses cannot."""
UNORDERED = ("xmpp-client", "xmpps-client")
"""Prosody offers what it has in the order of a hash table."""
PLAIN_TEXT = {"PLAIN", "LOGIN", "USER"}


@dataclass(frozen=True, slots=True)
class Studied:
    """The study, each server on an address of its own."""

    evidence: Evidence
    chains: list[dict[str, Any]]
    """Verdicts."""
    sent: dict[str, tuple[bytes, ...]]
    """Every chain by the name of its leaf."""
    stores: dict[str, Path]
    """Root stores by their names in the study: one that knows none of the servers' roots, one that knows all."""


@pytest.fixture(scope="module")
def studied(server_directory: Path) -> Studied:
    directory = server_directory / "logins"
    directory.mkdir()
    with ExitStack() as stack:
        workshop = Workshop(directory, stack)
        try:
            addresses = {name: _address(name, workshop, stack) for name in OFFERED}
        except ServerMissing as missing:
            pytest.skip(str(missing))
        study = study_of(directory / "study", STUDIED)
        asked = [address for name, address in addresses.items() if name not in XMPP]
        run_id = collected(study, asked)[0]["run_id"]
        for name, ports in XMPP.items():
            for service in OFFERED[name]:
                _put_named_grab(study, run_id, addresses[name], service, ports[service])
    roots = directory / "roots.pem"
    roots.write_text("".join(sorted(path.read_text() for path in directory.rglob("*root.pem"))))
    stores = {"mozilla": Path(certifi.where()), str(roots): roots}
    return _judged(Study(study.directory, _with_stores(study.settings, tuple(stores))), stores)


def _with_stores(settings: Settings, stores: Names) -> Settings:
    return settings.model_copy(update={"facts": settings.facts.model_copy(update={"root_stores": stores})})


def _judged(study: Study, stores: dict[str, Path]) -> Studied:
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        judge_chains(study, run, lambda _progress: None)
    dataset = Dataset(study.data)
    der = {row["sha256"]: row["der"] for row in dataset.table("certificates").to_pyarrow().to_pylist()}
    chains = [row["tls"]["chain"] for row in grabs_of(study) if row["tls"] and row["tls"]["chain"]]
    sent = {chain[0]: tuple(der[name] for name in chain) for chain in chains}
    return Studied(gather(dataset), dataset.table("chains").to_pyarrow().to_pylist(), sent, stores)


@pytest.fixture(scope="module")
def evidence(studied: Studied) -> Evidence:
    return studied.evidence


def _address(name: str, workshop: Workshop, stack: ExitStack) -> str:
    """Where a server runs now, until the workshop closes."""
    if name != "nginx":
        configuration = next(one for one in CONFIGURATIONS if one.server == name and one.service)
        with configuration.start(workshop) as target:
            return target.address
    directory, address = workshop.fresh("nginx")
    keys = workshop.directory / "nginx-keys"
    keys.mkdir()
    identity = Authority(keys).identity("mx.example", ecdsa_key())
    proxy = nginx.nginx(directory, address=address, host_name="mx.example", identity=identity)
    return stack.enter_context(proxy).address


def _put_named_grab(study: Study, run_id: str, address: str, service: str, port: int) -> None:
    target = Target(address=address, port=port, server_name=prosody.DOMAIN)
    _, found = observe_service(service, target)
    row = SERVICE_BY_NAME[service]
    grab = Grab(
        run_id=run_id, vantage="t", started_at=datetime.now(UTC), duration_ms=1, ip=address, port=port, service=service,
        protocol=row.protocol, tls_mode=row.tls_mode, outcome=Outcome.OK, stage=Stage.DONE,
        capabilities_before=found.capabilities_before, auth_before=found.auth_before,
        starttls_offered=found.starttls_offered, starttls_accepted=found.starttls_accepted,
        capabilities_after=found.capabilities_after, auth_after=found.auth_after, tls=found.tls,
    )  # fmt: skip
    PartWriter(study.data, "grabs", Grab).write([grab])
    certificates = [parse_certificate(der) for der in found.certificates]
    PartWriter(study.data, "certificates", Certificate).write(certificates)


def _table(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    (spec,) = (spec for spec in TABLES if spec.name == name)
    rows: list[dict[str, Any]] = rows_of(spec, evidence).to_pylist()
    return rows


def _answers() -> Iterator[tuple[str, str, Names, bool]]:
    """Service, side, what one server offers there, and whether it says LOGINDISABLED."""
    for services in OFFERED.values():
        for service, offered in services.items():
            if offered.before is not None:
                yield service, "before", offered.before, offered.login_disabled
            if offered.after is not None:
                yield service, "after", offered.after, False


def _per_side() -> dict[tuple[str, str], list[tuple[Names, bool]]]:
    sides: dict[tuple[str, str], list[tuple[Names, bool]]] = {}
    for service, side, names, disabled in _answers():
        sides.setdefault((service, side), []).append((names, disabled))
    return sides


def test_mechanisms_are_those_of_the_configurations(evidence: Evidence) -> None:
    expected = set()
    for (service, side), answers in _per_side().items():
        offering = sum(bool(names) for names, _ in answers)
        for mechanism, hosts in Counter(name for names, _ in answers for name in names).items():
            expected.add((service, side, mechanism, hosts, offering, hosts / offering, len(answers)))
    columns = ("service", "side", "mechanism", "hosts", "offering", "share", "known")
    rows = _table(evidence, "auth_mechanisms")
    assert {tuple(row[name] for name in columns) for row in rows} == expected
    assert len(rows) == len(expected)


def test_combinations_are_in_the_order_of_the_configurations(evidence: Evidence) -> None:
    expected: Counter[tuple[str, str, Names]] = Counter()
    for service, side, names, _ in _answers():
        if names:
            expected[service, side, _order(service, names)] += 1
    found: Counter[tuple[str, str, Names]] = Counter()
    for row in _table(evidence, "auth_combinations"):
        names = tuple(row["mechanisms"].split(","))
        found[row["service"], row["side"], _order(row["service"], names)] += row["hosts"]
        assert row["plain_only"] == (set(names) <= PLAIN_TEXT)
        assert row["plain_first"] == (names[0] in PLAIN_TEXT)
    assert found == expected


def test_plain_text_is_counted_as_configured_and_so_is_logindisabled(evidence: Evidence) -> None:
    rows = {(row["service"], row["side"]): row for row in _table(evidence, "auth_plain_text")}
    for (service, side), answers in _per_side().items():
        row = rows.pop((service, side))
        offering = [set(names) for names, _ in answers if names]
        plain = [names for names in offering if names & PLAIN_TEXT]
        imap = service.startswith("imap")
        assert (row["known"], row["offering"], row["plain"], row["plain_only"]) == (
            len(answers), len(offering), len(plain), sum(names <= PLAIN_TEXT for names in plain),
        )  # fmt: skip
        assert row["login_known"] == (len(answers) if imap else 0)
        assert row["login_disabled"] == sum(disabled for _, disabled in answers)
        assert row["unknown"] == 0
    assert rows == {}


def _order(service: str, names: Names) -> Names:
    return tuple(sorted(names)) if service in UNORDERED else names


def test_verdicts_on_every_chain_by_both_stores_are_those_of_openssl_verify(
    studied: Studied, tmp_path: Path
) -> None:
    assert Counter(row["root_store"] for row in studied.chains) == dict.fromkeys(
        studied.stores, len(studied.sent)
    )
    assert {len(chain) for chain in studied.sent.values()} == {2, 3}
    for row in studied.chains:
        chain, roots = studied.sent[row["leaf_sha256"]], studied.stores[row["root_store"]]
        said = openssl_verify(tmp_path, roots, chain, row["at"], level=2)
        assert said.ok == (row["status"] == "valid") == (row["root_store"] != "mozilla"), row
        assert list(said.errors) == [(error["code"], error["depth"]) for error in row["errors"]], row
        assert not said.ok or len(said.path) == len(row["path"]) == len(chain) + 1, row
