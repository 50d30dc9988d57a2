"""Every number of the tables of the domain study, asked again of the Parquet files in plain SQL: one query per table.

The queries share nothing with the analyses but the columns' names.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_domains import RUN, write

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset

WORDS = "google|microsoft|amazon|aws|cloudflare|outlook|mimecast|barracuda"
BASE = f"""
CREATE TABLE dom AS SELECT * FROM '{{data}}/domains/*.parquet' WHERE run_id = '{RUN}';
CREATE TABLE mx AS SELECT * FROM '{{data}}/mx/*.parquet' WHERE run_id = '{RUN}';
CREATE TABLE hosts AS SELECT *, CASE WHEN latitude IS NULL OR longitude IS NULL THEN NULL
    ELSE latitude::VARCHAR || ',' || longitude::VARCHAR END AS place
    FROM '{{data}}/hosts/*.parquet' WHERE run_id = '{RUN}';
CREATE TABLE g AS SELECT domain, 'all' AS "group" FROM dom UNION ALL
    SELECT domain, groups['Kind'] FROM dom WHERE groups['Kind'] IS NOT NULL;
CREATE TABLE ex AS SELECT *, dense_rank() OVER (PARTITION BY domain ORDER BY preference) AS rank FROM (
    SELECT domain, exchange, min(preference) AS preference, any_value(state) AS state FROM mx
    WHERE state NOT IN ('null_mx', 'ip_literal', 'invalid') GROUP BY ALL);
CREATE TABLE srv AS SELECT e.domain, e.exchange, e.rank, a.ip, network, country, region, city, latitude, longitude,
    asn,
    as_org, anycast, ptr, CASE WHEN anycast THEN NULL ELSE place END AS location
    FROM ex e JOIN (SELECT DISTINCT domain, exchange, unnest(addresses) AS ip FROM mx) a USING (domain, exchange)
    JOIN (SELECT ip, CASE WHEN contains(ip, ':') THEN '2400:cb00:' || split_part(ip, ':', 3) || '::/48' ELSE
        regexp_replace(ip, '[0-9]+$', '0/24') END AS network FROM (SELECT DISTINCT unnest(addresses) AS ip FROM mx))
        USING (ip)
    LEFT JOIN hosts h ON h.ip = a.ip WHERE NOT starts_with(a.ip, '10.');
UPDATE srv SET network = '2400:cb00::/48' WHERE network = '2400:cb00:0::/48';
CREATE TABLE prov AS SELECT * FROM '{{data}}/mx_providers/*.parquet' WHERE run_id = '{RUN}';
CREATE TABLE dprov AS SELECT * FROM '{{data}}/domain_providers/*.parquet' WHERE run_id = '{RUN}';
CREATE TABLE maybe AS SELECT domain, rank, ip, network, asn::VARCHAR AS system, location, country FROM srv UNION ALL
    SELECT domain, rank, NULL, NULL, NULL, NULL, NULL FROM ex WHERE state = 'timeout';
CREATE TABLE unit AS SELECT DISTINCT * FROM (
    SELECT domain, rank, 'preference' AS level, preference::VARCHAR AS unit FROM ex UNION ALL
    SELECT domain, rank, 'exchange', exchange FROM ex UNION ALL
    SELECT domain, rank, 'address', ip FROM maybe UNION ALL SELECT domain, rank, 'network', network FROM maybe
        UNION ALL
    SELECT domain, rank, 'as', system FROM maybe UNION ALL SELECT domain, rank, 'location', location FROM maybe
        UNION ALL
    SELECT domain, rank, 'country', country FROM maybe UNION ALL SELECT domain, rank, 'provider', provider FROM ex
        JOIN
        (SELECT DISTINCT domain, exchange, provider FROM prov) USING (domain, exchange));
CREATE TABLE per AS SELECT domain, level, count(DISTINCT unit) AS units, bool_or(unit IS NULL) AS incomplete FROM unit
    GROUP BY ALL HAVING units > 0;
CREATE TABLE spelled AS SELECT DISTINCT name AS domain, position, r, regexp_extract(r, ' (.*)', 1) AS exchange,
    rtrim(lower(regexp_extract(r, ' (.*)', 1)), '.') AS plain FROM (SELECT name, unnest(rdata) AS r FROM
    '{{data}}/dns/*.parquet' WHERE run_id = '{RUN}' AND type = 'MX') JOIN dom ON name = domain;
