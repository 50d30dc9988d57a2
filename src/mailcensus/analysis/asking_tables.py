"""Tables on the asking itself: who answered, what was sent, whom exclusions left out, whether the vantage could see."""

from __future__ import annotations

from mailcensus.analysis import (
    noise,
    politeness,
    several_vantages,
    vantage,
    vantage_rows,
)
from mailcensus.analysis.table_spec import TableSpec

ASKING_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "discovery",
        "Discovery, raw and corrected",
        "Who answered, and how many of these answer on any port. The noise share is of the random sample that was "
        "asked on every noise port; its interval is a 95 % one. Where hits themselves were asked on these ports, "
        "those that answered all are marked.",
        noise.DiscoveryRow,
        noise.discovery,
    ),
    TableSpec(
        "noise_ports",
        "Noise by port",
        "Ports on which hardly anybody listens, asked of a random sample. Shares are of the addresses asked.",
        noise.NoisePortRow,
        noise.noise_ports,
        source="noise",
    ),
    TableSpec(
        "noise_hits",
        "Hits that answer on any port",
        "One row per hit that took a connection on every noise port: a middlebox or tarpit more likely than a "
        "mail host.",
        noise.NoiseHitRow,
        noise.noise_hits,
        source="noise",
    ),
    TableSpec(
        "ledger_hours",
        "What was sent, by hour",
        "Connections begun by all stages, each counted as it began.",
        politeness.LedgerHourRow,
        politeness.ledger_hours,
    ),
    TableSpec(
        "ledger_peaks",
        "Peaks, and what the study allows",
        "The most there was of each within the run.",
        politeness.LedgerPeakRow,
        politeness.ledger_peaks,
    ),
    TableSpec(
        "ledger_networks",
        "Networks that were sent most",
        "At most 1,000. Networks in which somebody has opted out since are left out here and counted in the other "
        "tables.",
        politeness.LedgerNetworkRow,
        politeness.ledger_networks,
    ),
    TableSpec(
        "ledger_systems",
        "Autonomous systems that were sent most",
        "At most 1,000, by the study's AS database; a network belongs to the system of its first address. Shares "
        "are of all connections begun.",
        politeness.LedgerSystemRow,
        politeness.ledger_systems,
    ),
    TableSpec(
        "exclusions",
        "Exclusions",
        "What the exclusion files left out of the population, and what they stopped while the run went on. Whom "
        "they name stands in the files alone.",
        politeness.ExclusionRow,
        politeness.exclusions,
    ),
    TableSpec(
        "vantage_verdict",
        "Could we have seen them?",
        "What the canaries say about the whole run: known responders that were asked beside the population. Shares "
        "are of the questions to canaries that count.",
        vantage_rows.VantageVerdictRow,
        vantage.vantage_verdict,
    ),
    TableSpec(
        "vantage_services",
        "One vantage beside the others",
        "Where several vantages asked one run: one row per vantage and service. Shares are of the hosts that the "
        "vantage, or all others, asked for the service; each asked networks of its own.",
        several_vantages.VantageServiceRow,
        several_vantages.vantage_services,
    ),
    TableSpec(
        "canary_record",
        "Canaries",
        "One row per canary; the most silent first. Shares are of the questions to it.",
        vantage_rows.CanaryRecordRow,
        vantage.canary_record,
    ),
    TableSpec(
        "pauses",
        "Pauses",
        "Times in which no address was asked, since no canary answered; what had been asked since the last good "
        "answer was asked again.",
        vantage_rows.PauseRow,
        vantage.pauses,
    ),
)
