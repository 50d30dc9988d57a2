"""The tables of this chapter, in the order in which they are shown."""

from __future__ import annotations

from mailcensus.analysis.passive import (
    beside_scan,
    certificates,
    clients,
    handshakes,
    logins,
    overview,
    sources,
)
from mailcensus.analysis.table_spec import TableSpec

_SEEN = "Connections of users as captures and logs show them; Tor, push services and proxies are set aside."

PASSIVE_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "passive_sources",
        "What was listened to",
        "One row per kind of file, stream or interface that was read into the study.",
        sources.FlowSourceRow,
        sources.passive_sources,
        source="flow_sources",
    ),
    TableSpec(
        "passive_services",
        "Connections and servers",
        f"{_SEEN} The share is of the connections of which it is known whether TLS was established. "
        "(Holz 2016, table II)",
        overview.PassiveServiceRow,
        overview.passive_services,
        source="flows",
    ),
    TableSpec(
        "passive_set_aside",
        "Set aside",
        "Connections to mail ports that are no mail, and links of Tor. Shares are of all connections, and servers, of "
        "the service. (Holz 2016, section VI, anomalies)",
        handshakes.SetAsideRow,
        handshakes.passive_set_aside,
        source="flows",
    ),
    TableSpec(
        "passive_starttls",
        "STARTTLS as users meet it",
        f"{_SEEN} Support is a share of the servers of which it is known; offers and upgrades of the connections of "
        "which it is known. (Holz 2016, table III, passive)",
        overview.PassiveStarttlsRow,
        overview.passive_starttls,
        source="flows",
    ),
    TableSpec(
        "passive_versions",
        "TLS versions agreed on",
        f"{_SEEN} Shares are of connections with TLS established, and of their servers. (Holz 2016, table IV, passive)",
        handshakes.PassiveVersionRow,
        handshakes.passive_versions,
        source="flows",
    ),
    TableSpec(
        "passive_cipher_classes",
        "Classes of cipher suites agreed on",
        f"{_SEEN} Shares are of connections with TLS established whose suite is known, and of their servers; classes "
        "as in `cipher_classes`. (Holz 2016, figure 3)",
        handshakes.PassiveCipherClassRow,
        handshakes.passive_cipher_classes,
        source="flows",
    ),
    TableSpec(
        "passive_groups",
        "Groups used",
        f"{_SEEN} Curves, and sizes of finite fields. Shares are of connections, and servers, with a group of the same "
        "kind. (Holz 2016, section V)",
        handshakes.PassiveGroupRow,
        handshakes.passive_groups,
        source="flows",
    ),
    TableSpec(
        "passive_chain_statuses",
        "Chains that users meet",
        f"{_SEEN} Shares are of connections, and servers, whose chain was judged by the judge, at the time of the "
        "connection. TLS 1.3 hides chains. (Holz 2016, figure 5)",
        certificates.PassiveChainStatusRow,
        certificates.passive_chain_statuses,
        source="flows",
    ),
    TableSpec(
        "passive_duplicate_certificates",
        "Certificates on several servers",
        f"{_SEEN} Shares are of the different end-host certificates, and of the duplicates whose chain was judged. "
        "(Holz 2016, table VII)",
        certificates.DuplicateCertificateRow,
        certificates.passive_duplicate_certificates,
        source="flows",
    ),
    TableSpec(
        "passive_stapling",
        "OCSP stapling as users meet it",
        f"{_SEEN} Shares are of connections, and servers, in which it can be seen: up to TLS 1.2. "
        "(Holz 2016, section VI)",
        handshakes.PassiveStaplingRow,
        handshakes.passive_stapling,
        source="flows",
    ),
    TableSpec(
        "passive_alpn",
        "ALPN agreed on",
        "Connections of users with TLS established, those that are set aside included. Shares are of these, and of "
        "their servers. (Holz 2016, section VI, anomalies)",
        handshakes.PassiveAlpnRow,
        handshakes.passive_alpn,
        source="flows",
    ),
    TableSpec(
        "passive_auth_mechanisms",
        "Ways to log in before TLS",
        f"{_SEEN} Mechanisms offered before STARTTLS, at most {logins.SHOWN_MAX} of a service. Shares are of "
        "connections, and servers, in which any was offered. (Holz 2016, table XII)",
        logins.PassiveMechanismRow,
        logins.passive_auth_mechanisms,
        source="flows",
    ),
    TableSpec(
        "passive_auth_combinations",
        "Ways to log in before TLS, in order",
        f"{_SEEN} Ordered combinations offered before STARTTLS, at most {logins.SHOWN_MAX} of a service. Shares are of "
        "connections, and servers, in which any mechanism was offered. (Holz 2016, table XIII)",
        logins.PassiveCombinationRow,
        logins.passive_auth_combinations,
        source="flows",
    ),
    TableSpec(
        "passive_plain_text",
        "Passwords in the clear",
        f"{_SEEN} LOGINDISABLED is a share of the IMAP connections, and servers, that said what they can; passwords "
        "are a share of the clients that did not start TLS and were seen to log in. (Holz 2016, tables XII, XIII)",
        logins.PassivePlainTextRow,
        logins.passive_plain_text,
        source="flows",
    ),
    TableSpec(
        "client_offers",
        "What clients offer",
        f"{_SEEN} Shares are of the connections whose ClientHello was read; GREASE is left out.",
        clients.ClientOfferRow,
        clients.client_offers,
        source="flows",
    ),
    TableSpec(
        "client_fingerprints",
        "Fingerprints of clients",
        f"{_SEEN} The {clients.FINGERPRINTS_MAX} most frequent JA3 and JA4 of each service. Shares are of the "
        "connections with a fingerprint of the kind.",
        clients.ClientFingerprintRow,
        clients.client_fingerprints,
        source="flows",
    ),
    TableSpec(
        "passive_beside_scan",
        "Servers that users talk to, beside the scan",
        f"{_SEEN} Servers are compared with the last grab of the newest run. Shares are of users' connections, of the "
        "scan's hosts with TLS, and of the servers whose certificate was seen both ways.",
        beside_scan.BesideScanRow,
        beside_scan.passive_beside_scan,
        source="flows",
    ),
)
