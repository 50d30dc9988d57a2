"""One study of eight real servers: the tables on how users log in are what the servers were configured to offer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Grab, Outcome, Stage
from mailcensus.wire.services import SERVICE_BY_NAME
from oracles.configurations import CONFIGURATIONS, Workshop
from oracles.observer import observe_service
from oracles.tls_clients import Target
from probe_studies import collected, study_of
from realservers import ejabberd, nginx, ngircd, prosody
from realservers.identity import Authority, ecdsa_key
from realservers.ports import PORTS
from realservers.process import ServerMissing

pytestmark = pytest.mark.integration

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """What a service was told to offer, in the order in which it says it."""

    before: Names | None
    """None: TLS from the start."""
    after: Names | None
    """None: it has no TLS."""
    login_disabled: bool = False
    """IMAP, before TLS."""


NONE: Names = ()
DOVECOT = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
DOVECOT_BEFORE = ("SCRAM-SHA-256",)
"""disable_plaintext_auth"""
EXIM = ("PLAIN", "LOGIN")
"""server_advertise_condition = ${if def:tls_in_cipher}"""
CYRUS_BEFORE = ("SCRAM-SHA-256", "DIGEST-MD5")
"""allowplaintext: no"""
CYRUS = ("SCRAM-SHA-256-PLUS", *CYRUS_BEFORE, "PLAIN", "LOGIN")
NGINX_SMTP = ("PLAIN", "LOGIN", "CRAM-MD5")
NGINX_IMAP = ("PLAIN", "CRAM-MD5")
NGINX_POP3 = ("PLAIN", "LOGIN", "CRAM-MD5", "USER", "APOP")
"""`pop3_auth plain` is USER, AUTH PLAIN and AUTH LOGIN, "it is not possible to disable these methods"."""
EJABBERD = ("DIGEST-MD5", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "X-OAUTH2")
"""All it has, as long as disable_sasl_mechanisms names none and starttls_required is not set."""
EJABBERD_BOUND = ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS")
"""Bound to TLS."""

OFFERED: dict[str, dict[str, Offered]] = {
    "Postfix": {
        "smtp": Offered(NONE, NONE),
        "submission": Offered(NONE, DOVECOT),
        "smtps": Offered(None, DOVECOT),
    },
    "Exim": {"smtp": Offered(NONE, EXIM), "smtps": Offered(None, EXIM)},
    "Dovecot": {
        "imap": Offered(DOVECOT_BEFORE, DOVECOT, login_disabled=True),
        "imaps": Offered(None, DOVECOT),
        "pop3": Offered(DOVECOT_BEFORE, (*DOVECOT, "USER")),
        "pop3s": Offered(None, (*DOVECOT, "USER")),
        "lmtp": Offered(NONE, NONE),
        "managesieve": Offered(DOVECOT_BEFORE, DOVECOT),
    },
    "Cyrus": {
        "imap": Offered(CYRUS_BEFORE, CYRUS, login_disabled=True),
        "imaps": Offered(None, CYRUS),
        "pop3": Offered((*CYRUS_BEFORE, "APOP"), (*CYRUS, "USER", "APOP")),
        "pop3s": Offered(None, (*CYRUS, "USER", "APOP")),
        "lmtp": Offered(CYRUS_BEFORE, CYRUS),
        "managesieve": Offered(CYRUS_BEFORE, CYRUS),
    },
    "nginx": {
        "smtp": Offered(NGINX_SMTP, NGINX_SMTP),
        "submission": Offered(NGINX_SMTP, NGINX_SMTP),
        "smtps": Offered(None, NGINX_SMTP),
        "imap": Offered(NGINX_IMAP, NGINX_IMAP),
        "imaps": Offered(None, NGINX_IMAP),
        "pop3": Offered(NGINX_POP3, NGINX_POP3),
        "pop3s": Offered(None, NGINX_POP3),
    },
    "Prosody": {
        # c2s_require_encryption, and passwords are kept hashed for SCRAM-SHA-1. Prosody 0.12 (Debian 12) cannot
        # bind it to TLS 1.3.
        "xmpp-client": Offered(NONE, ("PLAIN", "SCRAM-SHA-1")),
        "xmpps-client": Offered(None, ("PLAIN", "SCRAM-SHA-1")),
    },
    "ejabberd": {
        "xmpp-client": Offered(EJABBERD, (*EJABBERD, *EJABBERD_BOUND)),
        "xmpps-client": Offered(None, (*EJABBERD, *EJABBERD_BOUND)),
    },
    "ngIRCd": {"irc": Offered(NONE, None), "ircs": Offered(None, NONE)},
}
STUDIED = {name: port for name, port in {**PORTS, **ngircd.PORTS}.items() if name not in ("ssh", "https")}
XMPP = {"Prosody": prosody.PORTS, "ejabberd": ejabberd.PORTS}
"""They answer those who name a domain only, which a study of addresses cannot."""
UNORDERED = ("xmpp-client", "xmpps-client")
"""Prosody offers what it has in the order of a hash table."""
PLAIN_TEXT = {"PLAIN", "LOGIN", "USER"}
RUN_STARTED = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def evidence(server_directory: Path) -> Iterator[Evidence]:
    """Of one study of all servers, each on an address of its own."""
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
        by_name = [
            _named_grab(run_id, addresses[name], service, ports[service])
            for name, ports in XMPP.items()
            for service in OFFERED[name]
        ]
        PartWriter(study.data, "grabs", Grab).write(by_name)
        yield gather(Dataset(study.data))


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


def _named_grab(run_id: str, address: str, service: str, port: int) -> Grab:
    target = Target(address=address, port=port, server_name=prosody.DOMAIN)
    _, found = observe_service(service, target)
    row = SERVICE_BY_NAME[service]
    return Grab(
        run_id=run_id, vantage="t", started_at=RUN_STARTED, duration_ms=1, ip=address, port=port, service=service,
        protocol=row.protocol, tls_mode=row.tls_mode, outcome=Outcome.OK, stage=Stage.DONE,
        capabilities_before=found.capabilities_before, auth_before=found.auth_before,
        starttls_offered=found.starttls_offered, starttls_accepted=found.starttls_accepted,
        capabilities_after=found.capabilities_after, auth_after=found.auth_after, tls=found.tls,
    )  # fmt: skip


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
