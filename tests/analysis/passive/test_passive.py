"""Passive tables of studies that can be counted on one's fingers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_flows import flow, named

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.passive.tables import PASSIVE_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import ClientHello, Count, Flow, FlowReader, FlowSource, Tls

pytestmark = pytest.mark.slow

SPECS = {spec.name: spec for spec in PASSIVE_TABLES}


@contextmanager
def study(flows: list[Flow], sources: list[FlowSource] | None = None) -> Iterator[Evidence]:
    """The evidence of a dataset with these rows."""
    with TemporaryDirectory() as directory:
        PartWriter(Path(directory), "flows", Flow).write(flows)
        PartWriter(Path(directory), "flow_sources", FlowSource).write(sources or [])
        yield gather(Dataset(Path(directory)))


def rows(evidence: Evidence, name: str, columns: str, service: str | None = None) -> list[tuple[Any, ...]]:
    table = rows_of(SPECS[name], evidence).to_pylist()
    wanted = [row for row in table if service in (None, row.get("service"))]
    return [tuple(row[column] for column in columns.split()) for row in wanted]


def test_a_study_of_nothing_gives_every_table_without_rows() -> None:
    with study([]) as evidence:
        assert {name for name, spec in SPECS.items() if rows_of(spec, evidence).num_rows} == set()


def test_one_connection_in_the_clear_has_no_share_of_what_is_unknown() -> None:
    with study([flow("imap", starttls_offered=False)]) as evidence:
        assert rows(evidence, "passive_starttls", "servers_share offered_share upgraded_share") == [
            (0.0, 0.0, None)
        ]
        assert rows(evidence, "passive_services", "service tls_connections_known tls_share") == [
            ("imap", 0, None),
            ("all", 0, None),
        ]


def test_tor_push_services_and_proxies_are_set_aside_and_counted() -> None:
    flows = [
        flow("https", leaf_subject="CN=www.abcdefgh.net", leaf_issuer="CN=www.zyxwvutsrq.com"),
        flow(
            "https", leaf_subject="CN=www.mail.net", leaf_issuer="CN=www.example.com"
        ),  # words, no random names
        flow("xmpps-client", client_hello=ClientHello(sni="12-courier.push.apple.com")),
        flow("xmpps-client", leaf_subject="CN=courier.push.apple.com,O=Apple Inc."),
        flow("imaps", tls=Tls(version=0x303, alpn="http/1.1")),
        flow("imaps", client_hello=ClientHello(alpn=("h2", "http/1.1"))),
        flow("https", tls=Tls(version=0x303, alpn="h2")),  # at home there
        flow("imaps", tls=Tls(version=0x303, alpn="imap")),
    ]
    with study(flows) as evidence:
        assert rows(evidence, "passive_set_aside", "service why connections all_connections") == [
            ("https", "tor", 1, 3),
            ("imaps", "proxy", 2, 3),
            ("xmpps-client", "push", 2, 2),
            ("all", "proxy", 2, 8),
            ("all", "push", 2, 8),
            ("all", "tor", 1, 8),
        ]
        assert rows(evidence, "passive_services", "connections set_aside", "all") == [(3, 5)]


def test_a_server_counts_once_and_its_connections_each() -> None:
    tls = Tls(version=0x303)
    flows = [flow("imaps", "192.0.2.1", tls=tls, established=True) for _ in range(3)]
    flows += [flow("imaps", "192.0.2.2", tls=Tls(version=0x304), established=True)]
    flows += [flow("smtp", "192.0.2.1", tls=tls, established=True), flow("imaps", tls=tls, established=False)]
    with study(flows) as evidence:
        columns = "version connections connection_share servers server_share"
        assert rows(evidence, "passive_versions", columns, "imaps") == [
            ("TLSv1.2", 3, 0.75, 1, 0.5),
            ("TLSv1.3", 1, 0.25, 1, 0.5),
        ]
        assert rows(evidence, "passive_versions", "version servers known_servers", "all") == [
            ("TLSv1.2", 2, 3),
            ("TLSv1.3", 1, 3),
        ]


def test_published_values_stand_beside_passive_rows() -> None:
    with study(
        [flow("smtp", tls=Tls(version=0x301), established=True, starttls_offered=True, upgraded=True)]
    ) as evidence:
        assert rows(evidence, "passive_versions", "published", "all") == [(0.5879,)]
        assert rows(evidence, "passive_services", "published", "smtp") == [(3_870_542,)]
        assert rows(evidence, "passive_starttls", "published upgraded_share") == [(0.94, 1.0)]


def test_a_certificate_on_two_addresses_is_a_duplicate_and_on_two_ports_of_one_is_none() -> None:
    leaf = Tls(version=0x303, leaf_sha256=named("a"), chain=(named("a"),))
    flows = [flow("imaps", tls=leaf), flow("smtp", tls=leaf)]
    with study(flows) as evidence:
        assert rows(evidence, "passive_duplicate_certificates", "certificates duplicates", "all") == [(1, 0)]
    with study([*flows, flow("imaps", "192.0.2.9", tls=leaf, validation="ok")]) as evidence:
        columns = "service certificates duplicates valid_duplicates"
        assert rows(evidence, "passive_duplicate_certificates", columns) == [
            ("smtp", 1, 0, 0),
            ("imaps", 1, 1, 1),
            ("all", 1, 1, 1),
        ]


def test_what_was_read_is_summed_up_by_kind() -> None:
    read_at = datetime(2026, 11, 22, tzinfo=UTC)
    source = FlowSource(
        run_id="r", reader=FlowReader.ZEEK, source="ssl.log", kind="ssl", read_at=read_at, records=5, flows=3,
        clients="drop", counts=(Count(name="bad_rows", count=1), Count(name="passed_over", count=1)),
    )  # fmt: skip
    with study([], [source, source]) as evidence:
        columns = "reader kind sources ended_early records flows set_apart first_at"
        assert rows(evidence, "passive_sources", columns) == [("zeek", "ssl", 2, 0, 10, 6, 4, None)]
