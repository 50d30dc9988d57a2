"""Every number of the posture tables, asked again of the Parquet files in plain SQL: one query per table.

The queries share nothing with the analyses. `all` is one more service, in which every handshake is once more.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_posture import write

from mailcensus.analysis.chain_status import chain_status
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.posture.ciphers import class_of
from mailcensus.analysis.posture.issuers import organisation_of
from mailcensus.analysis.posture.key_exchange import kind_of
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, SIGNATURE_SCHEMES, VERSIONS

BASE = """
SET TimeZone = 'UTC';
CREATE TABLE final AS SELECT * FROM '{data}/grabs/*.parquet' WHERE run_id = '2026-11-22T01-02-03Z-0000'
    QUALIFY row_number() OVER (PARTITION BY ip, service ORDER BY attempt DESC) = 1;
CREATE TABLE reached AS SELECT *, tls.version IS NOT NULL AS done,
    coalesce(outcome IN ('no_starttls', 'tls_alert', 'tls_error'), false) AS refused FROM final
    WHERE stage <> 'connect' AND outcome <> 'excluded';
CREATE TABLE one AS SELECT ip, service, started_at, tls.*, CASE WHEN tls.signature_verified IS NOT FALSE
    THEN tls.leaf_sha256 END AS leaf FROM final WHERE tls.version IS NOT NULL;
CREATE TABLE t AS SELECT s, one.* FROM one, LATERAL (VALUES (service), ('all')) v(s);
CREATE TABLE judged AS SELECT t.s, t.ip, t.service, t.leaf, c.root_store, c.store_date, c.status, c.root_issued_leaf,
    c.valid_with_known_intermediates AS mended, [e.code for e in c.errors] AS codes
    FROM t JOIN '{data}/chains/*.parquet' c ON c.chain_id = sha256(array_to_string(t.chain, ''))
        AND (c.holds_from IS NULL OR c.holds_from <= t.started_at) AND (c.holds_until IS NULL OR t.started_at <
                c.holds_until)
    WHERE NOT (c.root_store = 'mozilla' AND c.store_date < DATE '2026-09-01');
CREATE TABLE leafs AS SELECT leaf, count(DISTINCT ip) AS hosts, min(started_at) AS first FROM one
    WHERE leaf IS NOT NULL GROUP BY leaf;
CREATE TABLE verdict AS SELECT leaf, bool_or(status = 'valid') AS valid, bool_or(status = 'self_signed') AS own,
    bool_or(root_issued_leaf) FILTER (status = 'valid') AS by_root FROM judged
    WHERE s = 'all' AND root_store = 'mozilla' AND leaf IS NOT NULL GROUP BY leaf;
CREATE TABLE cert AS SELECT l.*, v.valid, v.by_root, coalesce(c.self_signed, v.own) AS own, c.* EXCLUDE
                (self_signed, der)
    FROM leafs l LEFT JOIN verdict v USING (leaf) LEFT JOIN '{data}/certificates/*.parquet' c ON c.sha256 = leaf;
CREATE TABLE on_service AS SELECT DISTINCT s, leaf FROM t WHERE leaf IS NOT NULL;
CREATE TABLE grouped AS SELECT g, cert.* FROM cert, LATERAL (VALUES ('all', true), ('valid', valid),
    ('self_signed', own)) v(g, belongs) WHERE belongs;
CREATE TABLE asns AS SELECT ip, asn FROM '{data}/hosts/*.parquet';
CREATE TABLE keyed AS SELECT DISTINCT ip, one.spki_sha256 AS key FROM one JOIN cert USING (leaf);
CREATE TABLE lived AS SELECT g, epoch(not_after) - epoch(not_before) + 1 AS life, epoch(first) -
                epoch(not_before) AS age,
    CASE WHEN not_before >= '2029-03-15' THEN 47 WHEN not_before >= '2027-03-15' THEN 100
    WHEN not_before >= '2026-03-15' THEN 200 WHEN not_before >= '2020-09-01' THEN 398
    WHEN not_before >= '2018-03-01' THEN 825 WHEN not_before >= '2015-04-01' THEN 1188
    WHEN not_before >= '2012-07-01' THEN 1827 END * 86400 AS cap FROM grouped WHERE not_before IS NOT NULL;
