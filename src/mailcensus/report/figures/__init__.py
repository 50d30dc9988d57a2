"""Figures: each one function of one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from matplotlib.figure import Figure

from mailcensus.report.chapters import FigurePart
from mailcensus.report.figures import bars, distributions, over_time
from mailcensus.report.figures.style import save_figure

__all__ = ["FIGURES", "FigureSpec", "write_figures"]


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
}
"""By the name of the table that each is drawn from."""


def write_figures(name: str, table: pa.Table, folder: Path) -> list[FigurePart]:
    """Draw the figures of a table into `folder`, as SVG and PDF; none where there is nothing to draw."""
    spec = FIGURES.get(name)
    if spec is None or not table.num_rows:
        return []
    figure = spec.draw(table)
    if figure is None:
        return []
    file = name.replace("_", "-")
    return [FigurePart(file, save_figure(figure, folder, file), spec.caption)]
