"""How users log in at each of our real servers, as its configuration says."""

from __future__ import annotations

from dataclasses import dataclass

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """What a service was told to offer, in the order in which it says it."""

    before: Names | None
    """None: TLS from the start."""
    after: Names | None
    """None: it has no TLS."""
    login_disabled: bool = False
    """IMAP, before TLS."""


NONE: Names = ()
DOVECOT = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
DOVECOT_BEFORE = ("SCRAM-SHA-256",)
"""disable_plaintext_auth"""
EXIM = ("PLAIN", "LOGIN")
"""server_advertise_condition = ${if def:tls_in_cipher}"""
CYRUS_BEFORE = ("SCRAM-SHA-256", "DIGEST-MD5")
"""allowplaintext: no"""
CYRUS = ("SCRAM-SHA-256-PLUS", *CYRUS_BEFORE, "PLAIN", "LOGIN")
NGINX_SMTP = ("PLAIN", "LOGIN", "CRAM-MD5")
NGINX_IMAP = ("PLAIN", "CRAM-MD5")
NGINX_POP3 = ("PLAIN", "LOGIN", "CRAM-MD5", "USER", "APOP")
"""`pop3_auth plain` is USER, AUTH PLAIN and AUTH LOGIN, "it is not possible to disable these methods"."""
EJABBERD = ("DIGEST-MD5", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "X-OAUTH2")
"""All it has, as long as disable_sasl_mechanisms names none and starttls_required is not set."""
EJABBERD_BOUND = ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS")
"""Bound to TLS."""

OFFERED: dict[str, dict[str, Offered]] = {
    "Postfix": {
        "smtp": Offered(NONE, NONE),
        "submission": Offered(NONE, DOVECOT),
        "smtps": Offered(None, DOVECOT),
    },
    "Exim": {"smtp": Offered(NONE, EXIM), "smtps": Offered(None, EXIM)},
    "Dovecot": {
        "imap": Offered(DOVECOT_BEFORE, DOVECOT, login_disabled=True),
        "imaps": Offered(None, DOVECOT),
        "pop3": Offered(DOVECOT_BEFORE, (*DOVECOT, "USER")),
        "pop3s": Offered(None, (*DOVECOT, "USER")),
        "lmtp": Offered(NONE, NONE),
        "managesieve": Offered(DOVECOT_BEFORE, DOVECOT),
    },
    "Cyrus": {
        "imap": Offered(CYRUS_BEFORE, CYRUS, login_disabled=True),
        "imaps": Offered(None, CYRUS),
        "pop3": Offered((*CYRUS_BEFORE, "APOP"), (*CYRUS, "USER", "APOP")),
        "pop3s": Offered(None, (*CYRUS, "USER", "APOP")),
        "lmtp": Offered(CYRUS_BEFORE, CYRUS),
        "managesieve": Offered(CYRUS_BEFORE, CYRUS),
    },
    "nginx": {
        "smtp": Offered(NGINX_SMTP, NGINX_SMTP),
        "submission": Offered(NGINX_SMTP, NGINX_SMTP),
        "smtps": Offered(None, NGINX_SMTP),
        "imap": Offered(NGINX_IMAP, NGINX_IMAP),
        "imaps": Offered(None, NGINX_IMAP),
        "pop3": Offered(NGINX_POP3, NGINX_POP3),
        "pop3s": Offered(None, NGINX_POP3),
    },
    "Prosody": {
        # c2s_require_encryption, and passwords are kept hashed for SCRAM-SHA-1. Prosody 0.12 (Debian 12) cannot
        # bind it to TLS 1.3.
        "xmpp-client": Offered(NONE, ("PLAIN", "SCRAM-SHA-1")),
        "xmpps-client": Offered(None, ("PLAIN", "SCRAM-SHA-1")),
    },
    "ejabberd": {
        "xmpp-client": Offered(EJABBERD, (*EJABBERD, *EJABBERD_BOUND)),
        "xmpps-client": Offered(None, (*EJABBERD, *EJABBERD_BOUND)),
    },
    "ngIRCd": {"irc": Offered(NONE, None), "ircs": Offered(None, NONE)},
}