"""

STATUSES = (
    "7:bad_signature 9:not_yet_valid 10:expired 18:self_signed 19:untrusted_root 20:broken_chain 26:other "
    "66:weak_key 68:weak_signature"
)


def shared_out(columns: str, table: str, where: str = "true", per: str = "s") -> str:
    """Rows counted by `columns`, beside the sum over `per` and the share of it."""
    counts = f"SELECT {columns}, count(*) AS n FROM {table} WHERE {where} GROUP BY ALL"
    return f"SELECT *, sum(n) OVER (PARTITION BY {per}) AS whole, n / whole AS share FROM ({counts})"


QUERIES: dict[str, tuple[str, str]] = {
    "tls_services": (
        "service answering tls tls_share tls_known tls_known_share certificates intermediates unique_intermediates",
        """SELECT service, count(*) AS a, count(*) FILTER (done) AS t, t / a, count(*) FILTER (done OR refused)
                AS k, t / k,
            count(DISTINCT CASE WHEN tls.signature_verified IS NOT FALSE THEN tls.leaf_sha256 END),
            sum(len(tls.chain) - 1), (SELECT count(DISTINCT c) FROM
                (SELECT unnest(chain[2:]) AS c FROM one WHERE one.service = reached.service))
        FROM reached WHERE tls_mode <> 'none' GROUP BY service""",
    ),
    "starttls": (
        "service answering known supported supported_share answering_share upgrade_known upgraded upgraded_share",
        """SELECT service, count(*) AS a, count(starttls_offered) AS k, count(*) FILTER (starttls_offered) AS o, o / k,
            o / a, count(*) FILTER (starttls_offered AND (done OR refused)) AS u,
            count(*) FILTER (starttls_offered AND done) AS d, d / u FROM reached WHERE tls_mode = 'starttls'
                GROUP BY ALL""",
    ),
    "tls_versions": (
        "service code handshakes known share version",
        f"""SELECT s, version, n, whole, share, v FROM ({shared_out("s, version", "t")})
            JOIN version_names ON version = code""",
    ),
    "cipher_classes": (
        "service cipher_class handshakes known share",
        shared_out(
            "s, CASE WHEN cipher_suite BETWEEN 4864 AND 5119 AND \"group\" BETWEEN 256 AND 511 THEN 'dhe' "
            "ELSE coalesce(v, 'other') END AS c",
            "t LEFT JOIN class_names ON code = cipher_suite",
            "cipher_suite IS NOT NULL",
        ),
    ),
    "cipher_suites": (
        "service code handshakes known share",
        shared_out("s, cipher_suite", "t", "cipher_suite IS NOT NULL"),
    ),
    "key_exchange_groups": (
        "service code group kind handshakes known share of_kind of_kind_share",
        """SELECT s, g, coalesce(n.v, '0x' || printf('%04x', g)), coalesce(k.v, 'curve') AS kind, h,
            sum(h) OVER (PARTITION BY s) AS known, h / known, sum(h) OVER (PARTITION BY s, kind) AS of_kind, h / of_kind
        FROM (SELECT s, "group" AS g, count(*) AS h FROM t WHERE g IS NOT NULL GROUP BY ALL)
        LEFT JOIN group_names n ON n.code = g LEFT JOIN kind_names k ON k.code = g""",
    ),
    "dh_sizes": (
        "service bits handshakes known share",
        shared_out(
            's, coalesce(dh_bits, CASE "group" WHEN 256 THEN 2048 WHEN 257 THEN 3072 END) AS b', "t",
            'dh_bits IS NOT NULL OR "group" IN (256, 257)',
        ),
    ),
    "dh_primes": (
        "rank prime_sha256 name bits hosts hosts_with_prime share handshakes services",
        """SELECT row_number() OVER (ORDER BY h DESC, p), p, name, bits, h, w, h / w, n, services FROM (SELECT
                dh_prime_sha256 AS p, any_value(dh_prime_name) AS
            name, any_value(dh_bits) AS bits, count(DISTINCT ip) AS h, (SELECT count(DISTINCT ip) FROM one
                WHERE dh_prime_sha256 IS NOT
            NULL) AS w, count(*) AS n, list_sort(list(DISTINCT service)) AS services FROM one WHERE p IS NOT
                NULL GROUP BY p)""",
    ),
    "dh_prime_kinds": (
        "kind primes hosts hosts_with_prime share",
        """SELECT *, h / w FROM (SELECT kind, count(DISTINCT p), count(DISTINCT ip) AS h, (SELECT
                count(DISTINCT ip) FROM one WHERE
            dh_prime_sha256 IS NOT NULL) AS w FROM (SELECT dh_prime_sha256 AS p, ip, CASE WHEN dh_prime_name IS NOT
            NULL THEN 'well_known' WHEN count(DISTINCT ip) OVER (PARTITION BY p) > 1 THEN 'shared' ELSE
                'one_host' END AS
            kind FROM one WHERE p IS NOT NULL) GROUP BY kind)""",
    ),
    "signature_schemes": (
        "service code handshakes known share scheme",
        f"""SELECT s, signature_scheme, n, whole, share, coalesce(v, '0x7777') FROM
            ({shared_out("s, signature_scheme", "t", "signature_scheme IS NOT NULL")})
            LEFT JOIN scheme_names ON signature_scheme = code""",
    ),
    "handshake_features": (
        "service feature handshakes known share",
        " UNION ALL ".join(
            f"""SELECT s, '{name}', count(*) FILTER ({yes}) AS h, count({name}) AS k, h / nullif(k, 0) FROM
                (SELECT s, CASE WHEN {when} THEN {name} END AS {name} FROM t) GROUP BY s"""
            for name, yes, when in (
                ("extended_master_secret", "extended_master_secret", "version <= 771"),
                ("secure_renegotiation", "secure_renegotiation", "version <= 771"),
                ("session_ticket", "session_ticket", "version <= 771"),
                ("heartbeat", "heartbeat", "version <= 771"),
                ("compression", "compression > 0", "version <= 771"),
                ("client_cert_requested", "client_cert_requested", "true"),
                ("hello_retry", "hello_retry", "version = 772"),
            )
        ),
    ),
    "alpn": (
        "service alpn offered handshakes tls share",
        "SELECT service, alpn, coalesce(service = 'https' AND alpn = 'http/1.1', false), n, whole, n / whole FROM ("
        + shared_out("service, alpn", "one", per="service")
        + ")",
    ),
    "stapling": (
        "service known stapled stapled_share good revoked unknown unreadable sct_known sct sct_share",
        """SELECT s, count(ocsp_stapled) AS k, count(*) FILTER (ocsp_stapled) AS y, y / k,
            count(*) FILTER (ocsp_status = 'good'), count(*) FILTER (ocsp_status = 'revoked'),
            count(*) FILTER (ocsp_status = 'unknown'), count(*) FILTER (ocsp_stapled AND ocsp_status IS NULL),
            count(sct_count) AS sk, count(*) FILTER (sct_count > 0) AS sy, sy / sk FROM t GROUP BY s""",
    ),
    "record_sizes": (
        "service bytes_from bytes_to handshakes known share",
        """SELECT s, CASE b WHEN 1 THEN 0 ELSE b END, CASE b WHEN 1 THEN 1024 WHEN 16385 THEN NULL ELSE (b - 1) * 2 END,
            n, whole, n / whole FROM (""" + shared_out(
            """s, CASE WHEN record_bytes <= 1024 THEN 1 WHEN record_bytes <= 2048 THEN 1025 WHEN record_bytes <= 4096
            THEN 2049 WHEN record_bytes <= 8192 THEN 4097 WHEN record_bytes <= 16384 THEN 8193 ELSE 16385 END AS b""",
            "t", "record_bytes IS NOT NULL",
        ) + ")",
    ),
    "fingerprints": (
        "kind service fingerprint handshakes known share rank",
        "SELECT *, row_number() OVER (PARTITION BY kind, s ORDER BY n DESC, f) AS r FROM ("
        + shared_out(
            "kind, s, f", "(SELECT 'ja3s' AS kind, s, ja3s AS f FROM t UNION ALL SELECT 'ja4s', s, ja4s FROM t)",
            "f IS NOT NULL", "kind, s",
        )
        + ") QUALIFY r <= 20",
    ),
    "chain_statuses": (
        "service root_store store_date status handshakes share found found_share judged unknown",
        """SELECT s, root_store, store_date, coalesce(a.status, b.status) AS status, coalesce(h, 0), coalesce(h, 0) / j,
            coalesce(f, 0), coalesce(f, 0) / j, j, (SELECT count(*) FROM t WHERE t.s = q.s) - j
        FROM (SELECT s, root_store, store_date, status, count(*) AS h FROM judged GROUP BY ALL) a FULL JOIN
            (SELECT s, root_store, store_date, status, count(*) AS f FROM (SELECT * EXCLUDE status, unnest(coalesce(
                list_distinct([map_of.m[c] for c in codes]), ['valid'])) AS status FROM
                (SELECT * REPLACE (CASE WHEN len(codes) > 0 THEN codes END AS codes) FROM judged), map_of)
                GROUP BY ALL) b
            USING (s, root_store, store_date, status)
        JOIN (SELECT s, root_store, count(*) AS j FROM judged GROUP BY ALL) q USING (s, root_store)""",
    ),
    "broken_chains": (
        "service root_store broken repairable_known repairable repairable_share",
        """SELECT s, root_store, count(*) FILTER (list_contains(codes, 20)), count(mended) AS k,
            count(*) FILTER (mended) AS m, m / nullif(k, 0) FROM judged GROUP BY ALL""",
    ),
    "ca_practice": (
        "service root_store verifiable root_issued root_issued_share",
        """SELECT s, 'mozilla', count(*) AS v, count(*) FILTER (by_root) AS r, r / v
        FROM on_service JOIN cert USING (leaf) WHERE valid GROUP BY s""",
    ),
    "certificate_addresses": (
        "leaf_group addresses certificates certificates_at_least group_certificates share at_least_share",
        """SELECT *, n / whole, up / whole FROM (SELECT g, hosts, count(*) AS n, (SELECT count(*) FROM grouped
                h WHERE h.g = grouped.g AND h.hosts >=
            grouped.hosts) AS up, (SELECT count(*) FROM grouped h WHERE h.g = grouped.g) AS whole
        FROM grouped GROUP BY g, hosts)""",
    ),
    "key_hosts": (
        "hosts keys keys_at_least tls_keys share at_least_share hosts_share",
        """WITH k AS (SELECT key, count(*) AS h FROM keyed GROUP BY key) SELECT *, n / whole, up / whole,
            h * n / (SELECT count(*) FROM keyed) FROM (SELECT h, count(*) AS n,
            (SELECT count(*) FROM k o WHERE o.h >= k.h) AS up, (SELECT count(*) FROM k) AS whole
            FROM k GROUP BY h)""",
    ),
    "invalid_names": (
        "service common_name certificates invalid share",
        shared_out("s, common_name", "on_service JOIN cert USING (leaf)", "NOT valid"),
    ),
    "striking_certificates": (
        "rank certificate_sha256 common_name ases hosts as_unknown",
        """SELECT row_number() OVER (ORDER BY a DESC, h DESC, leaf) AS r, * FROM (SELECT leaf, any_value(common_name),
            count(DISTINCT asn) AS a, count(*) AS h, count(*) - count(asn) FROM (SELECT DISTINCT ip, leaf FROM one)
            JOIN cert USING (leaf) JOIN asns USING (ip) WHERE (NOT valid OR own) AND hosts > 1 GROUP BY leaf)
        QUALIFY r <= 20""",
    ),
    "striking_systems": (
        "certificate_sha256 asn as_org hosts hosts_showing share",
        """SELECT leaf, asn, 'Network ' || asn, count(*) AS h, sum(count(*)) OVER () AS w, h / w
        FROM (SELECT DISTINCT ip, leaf FROM one) JOIN asns USING (ip) WHERE leaf = (
            SELECT leaf FROM (SELECT DISTINCT ip, leaf FROM one) JOIN cert USING (leaf) JOIN asns USING (ip)
            WHERE (NOT valid OR own) AND hosts > 1 GROUP BY leaf ORDER BY count(DISTINCT asn) DESC, count(*) DESC, leaf
            LIMIT 1) GROUP BY ALL""",
    ),
    "issuers": (
        "market organisation certificates market_certificates share leaf_hosts",
        """SELECT m, v, n, sum(n) OVER (PARTITION BY m) AS w, n / w, h FROM (SELECT m, v, count(*) AS n,
                sum(hosts) AS h FROM cert
        JOIN organisations ON issuer = code, LATERAL (VALUES ('valid', valid), ('not_self_issued', true)) l(m, belongs)
        WHERE belongs AND NOT self_issued GROUP BY ALL)""",
    ),
    "issuer_market": (
        "market certificates organisations hhi top_1_share top_3_share",
        """SELECT m, sum(n), count(*), sum((100 * n / w) ** 2), sum(n) FILTER (r <= 1) / any_value(w),
            sum(n) FILTER (r <= 3) / any_value(w)
        FROM (SELECT *, sum(n) OVER (PARTITION BY m) AS w, row_number() OVER (PARTITION BY m
            ORDER BY n DESC) AS r FROM (SELECT m, v, count(*) AS n FROM cert JOIN organisations ON issuer =
                code, LATERAL (VALUES ('valid', valid),
            ('not_self_issued', true)) l(m, belongs) WHERE belongs AND NOT self_issued GROUP BY ALL)) GROUP BY m""",
    ),
    "certificate_keys": (
        "service algorithm bits curve certificates known share",
        shared_out(
            "s, key_algorithm, key_bits, curve", "on_service JOIN cert USING (leaf)", "key_algorithm IS NOT NULL"
        ),
    ),
    "certificate_signatures": (
        "service signature_algorithm certificates self_signed known share",
        """SELECT s, signature_algorithm, count(*) AS n, count(*) FILTER (own),
            sum(count(*)) OVER (PARTITION BY s) AS w, n / w
        FROM on_service JOIN cert USING (leaf) WHERE signature_algorithm IS NOT NULL GROUP BY s, signature_algorithm""",
    ),
    "certificate_lifetimes": (
        "leaf_group certificates lifetime_p10_days lifetime_median_days lifetime_p90_days age_median_days age_p90_days "
        "backwards not_yet_valid expired expired_share limited over_limit over_limit_share",
        """SELECT g, count(*) AS n, quantile_cont(life, 0.1) / 86400, median(life) / 86400, quantile_cont(life, 0.9) /
            86400, median(age) / 86400, quantile_cont(age, 0.9) / 86400, count(*) FILTER (life < 0),
            count(*) FILTER (age < 0), count(*) FILTER (age >= life) AS e, e / n, count(cap) AS l,
            count(*) FILTER (life > cap) AS o, o / l FROM lived GROUP BY g""",
    ),
    "certificate_lifetime_bands": (
        "leaf_group days_over days_to certificates known share",
        """SELECT g, d, CASE d WHEN 0 THEN 47 WHEN 47 THEN 100 WHEN 100 THEN 200 WHEN 200 THEN 398 WHEN 398 THEN 825
            WHEN 825 THEN 1188 WHEN 1188 THEN 1827 WHEN 1827 THEN 3653 WHEN 3653 THEN 7306 END, n, whole, n /
                whole FROM ("""
        + shared_out(
            """g, (SELECT max(x) FROM (VALUES (0), (47), (100), (200), (398), (825), (1188), (1827), (3653),
                (7306)) b(x)
            WHERE life > x * 86400) AS d""",
            "lived", per="g",
        )
        + ")",
    ),
}  # fmt: skip

pytestmark = pytest.mark.slow

Found = tuple[Any, Evidence, dict[str, pa.Table]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    data = tmp_path_factory.mktemp("posture")
    write(data, 2016)
    evidence = gather(Dataset(data))
    tables = {spec.name: rows_of(spec, evidence) for spec in POSTURE_TABLES}
    connection = duckdb.connect()
    names = {
        "version_names": VERSIONS | {0x0505: "0x0505"},
        "class_names": {code: str(class_of(code)) for code in CIPHER_SUITES},
        "group_names": GROUPS,
        "kind_names": {code: str(kind_of(code)) for code in GROUPS},
        "scheme_names": SIGNATURE_SCHEMES,
        "organisations": {name: organisation_of(name) for name in _issuers(data)},
    }
    for name, values in names.items():
        connection.register(name, pa.table({"code": list(values), "v": list(values.values())}))
    pairs = ", ".join(
        f"{code}: '{status}'" for code, status in (item.split(":") for item in STATUSES.split())
    )
    connection.execute(f"CREATE TABLE map_of AS SELECT MAP {{{pairs}}} AS m")
    connection.execute(BASE.format(data=data))
    return connection, evidence, tables


def _issuers(data: Path) -> list[str]:
    rows = duckdb.sql(f"SELECT DISTINCT issuer FROM '{data}/certificates/*.parquet' WHERE issuer IS NOT NULL")
    return [name for (name,) in rows.fetchall()]


@pytest.mark.parametrize("name", list(QUERIES))
def test_a_table_equals_plain_sql(found: Found, name: str) -> None:
    connection, _, tables = found
    columns, query = QUERIES[name]
    expected = connection.execute(query).fetchall()
    rows = [tuple(row.values()) for row in tables[name].select(columns.split()).to_pylist()]
    assert rows, "a table without rows tests nothing"
    assert sorted(map(plain, rows), key=repr) == sorted(map(plain, expected), key=repr)


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Counts and shares as they compare: sums of floats end somewhere."""
    return tuple(
        value
        if isinstance(value, str | list | None) or not hasattr(value, "__float__")
        else round(float(value), 9)
        for value in row
    )


def test_every_table_of_the_chapter_has_its_query() -> None:
    assert {spec.name for spec in POSTURE_TABLES} == set(QUERIES)


def test_services_are_rows_in_the_order_of_the_services_table_with_all_of_them_last(found: Found) -> None:
    _, _, tables = found
    for name, table in tables.items():
        if "service" not in table.column_names or name == "fingerprints":
            continue
        order = list(dict.fromkeys(table["service"].to_pylist()))
        by_port = sorted((s for s in order if s != "all"), key=lambda s: SERVICE_BY_NAME[s].port)
        assert order == by_port + ["all"] * ("all" in order), name


def test_verdicts_are_those_of_the_table_by_host_and_service(found: Found) -> None:
    _, evidence, tables = found
    by_host = chain_status(evidence.dataset, evidence.run_id).select("service", "root_store", "status")
    expected = Counter(tuple(row.values()) for row in by_host.to_pyarrow().to_pylist())
    counted = tables["chain_statuses"].to_pylist()
    rows = {(row["service"], row["root_store"], row["status"]): row["handshakes"] for row in counted}
    assert {key: count for key, count in rows.items() if key[0] != "all" and count} == expected


def test_shares_of_a_service_add_up_to_one(found: Found) -> None:
    _, _, tables = found
    for name in (
        "tls_versions",
        "cipher_classes",
        "cipher_suites",
        "key_exchange_groups",
        "dh_sizes",
        "record_sizes",
    ):
        sums: dict[str, float] = {}
        for row in tables[name].to_pylist():
            sums[row["service"]] = sums.get(row["service"], 0) + row["share"]
        assert all(abs(one - 1) < 1e-9 for one in sums.values()), name
