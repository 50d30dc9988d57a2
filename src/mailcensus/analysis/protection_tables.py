"""The tables on how users log in, what else servers take, and hygiene, in the order in which they are shown."""

from __future__ import annotations

from mailcensus.analysis import by_as, hygiene_tables, post_quantum, ssh_offers, stripping, suites_offered
from mailcensus.analysis.authentication import tables as authentication
from mailcensus.analysis.table_spec import TableSpec

PROTECTION_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "auth_mechanisms",
        "Ways to log in",
        "One row per service, side of TLS and mechanism, at most 100 of each. Shares are of the hosts that offer any "
        "mechanism there, and of those that said what they can. (Holz 2016, tables VIII and IX)",
        authentication.MechanismRow,
        authentication.auth_mechanisms,
    ),
    TableSpec(
        "auth_combinations",
        "Ways to log in, in order",
        "One row per service, side of TLS and ordered combination of mechanisms, at most 100 of each. Shares are of "
        "the hosts that offer any mechanism there. (Holz 2016, tables X and XI)",
        authentication.CombinationRow,
        authentication.auth_combinations,
    ),
    TableSpec(
        "auth_plain_text",
        "Passwords as they are",
        "How many hosts offer mechanisms that send the password itself, offer nothing else, or name such a one first. "
        "Shares are of the hosts that offer any mechanism there; LOGINDISABLED of the IMAP hosts that said what they "
        "can. (Holz 2016, tables X to XIII)",
        authentication.PlainTextRow,
        authentication.auth_plain_text,
    ),
    TableSpec(
        "hygiene",
        "Hygiene of hosts",
        "How many of six flaws hosts have: RC4, TLS before 1.2, no forward secrecy, an expired leaf, a self-signed "
        "one, an untrusted chain. Shares are of the hosts of which all six are known; others are a row of their own.",
        hygiene_tables.HygieneRow,
        hygiene_tables.hygiene,
    ),
    TableSpec(
        "hygiene_flaws",
        "Flaws of hosts",
        "The six flaws of the hygiene index, in and out of clusters. Shares are of the hosts of which it is known.",
        hygiene_tables.FlawRow,
        hygiene_tables.hygiene_flaws,
    ),
    TableSpec(
        "hygiene_priorities",
        "Hosts with flaws, by priority",
        "One row per host with a flaw that was seen. 1: RC4 or SSL; 2: TLS before 1.2, or no forward secrecy; 3: an "
        "expired leaf or an untrusted chain; 4: a self-signed leaf.",
        hygiene_tables.PriorityRow,
        hygiene_tables.hygiene_priorities,
    ),
    TableSpec(
        "starttls_stripping",
        "If STARTTLS is cut out",
        "One row per service that starts TLS on request: who takes passwords in the clear before it. Shares are of the "
        "hosts that said before TLS what they can; injected ones of those that were checked.",
        stripping.StrippingRow,
        stripping.starttls_stripping,
    ),
    TableSpec(
        "post_quantum",
        "Post-quantum key exchange",
        "One row per service: TLS by the groups used with the study's hello, SSH by what servers offer. Shares are of "
        "the hosts that chose a version or said what they offer, and of those that could use it.",
        post_quantum.PostQuantumRow,
        post_quantum.post_quantum,
    ),
    TableSpec(
        "ssh_offers",
        "What SSH servers offer",
        "Key exchange, host keys, ciphers and MACs to the client, versions and HASSH, at most 100 of each. Shares are "
        "of the hosts that said anything of the kind.",
        ssh_offers.SshOfferRow,
        ssh_offers.ssh_offers,
    ),
    TableSpec(
        "suites_offered",
        "Cipher suites that servers take",
        "Asked one by one in follow-ups. Shares are of the hosts that take any suite in that version on that service. "
        "(Baumgaertner 2015)",
        suites_offered.SuiteOfferedRow,
        suites_offered.suites_offered,
        source="enumerations",
    ),
    TableSpec(
        "versions_offered",
        "Versions that servers take",
        "Asked in follow-ups: whose order of suites counts, and what is weak. Shares are of the hosts of which it is "
        "known, and of those whose order is known.",
        suites_offered.VersionOfferedRow,
        suites_offered.versions_offered,
        source="enumerations",
    ),
    TableSpec(
        "by_as",
        "Protection by autonomous system",
        "Shares are of the services of which it is known; `mean_hygiene` is over hosts whose index is known. Ranks are "
        "among systems with five of these at least.",
        by_as.AsRow,
        by_as.by_as,
    ),
    TableSpec(
        "by_software",
        "Protection by software",
        "By the product that hosts' SMTP servers name, over all services of these hosts. Shares are of the services of "
        "which it is known.",
        by_as.ProductRow,
        by_as.by_software,
    ),
)
