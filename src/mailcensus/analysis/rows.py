"""The rows of every analysis table: names, types and what each column means.

Declarations only. The schema of a table, its CSV header and the report's column help are all read from here.
A host is an address. A key is *shared* when two or more hosts show it. Ports are the standard ports of the
services, wherever a study found them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mailcensus.model import Column

Hosts = Annotated[int, Column("hosts that show the key")]
Spki = Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]
Ip = Annotated[str, Column("the host's address")]
Cluster = Annotated[int, Column("the cluster's number; 1 is the largest")]
Services = Annotated[tuple[str, ...], Column("services that show it, by standard port")]
Ports = Annotated[tuple[int, ...], Column("standard ports of those services")]
Algorithm = Annotated[str | None, Column("rsa, dsa, ecdsa, ed25519, ed448 or an OID")]
Bits = Annotated[int | None, Column("key size in bits")]
Names = Annotated[tuple[str, ...], Column("common names of certificates with the key, in order, at most ten")]
PortA = Annotated[int, Column("standard port of the one service; the smaller")]
PortB = Annotated[int, Column("standard port of the other service")]
PortPair = Annotated[str, Column("both ports, smaller first, e.g. 22-25")]
ServiceA = Annotated[str, Column("service of port_a")]
ServiceB = Annotated[str, Column("service of port_b")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One headline number."""

    name: Annotated[str, Column("name of the number")]
    value: Annotated[int | None, Column("the count; null: not known")]
    denominator: Annotated[int | None, Column("what it is a share of; null: it is a share of nothing")]
    denominator_name: Annotated[str | None, Column("name of the denominator")]
    share: Annotated[float | None, Column("value / denominator; null: no denominator, or it is zero")]
    definition: Annotated[str, Column("what is counted")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One service over all hosts asked."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    protocol: Annotated[str, Column("protocol spoken")]
    tls_mode: Annotated[str, Column("none, starttls, implicit")]
    asked: Annotated[int, Column("hosts asked")]
    connected: Annotated[int, Column("hosts that took the connection")]
    connected_share: Annotated[float | None, Column("connected / asked")]
    ok: Annotated[int, Column("hosts whose grab ended well")]
    ok_share: Annotated[float | None, Column("ok / asked")]
    starttls_known: Annotated[int, Column("hosts that said what they offer")]
    starttls_offered: Annotated[int, Column("of these: offer STARTTLS")]
    starttls_share: Annotated[float | None, Column("starttls_offered / starttls_known")]
    tls_known: Annotated[
        int,
        Column("hosts of which we know whether they speak TLS: they did, they failed at it or they refused"),
    ]
    tls: Annotated[int, Column("of these: chose a TLS version")]
    tls_share: Annotated[float | None, Column("tls / tls_known")]
    key_shown: Annotated[int, Column("hosts that showed a key on this service")]
    key_shown_share: Annotated[float | None, Column("key_shown / connected")]
    no_starttls: Annotated[int, Column("answered, and did not give STARTTLS")]
    rate_limited: Annotated[int, Column("said 'later' to the last; unknown, not a no")]
    timeout: Annotated[int, Column("did not answer in time; unknown, not a no")]
    refused: Annotated[int, Column("connection refused or unreachable")]
    reset: Annotated[int, Column("reset the connection")]
    closed: Annotated[int, Column("closed before their turn was over")]
    tls_alert: Annotated[int, Column("ended TLS with an alert")]
    tls_error: Annotated[int, Column("TLS could not go on")]
    protocol_error: Annotated[int, Column("did not speak the protocol")]
    limit: Annotated[int, Column("went over a cap of ours")]
    excluded: Annotated[int, Column("not asked: an exclusion stood in the way")]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """Grabs of one service that ended alike."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    outcome: Annotated[str, Column("how the grab ended")]
    stage: Annotated[str, Column("stage it was in when it ended")]
    grabs: Annotated[int, Column("hosts whose last grab ended so")]
    asked: Annotated[int, Column("hosts asked for this service")]
    share: Annotated[float | None, Column("grabs / asked")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareRow:
    """One version of one product, on one protocol."""

    protocol: Annotated[str, Column("protocol it was named on")]
    product: Annotated[str | None, Column("product; null: a greeting that names none we know")]
    version: Annotated[str | None, Column("version; null: it does not say")]
    hosts: Annotated[int, Column("hosts that name it on this protocol")]
    spoken: Annotated[int, Column("hosts that said anything on this protocol that may name software")]
    share: Annotated[float, Column("hosts / spoken")]
    support_ended: Annotated[
        str | None, Column("day its maker ended support, ISO 8601; null: it has not, or we do not know")
    ]
    source: Annotated[str | None, Column("where its maker says so")]
    source_as_of: Annotated[str | None, Column("newest date the source held when it was read")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinHostRow:
    """One pair of services on which hosts show the same key."""

    ports: PortPair
    port_a: PortA
    port_b: PortB
    service_a: ServiceA
    service_b: ServiceB
    reading: Annotated[
        str, Column("serious: an SSH host key is a TLS key; normal: one key for several services of a kind")
    ]
    hosts: Annotated[int, Column("hosts that show one key on both")]
    keys: Annotated[int, Column("keys so shown")]
    hosts_showing_both: Annotated[int, Column("hosts that show any key on each of both")]
    share: Annotated[float | None, Column("hosts / hosts_showing_both")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKeyRow:
    """One key that two or more hosts show, most shared first."""

    spki_sha256: Spki
    hosts: Hosts
    cluster: Cluster
    via: Annotated[str, Column("ssh, tls or both")]
    services: Services
    ports: Ports
    algorithm: Algorithm
    bits: Bits
    curve: Annotated[str | None, Column("named curve")]
    machines: Annotated[int, Column("machines that its hosts are inferred to be")]
    ases: Annotated[int, Column("different ASes of its hosts; 0: no AS is known")]
    countries: Annotated[tuple[str, ...], Column("countries of its hosts, as far as known")]
    certificates: Annotated[int, Column("different certificates it was shown in")]
    rsa_transport_hosts: Annotated[int, Column("hosts that used it for RSA key transport")]
    common_names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class MostSharedRow:
    """The key that most hosts show, by SSH and by TLS."""

    via: Annotated[str, Column("ssh or tls")]
    spki_sha256: Spki
    hosts: Annotated[int, Column("hosts that show it this way")]
    hosts_showing: Annotated[int, Column("hosts that show any key this way")]
    share: Annotated[float | None, Column("hosts / hosts_showing")]
    algorithm: Algorithm
    bits: Bits
    common_names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPairRow:
    """Links between different hosts on one pair of services."""

    ports: PortPair
    port_a: PortA
    port_b: PortB
    service_a: ServiceA
    service_b: ServiceB
    links: Annotated[
        int,
        Column("pairs of hosts, one showing the key on port_a and the other on port_b, summed over keys"),
    ]
    keys: Annotated[int, Column("keys that make such a link")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRow:
    """One cluster: hosts linked by shared keys, any port to any port. Largest first."""

    cluster: Cluster
    hosts: Annotated[int, Column("hosts in it; two at least")]
    machines: Annotated[int, Column("machines its hosts are inferred to be")]
    ases: Annotated[int, Column("different ASes of its hosts; 0: no AS is known")]
    as_unknown: Annotated[int, Column("its hosts whose AS is not known")]
    countries: Annotated[tuple[str, ...], Column("countries of its hosts, as far as known")]
    keys: Annotated[int, Column("shared keys that link them")]
    ssh_keys: Annotated[int, Column("of these: shown by SSH")]
    tls_keys: Annotated[int, Column("of these: shown by TLS")]
    kind: Annotated[str, Column("tls, ssh or both: how its shared keys are shown")]
    services: Services
    host_ports: Annotated[int, Column("hosts and services that show a key, shared or not")]
    ssh_host_ports: Annotated[int, Column("of these: SSH")]
    tls_host_ports: Annotated[int, Column("of these: TLS")]
    ssh_keys_shown: Annotated[int, Column("different keys that its hosts show by SSH, shared or not")]
    tls_keys_shown: Annotated[int, Column("different keys that its hosts show by TLS, shared or not")]
    certificates: Annotated[int, Column("different certificates with its shared keys")]
    wildcard_certificates: Annotated[int, Column("of these: with a wildcard name")]
    first_ip: Annotated[str, Column("its numerically smallest address")]
    largest_key: Annotated[str, Column("canonical key that most of its hosts show")]
    largest_key_hosts: Annotated[int, Column("hosts that show it")]
    common_names: Annotated[
        tuple[str, ...], Column("common names of certificates with its shared keys, in order, at most ten")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterHostRow:
    """One host of a cluster."""

    cluster: Cluster
    ip: Ip
    keys: Annotated[int, Column("shared keys it shows")]
    services: Annotated[tuple[str, ...], Column("services on which it shows them, by standard port")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLinkRow:
    """One host showing one shared key: an edge of the graph of hosts and keys that clusters are made of."""

    cluster: Cluster
    ip: Ip
    spki_sha256: Spki
    services: Services
    ports: Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSizeRow:
    """Clusters of one size."""

    size: Annotated[int, Column("hosts in the cluster; two at least")]
    clusters: Annotated[int, Column("clusters of this size")]
    hosts: Annotated[int, Column("hosts in them")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatisticRow:
    """One statistic over clusters, each cluster counted once."""

    name: Annotated[
        str, Column("clusters, hosts, biggest, mean, standard_deviation, median, mode, p10 to p99, gini")
    ]
    value: Annotated[float | None, Column("the number; null: there are no clusters")]
    definition: Annotated[str, Column("what it is")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKindRow:
    """Clusters by how their shared keys are shown."""

    kind: Annotated[str, Column("tls, ssh or both")]
    clusters: Annotated[int, Column("clusters of this kind")]
    clusters_share: Annotated[float | None, Column("clusters / all clusters")]
    hosts: Annotated[int, Column("hosts in them")]
    hosts_share: Annotated[float | None, Column("hosts / hosts in all clusters")]
    keys: Annotated[int, Column("shared keys in them")]
    biggest: Annotated[int | None, Column("hosts in the biggest of them")]
    biggest_cluster: Annotated[int | None, Column("its number")]
    across_ases: Annotated[int, Column("clusters with hosts in two or more ASes, as far as these are known")]
    across_countries: Annotated[int, Column("clusters with hosts in two or more countries, as far as known")]
    median: Annotated[float | None, Column("median size of such a cluster")]
    mean: Annotated[float | None, Column("mean size of such a cluster")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeTwoRow:
    """One pattern of ports in clusters of two hosts."""

    pattern: Annotated[tuple[str, ...], Column("pairs of ports that link the two hosts, by port")]
    clusters: Annotated[int, Column("clusters of two hosts linked so, and on no other pair")]
    clusters_of_two: Annotated[int, Column("clusters of two hosts")]
    share: Annotated[float, Column("clusters / clusters_of_two")]
    keys: Annotated[int, Column("shared keys in these clusters")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossProtocolRow:
    """One key shown both by SSH and by TLS."""

    spki_sha256: Spki
    reading: Annotated[
        str,
        Column("same_host: some host shows it both ways; across_hosts: one host by SSH, another one by TLS"),
    ]
    hosts: Hosts
    ssh_hosts: Annotated[int, Column("hosts that show it by SSH")]
    tls_hosts: Annotated[int, Column("hosts that show it by TLS")]
    both_hosts: Annotated[int, Column("hosts that show it both ways")]
    services: Services
    ports: Ports
    algorithm: Algorithm
    bits: Bits
    common_names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossProtocolHostRow:
    """One host showing one key both by SSH and by TLS."""

    ip: Ip
    spki_sha256: Spki
    services: Services
    ports: Ports
