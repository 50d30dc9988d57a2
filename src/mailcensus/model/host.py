"""What others know about an address: country, AS, place, reverse name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column

_ASN = pa.uint32()


class DnsState(StrEnum):
    """How a question to DNS ended."""

    OK = "ok"
    NXDOMAIN = "nxdomain"
    """The name does not exist; an address has no reverse name then."""
    NODATA = "nodata"
    """The name exists and has no such record; no reverse name either."""
    SERVFAIL = "servfail"
    """The resolver could not or would not say (SERVFAIL, REFUSED, a bogus or malformed answer): unknown."""
    TIMEOUT = "timeout"
    """No resolver answered in time: unknown."""
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One address of a run's hits or grabs, and what others know about it. Null: no database says, or not asked."""

    run_id: Annotated[str, Column("the run whose address it is")]
    ip: Annotated[str, Column("the address")]
    looked_up_at: Annotated[datetime, Column("when it was looked up in the databases")]
    country: Annotated[
        str | None, Column("ISO 3166-1 alpha-2 code of the country where the database says it is used")
    ] = None
    registered_country: Annotated[
        str | None, Column("country under which a registry has the block, as the database says")
    ] = None
    country_source: Annotated[str | None, Column("database that said so, and its date")] = None
    asn: Annotated[int | None, Column("AS that announces it; of several origins the lowest number", _ASN)] = (
        None
    )
    asns: Annotated[
        tuple[int, ...] | None,
        Column(
            "every AS that announces it, ascending; more than one: a multi-origin prefix or an AS set", _ASN
        ),
    ] = None
    as_org: Annotated[str | None, Column("organisation of the AS, as the database spells it")] = None
    as_org_source: Annotated[
        str | None, Column("database that named the organisation, and its date: not always that of the AS")
    ] = None
    prefix: Annotated[
        str | None,
        Column("longest announced prefix that holds it; null: the AS database has no such prefixes"),
    ] = None
    prefix_source: Annotated[str | None, Column("database that has the prefix, and its date")] = None
    as_source: Annotated[str | None, Column("database that named the AS, and its date")] = None
    region: Annotated[str | None, Column("first-level subdivision (state), as the database spells it")] = None
    city: Annotated[str | None, Column("city, as the database spells it")] = None
    latitude: Annotated[float | None, Column("degrees north")] = None
    longitude: Annotated[float | None, Column("degrees east")] = None
    location_source: Annotated[str | None, Column("database that named the place, and its date")] = None
    anycast: Annotated[
        bool | None,
        Column("answers from many places, whatever the place beside it says; null: no database says"),
    ] = None
    anycast_source: Annotated[str | None, Column("database that said so, and its date")] = None
    ptr_state: Annotated[
        DnsState,
        Column("how the question for its PTR ended: ok, nxdomain, nodata, servfail, timeout or not_asked"),
    ] = DnsState.NOT_ASKED
    ptr: Annotated[
        str | None, Column("its reverse name; of several, a confirmed one before others, then by alphabet")
    ] = None
    ptr_names: Annotated[tuple[str, ...] | None, Column("all of them, lower case, at most 20")] = None
    ptr_names_forward_confirmed: Annotated[
        tuple[str, ...] | None, Column("those of them that have this address as an A or AAAA record")
    ] = None
    ptr_confirmed: Annotated[
        bool | None,
        Column(
            "whether one of them has; null: not asked, or the answer for a name that matters did not come"
        ),
    ] = None
    ptr_at: Annotated[datetime | None, Column("when its PTR was asked")] = None
