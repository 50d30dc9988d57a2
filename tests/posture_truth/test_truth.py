"""Two thousand hosts whose every answer is known: tables of posture and logins equal what plain Python counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mailcensus.analysis.analyse import rows_of
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.analysis.protection_tables import PROTECTION_TABLES
from mailcensus.dataset.tables import Dataset
from posture_truth.population import STORE, Answer, answers_of, study_of

pytestmark = pytest.mark.slow

SPECS = {spec.name: spec for spec in (*POSTURE_TABLES, *PROTECTION_TABLES)}
PLAIN_TEXT = {"PLAIN", "LOGIN"}
IN_PLAIN_SQL = (
    *(
        "alpn",
        "certificate_keys",
        "certificate_lifetime_bands",
        "certificate_lifetimes",
        "certificate_signatures",
    ),
    *("dh_prime_kinds", "fingerprints", "handshake_features", "invalid_names", "issuer_market", "issuers"),
    *(
        "key_hosts",
        "record_sizes",
        "stapling",
        "striking_certificates",
        "striking_systems",
        "by_as",
        "by_software",
    ),
    *("hygiene", "hygiene_flaws", "hygiene_priorities", "post_quantum", "ssh_offers", "suites_offered"),
    *("versions_offered", "starttls_stripping"),
)
"""Tables that have another oracle: their queries in tests/analysis."""

Rows = Iterable[tuple[Any, ...]]


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return answers_of(2_000, 6)


@pytest.fixture(scope="module")
def evidence(answers: list[Answer], tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return gather(Dataset(study_of(tmp_path_factory.mktemp("truth") / "study", answers).data))


def _tls(answers: list[Answer]) -> Iterator[tuple[str, Answer]]:
    """Every handshake twice: on its service, and on all."""
    for answer in answers:
        if answer.end == "tls":
            yield answer.service, answer
            yield "all", answer


def _shared_out(pairs: Iterable[tuple[str, Any]]) -> Rows:
    """Service, value, how often, of how many, share; no value is in no denominator."""
    counts = Counter((service, value) for service, value in pairs if value is not None)
    wholes: Counter[str] = Counter()
    for (service, _), count in counts.items():
        wholes[service] += count
    for (service, value), count in counts.items():
        yield service, value, count, wholes[service], count / wholes[service]


def _chosen(what: Callable[[Answer], Any]) -> Callable[[list[Answer]], Rows]:
    return lambda answers: _shared_out((service, what(answer)) for service, answer in _tls(answers))


def _bits(answer: Answer) -> int | None:
    assert answer.handshake
    return answer.handshake.prime_bits


def _services(answers: list[Answer]) -> Rows:
    for service in {answer.service for answer in answers}:
        here = [answer for answer in answers if answer.service == service and answer.end != "refused"]
        chains = [answer.chain.certificates for answer in here if answer.chain]
        behind = [der for chain in chains for der in chain[1:]]
        known = len(chains) + sum(answer.end == "plain" for answer in here)
        yield (
            service, len(here), len(chains), len(chains) / len(here), known, len(chains) / known,
            len({chain[0] for chain in chains}), len(behind), len(set(behind)),
        )  # fmt: skip


def _starttls(answers: list[Answer]) -> Rows:
    for service in {answer.service for answer in answers if not answer.implicit}:
        here = [answer for answer in answers if answer.service == service and answer.end != "refused"]
        known = [answer for answer in here if answer.end != "later"]
        offered = sum(answer.end == "tls" for answer in known)
        yield service, len(here), len(known), offered, offered / len(known), offered / len(here)


def _primes(answers: list[Answer]) -> Rows:
    shown = [
        (answer.handshake.prime, answer.ip)
        for answer in answers
        if answer.handshake and answer.handshake.prime
    ]
    hosts = Counter(prime for prime, _ in set(shown))
    handshakes = Counter(prime for prime, _ in shown)
    whole = len({ip for _, ip in shown})
    for rank, (prime, count) in enumerate(
        sorted(hosts.items(), key=lambda one: (-one[1], one[0] or "")), start=1
    ):
        yield rank, prime, count, whole, count / whole, handshakes[prime]


def _statuses(answers: list[Answer]) -> Rows:
    pairs = ((service, answer.chain.status) for service, answer in _tls(answers) if answer.chain)
    yield from ((service, STORE, *rest) for service, *rest in _shared_out(pairs))


def _broken(answers: list[Answer]) -> Rows:
    for service in {service for service, _ in _tls(answers)}:
        chains = [answer.chain for at, answer in _tls(answers) if at == service and answer.chain]
        tried = [chain.valid_with_known for chain in chains if chain.valid_with_known is not None]
        yield service, STORE, len(tried), sum(tried)


def _practice(answers: list[Answer]) -> Rows:
    for service in {service for service, _ in _tls(answers)}:
        leaves = {
            (answer.chain.certificates[0], answer.chain.root_issued)
            for at, answer in _tls(answers)
            if at == service and answer.chain and answer.chain.status == "valid"
        }
        by_root = sum(root_issued for _, root_issued in leaves)
        yield service, STORE, len(leaves), by_root, by_root / len(leaves)


def _addresses(answers: list[Answer]) -> Rows:
    hosts = Counter(leaf for leaf, _ in {(a.chain.certificates[0], a.ip) for a in answers if a.chain})
    yield from (("all", *rest) for _, *rest in _shared_out(("all", count) for count in hosts.values()))


def _sides(answers: list[Answer]) -> dict[tuple[str, str], list[tuple[str, ...] | None]]:
    sides: dict[tuple[str, str], list[tuple[str, ...] | None]] = {}
    for answer in answers:
        if not answer.implicit and answer.end != "refused":
            sides.setdefault((answer.service, "before"), []).append(answer.before)
        if answer.end == "tls":
            sides.setdefault((answer.service, "after"), []).append(answer.after)
    return sides


def _mechanisms(answers: list[Answer]) -> Rows:
    for where, said in _sides(answers).items():
        offering = sum(bool(names) for names in said)
        for name, hosts in Counter(name for names in said for name in names or ()).items():
            yield *where, name, hosts, offering, hosts / offering


def _combinations(answers: list[Answer]) -> Rows:
    for where, said in _sides(answers).items():
        counts = Counter(names for names in said if names)
        for names, hosts in counts.items():
            yield *where, ",".join(names), hosts, counts.total(), hosts / counts.total()


def _plain_text(answers: list[Answer]) -> Rows:
    for where, said in _sides(answers).items():
        offers = [names for names in said if names]
        known = sum(names is not None for names in said)
        yield (
            *where, known, len(offers), sum(bool(set(names) & PLAIN_TEXT) for names in offers),
            sum(set(names) <= PLAIN_TEXT for names in offers), sum(names[0] in PLAIN_TEXT for names in offers),
            len(said) - known,
        )  # fmt: skip


_COUNTED = "handshakes known share"
ORACLES: dict[str, tuple[str, Callable[[list[Answer]], Rows]]] = {
    "tls_services": (
        "service answering tls tls_share tls_known tls_known_share certificates intermediates unique_intermediates",
        _services,
    ),
    "starttls": ("service answering known supported supported_share answering_share", _starttls),
    "tls_versions": (
        f"service version {_COUNTED}",
        _chosen(lambda a: a.handshake and a.handshake.version_name),
    ),
    "cipher_suites": (f"service code {_COUNTED}", _chosen(lambda a: a.handshake and a.handshake.suite)),
    "cipher_classes": (
        f"service cipher_class {_COUNTED}",
        _chosen(lambda a: a.handshake and a.handshake.cipher_class),
    ),
    "key_exchange_groups": (f"service code {_COUNTED}", _chosen(lambda a: a.handshake and a.handshake.group)),
    "signature_schemes": (
        f"service code {_COUNTED}",
        _chosen(lambda a: a.handshake and a.handshake.signature),
    ),
    "dh_sizes": (f"service bits {_COUNTED}", _chosen(_bits)),
    "dh_primes": ("rank prime_sha256 hosts hosts_with_prime share handshakes", _primes),
    "chain_statuses": ("service root_store status handshakes judged share", _statuses),
    "broken_chains": ("service root_store repairable_known repairable", _broken),
    "ca_practice": ("service root_store verifiable root_issued root_issued_share", _practice),
    "certificate_addresses": ("leaf_group addresses certificates group_certificates share", _addresses),
    "auth_mechanisms": ("service side mechanism hosts offering share", _mechanisms),
    "auth_combinations": ("service side mechanisms hosts offering share", _combinations),
    "auth_plain_text": ("service side known offering plain plain_only plain_first unknown", _plain_text),
}


@pytest.mark.parametrize("name", list(ORACLES))
def test_a_table_equals_the_truth(answers: list[Answer], evidence: Evidence, name: str) -> None:
    columns, truth = ORACLES[name]
    rows = [tuple(row.values()) for row in rows_of(SPECS[name], evidence).select(columns.split()).to_pylist()]
    if name == "certificate_addresses":
        rows = [row for row in rows if row[0] == "all"]
    if name == "chain_statuses":
        rows = [row for row in rows if row[3]]  # rows of what is wrong besides are not the one verdict
    expected = list(truth(answers))
    assert expected, "a table without rows tests nothing"
    assert sorted(map(_plain, rows)) == sorted(map(_plain, expected))


def test_every_table_of_these_chapters_has_an_oracle() -> None:
    assert set(SPECS) == set(ORACLES) | set(IN_PLAIN_SQL)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(round(value, 9) if isinstance(value, float) else value for value in row)
