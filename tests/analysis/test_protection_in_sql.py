"""Tables of authentication, hygiene and what servers take, asked again of the Parquet files in plain SQL."""

import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_logins import write

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.protection_tables import PROTECTION_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset

pytestmark = pytest.mark.slow

SPECS = {spec.name: spec for spec in TABLES}

BASE = """
CREATE TABLE final AS SELECT * FROM '{data}/grabs/*.parquet' WHERE run_id = '2026-11-22T01-02-03Z-0000'
    QUALIFY row_number() OVER (PARTITION BY ip, service ORDER BY attempt DESC) = 1;
CREATE TABLE sides AS
    SELECT service, 'before' AS side, ip, auth_before AS raw, capabilities_before AS caps, protocol, starttls_offered
        FROM final WHERE tls_mode <> 'implicit' AND stage <> 'connect' AND protocol IN ('smtp', 'imap', 'pop3', 'xmpp')
    UNION ALL SELECT service, 'after', ip, auth_after, capabilities_after, protocol, starttls_offered
        FROM final WHERE tls.version IS NOT NULL AND protocol IN ('smtp', 'imap', 'pop3', 'xmpp');
CREATE TABLE logins AS SELECT *, list_transform(raw, lambda n: upper(n)) AS auth,
    protocol = 'imap' AND list_contains(list_transform(caps, lambda c: upper(c)), 'LOGINDISABLED') AS disabled,
    list_filter(list_transform(raw, lambda n: upper(n)), lambda n: n IN ('PLAIN', 'LOGIN', 'USER')) AS clear
    FROM sides;
CREATE TABLE offering AS SELECT service, side, count(*) AS o FROM logins WHERE len(auth) > 0 GROUP BY ALL;
CREATE TABLE shaken AS SELECT ip, service, started_at, tls.*, CASE WHEN tls.signature_verified IS NOT FALSE
    THEN tls.leaf_sha256 END AS leaf FROM final WHERE tls.version IS NOT NULL;
CREATE TABLE shown AS SELECT ip, tls.spki_sha256 AS key FROM final WHERE tls.signature_verified IS NOT FALSE
    UNION SELECT ip, tls.spki_sha256 FROM '{data}/followups/*.parquet' WHERE tls.signature_verified IS NOT FALSE;
CREATE TABLE shared AS SELECT DISTINCT a.ip FROM shown a JOIN shown b USING (key) WHERE a.ip <> b.ip;
CREATE TABLE alone AS SELECT s.ip, s.version < 771 AS legacy_tls, s.version AS v, s.cipher_suite IN (3, 5) AS rc4,
    s.version < 772 AND s.cipher_suite IN (47, 5, 10, 3) AS no_forward_secrecy, c.not_after < s.started_at AS expired,
    c.self_signed AS self_signed, CASE WHEN c.self_signed THEN false ELSE j.status IN ('broken_chain',
    'untrusted_root') END AS untrusted
    FROM shaken s LEFT JOIN '{data}/certificates/*.parquet' c ON c.sha256 = leaf
    LEFT JOIN '{data}/chains/*.parquet' j ON j.chain_id = sha256(array_to_string(s.chain, ''));
CREATE TABLE more AS SELECT ip, tls.version AS v, tls.cipher_suite IN (3, 5) AS rc4 FROM '{data}/followups/*.parquet'
    WHERE tls.version IS NOT NULL UNION ALL SELECT ip, version, list_has_any(cipher_suites, [3, 5])
    FROM '{data}/enumerations/*.parquet' WHERE len(cipher_suites) > 0;
CREATE TABLE flawed AS SELECT ip, {flaws}, a.services, least(a.v, m.v) AS oldest FROM
    (SELECT ip, count(*) AS services, min(v) AS v, {each} FROM alone GROUP BY ip) a
    FULL JOIN (SELECT ip, min(v) AS v, bool_or(rc4) AS rc4 FROM more GROUP BY ip) m USING (ip);
CREATE TABLE indexed AS SELECT *, ip IN (FROM shared) AS clustered, {seen} AS flaws, {unknown} AS unknown,
    CASE WHEN unknown = 0 THEN flaws END AS hygiene FROM flawed;
CREATE TABLE grouped AS SELECT g, indexed.* FROM indexed, LATERAL (VALUES ('all', true), ('clustered', clustered),
    ('alone', NOT clustered)) v(g, belongs) WHERE belongs;
CREATE TABLE asns AS SELECT ip, asn, as_org FROM '{data}/hosts/*.parquet';
CREATE TABLE followups AS FROM '{data}/followups/*.parquet';
CREATE TABLE ssh AS SELECT ssh.*, CASE WHEN ssh.protocol_version IS NOT NULL THEN [ssh.protocol_version] END AS v,
    CASE WHEN ssh.hassh_server IS NOT NULL THEN [ssh.hassh_server] END AS h FROM final WHERE ssh IS NOT NULL;
CREATE TABLE enums AS FROM '{data}/enumerations/*.parquet';
CREATE TABLE verdicts AS SELECT ip, count(*) AS judged, count(*) FILTER (j.status = 'valid') AS valid
    FROM shaken s JOIN '{data}/chains/*.parquet' j ON j.chain_id = sha256(array_to_string(s.chain, '')) GROUP BY ip;
CREATE TABLE hosts AS SELECT ip, count(*) FILTER (tls_mode <> 'none' AND (tls.version IS NOT NULL OR
    outcome IN ('no_starttls', 'tls_alert', 'tls_error'))) AS tls_known, count(tls.version) AS tls,
    count(starttls_offered) AS starttls_known, count(*) FILTER (starttls_offered) AS starttls
    FROM final WHERE stage <> 'connect' GROUP BY ip;
CREATE TABLE counted AS SELECT hosts.*, coalesce(judged, 0) AS judged, coalesce(valid, 0) AS valid, hygiene
    FROM hosts LEFT JOIN verdicts USING (ip) LEFT JOIN indexed USING (ip);
CREATE TABLE said AS SELECT service, side, count(auth) AS k, count(*) - count(auth) AS u FROM logins GROUP BY ALL;
"""