CREATE TABLE spelling AS SELECT plain, first(exchange ORDER BY position, exchange) AS exchange FROM spelled GROUP
    BY plain;
CREATE TABLE wide AS SELECT domain, s.exchange, l.ip, country, asn, anycast, place, CASE
    WHEN regexp_matches(s.exchange || ' ' || coalesce(ptr, ''), '{WORDS}', 'i') THEN 'third'
    WHEN s.exchange SIMILAR TO '.*\\.gov\\.?' OR ptr SIMILAR TO '.*\\.gov\\.?' THEN 'first' ELSE 'unknown' END AS
        party
    FROM spelled s LEFT JOIN (SELECT exchange, ip FROM spelling JOIN (SELECT name, unnest(rdata) AS ip FROM
    '{{data}}/dns/*.parquet' WHERE run_id = '{RUN}' AND type = 'A') ON name = plain) l ON l.exchange = s.exchange
    LEFT JOIN hosts h ON h.ip = l.ip;
CREATE TABLE taking AS SELECT domain FROM dom WHERE mail IN ('mx', 'implicit_mx');
CREATE TABLE market AS SELECT domain, 'first_hop' AS market, provider AS p, provider_name AS n, provider_country AS c,
    role = 'own' AS own FROM dprov JOIN taking USING (domain) UNION ALL SELECT domain, 'mailbox', mailbox_provider,
    mailbox_name, mailbox_country, coalesce(mailbox_party = 'first', false) FROM dprov JOIN taking USING (domain);
CREATE TABLE sold AS SELECT *, sum(d) OVER w AS known, d / known AS s, row_number() OVER (PARTITION BY "group", market
    ORDER BY d DESC, p) AS rank FROM (SELECT "group", market, p, any_value(n) AS n, any_value(c) AS c, count(*) AS d,
    count(*) FILTER (own) AS own FROM market JOIN g USING (domain) WHERE p IS NOT NULL GROUP BY ALL)
    WINDOW w AS (PARTITION BY "group", market);
CREATE TABLE seen AS SELECT DISTINCT e.exchange, s.ip FROM ex e JOIN srv s USING (domain, exchange);
CREATE TABLE pair AS SELECT seen.*, gr.ip IS NOT NULL AS asked, CASE WHEN gr.tls.version IS NOT NULL THEN true
    WHEN gr.outcome = 'no_starttls' THEN false END AS tls, c.status = 'valid' AS trusted, lower(gr.tls.sni) AS sni,
    gr.tls.leaf_sha256 AS leaf, [lower(x) FOR x IN cert.sans] AS names, t.tlsa, t.data
    FROM seen LEFT JOIN '{{data}}/grabs/*.parquet' gr ON gr.ip = seen.ip AND gr.run_id = '{RUN}'
    LEFT JOIN '{{data}}/chains/*.parquet' c ON c.leaf_sha256 = gr.tls.leaf_sha256
    LEFT JOIN '{{data}}/certificates/*.parquet' cert ON cert.sha256 = gr.tls.leaf_sha256
    LEFT JOIN (SELECT exchange, bool_or(CASE WHEN tlsa_state IN ('present', 'absent', 'invalid') THEN tlsa_state =
        'present'
        AND coalesce(tlsa_secure, false) END) AS tlsa, any_value(tlsa[1].data) AS data FROM mx GROUP BY ALL) t
        ON t.exchange = seen.exchange;
CREATE TABLE judged AS SELECT *, CASE WHEN tls THEN trusted WHEN NOT tls THEN false END AS valid, CASE
    WHEN list_contains(names, exchange) OR list_contains(names, regexp_replace(exchange, '^[^.]*', '*')) THEN true
    WHEN sni = exchange THEN false END AS fits, CASE WHEN tlsa AND leaf IS NOT NULL THEN data = leaf END AS dane
        FROM pair;
CREATE TABLE verdict AS SELECT exchange, count(*) AS servers, count(*) FILTER (asked) AS asked,
    CASE WHEN bool_or(NOT tls) THEN false WHEN count(*) = count(tls) THEN true END AS tls,
    CASE WHEN bool_or(NOT valid) THEN false WHEN count(*) = count(valid) THEN true END AS valid,
    CASE WHEN bool_or(NOT (valid AND fits)) THEN false WHEN count(*) = count(valid AND fits) THEN true END AS named,
    CASE WHEN bool_or(NOT dane) THEN false WHEN count(*) = count(dane) THEN true END AS dane, any_value(tlsa) AS tlsa
    FROM judged GROUP BY exchange;
