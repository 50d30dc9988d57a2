"""What is looked up of those who answered."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from mailcensus.study.sections.base import PositiveFloat, PositiveInt, Section


class FactsSection(Section):
    """What to look up about every address that answered (`mailcensus enrich`)."""

    databases: tuple[Path, ...] = Field(
        (),
        description="address databases: country, AS, place; the first one that knows an address counts, "
        "for each of the three",
        examples=[["GeoLite2-Country.mmdb", "asn.csv"]],
    )
    ptr: bool = Field(
        False, description="ask DNS for the reverse name of every address, and whether it leads back"
    )
    resolvers: tuple[str, ...] = Field(
        (),
        description='DNS resolvers, each "address", "address:port" or "[IPv6 address]:port"; '
        "without any, those of the system",
    )
    queries_per_s: PositiveFloat = Field(100.0, description="most questions a second to each resolver")
    root_stores: tuple[str, ...] = Field(
        ("mozilla",),
        description="whom chains of certificates are verified against: mozilla (by certifi), system, or a PEM file",
        examples=[["mozilla", "system", "own-roots.pem"]],
    )
    crls: tuple[Path, ...] = Field(
        (),
        description="files or directories of certificate revocation lists, DER or PEM; none is ever fetched",
        examples=[["crls"]],
    )

    @field_validator("root_stores")
    @classmethod
    def _each_store_once(cls, stores: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(stores)) < len(stores):
            raise ValueError("a root store stands there twice; leave one")
        return stores

    check_keys: bool = Field(
        True, description="look every key over for known weaknesses and known owners; asks nobody"
    )
    batch_gcd: bool = Field(
        True, description="look for RSA keys that have a prime in common; with check_keys, asks nobody"
    )
    batch_gcd_mb: PositiveInt = Field(
        6_000, description="memory for that; what does not fit is done in chunks, which takes longer"
    )
    key_blocklist: Path | None = Field(
        None,
        description="folder with badkeys' list of compromised keys (badkeysdata.json, blocklist.dat), as its own "
        "command `badkeys --update-bl` leaves it in ~/.cache/badkeys; it is never fetched from here",
        examples=["badkeys"],
    )
    default_certificates: Path | None = Field(
        None,
        description="file with more default certificates of products, to be told from others",
        examples=["default-certificates.toml"],
    )
