"""study.toml: everything a study is told, checked once when it is read.

Every field is documented by its `description`; `study.template` writes them as comments, `study.settings_reference`
as a page.
"""

from __future__ import annotations

from pydantic import Field

from mailcensus.study.sections import (
    CanariesSection,
    CollectSection,
    DiscoverySection,
    DnsSection,
    DomainsSection,
    FactsSection,
    FollowupsSection,
    NoiseSection,
    PolitenessSection,
    PopulationSection,
    Port,
    PreflightSection,
    Section,
    SendersSection,
    SiteSection,
    StudySection,
)


class Settings(Section):
    """A whole study.toml."""

    study: StudySection = StudySection()
    population: PopulationSection = PopulationSection()
    politeness: PolitenessSection = PolitenessSection()
    discovery: DiscoverySection = DiscoverySection()
    canaries: CanariesSection = CanariesSection()
    preflight: PreflightSection = PreflightSection()
    collect: CollectSection = CollectSection()
    noise: NoiseSection = NoiseSection()
    followups: FollowupsSection = FollowupsSection()
    domains: DomainsSection = DomainsSection()
    dns: DnsSection = DnsSection()
    facts: FactsSection = FactsSection()
    senders: SendersSection = SendersSection()
    site: SiteSection = SiteSection()
    ports: dict[str, Port] = Field(
        default_factory=dict,
        description="services on other ports than their own",
        examples=[{"smtp": 20025}],
    )
