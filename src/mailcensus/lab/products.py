"""What the lab's servers say of themselves: greetings and capabilities in the manner of real products.

The texts are ours, written after what the products' default configurations announce.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.model import TlsMode


@dataclass(frozen=True, slots=True)
class Listener:
    """One row of the lab's own table of services."""

    name: str
    protocol: str
    port: int
    tls: TlsMode


LISTENERS = (
    Listener("ssh", "ssh", 22, TlsMode.NONE),
    Listener("smtp", "smtp", 25, TlsMode.STARTTLS),
    Listener("pop3", "pop3", 110, TlsMode.STARTTLS),
    Listener("imap", "imap", 143, TlsMode.STARTTLS),
    Listener("https", "http", 443, TlsMode.IMPLICIT),
    Listener("smtps", "smtp", 465, TlsMode.IMPLICIT),
    Listener("submission", "smtp", 587, TlsMode.STARTTLS),
    Listener("imaps", "imap", 993, TlsMode.IMPLICIT),
    Listener("pop3s", "pop3", 995, TlsMode.IMPLICIT),
)
"""Standard ports; a plan adds its offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The software of one host. `{name}` in a greeting is the host's own name."""

    smtp: str
    ehlo: tuple[str, ...]
    doubled_auth: bool = False
    """Says AUTH twice, once as `AUTH=`, for old Outlooks."""
    pop3: str
    imap: str
    ssh: str
    http: str


PRODUCTS = (
    Product(
        smtp="220 {name} ESMTP Postfix (Debian/GNU)",
        ehlo=("PIPELINING", "SIZE 10240000", "ETRN", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "CHUNKING"),
        pop3="+OK Dovecot (Debian) ready.",
        imap="* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+] Dovecot (Debian) ready.",
        ssh="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
        http="nginx/1.22.1",
    ),
    Product(
        smtp="220 {name} ESMTP Exim 4.97 Ubuntu Tue, 02 Jan 2024 10:11:12 +0000",
        ehlo=("SIZE 52428800", "8BITMIME", "LIMITS MAILMAX=1000 RCPTMAX=50000", "PIPELINING", "CHUNKING"),
        pop3="+OK Dovecot ready.",
        imap="* OK Dovecot ready.",
        ssh="SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5",
        http="Apache/2.4.58 (Ubuntu)",
    ),
    Product(
        smtp="220 {name} Microsoft ESMTP MAIL Service ready at Tue, 2 Jan 2024 10:11:12 +0000",
        ehlo=(
            "SIZE 37748736",
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
        ),
        pop3="+OK The Microsoft Exchange POP3 service is ready.",
        imap="* OK The Microsoft Exchange IMAP4 service is ready.",
        ssh="SSH-2.0-OpenSSH_for_Windows_8.1",
        http="Microsoft-IIS/10.0",
    ),
    Product(
        smtp="220 {name}",  # no product, no "ESMTP": it speaks EHLO all the same
        ehlo=("8BITMIME", "SIZE"),
        doubled_auth=True,
        pop3="+OK POP3 ready <1896.697170952@{name}>",
        imap="* OK IMAP4rev1 server ready",
        ssh="SSH-2.0-dropbear_2022.83",
        http="lighttpd/1.4.69",
    ),
    Product(
        smtp="220 {name} ESMTP OpenSMTPD",
        ehlo=("8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 36700160", "DSN"),
        pop3="+OK {name} Cyrus POP3 3.6.1-Debian-3.6.1-4 server ready",
        imap="* OK [CAPABILITY IMAP4rev1 LITERAL+ ID ENABLE] {name} Cyrus IMAP 3.6.1 server ready",
        ssh="SSH-2.0-OpenSSH_7.4",
        http="OpenBSD httpd",
    ),
)


def capabilities(
    product: Product, protocol: str, *, starttls: bool, auth: tuple[str, ...]
) -> tuple[str, ...]:
    """What a server of this product announces while it offers this."""
    if protocol == "smtp":
        return _ehlo(product, starttls, auth)
    if protocol == "pop3":
        sasl = ("USER", "SASL " + " ".join(auth)) if auth else ()
        return ("CAPA", "TOP", "UIDL", "RESP-CODES", *(("STLS",) if starttls else ()), *sasl)
    if protocol == "imap":
        login = tuple(f"AUTH={mechanism}" for mechanism in auth) or ("LOGINDISABLED",)
        return ("IMAP4rev1", "ID", "IDLE", "LITERAL+", *(("STARTTLS",) if starttls else ()), *login)
    return ()


def ways_to_log_in(product: Product, protocol: str, auth: tuple[str, ...]) -> tuple[str, ...]:
    """All ways to log in that a client is told of: POP3 has USER and APOP beside SASL (RFC 1939, RFC 2449)."""
    if protocol != "pop3":
        return auth
    user = ("USER",) if auth else ()
    timestamp = ("APOP",) if "<" in product.pop3 else ()
    return (*auth, *user, *timestamp)


def _ehlo(product: Product, starttls: bool, auth: tuple[str, ...]) -> tuple[str, ...]:
    upgrade = ("STARTTLS",) if starttls else ()
    said = ("AUTH " + " ".join(auth),) if auth else ()
    again = ("AUTH=" + " ".join(auth),) if auth and product.doubled_auth else ()
    return (*product.ehlo, *upgrade, *said, *again)
