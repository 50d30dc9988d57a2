"""Who handles a domain's mail: what was inferred, of each exchange and of the domain, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column

_U16 = pa.uint16()


class Party(StrEnum):
    """Who runs a server, as seen from the domain whose mail it takes."""

    FIRST = "first"
    """The holder of the domain itself."""
    THIRD = "third"
    """Somebody else."""
    MIXED = "mixed"
    """Some exchanges of the domain are its holder's and some are somebody else's."""
    UNKNOWN = "unknown"
    """What was seen does not say; the reason stands beside it."""
    NO_MAIL = "no_mail"
    """The domain takes no mail: a null MX, or neither MX nor address."""


class Role(StrEnum):
    """What a provider does with the mail that comes to it."""

    MAILBOX = "mailbox"
    """Keeps mailboxes, as a trade."""
    FILTER = "filter"
    """Looks mail over and passes it on to mailboxes elsewhere."""
    HOSTING = "hosting"
    """Mail comes along with web hosting, an access line or managed machines."""
    FORWARDING = "forwarding"
    """Passes mail on to other addresses or to programs; keeps no mailboxes."""
    SHARED_SERVICE = "shared_service"
    """A public body that does it for others (a state's or a county's computing centre)."""
    OWN = "own"
    """The holder of the domain, for itself."""
    UNKNOWN = "unknown"


class EvidenceKind(StrEnum):
    """What a reading rests on."""

    CERTIFICATE = "certificate"
    """A name in a certificate that was valid when it was seen."""
    BANNER = "banner"
    """The name a server gives itself in its greeting."""
    EXCHANGE_NAME = "exchange_name"
    """The host name that the MX record names, by a pattern of the provider table."""
    REGISTERED_DOMAIN = "registered_domain"
    """The registered domain of that name, or of what it is an alias of."""
    PTR = "ptr"
    """A reverse name of its address that the forward look-up confirms."""
    AS = "as"
    """The AS that announces its address, or that AS's organisation."""
    SPF = "spf"
    """An include or redirect of the domain's SPF record."""
    OTHER_EXCHANGE = "other_exchange"
    """Another exchange of the domain."""
    HOLDER = "holder"
    """Who holds both domains, by the list that the study was given."""
    SIMILAR_NAME = "similar_name"
    """Both domains have the same name but for words like `city` and a state's letters."""
    SHARED = "shared"
    """Domains of several holders of this study name exchanges below that registered domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was seen, and whom it points to."""

    kind: Annotated[EvidenceKind, Column("what kind of thing: see the evidence kinds in providers.md")]
    value: Annotated[str, Column("the thing itself: a name, an AS, an include")]
    provider: Annotated[
        str | None,
        Column(
            "provider it points to; null: to nobody in the provider table, so that it decides by name alone"
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MxProvider:
    """Who runs one exchange of one domain. One row per row of `mx` that names a host."""

    run_id: Annotated[str, Column("the run")]
    domain: Annotated[str, Column("the domain whose mail it is, as in `domains`")]
    exchange: Annotated[
        str, Column("host name of the exchange, lower case, without the last dot, as in `mx`")
    ]
    preference: Annotated[int | None, Column("of the MX record: lower is tried first", _U16)] = None
    party: Annotated[Party, Column("first, third or unknown")]
    provider: Annotated[
        str | None,
        Column(
            "who runs it: an id of the provider table, else the registered domain of the operator; null: unknown"
        ),
    ] = None
    provider_name: Annotated[str | None, Column("its name, as the provider table has it")] = None
    provider_country: Annotated[
        str | None, Column("ISO 3166-1 alpha-2: seat of the company in control; null: not in the table")
    ] = None
    role: Annotated[Role, Column("what it does: mailbox, filter, hosting, forwarding, ..., own, unknown")]
    decided_by: Annotated[EvidenceKind | None, Column("the evidence that decided; null: none did")] = None
    evidence: Annotated[tuple[Evidence, ...], Column("all that was seen, the strongest first")] = ()
    disputed: Annotated[
        bool,
        Column("some evidence of another kind points to another provider of the table than the one named"),
    ] = False
    unknown_reason: Annotated[str | None, Column("why the party is unknown; null: it is known")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainProvider:
    """Who handles the mail of one domain. One row per domain of the run.

    The provider is that of the exchange with the lowest preference. Where that is a filter, the mailboxes are looked
    for behind it.
    """

    run_id: Annotated[str, Column("the run")]
    domain: Annotated[str, Column("the domain, as in `domains`")]
    party: Annotated[Party, Column("first, third, mixed, unknown or no_mail, over all its exchanges")]
    provider: Annotated[
        str | None,
        Column(
            "who takes its mail first: an id of the provider table, else a registered domain; null: unknown"
        ),
    ] = None
    provider_name: Annotated[str | None, Column("its name")] = None
    provider_country: Annotated[
        str | None, Column("ISO 3166-1 alpha-2: seat of the company in control; null: not in the table")
    ] = None
    role: Annotated[Role, Column("what that provider does")]
    decided_by: Annotated[EvidenceKind | None, Column("the evidence that decided; null: none did")] = None
    providers: Annotated[
        tuple[str, ...], Column("everybody who runs an exchange of it, in the order of preference")
    ] = ()
    filtered_by: Annotated[str | None, Column("the filter in front; null: none was seen")] = None
    mailbox_party: Annotated[
        Party | None,
        Column("who keeps the mailboxes: first, third or unknown; null: no mail, or unknown who takes it"),
    ] = None
    mailbox_provider: Annotated[str | None, Column("provider that keeps the mailboxes; null: unknown")] = None
    mailbox_name: Annotated[str | None, Column("its name")] = None
    mailbox_country: Annotated[str | None, Column("ISO 3166-1 alpha-2: its seat; null: not in the table")] = (
        None
    )
    mailbox_decided_by: Annotated[EvidenceKind | None, Column("what said so; null: nothing did")] = None
    evidence: Annotated[
        tuple[Evidence, ...], Column("what the domain's own records say (SPF); exchanges have theirs")
    ] = ()
    disputed: Annotated[bool, Column("evidence on the exchange that takes its mail first does not agree")] = (
        False
    )
    name_rule: Annotated[
        Party,
        Column(
            "what the published .gov study's rule of names alone says: first, third, unknown or no_mail; for comparison"
        ),
    ]
    unknown_reason: Annotated[str | None, Column("why the party is unknown; null: it is known")] = None
    rules: Annotated[str, Column("version of the provider table that said so")]