CREATE TABLE policy AS SELECT e.domain, e.rank, v.asked, v.tls, v.valid, v.named,
    CASE WHEN v.tlsa = false THEN false ELSE v.dane END AS dane,
    CASE WHEN m.state NOT IN ('present', 'absent', 'invalid') THEN NULL
    WHEN m.state = 'present' AND m."mode" = 'enforce' AND NOT list_contains(m.uncovered, e.exchange) THEN v.named
    WHEN m.state = 'present' AND m."mode" IS NULL THEN false ELSE false END AS mta_sts
    FROM ex e JOIN (SELECT domain, mta_sts AS m FROM dom) USING (domain) LEFT JOIN verdict v USING (exchange)
    WHERE e.state <> 'nxdomain';
CREATE TABLE long AS SELECT domain, scope, criterion, asked, v FROM (SELECT *, 'every' AS scope FROM policy UNION ALL
    SELECT *, 'first' FROM policy WHERE rank = 1), LATERAL (VALUES ('tls', tls), ('valid', valid), ('named', named),
    ('dane', dane), ('mta_sts', mta_sts)) x(criterion, v);
"""

SERVERS = "srv JOIN g USING (domain)"
QUERIES: dict[str, tuple[str, str]] = {
    "mail_states": (
        "group mail domains of share known known_share",
        """SELECT "group", mail, n, sum(n) OVER w AS whole, n / whole,
            coalesce(sum(n) FILTER (known) OVER w, 0), CASE WHEN known THEN n / sum(n) FILTER
            (known) OVER w END
        FROM (SELECT "group", mail, mail IN ('mx', 'null_mx', 'no_mail', 'nxdomain') AS known, count(*) AS n
            FROM dom JOIN g USING (domain) GROUP BY ALL) WINDOW w AS (PARTITION BY "group")""",
    ),
    "exchange_states": (
        "group state records of share exchanges domains only",
        """SELECT "group", state, n, sum(n) OVER (PARTITION BY "group") AS w, n / w, e, d, o FROM (SELECT "group",
            state,
        count(*) AS n, count(DISTINCT exchange) AS e, count(DISTINCT domain) AS d, count(DISTINCT domain)
        FILTER (kinds = 1) AS o FROM mx JOIN g USING (domain) JOIN (SELECT domain, count(DISTINCT state) AS kinds
            FROM mx
        GROUP BY ALL) USING (domain) GROUP BY ALL)""",
    ),
    "preference_ranks": (
        "group rank exchanges of share domains counted_from_last foreign",
        """SELECT "group", rank, n, sum(n) OVER (PARTITION BY "group") AS w, n / w, d, back, f FROM (
        SELECT "group", rank, count(*) AS n, count(DISTINCT domain) AS d, count(*) FILTER (abroad) AS f
            FROM ex JOIN g USING (domain) LEFT JOIN (SELECT domain, exchange, bool_and(country <> 'US') AS abroad
            FROM srv GROUP BY ALL) USING (domain, exchange) GROUP BY ALL)
        JOIN (SELECT "group", rank, count(*) AS back FROM (SELECT domain,
            max(rank) OVER (PARTITION BY domain) - rank + 1 AS rank FROM ex) JOIN g USING (domain) GROUP BY ALL)
        USING ("group", rank)""",
    ),
    "server_countries": (
        "group country foreign exchanges addresses addresses_known share locations domains domains_known "
        "domain_share only",
        f"""SELECT "group", country, country <> 'US', e, a,
        coalesce(sum(a) FILTER (country IS NOT NULL) OVER (PARTITION BY "group"), 0),
        CASE WHEN country IS NOT NULL THEN a / sum(a) FILTER
        (country IS NOT NULL) OVER (PARTITION BY "group") END, l, d, coalesce(k, 0),
        CASE WHEN country IS NOT NULL THEN d / k END, o FROM (
        SELECT "group", country, count(DISTINCT exchange) AS e, count(DISTINCT ip) AS a, count(DISTINCT location)
            AS l,
            count(DISTINCT domain) AS d, count(DISTINCT domain) FILTER (country IS NOT NULL AND kinds = 1) AS o
            FROM {SERVERS} LEFT JOIN (SELECT domain, count(DISTINCT country) AS kinds FROM srv GROUP BY ALL)
            USING (domain) GROUP BY ALL)
        LEFT JOIN (SELECT "group", count(DISTINCT domain) AS k FROM {SERVERS} WHERE country IS NOT NULL GROUP BY ALL)
            USING ("group")""",
    ),
    "mail_abroad": (
        "group domains any_abroad any_share first_abroad only_abroad only_share countries locations",
        f"""SELECT "group", count(DISTINCT domain) AS d, count(DISTINCT domain) FILTER (country <> 'US') AS a, a / d,
        count(DISTINCT domain) FILTER (country <> 'US' AND rank = 1), count(DISTINCT domain) FILTER (kind) AS o, o / d,
        list_sort(list(DISTINCT country) FILTER (country <> 'US')), count(DISTINCT location) FILTER (country <> 'US')
        FROM {SERVERS} LEFT JOIN (SELECT domain, bool_and(country <> 'US') AS kind FROM srv GROUP BY ALL) USING (domain)
        WHERE country IS NOT NULL GROUP BY "group" """,
    ),
    "server_locations": (
        "group latitude longitude city region country foreign addresses exchanges domains domains_located share only "
        "tried_first best_rank operator",
        f"""SELECT "group", la, lo, c, r, y, y <> 'US', a, e, d, k, d / k, o, t, b, (SELECT name FROM (
            SELECT coalesce(provider_name, provider) AS name, count(DISTINCT domain) AS n FROM {SERVERS}
            JOIN prov USING (domain, exchange) WHERE "group" = x."group" AND location = x.location
            AND provider IS NOT NULL
            GROUP BY name ORDER BY n DESC, name LIMIT 1))
        FROM (SELECT "group", location, min(latitude)
        AS la, min(longitude) AS lo, min(city) AS c, min(region) AS r, min(country) AS y, count(DISTINCT ip) AS a,
        count(DISTINCT exchange) AS e, count(DISTINCT domain) AS d, count(DISTINCT domain) FILTER (kinds = 1) AS o,
        min(rank) AS b, count(DISTINCT domain) FILTER (rank = 1) AS t FROM {SERVERS}
        JOIN (SELECT domain, count(DISTINCT location) AS kinds FROM srv GROUP BY ALL) USING (domain)
        WHERE location IS NOT NULL GROUP BY ALL) x
        JOIN (SELECT "group", count(DISTINCT domain) AS k FROM {SERVERS} WHERE location IS NOT NULL GROUP BY ALL)
            USING ("group")""",
    ),
    "anycast_use": (
        "group addresses known anycast share exchanges rows domains domains_any domains_any_share domains_only",
        f"""SELECT "group", count(DISTINCT ip), count(DISTINCT ip) FILTER (anycast IS NOT NULL) AS k,
            count(DISTINCT ip)
        FILTER (anycast) AS a, a / k, count(DISTINCT exchange) FILTER (anycast), count(*) FILTER (anycast),
        count(DISTINCT domain) FILTER (anycast IS NOT NULL) AS d, count(DISTINCT domain) FILTER (anycast) AS s, s / d,
        count(DISTINCT domain) FILTER (whole) FROM {SERVERS} LEFT JOIN (SELECT domain, bool_and(anycast) AS whole
            FROM srv GROUP BY ALL) USING (domain) GROUP BY "group" """,
    ),
    "redundancy": (
        "group level units domains known share at_most_share at_least_share incomplete",
        """SELECT "group", level, units, n, sum(n) OVER w AS k, n / k, sum(n) OVER (w ORDER BY units) / k,
        sum(n) OVER (w ORDER BY units DESC) / k, i FROM (SELECT "group", level, units, count(*) AS n, count(*) FILTER
        (incomplete) AS i FROM per JOIN g USING (domain) GROUP BY ALL) WINDOW w AS (PARTITION BY "group", level)""",
    ),
    "domains_per_unit": (
        "group level domains units of share at_least_share",
        """SELECT "group", level, d, n, sum(n) OVER w AS k, n / k, sum(n) OVER (w ORDER BY d DESC) / k FROM
        (SELECT "group", level, d, count(*) AS n FROM (SELECT "group", level, unit, count(DISTINCT domain) AS d
            FROM unit
            JOIN g USING (domain) WHERE unit IS NOT NULL AND level <> 'preference' GROUP BY ALL) GROUP BY ALL)
        WINDOW w AS (PARTITION BY "group", level)""",
    ),
    "shared_fate": (
        "group level unit words lost lost_share first domains domain_share known incomplete",
        """SELECT "group", level, unit, CASE level WHEN 'as' THEN 'Organisation ' || unit WHEN 'location' THEN
        (SELECT min(city || ', ' || region || ', ' || country) FROM srv WHERE location = unit)
        WHEN 'provider' THEN (SELECT min(provider_name) FROM prov WHERE provider = unit) END,
        count(*) FILTER (units = 1) AS l, l / k, count(*) FILTER (alone), count(*) AS d, d / k, any_value(k) AS k,
        count(*) FILTER (units = 1 AND incomplete)
        FROM (SELECT DISTINCT domain, level, unit FROM unit WHERE unit IS NOT NULL AND level <> 'preference')
        JOIN per USING (domain, level) JOIN g USING (domain)
        JOIN (SELECT "group", level, count(*) AS k FROM per JOIN g USING (domain) GROUP BY ALL) USING ("group", level)
        LEFT JOIN (SELECT domain, level, min(unit) AS unit, true AS alone FROM unit WHERE rank = 1 AND unit IS NOT
            NULL
            GROUP BY ALL HAVING count(DISTINCT unit) = 1) USING (domain, level, unit)
        GROUP BY "group", level, unit, k""",
    ),
    "mail_parties": (
        "group counted method party count of share known known_share",
        f"""SELECT *, n / w, coalesce(sum(n) FILTER (party <> 'unknown') OVER v, 0),
            CASE WHEN party <> 'unknown' THEN n / sum(n) FILTER (party <> 'unknown') OVER v END
            FROM (
        SELECT *, sum(n) OVER (PARTITION BY "group", counted, method) AS w FROM (
        SELECT "group", counted, method, party, count(*) AS n FROM (
        SELECT domain, 'domains' AS counted, 'evidence' AS method, party FROM dprov JOIN taking USING (domain) UNION ALL
        SELECT domain, 'domains', 'name_rule', name_rule FROM dprov JOIN taking USING (domain) UNION ALL
        SELECT domain, 'exchanges', 'evidence', party FROM (SELECT DISTINCT domain, exchange, party FROM prov)
            UNION ALL
        SELECT domain, 'exchanges', 'name_rule', p FROM (SELECT domain, exchange, CASE
            WHEN bool_or(regexp_matches(exchange || ' ' || coalesce(ptr, ''), '{WORDS}', 'i')) THEN 'third'
            WHEN bool_or(ptr SIMILAR TO '.*\\.gov\\.?') THEN 'first' ELSE 'unknown' END AS p
            FROM ex LEFT JOIN srv USING (domain, exchange) GROUP BY domain, exchange))
        JOIN g USING (domain) GROUP BY ALL)) WINDOW v AS (PARTITION BY "group", counted, method)""",
    ),
    "mail_providers": (
        "group market rank provider name country domains known share first_party",
        'SELECT "group", market, rank, p, n, c, d, known, s, own FROM sold',
    ),
    "provider_market": (
        "group market domains known unknown_share providers hhi top_1_share top_3_share top_5_share top_10_share",
        """SELECT "group", market, any_value(a) AS a, any_value(known), 1 - any_value(known) / any_value(a), count(*),
        sum(s ** 2), sum(s) FILTER (rank <= 1), sum(s) FILTER (rank <= 3), sum(s) FILTER (rank <= 5),
        sum(s) FILTER (rank <= 10) FROM sold JOIN (SELECT "group", market, count(*) AS a FROM market JOIN g
        USING (domain) GROUP BY ALL) USING ("group", market) GROUP BY ALL""",
    ),
    "jurisdiction": (
        "group operator_country server_country relation servers domains of share",
        f"""SELECT "group", c, country, CASE WHEN c IS NULL OR country IS NULL THEN 'unknown' WHEN c <> country
            THEN 'split'
        WHEN c = 'US' THEN 'home' ELSE 'same' END, s, d, k, d / k FROM (SELECT "group", c, country,
            count(DISTINCT ip) AS s, count(DISTINCT domain) AS d FROM {SERVERS}
            LEFT JOIN (SELECT DISTINCT domain, exchange, provider_country AS c FROM prov) USING (domain, exchange)
            GROUP BY ALL)
        JOIN (SELECT "group", count(DISTINCT domain) AS k FROM {SERVERS} GROUP BY ALL) USING ("group")""",
    ),
    "dns_security": (
        "group measure asked known adopted share invalid",
        """SELECT "group", m, count(*), count(v) AS k, count(*) FILTER (v) AS y, y / nullif(k, 0), count(*) FILTER
            (bad)
        FROM (
        SELECT domain, m, CASE WHEN s IN ('present', 'absent', 'invalid') THEN s = 'present' AND coalesce(more, false)
            END AS v, s = 'invalid' AS bad FROM dom, LATERAL (VALUES ('spf', spf.state, true),
            ('spf_fail', spf.state, spf.all_qualifier = '-'), ('dmarc', dmarc.state, true),
            ('dmarc_enforced', dmarc.state, dmarc.policy IN ('reject', 'quarantine')),
            ('dmarc_reject', dmarc.state, dmarc.policy = 'reject'), ('caa', caa.state, true),
            ('mta_sts', mta_sts.state, true), ('mta_sts_enforce', mta_sts.state, mta_sts."mode" = 'enforce'),
            ('tls_rpt', tls_rpt.state, true)) x(m, s, more)
            WHERE mail <> 'nxdomain' AND s <> 'not_asked'
            AND (m NOT IN ('mta_sts', 'mta_sts_enforce', 'tls_rpt') OR mail NOT IN ('null_mx', 'no_mail')) UNION ALL
        SELECT domain, 'dnssec', CASE WHEN s IN ('secure', 'insecure', 'bogus') THEN s = 'secure' END, s = 'bogus'
            FROM
            (SELECT domain, mail, CASE dnssec_validated WHEN 'not_asked' THEN dnssec ELSE dnssec_validated END AS s
                FROM dom)
            WHERE mail <> 'nxdomain' AND s <> 'not_asked' UNION ALL
        SELECT domain, m, CASE m WHEN 'tlsa' THEN every ELSE any_one END, bad AND NOT coalesce(CASE m WHEN 'tlsa'
            THEN every
            ELSE any_one END, false) FROM (SELECT domain,
            CASE WHEN bool_or(NOT u) THEN false WHEN count(*) = count(u) THEN true END AS every,
            CASE WHEN bool_or(u) THEN true WHEN count(*) = count(u) THEN false END AS any_one, bool_or(bad) AS bad
                FROM
            (SELECT domain, tlsa_state = 'invalid' AS bad, CASE WHEN tlsa_state IN ('present', 'absent', 'invalid')
            THEN tlsa_state = 'present' AND coalesce(tlsa_secure, false) END AS u FROM mx WHERE tlsa_state <>
                'not_asked'
            AND state NOT IN ('null_mx', 'ip_literal', 'invalid')) GROUP BY domain),
            (VALUES ('tlsa'), ('tlsa_some')) n(m))
        JOIN g USING (domain) GROUP BY ALL""",
    ),
    "domain_tls": (
        "group exchanges criterion domains known holds share",
        """SELECT "group", scope, criterion, count(*), count(v) AS k, count(*) FILTER (v) AS y, y / nullif(k, 0) FROM
        (SELECT domain, scope, criterion, CASE WHEN bool_or(NOT v) THEN false WHEN count(*) = count(v) THEN true
            END AS v
        FROM long GROUP BY ALL HAVING sum(asked) > 0) JOIN g USING (domain) GROUP BY ALL""",
    ),
    "exchange_security": (
        "exchange domains servers asked tls valid named dane tlsa",
        """SELECT exchange, (SELECT count(DISTINCT domain) FROM ex WHERE ex.exchange = v.exchange), servers, asked,
            tls,
        valid, named, dane, tlsa FROM verdict v WHERE asked > 0""",
    ),
    "mail_totals": (
        "group quantity as_published ours",
        f"""WITH theirs AS (SELECT "group", count(DISTINCT domain) AS d, count(DISTINCT exchange) AS e, e -
            count(DISTINCT
            exchange) FILTER (ip IS NOT NULL) AS f, count(*) FILTER (country = 'US') AS us, count(*) - us AS foreign,
            count(*) FILTER (party = 'third') AS t, t / count(*) AS ts, count(*) FILTER (party = 'first') AS o,
            o / count(*) AS os, count(DISTINCT place) FILTER (country IS NOT NULL) AS l, count(DISTINCT place)
            FILTER (country <> 'US') AS lf, count(DISTINCT place) FILTER (country = 'US') AS lu, count(*) FILTER
                (anycast)
            AS a, count(DISTINCT coalesce(asn::VARCHAR, CASE WHEN ip IS NULL THEN 'no address' ELSE 'none' END)) AS n
            FROM wide JOIN g USING (domain) GROUP BY ALL),
        ours AS (SELECT "group", count(DISTINCT ip) FILTER (country = 'US') AS us, count(DISTINCT ip) FILTER
            (country <> 'US') AS foreign, count(DISTINCT location) AS l, count(DISTINCT location) FILTER (country
                <> 'US')
            AS lf, count(DISTINCT location) FILTER (country = 'US') AS lu, count(DISTINCT ip) FILTER (anycast) AS a,
            count(DISTINCT asn) AS n FROM {SERVERS} GROUP BY ALL),
        names AS (SELECT "group", count(DISTINCT domain) FILTER (mail IN ('mx', 'implicit_mx')) AS d, count(DISTINCT
            exchange) AS e, count(DISTINCT exchange) FILTER (state <> 'ok') AS f FROM ex JOIN dom USING (domain)
            JOIN g USING (domain) GROUP BY ALL),
        parties AS (SELECT "group", count(*) FILTER (party = 'third') AS t, count(*) FILTER (party = 'first') AS o,
            count(*) FILTER (party IN ('first', 'third', 'mixed')) AS k FROM dprov JOIN g USING (domain) GROUP BY ALL)
        SELECT s."group", q, v.a, v.b FROM (SELECT "group", count(*) AS n FROM g GROUP BY ALL) s
        LEFT JOIN theirs x ON x."group" = s."group" LEFT JOIN ours y ON y."group" = s."group"
        LEFT JOIN names z ON z."group" = s."group" LEFT JOIN parties p ON p."group" = s."group",
        LATERAL (VALUES ('domains', s.n, s.n), ('domains_with_mx', x.d, z.d), ('exchanges', x.e, z.e),
            ('exchanges_failed', x.f, z.f), ('domestic_rows', x.us, y.us), ('foreign_rows', x.foreign, y.foreign),
            ('third_party_rows', x.t, p.t), ('third_party_share', x.ts, p.t / p.k), ('first_party_rows', x.o, p.o),
            ('first_party_share', x.os, p.o / p.k), ('locations', x.l, y.l), ('foreign_locations', x.lf, y.lf),
            ('domestic_locations', x.lu, y.lu), ('anycast_rows', x.a, y.a), ('ases', x.n, y.n)) v(q, a, b)""",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=[1])
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Evidence, Any]]:
    data = tmp_path_factory.mktemp("domains")
    write(data, request.param)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(BASE.format(data=data))
    yield gather(Dataset(data)), connection
    connection.close()


def plain(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return round(float(value), 9) if is_number else value  # type: ignore[arg-type]


def test_every_table_has_its_query() -> None:
    assert {spec.name for spec in MAIL_DOMAIN_TABLES} == set(QUERIES)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUERIES)
def test_every_table_is_what_plain_sql_says(asked: tuple[Evidence, Any], name: str) -> None:
    evidence, connection = asked
    columns, query = QUERIES[name]
    spec = next(spec for spec in MAIL_DOMAIN_TABLES if spec.name == name)
    table = rows_of(spec, evidence).select(columns.split())
    ours = Counter(tuple(map(plain, row.values())) for row in table.to_pylist())
    theirs = Counter(tuple(map(plain, row)) for row in connection.execute(query).fetchall())
    assert ours, "the random study leaves this table empty"
    if name == "shared_fate":  # ours is cut at so many units of a level
        theirs = Counter({row: times for row, times in theirs.items() if row in ours})
    assert sorted(ours - theirs, key=str) == sorted(theirs - ours, key=str)
