"""Every number of the report's chapters on re-use, asked again of the Parquet files in plain SQL.

One query per table. It reads the files as any user of DuckDB would and shares nothing with the analyses; clusters
are found by a recursive query. Only machines, which are inferred, are taken from the table `machine_hosts`.
"""

import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_populations import address, crowd

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.report.chapters import CHAPTERS

pytestmark = pytest.mark.slow

BASE = """
CREATE TABLE final AS SELECT * FROM '{data}/grabs/*.parquet'
    WHERE run_id = (SELECT max(run_id) FROM '{data}/grabs/*.parquet')
    QUALIFY row_number() OVER (PARTITION BY ip, service ORDER BY attempt DESC) = 1;
CREATE TABLE ports(service VARCHAR, port BIGINT);
INSERT INTO ports VALUES ('ssh', 22), ('smtp', 25), ('imap', 143), ('https', 443);
CREATE TABLE shown AS
    SELECT DISTINCT ip, service, ports.port, tls.spki_sha256 AS key, tls.leaf_sha256 AS leaf, false AS ssh
        FROM final JOIN ports USING (service) WHERE tls.spki_sha256 IS NOT NULL
    UNION SELECT ip, service, ports.port, key, NULL, true FROM
        (SELECT ip, service, unnest(ssh.host_keys).spki_sha256 AS key FROM final) JOIN ports USING (service)
        WHERE key IS NOT NULL;
CREATE TABLE held AS SELECT DISTINCT ip, key FROM shown;
CREATE TABLE shared AS SELECT key, count(*) AS hosts FROM held GROUP BY key HAVING count(*) > 1;
CREATE TABLE reached AS WITH RECURSIVE r(ip, other) AS (
    SELECT ip, ip FROM held UNION SELECT r.ip, b.ip FROM r JOIN held a ON r.other = a.ip JOIN held b USING (key)
) SELECT ip, min(other) AS name, count(*) AS size FROM r GROUP BY ip HAVING count(*) > 1;
CREATE TABLE numbered AS SELECT name, size, row_number() OVER (ORDER BY size DESC, first) AS cluster FROM (
    SELECT name, size, min(place) AS first FROM reached JOIN (SELECT ip, place FROM addresses) USING (ip)
    GROUP BY name, size);
CREATE TABLE members AS SELECT ip, cluster, size FROM reached JOIN numbered USING (name, size);
CREATE TABLE facts AS SELECT ip, asn, country, ptr FROM '{data}/hosts/*.parquet';
CREATE TABLE certificates AS SELECT * FROM '{data}/certificates/*.parquet';
CREATE TABLE keys AS SELECT * FROM '{data}/keys/*.parquet';
CREATE TABLE machine AS SELECT ip, coalesce('m' || machine, ip) AS machine
    FROM (SELECT DISTINCT ip FROM final) LEFT JOIN machine_hosts USING (ip);
CREATE TABLE links AS SELECT ip, key, cluster, list_sort(list(DISTINCT port)) AS ports, bool_or(ssh) AS ssh,
    bool_or(NOT ssh) AS tls FROM shown SEMI JOIN shared USING (key) JOIN members USING (ip) GROUP BY ALL;
CREATE TABLE kinds AS SELECT cluster, CASE WHEN bool_and(key NOT IN (SELECT key FROM shown WHERE ssh)) THEN 'tls'
    WHEN bool_and(key NOT IN (SELECT key FROM shown WHERE NOT ssh)) THEN 'ssh' ELSE 'both' END AS kind
    FROM links GROUP BY cluster;
CREATE TABLE spread AS SELECT cluster, count(DISTINCT machine) AS machines, count(DISTINCT asn) AS ases,
    count(*) - count(asn) AS as_unknown, coalesce(list_sort(list(DISTINCT country) FILTER (country IS NOT NULL)), [])
    AS countries FROM members JOIN facts USING (ip) JOIN machine USING (ip) GROUP BY cluster;
CREATE TABLE wild AS SELECT sha256 AS leaf FROM certificates
    WHERE starts_with(common_name, '*.') OR list_sum([starts_with(s, '*.')::INT for s in sans]) > 0;
CREATE TABLE transport AS SELECT ip, service, tls.spki_sha256 AS key, tls.cipher_suite IN (10, 47, 53, 156, 157) AS rsa
    FROM final WHERE tls.cipher_suite IS NOT NULL;
CREATE TABLE versions AS SELECT service, ip IN (SELECT ip FROM members) AS c,
    coalesce(tls.version_name, 'SSH ' || ssh.protocol_version) AS version FROM final WHERE version IS NOT NULL;
CREATE TABLE ways AS SELECT DISTINCT a.ip, a.key, CASE WHEN a.ssh AND b.ssh THEN 'ssh'
    WHEN a.ssh <> b.ssh THEN 'ssh_and_tls' WHEN a.leaf = b.leaf THEN 'same_certificate'
    ELSE 'other_certificate' END AS way FROM shown a JOIN shown b ON a.key = b.key AND a.ip <> b.ip;
CREATE TABLE pairs AS SELECT DISTINCT x.ip AS a, y.ip AS b, x.key, least(x.port, y.port) AS low,
    greatest(x.port, y.port) AS high FROM shown x JOIN shown y ON x.key = y.key AND x.ip < y.ip;
CREATE TABLE units AS SELECT 'address' AS level, ip, ip AS unit FROM final
    UNION SELECT 'machine', ip, machine FROM machine UNION SELECT 'operator', ip, asn::VARCHAR FROM facts;
"""

