"""Domains whose mail is studied, and the resolvers that are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mailcensus.study.sections.base import PositiveFloat, PositiveInt, Section


class DomainsSection(Section):
    """Domains whose mail is studied: `mailcensus resolve` asks DNS where it goes and how it is protected."""

    list: Path | None = Field(
        None,
        description="list of domains: CSV with any columns, one domain a line, or a zone file",
        examples=["domains.csv"],
    )
    column: str | None = Field(
        None,
        description="CSV: the column of the domain, by its heading or its number from 1; unset: found by what is in it",
        examples=["Domain name"],
    )
    groups: tuple[str, ...] | None = Field(
        None,
        description="CSV: columns that are kept to group domains by; unset: all others",
        examples=[["Domain type", "State"]],
    )
    group_by: str | None = Field(
        None,
        description="column by which tables and figures have a row for each group; unset: the one with the fewest "
        "different values, from 2 to 50",
        examples=["Domain type"],
    )
    home_country: str | None = Field(
        None,
        description="country whose domains these are, ISO 3166-1 alpha-2: servers there are domestic, others foreign",
        pattern="^[A-Za-z]{2}$",
        examples=["US"],
    )
    records: tuple[Literal["ns", "spf", "dmarc", "mta_sts", "tls_rpt", "caa", "tlsa"], ...] = Field(
        ("ns", "spf", "dmarc", "mta_sts", "tls_rpt", "caa", "tlsa"),
        description="what to ask of each domain besides MX, A and AAAA",
    )
    fetch_policies: bool = Field(
        True, description="fetch the policy by HTTPS of each domain that has an MTA-STS record (RFC 8461)"
    )
    policy_timeout_s: PositiveFloat = Field(60.0, description="how long fetching a policy may take")
    policy_roots: str = Field(
        "mozilla",
        description="whom certificates of policy hosts are verified against, as in facts.root_stores",
    )
    collect: bool = Field(
        True, description="the mail exchanges found are part of the population: discover and collect ask them"
    )


class DnsSection(Section):
    """How to ask DNS about domains. A validating resolver of one's own on this machine is best."""

    resolvers: tuple[str, ...] = Field(
        (),
        description='resolvers, each "address", "address:port" or "[IPv6 address]:port", asked in turn; '
        "without any, those of the system",
        examples=[["127.0.0.1"]],
    )
    queries_per_s: PositiveFloat = Field(100.0, description="most questions a second to each resolver")
    authority_queries_per_s: PositiveFloat = Field(
        20.0, description="most questions a second about names under one registered domain"
    )
    in_flight: PositiveInt = Field(
        200,
        description="questions that wait for their answer at the same time, at each resolver; and domains in work",
    )
    timeout_s: PositiveFloat = Field(5.0, description="how long to wait for each reply")
    tries: Annotated[int, Field(gt=0, le=10)] = Field(
        3, description="questions sent, to one resolver after the other, before one is given up"
    )
    validate_ourselves: bool = Field(
        False, description="validate the MX answer of each domain ourselves too, from the root's keys down"
    )
    trust_anchors: Path | None = Field(
        None, description="file of DS records of the root for that; unset: IANA's", examples=["root.ds"]
    )
    signed_name: str = Field(
        ".",
        description="a name known to be signed: a resolver that gives it without the AD bit does not validate",
    )
