"""The sections of study.toml."""

from mailcensus.study.sections.base import Port, Section
from mailcensus.study.sections.collect import CollectSection, DeadlinesSection, FollowupsSection
from mailcensus.study.sections.discovery import (
    NOISE_PORTS,
    CanariesSection,
    DiscoverySection,
    Engine,
    NoiseSection,
    PolitenessSection,
    PreflightSection,
)
from mailcensus.study.sections.domains import DnsSection, DomainsSection
from mailcensus.study.sections.facts import FactsSection
from mailcensus.study.sections.population import PopulationSection, StudySection
from mailcensus.study.sections.senders import SendersSection
from mailcensus.study.sections.site import SiteSection

__all__ = [
    "NOISE_PORTS",
    "CanariesSection",
    "CollectSection",
    "DeadlinesSection",
    "DiscoverySection",
    "DnsSection",
    "DomainsSection",
    "Engine",
    "FactsSection",
    "FollowupsSection",
    "NoiseSection",
    "PolitenessSection",
    "PopulationSection",
    "Port",
    "PreflightSection",
    "Section",
    "SendersSection",
    "SiteSection",
    "StudySection",
]