LEVEL = """SELECT level, count(DISTINCT unit) FILTER (across), count(DISTINCT unit),
    count(DISTINCT ip) FILTER (across), count(DISTINCT ip), count(DISTINCT key) FILTER (across), count(DISTINCT key)
    FROM (SELECT level, ip, key, unit, min(unit) OVER k < max(unit) OVER k AS across FROM units JOIN held USING (ip)
          WHERE unit IS NOT NULL WINDOW k AS (PARTITION BY level, key)) GROUP BY level"""

QUERIES: dict[str, tuple[str, str]] = {
    "within_host": (
        "port_a port_b hosts keys hosts_showing_both share reading",
        """SELECT low, high, hosts, keys, both_shown, hosts / both_shown,
            CASE WHEN low = 22 THEN 'serious' ELSE 'normal' END
        FROM (SELECT x.port AS low, y.port AS high, count(DISTINCT x.ip) AS hosts, count(DISTINCT key) AS keys
            FROM shown x JOIN shown y USING (ip, key) WHERE x.port < y.port GROUP BY ALL)
        JOIN (SELECT x.port AS low, y.port AS high, count(DISTINCT ip) AS both_shown
            FROM shown x JOIN shown y USING (ip) WHERE x.port < y.port GROUP BY ALL) USING (low, high)""",
    ),
    "levels": (
        "level units_sharing units_showing hosts_sharing hosts_showing keys_shared keys",
        LEVEL,
    ),
    "ways": (
        "way hosts hosts_only hosts_sharing keys keys_shared share only_share",
        """SELECT way, hosts, hosts_only, s, keys, k, hosts / s, hosts_only / s FROM (SELECT unnest(['same_certificate',
            'other_certificate', 'ssh', 'ssh_and_tls', 'certificate_unknown']) AS way)
        LEFT JOIN (SELECT way, count(DISTINCT ip) AS hosts, count(DISTINCT key) AS keys FROM ways GROUP BY way)
            USING (way)
        LEFT JOIN (SELECT way, count(*) AS hosts_only FROM (SELECT ip, min(way) AS way FROM ways GROUP BY ip
            HAVING count(DISTINCT way) = 1) GROUP BY way) USING (way),
        (SELECT count(DISTINCT ip) AS s, count(DISTINCT key) AS k FROM ways)""",
    ),
    "port_pairs": (
        "port_a port_b links keys",
        "SELECT low, high, count(*), count(DISTINCT key) FROM pairs GROUP BY low, high",
    ),
    "most_shared": (
        "via spki_sha256 hosts hosts_showing share",
        """SELECT via, arg_min(key, (-hosts, key)), max(hosts), any_value(showing), max(hosts) / any_value(showing)
        FROM (SELECT if(ssh, 'ssh', 'tls') AS via, key, count(DISTINCT ip) AS hosts FROM shown GROUP BY ALL)
        JOIN (SELECT if(ssh, 'ssh', 'tls') AS via, count(DISTINCT ip) AS showing FROM shown GROUP BY ALL)
            USING (via) GROUP BY via""",
    ),
    "shared_keys": (
        "spki_sha256 hosts cluster via ports bits machines ases countries certificates rsa_transport_hosts",
        """SELECT key, shared.hosts, any_value(cluster),
            CASE WHEN bool_and(ssh) THEN 'ssh' WHEN bool_or(ssh) THEN 'both' ELSE 'tls' END,
            list_sort(list(DISTINCT port)), any_value(bits), count(DISTINCT machine), count(DISTINCT asn),
            coalesce(list_sort(list(DISTINCT country) FILTER (country IS NOT NULL)), []), count(DISTINCT leaf),
            (SELECT count(DISTINCT t.ip) FROM transport t WHERE t.key = shown.key AND rsa)
        FROM shown JOIN shared USING (key) JOIN members USING (ip) JOIN keys ON key = keys.spki_sha256
        JOIN facts USING (ip) JOIN machine USING (ip) GROUP BY key, shared.hosts""",
    ),
    "rsa_transport": (
        "service hosts hosts_sharing share keys keys_shared keys_share hosts_alone hosts_own_key alone_share",
        """SELECT service, h, s, h / s, k, ks, k / ks, a, o, CASE WHEN o > 0 THEN a / o END FROM (SELECT service,
            count(*) FILTER (rsa AND common) AS h, count(*) FILTER (common) AS s,
            count(DISTINCT key) FILTER (rsa AND common) AS k, count(DISTINCT key) FILTER (common) AS ks,
            count(*) FILTER (rsa AND NOT common) AS a, count(*) FILTER (NOT common) AS o
            FROM (SELECT *, key IN (SELECT key FROM shared) AS common FROM transport) GROUP BY service)""",
    ),
    "versions": (
        "service version hosts known share clustered known_clustered clustered_share alone known_alone alone_share",
        """SELECT service, version, h, k, h / k, c, kc, c / kc, h - c, k - kc, (h - c) / (k - kc) FROM (
            SELECT service, version, count(*) AS h, count(*) FILTER (c) AS c FROM versions GROUP BY ALL)
        JOIN (SELECT service, count(*) AS k, count(*) FILTER (c) AS kc FROM versions GROUP BY service)
            USING (service)""",
    ),
    "key_kinds": (
        "service algorithm bits hosts hosts_showing share keys keys_showing keys_share",
        """SELECT service, algorithm, bits, count(DISTINCT ip) AS h, any_value(hs), h / any_value(hs),
            count(DISTINCT key) AS k, any_value(ks), k / any_value(ks)
        FROM shown JOIN keys ON key = keys.spki_sha256 JOIN (SELECT service, count(DISTINCT ip) AS hs,
            count(DISTINCT key) AS ks FROM shown GROUP BY service) USING (service) GROUP BY ALL""",
    ),
    "clusters": (
        "cluster hosts machines ases as_unknown countries keys ssh_keys tls_keys kind host_ports ssh_host_ports "
        "tls_host_ports ssh_keys_shown tls_keys_shown certificates wildcard_certificates largest_key_hosts",
        """SELECT cluster, size, machines, ases, as_unknown, countries, keys, ssh_keys, tls_keys, kind, host_ports,
            ssh_ports, host_ports - ssh_ports, ssh_all, tls_all, certs, wilds, most
        FROM numbered JOIN spread USING (cluster) JOIN kinds USING (cluster)
        JOIN (SELECT cluster, count(DISTINCT key) AS keys, count(DISTINCT key) FILTER (ssh) AS ssh_keys,
            count(DISTINCT key) FILTER (tls) AS tls_keys, max(hosts) AS most FROM links JOIN shared USING (key)
            GROUP BY cluster) USING (cluster)
        JOIN (SELECT cluster, count(DISTINCT (ip, port)) AS host_ports,
            count(DISTINCT (ip, port)) FILTER (ssh) AS ssh_ports, count(DISTINCT key) FILTER (ssh) AS ssh_all,
            count(DISTINCT key) FILTER (NOT ssh) AS tls_all,
            count(DISTINCT leaf) FILTER (key IN (SELECT key FROM shared)) AS certs,
            count(DISTINCT leaf) FILTER (key IN (SELECT key FROM shared) AND leaf IN (SELECT leaf FROM wild)) AS wilds
            FROM shown JOIN members USING (ip) GROUP BY cluster) USING (cluster)""",
    ),
    "cluster_hosts": (
        "cluster ip keys",
        "SELECT cluster, ip, count(DISTINCT key) FROM links GROUP BY cluster, ip",
    ),
    "cluster_links": ("cluster ip spki_sha256 ports", "SELECT cluster, ip, key, ports FROM links"),
    "cluster_sizes": (
        "size clusters hosts",
        "SELECT size, count(*), size * count(*) FROM numbered GROUP BY size",
    ),
    "cluster_statistics": (
        "name value",
        """SELECT unnest(['clusters', 'hosts', 'biggest', 'mean', 'standard_deviation', 'median', 'p10', 'p25', 'p75',
            'p90', 'p95', 'p99', 'mode', 'gini']), unnest([count(*), sum(size), max(size), avg(size),
            stddev_pop(size), median(size), quantile_cont(size, 0.1), quantile_cont(size, 0.25),
            quantile_cont(size, 0.75), quantile_cont(size, 0.9), quantile_cont(size, 0.95),
            quantile_cont(size, 0.99),
            (SELECT size FROM numbered GROUP BY size ORDER BY count(*) DESC, size LIMIT 1),
            (SELECT avg(abs(a.size - b.size)) / 2 / avg(a.size) FROM numbered a, numbered b)]) FROM numbered""",
    ),
    "cluster_kinds": (
        "kind clusters clusters_share hosts hosts_share keys biggest biggest_cluster across_ases across_countries "
        "median mean",
        """SELECT kind, count(*), count(*) / (SELECT count(*) FROM numbered), sum(size),
            sum(size) / (SELECT sum(size) FROM numbered), sum(keys), max(size), min(cluster),
            count(*) FILTER (ases > 1), count(*) FILTER (len(countries) > 1), median(size), avg(size)
        FROM numbered JOIN kinds USING (cluster) JOIN spread USING (cluster) JOIN (SELECT cluster,
            count(DISTINCT key) AS keys FROM links GROUP BY cluster) USING (cluster) GROUP BY kind""",
    ),
    "size_two_patterns": (
        "pattern clusters clusters_of_two share keys",
        """SELECT pattern, count(*), any_value(n), count(*) / any_value(n), sum(keys) FROM (
            SELECT cluster, list(low || '-' || high ORDER BY low, high) AS pattern, any_value(keys) AS keys FROM (
                SELECT cluster, low, high FROM pairs JOIN members ON a = ip WHERE size = 2 GROUP BY ALL)
            JOIN (SELECT cluster, count(DISTINCT key) AS keys FROM links GROUP BY cluster) USING (cluster)
            GROUP BY cluster), (SELECT count(*) AS n FROM numbered WHERE size = 2) GROUP BY pattern""",
    ),
    "cross_protocol": (
        "spki_sha256 hosts ssh_hosts tls_hosts both_hosts reading",
        """SELECT key, count(*), count(*) FILTER (s), count(*) FILTER (t), count(*) FILTER (s AND t) AS b,
            if(b > 0, 'same_host', 'across_hosts') FROM (SELECT key, ip, bool_or(ssh) AS s, bool_or(NOT ssh) AS t
            FROM shown GROUP BY key, ip) GROUP BY key HAVING bool_or(s) AND bool_or(t)""",
    ),
    "cross_protocol_hosts": (
        "ip spki_sha256 ports",
        """SELECT ip, key, list_sort(list(DISTINCT port)) FROM shown GROUP BY ip, key
        HAVING bool_or(ssh) AND NOT bool_and(ssh)""",
    ),
    "listeners": (
        "service host_ports crypto_host_ports crypto_share hosts_crypto hosts_no_crypto keys",
        """SELECT grp, h, c, c / h, hosts, (SELECT count(DISTINCT ip) FROM final) - hosts, keys
        FROM (SELECT grp, count(*) AS h FROM (SELECT service, unnest([service, 'all',
            if(service = 'ssh', 'all SSH', 'all TLS')]) AS grp FROM final) GROUP BY grp)
        JOIN (SELECT grp, count(DISTINCT (ip, service)) AS c, count(DISTINCT ip) AS hosts, count(DISTINCT key) AS keys
            FROM (SELECT *, unnest([service, 'all', if(ssh, 'all SSH', 'all TLS')]) AS grp FROM shown)
            GROUP BY grp) USING (grp)""",
    ),
    "run_table": (
        "countries hosts_asked in_country out_of_country country_unknown no_crypto some_crypto some_crypto_share "
        "crypto_host_ports unique_keys keys_share hosts_only_local_keys hosts_in_clusters hark clusters "
        "biggest_cluster median_cluster mean_cluster",
        """SELECT ['IE', 'EE'], asked, (SELECT count(*) FROM facts WHERE country IN ('IE', 'EE')),
            (SELECT count(*) FROM facts WHERE country NOT IN ('IE', 'EE')),
            (SELECT count(*) FROM facts WHERE country IS NULL), asked - n, n, n / asked, ports, keys,
            keys / ports, n - c, c, c / n, (SELECT count(*) FROM numbered), (SELECT max(size) FROM numbered),
            (SELECT median(size) FROM numbered), (SELECT avg(size) FROM numbered)
        FROM (SELECT count(DISTINCT ip) AS asked FROM final), (SELECT count(DISTINCT ip) AS n,
            count(DISTINCT (ip, port)) AS ports, count(DISTINCT key) AS keys FROM shown),
            (SELECT count(*) AS c FROM members)""",
    ),
    "cluster_words": (
        "cluster word hosts cluster_hosts share greetings certificates reverse_names",
        """SELECT cluster, word, count(DISTINCT ip) AS h, any_value(size), h / any_value(size),
            count(DISTINCT ip) FILTER (source = 'g'), count(DISTINCT ip) FILTER (source = 'c'),
            count(DISTINCT ip) FILTER (source = 'p')
        FROM (SELECT ip, source, unnest(regexp_split_to_array(lower(text), '[^a-z0-9]+')) AS word FROM (
            SELECT ip, 'g' AS source, greeting AS text FROM final WHERE protocol = 'smtp'
            UNION ALL SELECT ip, 'p', ptr FROM facts
            UNION ALL SELECT ip, 'c', common_name || ' ' || array_to_string(sans, ' ') FROM shown
                JOIN certificates ON leaf = sha256)) JOIN members USING (ip)
        WHERE len(word) > 2 AND regexp_matches(word, '[a-z]') AND word NOT IN ('esmtp', 'net')
        GROUP BY cluster, word HAVING h > 1
        QUALIFY row_number() OVER (PARTITION BY cluster ORDER BY h DESC, word) <= 20""",
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    data = tmp_path_factory.mktemp("crowd")
    population = crowd(2040, 60)
    population.write(data)
    evidence = gather(Dataset(data))
    names = {*QUERIES, "machine_hosts"}
    tables = {spec.name: rows_of(spec, evidence) for spec in TABLES if spec.name in names}
    connection = duckdb.connect()
    connection.register("machine_hosts", tables["machine_hosts"])
    ips = sorted(population.hosts, key=address)
    connection.register("addresses", pa.table({"ip": ips, "place": range(len(ips))}))
    connection.execute(BASE.format(data=data))
    return connection, tables


@pytest.mark.parametrize("name", list(QUERIES))
def test_a_table_equals_plain_sql(found: tuple[Any, dict[str, Any]], name: str) -> None:
    connection, tables = found
    columns, query = QUERIES[name]
    expected = connection.execute(query).fetchall()
    rows = [tuple(row.values()) for row in tables[name].select(columns.split()).to_pylist()]
    assert rows, "a table without rows tests nothing"
    assert sorted(map(plain, rows), key=repr) == sorted(map(plain, expected), key=repr)


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Counts and shares as they compare: no count is zero, and sums of floats end somewhere."""
    return tuple(
        round(float(value or 0), 9) if isinstance(value, int | float | None) else value for value in row
    )


def test_every_table_of_the_chapters_on_reuse_has_its_query() -> None:
    shown = {
        name
        for chapter in CHAPTERS
        if chapter.anchor in ("within", "across", "clustered")  # `summary` is asked in test_analyse
        for name in chapter.tables
    }
    assert shown - set(QUERIES) <= {
        "machines",
        "cause_summary",
        "cluster_causes",
        "key_causes",
        "blast_radius",
    }
