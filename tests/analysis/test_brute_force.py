"""The analyses equal an independent, slow count on many random populations."""

import sys
from collections import Counter, defaultdict
from itertools import permutations, product
from pathlib import Path
from statistics import mean, median, pstdev, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))

from random_populations import (
    PORTS,
    Population,
    address,
    asn_of,
    country_of,
    crowd,
    is_odd,
    is_wild,
    name,
    populations,
    spki,
)

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset

pytestmark = pytest.mark.slow

CHECKED = {
    *(
        "clusters",
        "cluster_hosts",
        "cluster_links",
        "cluster_sizes",
        "cluster_statistics",
        "size_two_patterns",
    ),
    *("shared_keys", "most_shared", "port_pairs", "within_host", "levels", "ways", "summary"),
    *("cross_protocol", "cross_protocol_hosts"),
}
Rows = list[dict[str, Any]]


def tables(population: Population) -> dict[str, Rows]:
    with TemporaryDirectory() as directory:
        population.write(Path(directory))
        evidence = gather(Dataset(Path(directory)))
        return {spec.name: rows_of(spec, evidence).to_pylist() for spec in TABLES if spec.name in CHECKED}


@pytest.mark.parametrize("seed", range(2026, 2036))
def test_every_table_equals_a_brute_force_count_over_many_populations(seed: int) -> None:
    check(crowd(seed, 250))


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(populations())
def test_every_table_equals_a_brute_force_count_over_odd_populations(population: Population) -> None:
    check(population)


def check(population: Population) -> None:
    found = tables(population)
    check_clusters(population, found)
    check_shared_keys(population, found)
    check_pairs(population, found)
    check_ways(population, found)
    check_size_two(population, found)
    check_levels(population, found)
    check_cross_protocol(population, found)
    check_statistics(population, found)
    check_summary(population, {row["name"]: row for row in found["summary"]})


def services_of(population: Population, ips: set[str], keys: set[int]) -> list[str]:
    shown = {service for key in keys for ip, service in population.by_key[key] if ip in ips}
    return sorted(shown, key=lambda service: PORTS[service])


def kind_of(via: dict[int, set[bool]]) -> str:
    ways = set().union(*via.values())
    return "both" if len(ways) == 2 else "ssh" if True in ways else "tls"


def names_of(population: Population, keys: set[int]) -> list[str]:
    shown = {
        name(key, is_odd(ip)) for ip, service, key in population.showings if service != "ssh" and key in keys
    }
    return sorted(shown)[:10]


def check_clusters(population: Population, found: dict[str, Rows]) -> None:
    expected = population.clusters
    shared = {key for key, ips in population.holders.items() if len(ips) > 1}
    assert [row["cluster"] for row in found["clusters"]] == list(range(1, len(expected) + 1))
    for ips, row in zip(expected, found["clusters"], strict=True):
        keys = {key for key in shared if population.holders[key] <= ips}
        via = {
            key: {service == "ssh" for _, service, shown in population.showings if shown == key}
            for key in keys
        }
        largest = max(keys, key=lambda key: (len(population.holders[key]), -key))
        shown = {(ip, service, key) for ip, service, key in population.showings if ip in ips}
        by_ssh = {(ip, service, key) for ip, service, key in shown if service == "ssh"}
        assert 1 <= row.pop("machines") <= len(ips)
        assert row == {
            "cluster": row["cluster"],
            "hosts": len(ips),
            "keys": len(keys),
            "ssh_keys": sum(True in ways for ways in via.values()),
            "tls_keys": sum(False in ways for ways in via.values()),
            "ases": len({asn_of(ip) for ip in ips} - {None}),
            "as_unknown": sum(asn_of(ip) is None for ip in ips),
            "countries": sorted({country for ip in ips if (country := country_of(ip))}),
            "kind": kind_of(via),
            "host_ports": len({(ip, service) for ip, service, _ in shown}),
            "ssh_host_ports": len({ip for ip, _, _ in by_ssh}),
            "tls_host_ports": len({(ip, service) for ip, service, _ in shown - by_ssh}),
            "ssh_keys_shown": len({key for _, _, key in by_ssh}),
            "tls_keys_shown": len({key for _, _, key in shown - by_ssh}),
            "certificates": len({(key, is_odd(ip)) for ip, _, key in shown - by_ssh if key in keys}),
            "wildcard_certificates": len(
                {key for ip, _, key in shown - by_ssh if key in keys and is_wild(key, is_odd(ip))}
            ),
            "services": services_of(population, ips, keys),
            "first_ip": min(ips, key=address),
            "largest_key": spki(largest),
            "largest_key_hosts": len(population.holders[largest]),
            "common_names": names_of(population, keys),
        }
    hosts = [(number, ip) for number, ips in enumerate(expected, 1) for ip in sorted(ips, key=address)]
    assert [(row["cluster"], row["ip"]) for row in found["cluster_hosts"]] == hosts
    for row in found["cluster_hosts"]:
        keys = {key for key in shared if row["ip"] in population.holders[key]}
        assert (row["keys"], row["services"]) == (len(keys), services_of(population, {row["ip"]}, keys))
    number = {ip: cluster for cluster, ip in hosts}
    links = {(number[ip], ip, spki(key)) for key in shared for ip in population.holders[key]}
    assert {(row["cluster"], row["ip"], row["spki_sha256"]) for row in found["cluster_links"]} == links
    assert len(found["cluster_links"]) == len(links)
    for row in found["cluster_links"]:
        assert row["services"] == services_of(population, {row["ip"]}, {int(row["spki_sha256"], 16)})
        assert row["ports"] == [PORTS[service] for service in row["services"]]


