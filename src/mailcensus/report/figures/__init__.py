"""Figures: each one function of one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from matplotlib.figure import Figure

from mailcensus.report.chapters import FigurePart
from mailcensus.report.figures import bars, distributions, mail_domains, over_time
from mailcensus.report.figures.style import save_figure
from mailcensus.report.figures.words import drawable
from mailcensus.report.maps.hosts import host_map

__all__ = ["FIGURES", "FURTHER_FIGURES", "FigureSpec", "write_figures"]


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """One figure."""

    caption: str
    draw: Callable[[pa.Table], Figure | None]
    """Draws it, out of a table that has rows; None: they leave nothing to draw."""


FIGURES: Mapping[str, FigureSpec] = {
    "cluster_sizes": FigureSpec(
        "How many clusters there are of each size. Both axes are logarithmic.", distributions.cluster_sizes
    ),
    "certificate_addresses": FigureSpec(
        "The share of leafs that so many hosts or more show. Both axes are logarithmic.",
        distributions.certificate_addresses,
    ),
    "key_hosts": FigureSpec(
        "The share of keys that so many hosts or more show by TLS. Both axes are logarithmic.",
        distributions.key_hosts,
    ),
    "tls_versions": FigureSpec(
        "TLS versions that servers chose, as shares of the handshakes of the service.", bars.tls_versions
    ),
    "cipher_classes": FigureSpec(
        "Classes of the suites that servers chose, as shares of the handshakes whose suite is known.",
        bars.cipher_classes,
    ),
    "chain_statuses": FigureSpec(
        "Chains by the first thing wrong, as shares of the chains judged.", bars.chain_statuses
    ),
    "passive_versions": FigureSpec(
        "TLS versions that clients and servers agreed on, as shares of the connections of the service.",
        bars.passive_versions,
    ),
    "passive_cipher_classes": FigureSpec(
        "Classes of the suites agreed on, as shares of the connections whose suite is known.",
        bars.passive_cipher_classes,
    ),
    "passive_chain_statuses": FigureSpec(
        "Chains that users met by their verdict, as shares of connections and of servers. A server that showed several "
        "counts for each, so its bar may be longer than 100 %.",
        bars.passive_chain_statuses,
    ),
    "cause_summary": FigureSpec("Hosts in clusters by the reading of why they share.", bars.cause_summary),
    "key_findings": FigureSpec("Keys by kind of finding.", bars.key_findings),
    "canary_record": FigureSpec(
        "The share of questions that canaries answered; of many, the 30 most silent.", bars.canary_record
    ),
    "hygiene": FigureSpec(
        "Hosts by their number of flaws, of those of which all are known.", distributions.hygiene
    ),
    "noise_ports": FigureSpec(
        "The share of a random sample that answers on ports where hardly anybody listens.", bars.noise_ports
    ),
    "ledger_hours": FigureSpec("Connections begun in each hour, by all stages.", over_time.ledger_hours),
    "host_locations": FigureSpec(
        "Where hosts are, as the database says, and whether they share keys; the area is the number of hosts.",
        host_map,
    ),
    "mail_states": FigureSpec(
        "Where domains say their mail goes, as shares of the domains of the group.", mail_domains.mail_states
    ),
    "preference_ranks": FigureSpec(
        "Exchanges by rank: 1 is the lowest preference of a domain, which is tried first.",
        mail_domains.preference_ranks,
    ),
    "server_countries": FigureSpec(
        "Exchanges with a server in the country; at most 30 countries. (Hayes 2024, figure 1)",
        mail_domains.server_countries,
    ),
    "server_locations": FigureSpec(
        "Locations of servers by the best rank that one there has for a domain; the area is the number of domains.",
        mail_domains.world_by_rank,
    ),
    "redundancy": FigureSpec(
        "The share of domains that have so many or fewer. Domains of which none is known are left out.",
        mail_domains.units_per_domain,
    ),
    "domains_per_unit": FigureSpec(
        "The share of exchanges, addresses and so on that serve so many domains or more. Both axes are logarithmic.",
        mail_domains.domains_per_unit,
    ),
    "shared_fate": FigureSpec(
        "If one of these fails, so many domains have no server left. Exchanges and addresses are in the table.",
        mail_domains.shared_fate,
    ),
    "mail_parties": FigureSpec(
        "First and third parties, by group. All that take mail are counted, unknown ones too.",
        mail_domains.mail_parties,
    ),
    "mail_providers": FigureSpec(
        "Who takes most domains' mail first; the 15 largest.", mail_domains.mail_providers
    ),
    "dns_security": FigureSpec(
        "What domains publish that protects their mail; each measure among those of which it is known.",
        mail_domains.dns_security,
    ),
    "domain_tls": FigureSpec(
        "Domains all of whose exchanges do as the criterion wants.", mail_domains.domain_tls
    ),
}
"""By the name of the table that each is drawn from."""

FURTHER_FIGURES: Mapping[str, Mapping[str, FigureSpec]] = {
    "server_locations": {
        "operators": FigureSpec(
            "Locations of servers by the provider that serves most domains there.",
            mail_domains.world_by_operator,
        ),
        "united-states": FigureSpec("Locations in the United States, by rank.", mail_domains.states_by_rank),
        "united-states-operators": FigureSpec(
            "Locations in the United States, by provider.", mail_domains.states_by_operator
        ),
        "home": FigureSpec("Locations in the study's own country, by rank.", mail_domains.home_by_rank),
        "home-operators": FigureSpec(
            "Locations in the study's own country, by provider.", mail_domains.home_by_operator
        ),
    },
    "redundancy": {
        "locations": FigureSpec(
            "The share of domains that have so many locations or fewer, by group. (Hayes 2024)",
            mail_domains.locations_by_group,
        ),
    },
}
"""Tables of which there are more: by table, then by what the name of the file ends in."""


def write_figures(name: str, table: pa.Table, folder: Path) -> list[FigurePart]:
    """Draw the figures of a table into `folder`, as SVG and PDF; none where there is nothing to draw."""
    if not table.num_rows:
        return []
    file = name.replace("_", "-")
    specs = {file: FIGURES[name]} if name in FIGURES else {}
    specs |= {f"{file}-{end}": spec for end, spec in FURTHER_FIGURES.get(name, {}).items()}
    words = drawable(table) if specs else table
    drawn = {file: spec.draw(words) for file, spec in specs.items()}
    return [
        FigurePart(file, save_figure(figure, folder, file), specs[file].caption)
        for file, figure in drawn.items()
        if figure is not None
    ]
