"""The conditions of an experiment, one a line: a receiver with one thing wrong, and what a careful sender does then.

Everything about a condition that is not in its line is as at `valid`: STARTTLS offered, the valid certificate,
TLS 1.2 and 1.3, no policy of MTA-STS and no TLSA record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum


class StartTls(Enum):
    """What becomes of STARTTLS."""

    OFFERED = "offered"
    ABSENT = "absent"
    """Not offered, and 502 when asked for all the same."""
    REFUSED = "refused"
    """Offered; 454 when asked for (RFC 3207 section 4)."""
    GARBAGE = "garbage"
    """Agreed to; then bytes that are no TLS."""
    RESET = "reset"
    """Agreed to; the connection is reset behind the ClientHello."""
    SILENT = "silent"
    """Agreed to; then nothing for as long as the sender waits."""
    STRIPPED = "stripped"
    """As filters on the way do: the word is overwritten in our answer, and the command is not known."""


class Shows(StrEnum):
    """The certificate a receiver shows; the value names its file."""

    VALID = "valid"
    SELF_SIGNED = "self_signed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_NAME = "wrong_name"
    UNTRUSTED_CA = "untrusted_ca"
    BROKEN_CHAIN = "broken_chain"
    """Its intermediate authority is not sent."""
    REVOKED = "revoked"
    """With an OCSP response stapled that says so."""
    WEAK_KEY = "weak_key"
    """RSA of 1,024 bits."""
    SHA1 = "sha1"
    """Signed with SHA-1."""
    OTHER_KEY = "other_key"
    """As valid, with another key."""
    RENEWED = "renewed"
    """As valid, with the same key and another serial number and date."""
    EXPORT_KEY = "export_key"
    """RSA of 512 bits, as export suites need."""


class Tls(Enum):
    """What the receiver speaks."""

    MODERN = "modern"
    TLS10 = "tls10"
    TLS11 = "tls11"
    SSL3 = "ssl3"
    RC4 = "rc4"
    TRIPLE_DES = "triple_des"
    EXPORT = "export"
    NULL = "null"
    DHE512 = "dhe512"
    DHE768 = "dhe768"
    DHE1024 = "dhe1024"
    NOTHING_COMMON = "nothing_common"


class Sts(Enum):
    """Modes of an MTA-STS policy, RFC 8461 section 5."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class Tlsa(Enum):
    """The TLSA record of the MX (RFC 7672), in a zone that is signed."""

    MATCH = "match"
    MISMATCH = "mismatch"


class Should(StrEnum):
    """What a careful sender does."""

    ENCRYPT = "encrypt"
    """Deliver behind TLS."""
    ENCRYPT_OR_REFUSE = "encrypt_or_refuse"
    """Deliver behind TLS or not at all; a message in the clear could have been avoided."""
    CLEAR_OR_REFUSE = "clear_or_refuse"
    """There is no TLS to be had: opportunistic senders deliver in the clear, others refuse."""
    REFUSE = "refuse"
    """Not deliver at all: a policy forbids it."""
    ANY = "any"
    """No rule."""