ONCE = ("no_forward_secrecy", "expired", "self_signed", "untrusted")
FLAWS = ("rc4", "legacy_tls", *ONCE)
REASONS = ["rc4", "legacy_tls", "no_forward_secrecy", "expired", "self_signed", "untrusted"]
WORDS = {
    "flaws": ", ".join(ONCE)
    + ", CASE WHEN m.rc4 THEN true ELSE a.rc4 END AS rc4, least(a.v, m.v) < 771 AS legacy_tls",
    "each": ", ".join(
        f"CASE WHEN bool_or({f}) THEN true WHEN count(*) = count({f}) THEN false END AS {f}"
        for f in ("rc4", *ONCE)
    ),
    "seen": " + ".join(f"coalesce({f}, false)::INT" for f in FLAWS),
    "unknown": " + ".join(f"({f} IS NULL)::INT" for f in FLAWS),
}

COUNTS = """count(*) AS h, sum(tls_known) AS tk, sum(tls) AS t, t / nullif(tk, 0), sum(starttls_known) AS sk,
    sum(starttls) AS s, s / nullif(sk, 0), sum(judged) AS j, sum(valid) AS v, v / nullif(j, 0), count(hygiene) AS hk,
    avg(hygiene) AS m"""
COUNT_NAMES = (
    "hosts tls_known tls tls_share starttls_known starttls starttls_share judged valid valid_share hygiene_known "
    "mean_hygiene"
)

