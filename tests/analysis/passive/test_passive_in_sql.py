"""Every number of the passive tables, asked again of the Parquet files in plain SQL: one query per table.

The queries share nothing with the analyses. `all` is one more service, in which every connection is once more.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_flows import write

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.passive.tables import PASSIVE_TABLES
from mailcensus.analysis.posture.ciphers import class_of
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, VERSIONS

pytestmark = pytest.mark.slow

SPECS = {spec.name: spec for spec in PASSIVE_TABLES}
BASE = r"""
SET TimeZone = 'UTC';
CREATE TABLE every AS SELECT * EXCLUDE (tls, client_hello), tls, client_hello AS hello, CASE
    WHEN regexp_matches(leaf_subject, '^CN=www\.[a-z2-7]{8,20}\.net$')
        AND regexp_matches(leaf_issuer, '^CN=www\.[a-z2-7]{8,20}\.com$') THEN 'tor'
    WHEN service <> 'https' AND (client_hello.sni LIKE '%.push.apple.com' OR tls.alpn LIKE 'apns-%') THEN 'push'
    WHEN service <> 'https' AND (tls.alpn = 'h2' OR list_contains(client_hello.alpn, 'h2')) THEN 'proxy' END AS aside
    FROM '{data}/flows/*.parquet' WHERE service IS NOT NULL;
CREATE TABLE said AS SELECT s, every.* FROM every, LATERAL (VALUES (service), ('all')) v(s) WHERE sides <> 'none';
CREATE TABLE f AS SELECT *, ip || ' ' || service AS server FROM said WHERE aside IS NULL;
CREATE TABLE done AS SELECT * FROM f WHERE established AND tls.version IS NOT NULL;
CREATE TABLE judged AS
    SELECT f.s, f.server, f.ip, f.tls.leaf_sha256 AS leaf, c.root_store AS judge, c.status FROM f
    JOIN '{data}/chains/*.parquet' c ON c.chain_id = sha256(array_to_string(f.tls.chain, ''))
        AND (c.holds_from IS NULL OR c.holds_from <= f.started_at)
        AND (c.holds_until IS NULL OR f.started_at < c.holds_until)
    UNION ALL SELECT s, server, ip, tls.leaf_sha256, 'zeek', CASE validation WHEN 'ok' THEN 'valid'
        WHEN 'self signed certificate' THEN 'self_signed' WHEN 'certificate has expired' THEN 'expired' ELSE 'other' END
    FROM f WHERE validation IS NOT NULL;
CREATE TABLE talks AS SELECT * FROM every WHERE aside IS NULL;
CREATE TABLE offers AS SELECT *, list_transform(auth_before, lambda one: upper(one)) AS auth FROM talks
    WHERE len(auth_before) > 0;
CREATE TABLE hellos AS SELECT s, talks.*, row_number() OVER () AS row
    FROM talks, LATERAL (VALUES (service), ('all')) v(s)
    WHERE hello.cipher_suites IS NOT NULL;