@dataclass(frozen=True, slots=True)
class Phase:
    """How a receiver is at one time."""

    starttls: StartTls = StartTls.OFFERED
    shows: Shows = Shows.VALID
    tls: Tls = Tls.MODERN


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One receiver. `now` is how it is; `later` how it is for senders that it has put off once (451)."""

    name: str
    group: str
    title: str
    now: Phase = field(default_factory=Phase)
    later: Phase | None = None
    implicit: bool = False
    """TLS from the first byte, on port 465."""
    requiretls: bool = False
    """REQUIRETLS is advertised behind TLS (RFC 8689)."""
    backup: bool = False
    """A second MX stands behind it, which is as `valid`."""
    sts: Sts | None = None
    sts_lists_us: bool = True
    """The policy names the MX that there is."""
    tlsa: Tlsa | None = None
    should: Should
    rule: str


def _condition(
    name: str,
    group: str,
    title: str,
    should: Should,
    rule: str,
    *,
    starttls: StartTls = StartTls.OFFERED,
    shows: Shows = Shows.VALID,
    tls: Tls = Tls.MODERN,
    later: Phase | None = None,
    implicit: bool = False,
    requiretls: bool = False,
    backup: bool = False,
    sts: Sts | None = None,
    sts_lists_us: bool = True,
    tlsa: Tlsa | None = None,
) -> Condition:
    return Condition(
        name=name, group=group, title=title, now=Phase(starttls, shows, tls), later=later, implicit=implicit,
        requiretls=requiretls, backup=backup, sts=sts, sts_lists_us=sts_lists_us, tlsa=tlsa,
        should=should, rule=rule,
    )  # fmt: skip


_OPPORTUNISTIC, _STS, _DANE = "RFC 7435 section 3", "RFC 8461 section 5", "RFC 7672 section 2.2"
_ENCRYPT, _EITHER, _CLEAR, _REFUSE, _ANY = (
    Should.ENCRYPT,
    Should.ENCRYPT_OR_REFUSE,
    Should.CLEAR_OR_REFUSE,
    Should.REFUSE,
    Should.ANY,
)
_S = StartTls

# fmt: off
CONDITIONS: tuple[Condition, ...] = (
    _condition("valid", "control", "nothing is wrong", _ENCRYPT, _OPPORTUNISTIC),
    _condition("no_starttls", "starttls", "STARTTLS is not offered", _CLEAR, "RFC 3207 section 5", starttls=_S.ABSENT),
    _condition("starttls_refused", "starttls", "STARTTLS is offered and refused with 454", _CLEAR, "RFC 3207 section 5",
               starttls=_S.REFUSED),
    _condition("starttls_garbage", "starttls", "bytes that are no TLS follow STARTTLS", _CLEAR, _OPPORTUNISTIC,
               starttls=_S.GARBAGE),
    _condition("starttls_reset", "starttls", "the connection is reset behind the ClientHello", _CLEAR, _OPPORTUNISTIC,
               starttls=_S.RESET),
    _condition("starttls_silent", "starttls", "nothing follows STARTTLS", _CLEAR, _OPPORTUNISTIC, starttls=_S.SILENT),
    _condition("starttls_stripped", "starttls", "a filter overwrites STARTTLS on the way", _CLEAR, "RFC 3207 section 6",
               starttls=_S.STRIPPED),
    _condition("self_signed", "certificate", "the certificate is self-signed", _EITHER, _OPPORTUNISTIC,
               shows=Shows.SELF_SIGNED),
    _condition("expired", "certificate", "the certificate has expired", _EITHER, _OPPORTUNISTIC, shows=Shows.EXPIRED),
    _condition("not_yet_valid", "certificate", "the certificate is not valid yet", _EITHER, _OPPORTUNISTIC,
               shows=Shows.NOT_YET_VALID),
    _condition("wrong_name", "certificate", "the certificate is for another name", _EITHER, _OPPORTUNISTIC,
               shows=Shows.WRONG_NAME),
    _condition("untrusted_ca", "certificate", "the certificate is of an authority nobody knows", _EITHER,
               _OPPORTUNISTIC, shows=Shows.UNTRUSTED_CA),
    _condition("broken_chain", "certificate", "the intermediate certificate is not sent", _EITHER, _OPPORTUNISTIC,
               shows=Shows.BROKEN_CHAIN),
    _condition("revoked", "certificate", "the certificate is revoked, as the stapled OCSP response says", _EITHER,
               _OPPORTUNISTIC, shows=Shows.REVOKED),
    _condition("weak_key", "certificate", "the key has 1,024 bits (RSA)", _EITHER, "RFC 9325 section 4.5",
               shows=Shows.WEAK_KEY),
    _condition("sha1", "certificate", "the certificate is signed with SHA-1", _EITHER, "RFC 9155", shows=Shows.SHA1),
    _condition("tls10", "tls", "TLS 1.0 only", _EITHER, "RFC 8996", tls=Tls.TLS10),
    _condition("tls11", "tls", "TLS 1.1 only", _EITHER, "RFC 8996", tls=Tls.TLS11),
    _condition("ssl3", "tls", "SSL 3.0 only", _CLEAR, "RFC 7568", tls=Tls.SSL3),
    _condition("rc4", "tls", "RC4 suites only", _CLEAR, "RFC 7465", tls=Tls.RC4),
    _condition("triple_des", "tls", "3DES suites only", _CLEAR, "RFC 9325 section 4.1", tls=Tls.TRIPLE_DES),
    _condition("export", "tls", "export suites only", _CLEAR, "RFC 9325 section 4.1", tls=Tls.EXPORT,
               shows=Shows.EXPORT_KEY),
    _condition("null_cipher", "tls", "suites without encryption only", _CLEAR, "RFC 9325 section 4.1", tls=Tls.NULL),
    _condition("dhe512", "tls", "ephemeral Diffie-Hellman with 512 bits only", _CLEAR, "RFC 9325 section 4.1",
               tls=Tls.DHE512),
    _condition("dhe768", "tls", "ephemeral Diffie-Hellman with 768 bits only", _CLEAR, "RFC 9325 section 4.1",
               tls=Tls.DHE768),
    _condition("dhe1024", "tls", "ephemeral Diffie-Hellman with 1,024 bits only", _CLEAR, "RFC 9325 section 4.1",
               tls=Tls.DHE1024),
    _condition("no_common_suite", "tls", "no cipher suite in common", _CLEAR, _OPPORTUNISTIC, tls=Tls.NOTHING_COMMON),
    _condition("clear_then_tls", "change", "put off without STARTTLS; offered when it comes again", _ENCRYPT,
               _OPPORTUNISTIC, starttls=_S.ABSENT, later=Phase()),
    _condition("tls_then_clear", "change", "put off behind TLS; STARTTLS is missing when it comes again", _CLEAR,
               _OPPORTUNISTIC, later=Phase(starttls=_S.ABSENT)),
    _condition("key_changed", "change", "put off; another key when it comes again", _ENCRYPT, _OPPORTUNISTIC,
               later=Phase(shows=Shows.OTHER_KEY)),
    _condition("certificate_changed", "change", "put off; another certificate, same key, when it comes again", _ENCRYPT,
               _OPPORTUNISTIC, later=Phase(shows=Shows.RENEWED)),
    _condition("mx_fallback", "route", "TLS fails at the first MX, the second is valid", _ENCRYPT, _OPPORTUNISTIC,
               starttls=_S.GARBAGE, backup=True),
    _condition("mx_no_starttls", "route", "no STARTTLS at the first MX, the second is valid", _ANY,
               "RFC 5321 section 5.1",
               starttls=_S.ABSENT, backup=True),
    _condition("requiretls", "control", "REQUIRETLS is advertised", _ENCRYPT, "RFC 8689", requiretls=True),
    _condition("implicit_tls", "control", "TLS from the first byte, port 465", _ENCRYPT, "RFC 8314 section 3",
               implicit=True),
    _condition("sts_enforce", "policy", "MTA-STS enforce, all is right", _ENCRYPT, _STS, sts=Sts.ENFORCE),
    _condition("sts_enforce_no_starttls", "policy", "MTA-STS enforce, no STARTTLS", _REFUSE, _STS,
               sts=Sts.ENFORCE, starttls=_S.ABSENT),
    _condition("sts_enforce_self_signed", "policy", "MTA-STS enforce, certificate self-signed", _REFUSE, _STS,
               sts=Sts.ENFORCE, shows=Shows.SELF_SIGNED),
    _condition("sts_enforce_expired", "policy", "MTA-STS enforce, certificate expired", _REFUSE, _STS,
               sts=Sts.ENFORCE, shows=Shows.EXPIRED),
    _condition("sts_enforce_wrong_name", "policy", "MTA-STS enforce, certificate for another name", _REFUSE, _STS,
               sts=Sts.ENFORCE, shows=Shows.WRONG_NAME),
    _condition("sts_enforce_wrong_mx", "policy", "MTA-STS enforce, the policy names another MX", _REFUSE, _STS,
               sts=Sts.ENFORCE, sts_lists_us=False),
    _condition("sts_testing_self_signed", "policy", "MTA-STS testing, certificate self-signed", _EITHER, _STS,
               sts=Sts.TESTING, shows=Shows.SELF_SIGNED),
    _condition("sts_none_self_signed", "policy", "MTA-STS none, certificate self-signed", _EITHER, _STS,
               sts=Sts.NONE, shows=Shows.SELF_SIGNED),
    _condition("dane_match", "policy", "TLSA record matches, certificate self-signed", _ENCRYPT, _DANE,
               tlsa=Tlsa.MATCH, shows=Shows.SELF_SIGNED),
    _condition("dane_mismatch", "policy", "TLSA record does not match", _REFUSE, _DANE, tlsa=Tlsa.MISMATCH),
    _condition("dane_no_starttls", "policy", "TLSA record, no STARTTLS", _REFUSE, _DANE, tlsa=Tlsa.MATCH,
               starttls=_S.ABSENT),
    _condition("dane_absent", "policy", "no TLSA record in the signed zone", _ENCRYPT, _DANE),
)
# fmt: on
BY_NAME = {condition.name: condition for condition in CONDITIONS}

MAILBOX = Condition(
    name="mailbox",
    group="mailbox",
    title="bounces and TLS reports",
    should=Should.ENCRYPT,
    rule=_OPPORTUNISTIC,
)
"""Not a condition: where bounces and reports come to. As `valid`."""
