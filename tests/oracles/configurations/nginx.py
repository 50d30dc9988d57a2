"""nginx as a web server and as a mail proxy, with many faces in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oracles.configurations.workshop import Configuration, Workshop
from oracles.tls_clients import Target
from realservers.credentials import USUAL, Chain
from realservers.nginx_tls import nginx_tls
from realservers.process import RunningServer

_FACES = {
    # name: key, chain, directives
    "as it comes": ("rsa-2048", USUAL, ""),
    "TLS 1.2 only": ("rsa-2048", USUAL, "ssl_protocols TLSv1.2;"),
    "TLS 1.2, secp384r1, P-384 key": (
        "p-384", USUAL, "ssl_protocols TLSv1.2; ssl_ecdh_curve secp384r1;",
    ),
    "TLS 1.2, server's preference CHACHA20": (
        "rsa-2048", USUAL,
        "ssl_protocols TLSv1.2; ssl_prefer_server_ciphers on; ssl_ciphers ECDHE-RSA-CHACHA20-POLY1305:HIGH;",
    ),
    "TLS 1.0 to 1.2, AES128-SHA": (
        "rsa-2048", USUAL, "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers AES128-SHA:@SECLEVEL=0;",
    ),
    "TLS 1.0 only": ("rsa-2048", USUAL, "ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;"),
    "chain of 4, no tickets": ("rsa-2048", Chain(length=4), "ssl_session_tickets off;"),
    "staples an OCSP response": ("rsa-2048", Chain(ocsp_status="good"), ""),
}  # fmt: skip


@contextmanager
def _all_faces(workshop: Workshop) -> Iterator[dict[str, RunningServer]]:
    """By name of the face, the server that shows it."""
    directory, _ = workshop.fresh("nginx")
    faces, names = {}, {}
    for name, (key, chain, directives) in _FACES.items():
        _, names[name] = workshop.fresh("nginx-face")
        faces[names[name]] = (workshop.credentials.get(key, chain), directives)
    with nginx_tls(directory, faces=faces) as servers:
        yield {name: servers[address] for name, address in names.items()}


def _nginx(name: str, service: str) -> Configuration:
    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        server = workshop.shared("nginx", _all_faces)[name]
        https = service == "https"
        yield Target(
            address=server.address,
            port=server.ports[service],
            starttls=None if https else "smtp",
            alpn="http/1.1" if https else None,
        )

    spoken = "HTTPS" if service == "https" else "SMTP proxy"
    oracles = ("s_client",) if service == "https" else ("s_client", "smtplib")
    return Configuration(
        server="nginx", name=f"{spoken}: {name}", start=start, oracles=oracles, service=service
    )


NGINX = (
    *(_nginx(name, "https") for name in _FACES),
    *(_nginx(name, "smtp") for name in _FACES if "OCSP" not in name),
)
