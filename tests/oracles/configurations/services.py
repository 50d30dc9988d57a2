"""Mail and chat servers: one process each, a row for every service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from oracles.configurations.workshop import Configuration, Workshop
from oracles.tls_clients import Target
from realservers import cyrus, dovecot, ejabberd, exim, inspircd, ngircd, postfix, prosody
from realservers.credentials import Chain
from realservers.identity import Authority, ecdsa_key, rsa_key
from realservers.process import RunningServer


def _service(
    server: str,
    name: str,
    service: str,
    start_server: Callable[[Workshop], AbstractContextManager[RunningServer]],
    *,
    oracles: tuple[str, ...],
    starttls: str | None = None,
    server_name: str | None = None,
) -> Configuration:
    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        running = workshop.shared(server, start_server)
        alpn = service if service.startswith("xmpps") else None
        yield Target(
            address=running.address, port=running.ports[service], starttls=starttls,
            server_name=server_name, alpn=alpn and alpn.replace("xmpps", "xmpp"),
        )  # fmt: skip

    return Configuration(server=server, name=name, start=start, oracles=oracles, service=service)


@contextmanager
def _start_postfix(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("postfix")
    sasl = workshop.shared("Dovecot", _start_dovecot)
    keys = workshop.directory / "postfix-keys"
    keys.mkdir()
    identity = Authority(keys).identity("mx.example", rsa_key())
    with postfix.postfix(
        directory, address=address, host_name="mx.example", identity=identity,
        sasl_socket=dovecot.sasl_socket(sasl.log.parent),
    ) as server:  # fmt: skip
        yield server


@contextmanager
def _start_dovecot(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("dovecot")
    keys = workshop.directory / "dovecot-keys"
    keys.mkdir()
    identity = Authority(keys).identity("imap.example", ecdsa_key())
    with dovecot.dovecot(directory, address=address, identity=identity) as server:
        yield server


@contextmanager
def _start_cyrus(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("cyrus")
    credential = workshop.credentials.get("rsa-3072", chain=Chain(length=3))
    with cyrus.cyrus(directory, address=address, credential=credential) as server:
        yield server


@contextmanager
def _start_exim(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("exim")
    with exim.exim(
        directory, address=address, credential=workshop.credentials.get(chain=Chain(length=3))
    ) as server:
        yield server


@contextmanager
def _start_prosody(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("prosody")
    with prosody.prosody(directory, address=address, credential=workshop.credentials.get("p-256")) as server:
        yield server


@contextmanager
def _start_ejabberd(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("ejabberd")
    with ejabberd.ejabberd(directory, address=address, credential=workshop.credentials.get()) as server:
        yield server


@contextmanager
def _start_ngircd(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("ngircd")
    with ngircd.ngircd(
        directory,
        address=address,
        credential=workshop.credentials.get(),
        dh_file=workshop.dh_file(2048, pkcs3=True),
    ) as server:
        yield server


@contextmanager
def _start_inspircd(workshop: Workshop) -> Iterator[RunningServer]:
    directory, address = workshop.fresh("inspircd")
    credential = workshop.credentials.get("p-384", chain=Chain(length=3))
    with inspircd.inspircd(directory, address=address, credential=credential) as server:
        yield server


def _xmpp(
    server: str, service: str, start: Callable[[Workshop], AbstractContextManager[RunningServer]]
) -> Configuration:
    implicit = service.startswith("xmpps")
    to_server = service.endswith("server")
    starttls = None if implicit else "xmpp-server" if to_server else "xmpp"
    name = f"XMPP {'server to server' if to_server else 'client to server'}, "
    name += "TLS from the start" if implicit else "STARTTLS"
    return _service(
        server, name, service, start, oracles=("s_client", "xmpp by hand"), starttls=starttls,
        server_name=prosody.DOMAIN,
    )  # fmt: skip


_MAILBOX_SERVICES = (
    ("IMAP, STARTTLS", "imap", "imaplib", "imap"),
    ("IMAPS", "imaps", "imaplib", None),
    ("POP3, STLS", "pop3", "poplib", "pop3"),
    ("POP3S", "pop3s", "poplib", None),
    ("LMTP, STARTTLS", "lmtp", "smtplib, LHLO", "lmtp"),
    ("ManageSieve, STARTTLS", "managesieve", "managesieve by hand", "sieve"),
)
"""Configuration, service, oracle besides s_client, and how s_client calls its way into TLS."""

WHOLE = (
    *(
        _service("Postfix", f"{name}", service, _start_postfix, oracles=("s_client", "smtplib"), starttls=starttls)
        for name, service, starttls in (("SMTP, STARTTLS", "smtp", "smtp"),
                                        ("submission, STARTTLS", "submission", "smtp"), ("SMTPS", "smtps", None))
    ),
    *(
        _service("Exim", name, service, _start_exim, oracles=("s_client", "gnutls-cli", "smtplib"), starttls=starttls)
        for name, service, starttls in (("SMTP, STARTTLS", "smtp", "smtp"), ("SMTPS", "smtps", None))
    ),
    *(
        _service(server, name, service, start, oracles=("s_client", library), starttls=starttls)
        for server, start in (("Dovecot", _start_dovecot), ("Cyrus", _start_cyrus))
        for name, service, library, starttls in _MAILBOX_SERVICES
    ),
    *(_xmpp("Prosody", service, _start_prosody) for service in prosody.PORTS),
    *(_xmpp("ejabberd", service, _start_ejabberd) for service in ejabberd.PORTS),
    _service("ngIRCd", "IRC, no STARTTLS", "irc", _start_ngircd, oracles=("irc by hand",)),
    _service("ngIRCd", "IRC over TLS", "ircs", _start_ngircd, oracles=("s_client", "irc by hand")),
    _service("InspIRCd", "IRC, STARTTLS", "irc", _start_inspircd, oracles=("s_client", "irc by hand"),
             starttls="irc"),
    _service("InspIRCd", "IRC over TLS", "ircs", _start_inspircd, oracles=("s_client", "irc by hand")),
)  # fmt: skip