def check_shared_keys(population: Population, found: dict[str, Rows]) -> None:
    shared = [(key, ips) for key, ips in population.holders.items() if len(ips) > 1]
    shared.sort(key=lambda item: (-len(item[1]), item[0]))
    assert [(row["spki_sha256"], row["hosts"]) for row in found["shared_keys"]] == [
        (spki(key), len(ips)) for key, ips in shared
    ]
    for (key, ips), row in zip(shared, found["shared_keys"], strict=True):
        tls_ips = {ip for ip, service in population.by_key[key] if service != "ssh"}
        services = services_of(population, ips, {key})
        via = "tls" if "ssh" not in services else "both" if tls_ips else "ssh"
        assert (row["services"], row["via"], row["bits"]) == (services, via, 1024 + key)
        assert row["certificates"] == len({is_odd(ip) for ip in tls_ips})
        assert row["common_names"] == names_of(population, {key})
        assert ips <= population.clusters[row["cluster"] - 1]
    for via in ("ssh", "tls"):
        showings = {
            (key, ip) for ip, service, key in population.showings if (service == "ssh") == (via == "ssh")
        }
        rows = [row for row in found["most_shared"] if row["via"] == via]
        assert bool(rows) == bool(showings)
        if rows:
            counts = Counter(key for key, _ in showings)
            top = max(counts, key=lambda key: (counts[key], -key))
            assert (rows[0]["spki_sha256"], rows[0]["hosts"]) == (spki(top), counts[top])
            assert rows[0]["hosts_showing"] == len({ip for _, ip in showings})


def check_pairs(population: Population, found: dict[str, Rows]) -> None:
    within = {
        row["ports"]: (row["hosts"], row["keys"], row["hosts_showing_both"]) for row in found["within_host"]
    }
    assert within == population.within_host()
    for row in found["within_host"]:
        assert row["reading"] == ("serious" if "ssh" in (row["service_a"], row["service_b"]) else "normal")
        assert row["port_a"] < row["port_b"]
    assert {row["ports"]: (row["links"], row["keys"]) for row in found["port_pairs"]} == population.links()


def check_ways(population: Population, found: dict[str, Rows]) -> None:
    """Every two hosts and every key of both, one by one."""
    ways: dict[str, set[tuple[str, int]]] = {row["way"]: set() for row in found["ways"]}
    for key, ips in population.holders.items():
        shown = {
            ip: {is_odd(ip) if s != "ssh" else "ssh" for i, s in population.by_key[key] if i == ip}
            for ip in ips
        }
        for a, b in permutations(ips, 2):
            for x, y in product(shown[a], shown[b]):
                ways[way_of(x, y)].add((a, key))
    of_hosts: dict[str, set[str]] = defaultdict(set)
    for way, links in ways.items():
        for ip, _ in links:
            of_hosts[ip].add(way)
    shared = {key for links in ways.values() for _, key in links}
    for row in found["ways"]:
        links = ways[row["way"]]
        assert row["hosts"] == len({ip for ip, _ in links})
        assert row["hosts_only"] == sum(of_hosts[ip] == {row["way"]} for ip in of_hosts)
        assert row["keys"] == len({key for _, key in links})
        assert (row["hosts_sharing"], row["keys_shared"]) == (len(of_hosts), len(shared))


def way_of(x: bool | str, y: bool | str) -> str:
    """How two hosts share a key; x and y are which of a key's two certificates each shows, or `ssh`."""
    if x == y:
        return "ssh" if x == "ssh" else "same_certificate"
    return "ssh_and_tls" if "ssh" in (x, y) else "other_certificate"


def check_size_two(population: Population, found: dict[str, Rows]) -> None:
    patterns: Counter[tuple[str, ...]] = Counter()
    for ips in population.clusters:
        if len(ips) == 2:
            showings = frozenset(showing for showing in population.showings if showing[0] in ips)
            ports = sorted(Population(showings).links(), key=lambda pair: tuple(map(int, pair.split("-"))))
            patterns[tuple(ports)] += 1
    rows = found["size_two_patterns"]
    assert {tuple(row["pattern"]): row["clusters"] for row in rows} == patterns
    assert len(rows) == len(patterns)
    assert all(row["clusters_of_two"] == patterns.total() for row in rows)


