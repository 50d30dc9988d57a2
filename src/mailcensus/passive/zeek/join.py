"""One flow of all rows that tell of one connection: conn, ssl, smtp, pop3, imap, ssh, with x509 and files for chains.

What a log does not say is null: Zeek's ssl.log tells nothing of what a server offered before STARTTLS, smtp.log only
that TLS began, and no certificate of TLS 1.3 is ever there. What Zeek's `ssl_history` says by its letters (capitals are
the client's) is taken as it is: https://docs.zeek.org/en/master/scripts/base/protocols/ssl/main.zeek.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from mailcensus.model import Flow, schema_of
from mailcensus.passive.zeek import names
from mailcensus.wire.services import Service

_CONNECTIONS = ("conn", "ssl", "smtp", "pop3", "imap", "ssh")
_DIALOGUES = ("smtp", "pop3", "imap", "irc", "xmpp")
"""Protocols that start TLS on request, as conn.log calls them."""
_TLS_1_3 = 0x0304
_SHA256 = "[0-9a-f]{64}"


def prepare(connection: Any, read: frozenset[str], on: Mapping[int, Service]) -> int:
    """Make the views that `FLOWS` reads; gives the number of rows that tell of a connection once more.

    Args:
        connection: with a table for each log.
        read: the logs that any row was of.
        on: services by their ports.
    """
    for name, table in (
        ("versions", names.versions()), ("suites", names.suites()), ("kinds", names.sslv2_ciphers()),
        ("named_groups", names.groups()), ("services", _services(on)),
    ):  # fmt: skip
        connection.register(f"{name}_given", table)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_given")
        connection.unregister(f"{name}_given")
    repeated = sum(_once(connection, log) for log in _CONNECTIONS if log != "smtp")
    connection.execute(_SMTP)
    connection.execute(_LEAVES)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW logs_read AS SELECT {'ssl' in read} AS ssl_read")
    keys = " UNION ".join(f"SELECT key FROM {log}_once" for log in _CONNECTIONS)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE flow_keys AS {keys}")
    return repeated


def flows(connection: Any, run_id: str, rows: int = 100_000) -> Any:
    """Flows, batch by batch, with clients as they are; `prepare` was before, with `addresses` and `sources` beside.

    Returns:
        A reader of batches with the columns of `flows`.
    """
    for step in _STEPS:
        connection.execute(step)
    types = _types(connection)
    values = {"run_id": "$run_id", "reader": "'zeek'", **_VALUES}
    columns = [f'CAST({values.get(name, "NULL")} AS {kind}) AS "{name}"' for name, kind in types.items()]
    sql = f"SELECT {', '.join(columns)} FROM told"
    return connection.sql(sql, params={"run_id": run_id}).to_arrow_reader(rows)


def _types(connection: Any) -> Mapping[str, str]:
    """DuckDB's types of the columns of `flows`, times without their zone."""
    plain = [
        pa.field(field.name, pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in schema_of(Flow)
    ]
    connection.register("shape", pa.schema(plain).empty_table())
    types = {name: kind for name, kind, *_ in connection.execute("DESCRIBE SELECT * FROM shape").fetchall()}
    connection.unregister("shape")
    return types


def _services(on: Mapping[int, Service]) -> pa.Table:
    return pa.table(
        {
            "port": pa.array(on, pa.int64()),
            "service": [service.name for service in on.values()],
            "protocol": [service.protocol for service in on.values()],
            "mode": [str(service.tls_mode) for service in on.values()],
        }
    )


def _once(connection: Any, log: str) -> int:
    """A view of a log in which a connection comes once: its first row, where it comes more than once."""
    rows, keys = connection.execute(f"SELECT count(*), count(DISTINCT key) FROM {log}").fetchall()[0]
    first = "QUALIFY row_number() OVER (PARTITION BY key ORDER BY ts) = 1" if rows > keys else ""
    kind = "TABLE" if first else "VIEW"
    connection.execute(f"CREATE OR REPLACE TEMP {kind} {log}_once AS SELECT * FROM {log} {first}")
    return int(rows - keys)


_SMTP = """CREATE OR REPLACE TEMP TABLE smtp_once AS SELECT key, min(source) AS source, min(ts) AS ts,
    any_value(uid) AS uid, any_value("id.orig_h") AS "id.orig_h", any_value("id.orig_p") AS "id.orig_p",
    any_value("id.resp_h") AS "id.resp_h", any_value("id.resp_p") AS "id.resp_p", bool_or(tls) AS tls,
    bool_or(last_reply IS NOT NULL) AS answered FROM smtp GROUP BY key"""
"""smtp.log has a row for each mail of a connection."""

_LEAVES = f"""CREATE OR REPLACE TEMP TABLE leaves AS
    SELECT coalesce(fingerprint, id) AS name, any_value("certificate.subject") AS subject,
        any_value("certificate.issuer") AS issuer,
        any_value(CASE WHEN regexp_full_match(fingerprint, '{_SHA256}') THEN fingerprint END) AS sha256
    FROM x509 WHERE coalesce(fingerprint, id) IS NOT NULL GROUP BY 1"""
"""Certificates by what ssl.log calls them: a fingerprint (Zeek 4 and later) or the id of a file (3)."""

_OLD_CHAINS = """CREATE OR REPLACE TEMP TABLE old_chains AS
    SELECT key, list(sha256 ORDER BY place) AS chain FROM (
        SELECT key, unnest(cert_chain_fuids) AS fuid, generate_subscripts(cert_chain_fuids, 1) AS place FROM ssl_once
        WHERE len(cert_chain_fuids) > 0) LEFT JOIN (SELECT fuid, any_value(sha256) AS sha256 FROM files
            WHERE sha256 IS NOT NULL GROUP BY fuid) USING (fuid)
    GROUP BY key HAVING count(sha256) = count(*)"""
"""Chains of Zeek 3, where files.log has SHA-256 of every certificate."""


def _of_any(column: str) -> str:
    return f"coalesce({', '.join(f'{log}_once.{column}' for log in ('ssl', 'smtp', 'ssh', 'imap', 'pop3', 'conn'))})"


_GATHERED = f"""CREATE OR REPLACE TEMP VIEW gathered AS SELECT
    coalesce(conn_once.ts, least(ssl_once.ts, smtp_once.ts, ssh_once.ts, imap_once.ts, pop3_once.ts)) AS ts,
    {_of_any("source")} AS source, {_of_any("uid")} AS uid,
    {_of_any('"id.orig_h"')} AS orig_h, {_of_any('"id.orig_p"')} AS orig_p,
    {_of_any('"id.resp_h"')} AS resp_h, {_of_any('"id.resp_p"')} AS resp_p,
    conn_once.key IS NOT NULL AS has_conn, ssl_once.key IS NOT NULL AS has_ssl, smtp_once.key IS NOT NULL AS has_smtp,
    ssh_once.key IS NOT NULL AS has_ssh, imap_once.key IS NOT NULL AS has_imap, pop3_once.key IS NOT NULL AS has_pop3,
    conn_once.* EXCLUDE (source, key, ts, uid, "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", service, history),
    conn_once.history AS packets_seen, string_split(lower(conn_once.service), ',') AS spoken,
    ssl_once.* EXCLUDE (source, key, ts, uid, "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", ssl_history, version),
    nullif(ssl_once.ssl_history, '') AS tls_said, ssl_once.version AS tls_version,
    smtp_once.tls AS smtp_tls, smtp_once.answered AS smtp_answered,
    coalesce(imap_once.tls, pop3_once.tls) AS dialogue_tls,
    ssh_once.client AS ssh_client, ssh_once.server AS ssh_server, kex_alg, cipher_alg, mac_alg, compression_alg,
    host_key_alg, host_key, host_key_fingerprint, hassh, "hasshServer" AS hassh_server,
    old_chains.chain AS old_chain
    FROM flow_keys {" ".join(f"LEFT JOIN {log}_once USING (key)" for log in _CONNECTIONS)}
    LEFT JOIN old_chains USING (key)"""

_LETTERS = """CREATE OR REPLACE TEMP VIEW lettered AS SELECT gathered.*, logs_read.ssl_read,
    services.service, services.protocol AS protocol_of_port, services.mode,
    coalesce(versions.code, try_cast(regexp_extract(tls_version, '^unknown-([0-9]{1,5})$', 1) AS USMALLINT)) AS version,
    versions.our_name AS version_name,
    coalesce(suites.code, try_cast(regexp_extract(cipher, '^unknown-([0-9]{1,5})$', 1) AS USMALLINT)) AS suite,
    suites.our_name AS suite_name, kinds.our_name AS sslv2_cipher,
    coalesce(named_groups.code, try_cast(regexp_extract(curve, '^unknown-([0-9]{1,5})$', 1) AS USMALLINT))
        AS group_code, named_groups.our_name AS group_name,
    coalesce(CASE WHEN len(cert_chain_fps) > 0 AND len(list_filter(cert_chain_fps, lambda one:
        NOT regexp_full_match(one, '[0-9a-f]{64}'))) = 0 THEN cert_chain_fps END, old_chain) AS chain,
    coalesce(cert_chain_fps[1], cert_chain_fuids[1]) AS leaf_name,
    regexp_matches(tls_said, '[a-z]') AS server_said, regexp_matches(tls_said, '[A-Z]') AS client_said,
    contains(tls_said, 'n') AS flight_whole, tls_said LIKE '%l%' AND tls_said NOT LIKE '%L%' AS servers_alert,
    tls_said LIKE '%L%' AND tls_said NOT LIKE '%l%' AS clients_alert
    FROM gathered CROSS JOIN logs_read
    LEFT JOIN versions ON versions.name = tls_version LEFT JOIN suites ON suites.name = upper(cipher)
    LEFT JOIN kinds ON kinds.name = upper(cipher) LEFT JOIN named_groups ON named_groups.name = lower(curve)
    LEFT JOIN services ON services.port = resp_p"""

_TOLD = f"""CREATE OR REPLACE TEMP VIEW told AS SELECT lettered.*, servers.address AS server,
    clients.client AS client_named, sources.name AS source_name,
    coalesce(nullif(lettered.subject, ''), leaves.subject) AS leaf_subject,
    coalesce(nullif(lettered.issuer, ''), leaves.issuer) AS leaf_issuer,
    coalesce(chain, CASE WHEN leaves.sha256 IS NOT NULL AND len(cert_chain_fuids) = 1 THEN [leaves.sha256] END)
        AS chain_sent,
    version IS NOT NULL OR coalesce(server_said, false) AS server_spoke_tls,
    CASE WHEN has_smtp THEN if(resp_p = 24, 'lmtp', 'smtp') WHEN has_imap THEN 'imap' WHEN has_pop3 THEN 'pop3'
        WHEN len(list_intersect(spoken, {list(_DIALOGUES)})) > 0
        THEN list_filter({list(_DIALOGUES)}, lambda one: list_contains(spoken, one))[1] END AS dialogue
    FROM lettered JOIN addresses servers ON servers.name = resp_h LEFT JOIN clients ON clients.name = orig_h
    LEFT JOIN sources ON sources.number = source LEFT JOIN leaves ON leaves.name = leaf_name"""

_STEPS = (_OLD_CHAINS, _GATHERED, _LETTERS, _TOLD)

_BY_REQUEST = "(dialogue IS NOT NULL AND (has_ssl OR coalesce(smtp_tls, dialogue_tls, false)))"
"""TLS came, or was agreed on, behind a dialogue in the clear."""
_WITHOUT_TLS = "(dialogue IS NOT NULL AND NOT has_ssl AND (smtp_tls IS FALSE OR dialogue_tls IS FALSE OR "
_WITHOUT_TLS += "(has_conn AND ssl_read AND smtp_tls IS NULL AND dialogue_tls IS NULL)))"
_MODE = f"""CASE WHEN {_BY_REQUEST} THEN 'starttls' WHEN {_WITHOUT_TLS} OR has_ssh THEN 'none'
    WHEN has_ssl AND mode IS DISTINCT FROM 'starttls' THEN 'implicit'
    WHEN has_ssl AND has_conn AND dialogue IS NULL THEN 'implicit' END"""
_ASKED = f"CASE WHEN {_BY_REQUEST} THEN true WHEN smtp_tls IS FALSE AND NOT has_ssl THEN NULL END"
_UPGRADED = f"""CASE WHEN {_BY_REQUEST} AND has_ssl THEN established WHEN {_WITHOUT_TLS} THEN false
    WHEN {_BY_REQUEST} AND ssl_read AND has_conn THEN false END"""
_SIDES = """CASE
    WHEN packets_seen LIKE '%D%' AND packets_seen LIKE '%d%' OR (has_ssl AND version IS NOT NULL AND tls_said IS NULL)
        OR (ssh_client IS NOT NULL AND ssh_server IS NOT NULL) THEN 'both'
    WHEN packets_seen IS NOT NULL THEN CASE WHEN packets_seen LIKE '%D%' THEN 'client'
        WHEN packets_seen LIKE '%d%' THEN 'server' ELSE 'none' END
    WHEN has_smtp THEN if(smtp_answered, 'both', 'client') WHEN has_imap OR has_pop3 THEN 'both'
    WHEN server_said AND client_said THEN 'both' WHEN server_said THEN 'server' WHEN has_ssl THEN 'client'
    WHEN ssh_client IS NOT NULL THEN 'client' WHEN ssh_server IS NOT NULL THEN 'server' ELSE 'none' END"""
_UP_TO_1_2 = f"version < {_TLS_1_3} AND flight_whole"
_HOST_KEY = "coalesce(host_key_fingerprint, 'MD5:' || host_key)"


def _way(words: str, way: str) -> str:
    """One of the two ways of what SSH agreed on: Zeek writes one name, or both where they differ."""
    both = rf"regexp_extract({words}, '^To server: (.*), to client: (.*)$', {1 if way == 'server' else 2})"
    return f"""CASE WHEN {words} LIKE 'To server: %' THEN nullif({both}, '')
        WHEN {words} = 'Algorithm negotiation failed' THEN NULL ELSE {words} END"""


def _record(**values: str) -> str:
    return "{" + ", ".join(f"'{name}': {value}" for name, value in values.items()) + "}"


_TLS = _record(
    sni="server_name", version="version", version_name="version_name", cipher_suite="suite",
    cipher_suite_name="suite_name", sslv2_ciphers="CASE WHEN sslv2_cipher IS NOT NULL THEN [sslv2_cipher] END",
    group="group_code", group_name="group_name", alpn="next_protocol",
    session_ticket="CASE WHEN contains(tls_said, 't') THEN true END",
    hello_retry=f"CASE WHEN version = {_TLS_1_3} THEN contains(tls_said, 'j') END",
    client_cert_requested=f"CASE WHEN contains(tls_said, 'r') THEN true WHEN {_UP_TO_1_2} THEN false END",
    ocsp_stapled=f"CASE WHEN contains(tls_said, 'u') THEN true WHEN {_UP_TO_1_2} THEN false END",
    ocsp_status="CASE WHEN ocsp_status IN ('good', 'revoked', 'unknown') THEN ocsp_status END",
    ja3s="ja3s", ja4s="ja4s", alert="CASE WHEN servers_alert THEN last_alert END",
    chain="chain_sent", leaf_sha256="chain_sent[1]", finished="false",
    unfinished_reason="'read from a log'",
)  # fmt: skip
_CLIENT = _record(sni="server_name", ja3="ja3", ja4="ja4")
_SSH = _record(
    identification="ssh_server",
    protocol_version="nullif(regexp_extract(ssh_server, '^SSH-([^-]*)', 1), '')",
    software="nullif(regexp_extract(ssh_server, '^SSH-[^-]*-([^ ]*)', 1), '')",
    kex_used=_way("kex_alg", "server"), hassh_server="hassh_server",
    host_keys=f"""CASE WHEN {_HOST_KEY} IS NOT NULL THEN
        [{{'algorithm': coalesce(host_key_alg, 'unknown'), 'fingerprint': {_HOST_KEY}, 'verified': false}}] END""",
)  # fmt: skip
_SSH_CLIENT = _record(
    identification="ssh_client",
    protocol_version="nullif(regexp_extract(ssh_client, '^SSH-([^-]*)', 1), '')",
    software="nullif(regexp_extract(ssh_client, '^SSH-[^-]*-([^ ]*)', 1), '')",
    hassh="hassh",
)
_SSH_AGREED = _record(
    kex=_way("kex_alg", "server"), host_key=_way("host_key_alg", "server"),
    cipher_client_to_server=_way("cipher_alg", "server"), cipher_server_to_client=_way("cipher_alg", "client"),
    mac_client_to_server=_way("mac_alg", "server"), mac_server_to_client=_way("mac_alg", "client"),
    compression_client_to_server=_way("compression_alg", "server"),
    compression_server_to_client=_way("compression_alg", "client"),
)  # fmt: skip

_VALUES: Mapping[str, str] = {
    "source": "source_name",
    "uid": "uid",
    "started_at": "ts",
    "duration_ms": "TRY_CAST(duration AS DOUBLE) * 1000",
    "client": "client_named",
    "client_port": "CASE WHEN (SELECT keep FROM kept) THEN orig_p END",
    "ip": "server",
    "port": "resp_p",
    "service": "service",
    "protocol": "CASE WHEN has_ssh THEN 'ssh' WHEN dialogue IS NOT NULL THEN dialogue "
    "WHEN has_ssl AND mode = 'implicit' THEN protocol_of_port END",
    "tls_mode": _MODE,
    "sides": _SIDES,
    "from_start": "CASE WHEN packets_seen IS NOT NULL THEN contains(packets_seen, 'S') END",
    "cut": "CASE WHEN missed_bytes > 0 THEN 'gap' END",
    "packets": "orig_pkts + resp_pkts",
    "bytes_from_client": "orig_bytes",
    "bytes_from_server": "resp_bytes",
    "bytes_missed": "missed_bytes",
    "starttls_asked": _ASKED,
    "starttls_accepted": _ASKED,
    "upgraded": _UPGRADED,
    "established": "established",
    "resumed": "CASE WHEN version IS NOT NULL THEN resumed END",
    "client_hello": f"CASE WHEN contains(tls_said, 'C') OR server_name IS NOT NULL OR ja3 IS NOT NULL "
    f"OR ja4 IS NOT NULL THEN {_CLIENT} END",
    "client_alert": "CASE WHEN clients_alert THEN last_alert END",
    "last_alert": "last_alert",
    "client_cert_sent": f"CASE WHEN contains(tls_said, 'X') OR len(client_cert_chain_fps) > 0 "
    f"OR len(client_cert_chain_fuids) > 0 THEN true WHEN {_UP_TO_1_2} AND established THEN false END",
    "tls": f"CASE WHEN server_spoke_tls THEN {_TLS} END",
    "leaf_subject": "leaf_subject",
    "leaf_issuer": "leaf_issuer",
    "validation": "validation_status",
    "tls_history": "tls_said",
    "ssh": f"CASE WHEN ssh_server IS NOT NULL OR {_HOST_KEY} IS NOT NULL THEN {_SSH} END",
    "ssh_client": f"CASE WHEN ssh_client IS NOT NULL THEN {_SSH_CLIENT} END",
    "ssh_agreed": f"CASE WHEN kex_alg IS NOT NULL THEN {_SSH_AGREED} END",
}
"""What columns are out of `told`; all others are null."""