CREATE TABLE scan AS SELECT * FROM '{data}/grabs/*.parquet';
"""


def both(columns: str, table: str, per: str = "s") -> str:
    """Connections and servers counted by `columns`, beside all of `per` and the shares of it."""
    known = f"SELECT {per}, count(*) AS kc, count(DISTINCT server) AS ks FROM {table} GROUP BY ALL"
    counts = f"SELECT {columns}, count(*) AS c, count(DISTINCT server) AS n FROM {table} GROUP BY ALL"
    return (
        f"SELECT counts.*, kc, c / kc, ks, n / ks FROM ({counts}) counts JOIN ({known}) known USING ({per})"
    )


COUNTS = "connections servers known_connections connection_share known_servers server_share"
STARTTLS = "('smtp', 'submission', 'imap')"
QUERIES: dict[str, tuple[str, str]] = {
    "passive_services": (
        "service connections servers tls_connections tls_connections_known tls_share tls_servers set_aside cut midway",
        """SELECT s, count(*) FILTER (aside IS NULL) AS c, count(DISTINCT ip || service) FILTER (aside IS NULL),
            count(*) FILTER (aside IS NULL AND established) AS t, count(*) FILTER (aside IS NULL AND
                (established IS NOT NULL OR upgraded IS NOT NULL OR coalesce(tls_mode = 'none', false))) AS k, t / k,
            count(DISTINCT ip || service) FILTER (aside IS NULL AND established), count(*) FILTER (aside IS NOT NULL),
            count(*) FILTER (aside IS NULL AND cut IS NOT NULL), count(*) FILTER (aside IS NULL AND NOT from_start)
        FROM said GROUP BY s""",
    ),
    "passive_set_aside": (
        "service why connections servers all_connections connection_share all_servers server_share",
        """SELECT s, aside, c, n, kc, c / kc, ks, n / ks FROM (SELECT s, aside, count(*) AS c,
            count(DISTINCT ip || service) AS n FROM said WHERE aside IS NOT NULL GROUP BY ALL)
        JOIN (SELECT s, count(*) AS kc, count(DISTINCT ip || service) AS ks FROM said GROUP BY s) USING (s)""",
    ),
    "passive_starttls": (
        "service servers servers_known servers_supporting servers_share servers_share_of_all connections offered_known "
        "offered offered_share upgrade_known upgraded upgraded_share not_upgraded",
        f"""SELECT s, count(DISTINCT server) AS n, count(DISTINCT server) FILTER (k) AS nk, count(DISTINCT server)
            FILTER (o) AS no, no / nk, no / n, count(*), count(*) FILTER (k) AS ck, count(*) FILTER (o) AS co, co / ck,
            count(upgraded) AS uk, count(*) FILTER (upgraded) AS u, u / uk, count(*) FILTER (o AND NOT upgraded)
        FROM (SELECT *, coalesce(starttls_offered, false) OR coalesce(starttls_accepted, false) AS o,
            starttls_offered IS NOT NULL OR o AS k FROM f WHERE s IN {STARTTLS}) GROUP BY s""",
    ),
    "passive_versions": (
        f"service code version {COUNTS}",
        f"""SELECT s, code, coalesce(v, '0x' || printf('%X', code)), * EXCLUDE (s, code, v)
            FROM ({both("s, tls.version AS code", "done").replace("counts.*", "s, code, c, n")})
            LEFT JOIN version_names USING (code)""",
    ),
    "passive_cipher_classes": (
        f"service cipher_class {COUNTS}",
        both("s, kind", """(SELECT done.*, CASE WHEN tls.cipher_suite BETWEEN 4864 AND 5119 AND tls."group" BETWEEN 256
            AND 511 THEN 'dhe' ELSE coalesce(v, 'other') END AS kind FROM done LEFT JOIN class_names
            ON code = tls.cipher_suite WHERE tls.cipher_suite IS NOT NULL)"""),
    ),
    "passive_groups": (
        f"service kind name {COUNTS}",
        both("s, kind, name", """(SELECT *, CASE WHEN g BETWEEN 256 AND 511 OR (g IS NULL AND b IS NOT NULL) THEN
            'field' ELSE 'curve' END AS kind, CASE WHEN kind = 'field' AND b IS NOT NULL THEN b || ' bits' ELSE v END AS
            name FROM (SELECT done.*, v, tls."group" AS g, tls.dh_bits AS b FROM done LEFT JOIN group_names
            ON code = tls."group") WHERE g IS NOT NULL OR b IS NOT NULL)""", "s, kind"),
    ),
    "passive_alpn": (
        f"service alpn {COUNTS}",
        both("s, tls.alpn AS a", """(SELECT *, ip || service AS server FROM said
            WHERE established AND tls.version IS NOT NULL)"""),
    ),
    "passive_stapling": (
        "service known_connections stapled_connections connection_share known_servers stapled_servers server_share",
        """SELECT s, count(*) AS k, count(*) FILTER (tls.ocsp_stapled) AS c, c / k, count(DISTINCT server) AS n,
            count(DISTINCT server) FILTER (tls.ocsp_stapled) AS m, m / n FROM f WHERE tls.ocsp_stapled IS NOT NULL
            GROUP BY s""",
    ),
    "passive_chain_statuses": (f"service judge status {COUNTS}", both("s, judge, status", "judged", "s, judge")),
    "passive_duplicate_certificates": (
        "service certificates duplicates duplicate_share duplicates_judged valid_duplicates valid_share",
        """SELECT s, count(*) AS c, count(*) FILTER (n > 1) AS d, d / c, count(*) FILTER (n > 1 AND valid IS NOT NULL)
            AS j, count(*) FILTER (n > 1 AND valid) AS v, v / nullif(j, 0) FROM (
            SELECT s, tls.leaf_sha256 AS leaf, count(DISTINCT ip) AS n FROM f WHERE tls.leaf_sha256 IS NOT NULL
            GROUP BY ALL)
        LEFT JOIN (SELECT leaf, coalesce(bool_or(status = 'valid') FILTER (judge = 'mozilla'),
            bool_or(status = 'valid') FILTER (judge = 'zeek')) AS valid FROM judged GROUP BY leaf) USING (leaf)
        GROUP BY s""",
    ),
    "passive_auth_mechanisms": (
        f"service mechanism {COUNTS}",
        """SELECT service, m, c, n, kc, c / kc, ks, n / ks FROM (SELECT service, m, count(*) AS c,
            count(DISTINCT ip) AS n FROM (SELECT service, ip, unnest(list_distinct(auth)) AS m FROM offers)
            GROUP BY ALL)
            JOIN (SELECT service, count(*) AS kc, count(DISTINCT ip) AS ks FROM offers GROUP BY ALL) USING (service)""",
    ),
    "passive_auth_combinations": (
        f"service mechanisms {COUNTS}",
        both("service, array_to_string(auth, ',') AS m", "(SELECT *, ip AS server FROM offers)", "service"),
    ),
    "passive_plain_text": (
        "service login_known login_disabled login_disabled_share login_known_servers login_disabled_servers "
        "login_disabled_server_share not_upgraded logged_in plain plain_share plain_servers",
        f"""SELECT service, count(login_disabled) AS k, count(*) FILTER (login_disabled) AS d, d / k, count(DISTINCT ip)
            FILTER (login_disabled IS NOT NULL) AS ks, count(DISTINCT ip) FILTER (login_disabled) AS ds, ds / ks,
            count(*) FILTER (NOT upgraded), count(*) FILTER (NOT upgraded AND client_mechanism IS NOT NULL) AS l,
            count(*) FILTER (NOT upgraded AND client_mechanism IN ('PLAIN', 'IMAP LOGIN')) AS p, p / l,
            count(DISTINCT ip) FILTER (NOT upgraded AND client_mechanism IN ('PLAIN', 'IMAP LOGIN'))
        FROM talks WHERE service IN {STARTTLS} GROUP BY service""",
    ),
    "client_offers": (
        "service offer name connections known_connections share clients",
        """WITH each AS (
            SELECT s, row, client, 'highest_version' AS offer, CASE WHEN list_contains(hello.versions, 772)
                THEN 'TLSv1.3' ELSE 'TLSv1.2' END AS name FROM hellos
            UNION ALL SELECT DISTINCT s, row, client, 'cipher_class', v FROM (SELECT *, unnest(hello.cipher_suites)
                AS code
                FROM hellos) JOIN class_names USING (code)
            UNION ALL SELECT DISTINCT s, row, client, 'group', v FROM (SELECT *, unnest(hello.groups) AS code
                FROM hellos)
                JOIN group_names USING (code)
            UNION ALL SELECT DISTINCT s, row, client, 'alpn', unnest(hello.alpn) FROM hellos)
        SELECT s, offer, name, count(*) AS c, k, c / k, nullif(count(DISTINCT client), 0) FROM each
        JOIN (SELECT s, count(*) AS k FROM hellos GROUP BY s) USING (s) GROUP BY s, offer, name, k""",
    ),
    "client_fingerprints": (
        "kind service fingerprint connections known_connections share clients servers",
        """WITH each AS (SELECT s, k, v, client, ip FROM (SELECT s, client, ip, unnest(['ja3', 'ja4']) AS k,
            unnest([hello.ja3, hello.ja4]) AS v FROM talks, LATERAL (VALUES (service), ('all')) x(s))
            WHERE v IS NOT NULL)
        SELECT k, s, v, count(*) AS c, sum(c) OVER (PARTITION BY k, s) AS w, c / w, nullif(count(DISTINCT client), 0),
            count(DISTINCT ip) FROM each GROUP BY k, s, v""",
    ),
    "passive_beside_scan": (
        "service servers servers_asked servers_answering connections connections_asked scan_hosts scan_hosts_used "
        "version_known version_same version_lower leaf_known leaf_same starttls_known starttls_only_scan "
        "starttls_only_users",
        """WITH used AS (SELECT s, ip, service, count(*) AS c, max(tls.version)
                FILTER (established AND tls.version <= 772)
                AS v, list(DISTINCT tls.leaf_sha256) FILTER (tls.leaf_sha256 IS NOT NULL) AS l, max(CASE WHEN
                starttls_offered OR starttls_accepted THEN 1 WHEN starttls_offered IS NOT NULL THEN 0 END) = 1 AS o
            FROM f GROUP BY s, ip, service),
        two AS (SELECT used.*, g.ip IS NOT NULL AS asked, g.outcome, g.tls.version AS gv, g.tls.leaf_sha256 AS gl,
            g.starttls_offered AS go FROM used LEFT JOIN scan g ON g.ip = used.ip AND g.service = used.service)
        SELECT s, count(*), count(*) FILTER (asked), count(*) FILTER (outcome = 'ok'), sum(c),
            coalesce(sum(c) FILTER (asked), 0), (SELECT count(*) FROM scan WHERE tls.version IS NOT NULL AND
                (service = s OR (s = 'all' AND service IN (SELECT service FROM used)))),
            count(gv), count(*) FILTER (v = v AND gv = gv), count(*) FILTER (v = gv), count(*) FILTER (v < gv),
            count(*) FILTER (l IS NOT NULL AND gl IS NOT NULL), count(*) FILTER (list_contains(l, gl)),
            count(*) FILTER (o = o AND go = go), count(*) FILTER (go AND NOT o), count(*) FILTER (o AND NOT go)
        FROM two GROUP BY s""",
    ),
}  # fmt: skip


def _oracle(data: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    names = {"version_names": VERSIONS, "group_names": GROUPS}
    names["class_names"] = {code: str(class_of(code)) for code in CIPHER_SUITES}
    for name, codes in names.items():
        connection.register(f"{name}_given", pa.table({"code": list(codes), "v": list(codes.values())}))
        connection.execute(f"CREATE TABLE {name} AS SELECT code::INT AS code, v FROM {name}_given")
    for statement in BASE.replace("{data}", str(data)).split(";\n"):
        connection.execute(statement)
    return connection


def _plain(value: Any) -> Any:
    return (
        round(float(value), 9)
        if isinstance(value, float)
        else value
        if not hasattr(value, "as_tuple")
        else int(value)
    )


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    data = tmp_path_factory.mktemp("data")
    write(data, seed=7)
    return gather(Dataset(data))


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_table_is_what_plain_sql_counts(name: str, evidence: Evidence) -> None:
    columns, query = QUERIES[name]
    ours = rows_of(SPECS[name], evidence).select(columns.split()).to_pylist()
    theirs = _oracle(evidence.dataset.data).execute(query).fetchall()
    found = Counter(tuple(map(_plain, row.values())) for row in ours)
    wanted = Counter(tuple(map(_plain, row)) for row in theirs)
    assert found == wanted
    assert len(found) > 1


def test_every_table_is_asked_for() -> None:
    assert set(SPECS) == set(QUERIES) | {"passive_sources"}


def test_services_have_their_standard_ports(evidence: Evidence) -> None:
    rows = rows_of(SPECS["passive_services"], evidence).to_pylist()
    assert {row["service"]: row["port"] for row in rows} == {
        row["service"]: None if row["service"] == "all" else SERVICE_BY_NAME[row["service"]].port
        for row in rows
    }
    assert rows[-1]["service"] == "all"