def check_levels(population: Population, found: dict[str, Rows]) -> None:
    levels = {row["level"]: row for row in found["levels"]}
    sharing = {ip for ips in population.holders.values() if len(ips) > 1 for ip in ips}
    address = levels["address"]
    assert (address["units_sharing"], address["units_showing"]) == (len(sharing), len(population.hosts))
    assert (address["hosts_sharing"], address["hosts_showing"]) == (len(sharing), len(population.hosts))
    assert address["keys_shared"] == sum(len(ips) > 1 for ips in population.holders.values())
    assert address["clusters_across"] == len(population.clusters)
    assert levels["machine"]["units_showing"] <= len(population.hosts)
    check_operators(population, levels["operator"])


def check_operators(population: Population, row: dict[str, Any]) -> None:
    ases: dict[int, set[int]] = defaultdict(set)
    for key, ips in population.holders.items():
        ases[key] = {asn for ip in ips if (asn := asn_of(ip))}
    across = {key for key in ases if len(ases[key]) > 1}
    placed = {ip for ip in population.hosts if asn_of(ip)}
    assert row["units_showing"] == len({asn_of(ip) for ip in placed})
    assert (row["hosts_showing"], row["hosts_unknown"]) == (len(placed), len(population.hosts) - len(placed))
    assert row["units_sharing"] == len({asn for key in across for asn in ases[key]})
    assert row["hosts_sharing"] == len({ip for key in across for ip in population.holders[key]} & placed)
    assert (row["keys_shared"], row["keys"]) == (len(across), sum(bool(found) for found in ases.values()))


def check_cross_protocol(population: Population, found: dict[str, Rows]) -> None:
    by_ssh = {(key, ip) for ip, service, key in population.showings if service == "ssh"}
    by_tls = {(key, ip) for ip, service, key in population.showings if service != "ssh"}
    keys = {key for key, _ in by_ssh} & {key for key, _ in by_tls}
    expected = {
        spki(key): (
            "same_host" if any(k == key for k, _ in by_ssh & by_tls) else "across_hosts",
            len(population.holders[key]),
            sum(k == key for k, _ in by_ssh),
            sum(k == key for k, _ in by_tls),
            sum(k == key for k, _ in by_ssh & by_tls),
        )
        for key in keys
    }
    assert {
        row["spki_sha256"]: (
            row["reading"],
            row["hosts"],
            row["ssh_hosts"],
            row["tls_hosts"],
            row["both_hosts"],
        )
        for row in found["cross_protocol"]
    } == expected
    same = sorted(by_ssh & by_tls, key=lambda item: (address(item[1]), item[0]))
    assert [(row["spki_sha256"], row["ip"]) for row in found["cross_protocol_hosts"]] == [
        (spki(key), ip) for key, ip in same
    ]


def check_statistics(population: Population, found: dict[str, Rows]) -> None:
    sizes = [len(ips) for ips in population.clusters]
    counts = Counter(sizes)
    assert [(row["size"], row["clusters"], row["hosts"]) for row in found["cluster_sizes"]] == [
        (size, counts[size], size * counts[size]) for size in sorted(counts)
    ]
    statistics = {row["name"]: row["value"] for row in found["cluster_statistics"]}
    assert (statistics["clusters"], statistics["hosts"]) == (len(sizes), sum(sizes))
    if not sizes:
        assert statistics["median"] is statistics["mode"] is statistics["biggest"] is None
        return
    assert statistics["biggest"] == max(sizes)
    assert statistics["median"] == median(sizes)
    assert abs(statistics["mean"] - mean(sizes)) < 1e-9
    assert abs(statistics["standard_deviation"] - pstdev(sizes)) < 1e-9
    differences = mean(abs(a - b) for a in sizes for b in sizes)
    assert abs(statistics["gini"] - differences / 2 / mean(sizes)) < 1e-9
    assert statistics["mode"] == min(size for size in counts if counts[size] == max(counts.values()))
    cuts = quantiles(sizes * (2 if len(sizes) == 1 else 1), n=100, method="inclusive")
    for percent in (10, 25, 75, 90, 95, 99):
        assert abs(statistics[f"p{percent}"] - cuts[percent - 1]) < 1e-9


def check_summary(population: Population, rows: dict[str, dict[str, Any]]) -> None:
    values = {name: row["value"] for name, row in rows.items()}
    hosts, holders = population.hosts, population.holders
    sharing = {ip for ips in holders.values() if len(ips) > 1 for ip in ips}
    assert values["hosts_asked"] == values["hosts_connected"] == values["hosts_with_key"] == len(hosts)
    assert values["keys"] == len(holders)
    assert values["keys_shared"] == sum(len(ips) > 1 for ips in holders.values())
    assert values["hosts_sharing"] == len(sharing)
    assert rows["hosts_sharing"]["denominator"] == len(hosts)
    assert rows["hosts_sharing"]["share"] == (len(sharing) / len(hosts) if hosts else None)
    assert values["biggest_cluster"] == max(map(len, population.clusters), default=0)
    assert values["grabs"] == values["grabs_ok"] == sum(len(by) for by in hosts.values())
    assert values["grabs_rate_limited"] == 0
    assert values["addresses_asked"] is None
