"""Whom to ask, and who asks."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from mailcensus.study.sections.base import AsNumber, Section


class StudySection(Section):
    """Who asks, and from where."""

    name: str = Field("study", description="name of the campaign, shown in reports")
    vantage: str = Field("local", description="name of the machine that asks")
    ehlo_name: str = Field(
        "scanner.invalid", description="our own host name, sent as EHLO argument; its PTR should say who asks"
    )
    contact: str | None = Field(
        None,
        description="where targets reach you; public addresses are not asked without it",
        examples=["abuse@scanner.example"],
    )
    opt_out: str | None = Field(
        None,
        description="where targets opt out (URL or mail); public addresses are not asked without it",
        examples=["https://scanner.example/opt-out"],
    )
    allow_special: bool = Field(
        False, description="ask special-purpose ranges too (loopback, private; RFC 6890): for labs only"
    )


class PopulationSection(Section):
    """Whom to ask. Paths are relative to the study's directory."""

    prefixes: Path | None = Field(
        None, description="file of prefixes or addresses, one a line, # comments", examples=["prefixes.txt"]
    )
    hosts: Path | None = Field(
        None, description="file of addresses, one a line, # comments", examples=["hosts.txt"]
    )
    country: str | tuple[str, ...] | None = Field(
        None,
        description="ISO 3166-1 alpha-2 code, or a list of them; needs country_database",
        examples=["IE"],
    )
    country_database: Path | None = Field(
        None,
        description="country database: MMDB, CSV file or folder, or RIR delegated statistics",
        examples=["GeoLite2-Country.mmdb"],
    )
    as_numbers: tuple[AsNumber, ...] = Field(
        (), description="autonomous systems whose announced prefixes are asked; needs as_database"
    )
    as_database: Path | None = Field(
        None, description="AS database: MMDB, CSV or pfx2as file", examples=["asn.csv"]
    )
    hits_of: Path | None = Field(
        None, description="directory of a former study; its hits are asked", examples=["../last-year"]
    )
    routed: Path | None = Field(
        None,
        description="pfx2as file or AS database; addresses that it has not announced are left out",
        examples=["routeviews-rv2.pfx2as"],
    )
    sample: int | str | None = Field(
        None,
        description='ask a random sample only: a share such as "1%" or a number of addresses',
        examples=["1%"],
    )
    shard: str | None = Field(
        None,
        description='ask one shard only, whole /24s and /48s: "2/8" is the second of eight vantages',
        examples=["1/1"],
    )
    exclusions: tuple[Path, ...] = Field(
        (),
        description="files of whom never to ask: prefixes, ASes, countries, domains; read again while a scan runs",
    )
    seed: int = Field(2026, description="seed of the pseudo-random order of asking", ge=0)

    @model_validator(mode="after")
    def _countries_and_numbers_need_databases(self) -> PopulationSection:
        if self.country is not None and self.country_database is None:
            raise ValueError("population.country needs population.country_database")
        if self.as_numbers and self.as_database is None:
            raise ValueError("population.as_numbers needs population.as_database")
        return self

    @property
    def countries(self) -> tuple[str, ...]:
        """The country codes, upper case, each once."""
        named = (self.country,) if isinstance(self.country, str) else self.country or ()
        return tuple(dict.fromkeys(code.upper() for code in named))
