"""Kinds of mechanisms to log in with."""

from __future__ import annotations

from enum import StrEnum

import ibis

PLAIN_TEXT = ("PLAIN", "LOGIN", "USER")
"""They send the password itself: RFC 4616; draft-murchison-sasl-login; RFC 1939 section 7 (POP3's USER)."""
_CHALLENGE = ("CRAM-MD5", "DIGEST-MD5", "APOP", "NTLM", "OTP", "SKEY", "SRP", "CRAM-SHA1", "CRAM-SHA256")
_TOKEN = ("OAUTHBEARER", "XOAUTH", "XOAUTH2", "X-OAUTH2", "X-FACEBOOK-PLATFORM", "OAUTH10A")
_NETWORK = ("GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "KERBEROS_V5", "SAML20", "OPENID20")


class MechanismKind(StrEnum):
    """What a mechanism sends."""

    PLAIN_TEXT = "plain_text"
    """The password itself: whoever reads along has it."""
    CHALLENGE = "challenge"
    """An answer to a challenge, worked out from the password."""
    TOKEN = "token"
    """Something a third party gave out."""
    NETWORK = "network"
    """Kerberos and other sign-on of a network."""
    EXTERNAL = "external"
    """Nothing: the client is known otherwise, by its certificate as a rule."""
    ANONYMOUS = "anonymous"
    UNKNOWN = "unknown"
    """None of the above that we know."""


def kind_of(mechanism: ibis.Value) -> ibis.Value:
    """The kind of each mechanism, which is in upper case; families (SCRAM-, GS2-) by how they begin."""
    return ibis.cases(
        (mechanism.isin(PLAIN_TEXT), str(MechanismKind.PLAIN_TEXT)),
        (mechanism.isin(_CHALLENGE) | mechanism.startswith("SCRAM-"), str(MechanismKind.CHALLENGE)),
        (mechanism.isin(_TOKEN), str(MechanismKind.TOKEN)),
        (mechanism.isin(_NETWORK) | mechanism.startswith("GS2-"), str(MechanismKind.NETWORK)),
        (mechanism == "EXTERNAL", str(MechanismKind.EXTERNAL)),
        (mechanism == "ANONYMOUS", str(MechanismKind.ANONYMOUS)),
        else_=str(MechanismKind.UNKNOWN),
    )