QUERIES: dict[str, tuple[str, str]] = {
    "auth_mechanisms": (
        "service side mechanism hosts offering share known known_share unknown kind",
        """SELECT service, side, m, count(DISTINCT ip) AS h, o, h / o, k, h / k, u,
            CASE WHEN m IN ('PLAIN', 'LOGIN', 'USER') THEN 'plain_text' WHEN m IN ('APOP', 'CRAM-MD5', 'SCRAM-SHA-1')
            THEN 'challenge' WHEN m = 'EXTERNAL' THEN 'external' ELSE 'unknown' END
        FROM (SELECT service, side, ip, unnest(auth) AS m FROM logins) JOIN offering USING (service, side)
        JOIN said USING (service, side) GROUP BY service, side, m, o, k, u""",
    ),
    "auth_combinations": (
        "service side mechanisms plain_only plain_first hosts offering share",
        """SELECT service, side, array_to_string(auth, ','), len(clear) = len(auth),
            coalesce(auth[1] = clear[1], false),
            count(*) AS h, o, h / o FROM logins JOIN offering USING (service, side) WHERE len(auth) > 0
            GROUP BY service, side, auth, clear, o""",
    ),
    "auth_plain_text": (
        "service side known offering offering_share plain plain_share plain_only plain_only_share plain_first "
        "plain_first_share login_known login_disabled login_disabled_share unknown",
        """SELECT service, side, count(auth) AS k, count(*) FILTER (len(auth) > 0) AS o, o / k,
            count(*) FILTER (len(clear) > 0) AS p, p / o, count(*) FILTER (len(clear) = len(auth) AND len(auth) > 0)
                AS po, po / o, count(*) FILTER (auth[1] = clear[1]) AS pf, pf / o,
            count(auth) FILTER (protocol = 'imap') AS lk, count(*) FILTER (disabled AND auth IS NOT NULL) AS ld,
            CASE WHEN lk > 0 THEN ld / lk END, count(*) - count(auth) FROM logins GROUP BY service, side""",
    ),
    "hygiene": (
        "group hygiene hosts known share",
        """SELECT g, hygiene, count(*) AS h, sum(count(hygiene)) OVER (PARTITION BY g) AS k,
            CASE WHEN hygiene IS NOT NULL THEN h / k END FROM grouped GROUP BY g, hygiene""",
    ),
    "hygiene_flaws": (
        "group flaw hosts known share unknown",
        " UNION ALL ".join(
            f"""SELECT g, '{flaw}', count(*) FILTER ({flaw}) AS h, count({flaw}) AS k, h / nullif(k, 0),
            count(*) - count({flaw})
            FROM grouped GROUP BY g"""
            for flaw in FLAWS
        ),
    ),
    "hygiene_priorities": (
        "priority ip reasons flaws unknown hygiene oldest services clustered asn as_org",
        """SELECT CASE WHEN oldest < 769 OR rc4 THEN 1 WHEN oldest < 771 OR no_forward_secrecy THEN 2
            WHEN expired OR untrusted THEN 3 ELSE 4 END, ip, concat_ws(',', {reasons}), flaws, unknown, hygiene, oldest,
            coalesce(services, 0),
            clustered, asn, as_org FROM indexed JOIN asns USING (ip) WHERE flaws > 0""".replace(
            "{reasons}", ", ".join(f"CASE WHEN {flaw} THEN '{flaw}' END" for flaw in REASONS)
        ),
    ),
    "starttls_stripping": (
        "service known exposed exposed_share strippable strippable_share unprotected unprotected_share unknown "
        "injection_known injected injected_share",
        """SELECT service, count(raw) AS k, count(*) FILTER (e) AS x, x / k,
            count(*) FILTER (e AND starttls_offered) AS s, s / k,
            count(*) FILTER (e AND NOT starttls_offered) AS n, n / k, count(*) - count(raw),
            coalesce(any_value(i.checked), 0) AS ik, coalesce(any_value(i.yes), 0) AS j,
            CASE WHEN ik > 0 THEN j / ik END
        FROM (SELECT *, raw IS NOT NULL AND (len(clear) > 0 OR (protocol = 'imap' AND NOT disabled)) AS e FROM logins)
        LEFT JOIN (SELECT service, count(*) AS checked, count(*) FILTER (x) AS yes FROM (SELECT service, ip,
            bool_or(starttls_injected) AS x FROM followups WHERE purpose = 'starttls_injection'
            AND starttls_injected IS NOT NULL GROUP BY ALL) GROUP BY service) i USING (service)
        WHERE side = 'before' GROUP BY service""",
    ),
    "post_quantum": (
        "service shaken able post_quantum share able_share asked_for",
        """SELECT service, count(*) AS s, count(*) FILTER (version = 772) AS a,
            count(*) FILTER ("group" IN (4588, 25497)) AS p, p / s, CASE WHEN a > 0 THEN p / a END,
            count(*) FILTER ("group" IN (4588, 25497) AND hello_retry)
            FROM shaken GROUP BY service
        UNION ALL SELECT 'ssh', count(*) AS s, s, count(*) FILTER (ssh.kex_algorithms[1] SIMILAR TO '(sntrup|mlkem).*')
            AS p, p / s, p / s, NULL FROM final WHERE ssh.kex_algorithms IS NOT NULL""",
    ),
    "ssh_offers": (
        "kind name hosts known share weak",
        " UNION ALL ".join(
            f"""SELECT '{kind}' AS k, n, count(*) AS h, any_value(w), h / any_value(w), n SIMILAR TO
            '.*(sha1|-cbc|arcfour|md5|ssh-rsa|ssh-dss|1[.]5).*'
            FROM (SELECT unnest({column}) AS n, (SELECT count({column}) FROM ssh) AS w
            FROM ssh) WHERE n IS NOT NULL GROUP BY n"""
            for kind, column in {
                "kex": "kex_algorithms", "host_key": "host_key_algorithms", "cipher": "ciphers_server_to_client",
                "mac": "macs_server_to_client", "version": "v", "hassh": "h",
            }.items()
        ),
    ),
    "suites_offered": (
        "service version code hosts first taking share",
        """SELECT service, version_name, x, count(*) AS h, count(*) FILTER (cipher_suites[1] = x), t, h / t FROM
            (SELECT *, unnest(cipher_suites) AS x FROM enums) JOIN (SELECT service, version, count(*) AS t FROM enums
            WHERE len(cipher_suites) > 0 GROUP BY ALL) USING (service, version) GROUP BY service, version_name, x, t""",
    ),
    "versions_offered": (
        "service version known taking taking_share unknown complete ordering server_order server_order_share rc4 "
        "triple_des export null anonymous",
        """SELECT service, version_name, count(*) FILTER (complete OR t) AS k, count(*) FILTER (t) AS n,
            n / nullif(k, 0),
            count(*) FILTER (NOT complete AND NOT t), count(*) FILTER (complete AND t), count(preference) AS o,
            count(*) FILTER (preference = 'server') AS s, s / nullif(o, 0),
            count(*) FILTER (list_has_any(cipher_suites, [3, 5])), count(*) FILTER (list_contains(cipher_suites, 10)),
            count(*) FILTER (list_contains(cipher_suites, 3)), 0, 0
        FROM (SELECT *, len(cipher_suites) > 0 AS t FROM enums) GROUP BY ALL""",
    ),
    "by_as": (
        f"asn as_org {COUNT_NAMES}",
        f"SELECT asn, any_value(as_org), {COUNTS} FROM counted JOIN asns USING (ip) GROUP BY asn",
    ),
    "by_software": (
        f"product {COUNT_NAMES}",
        f"""SELECT software, {COUNTS} FROM counted JOIN (SELECT DISTINCT ip, software FROM final WHERE protocol = 'smtp'
            AND software IS NOT NULL) USING (ip) GROUP BY software""",
    ),
}  # fmt: skip

Found = tuple[Any, Evidence]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    data = tmp_path_factory.mktemp("protection")
    write(data, 2016)
    connection = duckdb.connect()
    connection.execute(BASE.format(data=data, **WORDS))
    return connection, gather(Dataset(data))


@pytest.mark.parametrize("name", list(QUERIES))
def test_a_table_equals_plain_sql(found: Found, name: str) -> None:
    connection, evidence = found
    columns, query = QUERIES[name]
    expected = connection.execute(query).fetchall()
    rows = rows_of(SPECS[name], evidence).select(columns.split()).to_pylist()
    assert rows, "a table without rows tests nothing"
    assert sorted((plain(tuple(row.values())) for row in rows), key=repr) == sorted(
        map(plain, expected), key=repr
    )


def test_every_table_of_the_chapters_has_its_query() -> None:
    assert {spec.name for spec in PROTECTION_TABLES} == set(QUERIES)


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers as they compare: sums of floats end somewhere."""
    return tuple(
        value
        if isinstance(value, str | list | None) or not hasattr(value, "__float__")
        else round(float(value), 9)
        for value in row
    )
