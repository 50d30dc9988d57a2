"""The tables of this chapter, in the order in which they are shown."""

from __future__ import annotations

from mailcensus.analysis.posture import (
    certificates,
    chain_statuses,
    ciphers,
    handshakes,
    issuers,
    key_exchange,
    overview,
    spread,
    striking,
)
from mailcensus.analysis.table_spec import TableSpec

_HANDSHAKES = "Handshakes are last grabs in which the server chose a TLS version, with the study's hello."

POSTURE_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "tls_services",
        "TLS and certificates by service",
        "One row per service that can speak TLS. Shares are of the hosts that took the connection, as published, and "
        "of those of which it is known whether they speak TLS. (Holz 2016, table I)",
        overview.TlsServiceRow,
        overview.tls_services,
    ),
    TableSpec(
        "starttls",
        "STARTTLS",
        "One row per service that starts TLS on request. Support is a share of the hosts of which it is known; the "
        "upgrade one of those that offer it and said yes or no when asked. (Holz 2016, table III, active)",
        overview.StarttlsRow,
        overview.starttls,
    ),
    TableSpec(
        "tls_versions",
        "TLS versions",
        f"{_HANDSHAKES} Shares are of all of the service. (Holz 2016, table IV, active)",
        ciphers.TlsVersionRow,
        ciphers.tls_versions,
    ),
    TableSpec(
        "cipher_classes",
        "Classes of cipher suites",
        f"{_HANDSHAKES} Shares are of those whose suite is known; each suite is in the first class that fits: "
        "null_export, rc4, 3des, ecdhe (TLS 1.3 too), dhe, aes_without_pfs, other. (Holz 2016, figure 3, active)",
        ciphers.CipherClassRow,
        ciphers.cipher_classes,
    ),
    TableSpec(
        "cipher_suites",
        "Cipher suites chosen",
        f"{_HANDSHAKES} Shares are of those whose suite is known.",
        ciphers.CipherSuiteRow,
        ciphers.cipher_suites,
    ),
    TableSpec(
        "key_exchange_groups",
        "Key-exchange groups",
        f"{_HANDSHAKES} Shares are of those whose group is known, and of those with a group of the same kind. "
        "(Holz 2016, section V, curves)",
        key_exchange.GroupRow,
        key_exchange.key_exchange_groups,
    ),
    TableSpec(
        "dh_sizes",
        "Diffie-Hellman sizes",
        f"{_HANDSHAKES} Shares are of those with Diffie-Hellman over a finite field. (Holz 2016, section V)",
        key_exchange.DhSizeRow,
        key_exchange.dh_sizes,
    ),
    TableSpec(
        "dh_primes",
        "Diffie-Hellman primes",
        f"The {key_exchange.PRIMES_MAX:,} primes that most hosts use up to TLS 1.2. Shares are of the hosts of which "
        "a prime is known.",
        key_exchange.DhPrimeRow,
        key_exchange.dh_primes,
    ),
    TableSpec(
        "dh_prime_kinds",
        "Primes known, shared and own",
        "Primes that everybody knows, others that several hosts use, and others of one host. Shares are of the hosts "
        "of which a prime is known; a host may be in several rows.",
        key_exchange.DhPrimeKindRow,
        key_exchange.dh_prime_kinds,
    ),
    TableSpec(
        "signature_schemes",
        "Signatures of handshakes",
        f"{_HANDSHAKES} Shares are of those with a signature of the server whose scheme is known (TLS 1.2 and later).",
        key_exchange.SignatureSchemeRow,
        key_exchange.signature_schemes,
    ),
    TableSpec(
        "handshake_features",
        "Features of handshakes",
        f"{_HANDSHAKES} Extended master secret, secure renegotiation, tickets, heartbeat and compression are counted "
        "up to TLS 1.2, the HelloRetryRequest with TLS 1.3. Shares are of those of which it is known.",
        handshakes.FeatureRow,
        handshakes.handshake_features,
    ),
    TableSpec(
        "alpn",
        "Protocols chosen by ALPN",
        f"{_HANDSHAKES} Shares are of all of the service. A protocol that we do not offer there is a proxy's or "
        "another program's. (Holz 2016, section VI, anomalies)",
        handshakes.AlpnRow,
        handshakes.alpn,
    ),
    TableSpec(
        "stapling",
        "OCSP stapling and SCTs",
        f"{_HANDSHAKES} Shares are of those that came far enough to tell. SCTs inside certificates are not counted.",
        handshakes.StaplingRow,
        handshakes.stapling,
    ),
    TableSpec(
        "record_sizes",
        "Lengths of TLS records",
        f"{_HANDSHAKES} The longest record while the server shook hands. Shares are of those of which it is known.",
        handshakes.RecordSizeRow,
        handshakes.record_sizes,
    ),
    TableSpec(
        "fingerprints",
        "Fingerprints of servers",
        f"The {handshakes.FINGERPRINTS_MAX} most frequent JA3S and JA4S of each service. {_HANDSHAKES} Shares are of "
        "those with a fingerprint of the kind.",
        handshakes.FingerprintRow,
        handshakes.fingerprints,
    ),
    TableSpec(
        "chain_statuses",
        "Chain verdicts",
        f"{_HANDSHAKES} `share` is of those whose chain was judged by the root store, by the first thing wrong; "
        "`found_share` counts everything found wrong and may add up to more than 100 %. (Holz 2016, figure 4)",
        chain_statuses.ChainStatusRow,
        chain_statuses.chain_statuses,
    ),
    TableSpec(
        "broken_chains",
        "Chains with a missing issuer",
        f"{_HANDSHAKES} Those in whose chain an issuer is missing, and of those that were tried with intermediates "
        "seen elsewhere the share that is valid with them.",
        chain_statuses.BrokenChainRow,
        chain_statuses.broken_chains,
    ),
    TableSpec(
        "ca_practice",
        "Leafs issued by roots",
        "Different leafs that the main root store (Mozilla's, if it judged) finds valid, and the share of them that a "
        "root signed itself. (Holz 2016, section VI)",
        chain_statuses.CaPracticeRow,
        chain_statuses.ca_practice,
    ),
    TableSpec(
        "certificate_addresses",
        "Addresses per certificate",
        "How many hosts show the same leaf: of all, valid and self-signed leafs. Shares are of the leafs of the "
        "group. (Holz 2016, figures 6 a, b, c)",
        spread.CertificateAddressesRow,
        spread.certificate_addresses,
    ),
    TableSpec(
        "key_hosts",
        "Hosts per key",
        "How many hosts show the same key in leafs. Shares are of the keys shown by TLS, and of the pairs of a host "
        "and a key. (Holz 2016, figure 7)",
        spread.KeyHostsRow,
        spread.key_hosts,
    ),
    TableSpec(
        "invalid_names",
        "Common names in invalid certificates",
        f"The {striking.NAMES_MAX} most frequent of each service. Shares are of the different leafs on the service "
        "that the main root store never finds valid; leafs without a verdict are left out. (Holz 2016, table V)",
        striking.InvalidNameRow,
        striking.invalid_names,
    ),
    TableSpec(
        "striking_certificates",
        "Invalid certificates in many systems",
        f"The {striking.CERTIFICATES_MAX} leafs in most autonomous systems, of those that are invalid or self-signed "
        "and shown by two or more hosts.",
        striking.StrikingCertificateRow,
        striking.striking_certificates,
    ),
    TableSpec(
        "striking_systems",
        "Where the most striking certificate is",
        "The autonomous systems of the hosts that show the first of these certificates. Shares are of those hosts. "
        "(Holz 2016, table VI)",
        striking.StrikingSystemRow,
        striking.striking_systems,
    ),
    TableSpec(
        "issuers",
        "Issuers",
        f"The {issuers.ISSUERS_MAX:,} organisations that issued most leafs, in the market of valid leafs and in that "
        "of all that others issued. Shares are of the different leafs of the market. (Baumgaertner 2015)",
        issuers.IssuerRow,
        issuers.issuers,
    ),
    TableSpec(
        "issuer_market",
        "The market of issuers",
        "How concentrated it is. Shares are of the different leafs of the market.",
        issuers.MarketRow,
        issuers.issuer_market,
    ),
    TableSpec(
        "certificate_keys",
        "Keys of certificates",
        "Different leafs by the kind of their key. Shares are of the different leafs on the service whose key could "
        "be read.",
        certificates.CertificateKeyRow,
        certificates.certificate_keys,
    ),
    TableSpec(
        "certificate_signatures",
        "Signatures of certificates",
        "Different leafs by what signs them. Shares are of the different leafs on the service that could be read.",
        certificates.CertificateSignatureRow,
        certificates.certificate_signatures,
    ),
    TableSpec(
        "certificate_lifetimes",
        "Lifetimes and ages of certificates",
        "Different leafs whose validity is known, at the first handshake that showed them. Shares are of these, and of "
        "those that begin when the CA/Browser Forum had a limit (since July 2012), held against that of their day.",
        certificates.LifetimeRow,
        certificates.certificate_lifetimes,
    ),
    TableSpec(
        "certificate_lifetime_bands",
        "Lifetimes in bands",
        "Different leafs by how long they are good for. Shares are of the leafs of the group whose validity is known.",
        certificates.LifetimeBandRow,
        certificates.certificate_lifetime_bands,
    ),
)
