"""One nginx with many faces: on each address HTTPS and SMTP with STARTTLS, with TLS settings of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.nginx import _MAIL_MODULE
from realservers.ports import PORTS
from realservers.process import RunningServer, ServerMissing, program, running

SERVICES = ("https", "smtp")

_CONFIG = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {log} notice;
load_module {module};
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
{web}}}
mail {{
  server_name mail.example;
  auth_http unix:{directory}/auth:/;
  smtp_auth plain login;
{mail}}}
"""
_SERVER = """\
  server {{
    listen {listen};
    ssl_certificate {credential.chain_file};
    ssl_certificate_key {credential.key_file};
    {settings}
    {more}
  }}
"""


@contextmanager
def nginx_tls(
    directory: Path, *, faces: Mapping[str, tuple[Credential, str]]
) -> Iterator[dict[str, RunningServer]]:
    """Run nginx until the block is left; by address, a server that answers SERVICES.

    Args:
        faces: address to what it shows and its `ssl_...` directives.
    Raises:
        ServerMissing: nginx or its mail module is not installed.
        ServerFailed: it does not come up.
    """
    command = program("nginx", "nginx")
    if not _MAIL_MODULE.exists():
        raise ServerMissing("nginx's mail module is not installed (Debian package: libnginx-mod-mail)")
    directory.mkdir(parents=True)
    config, log = directory / "nginx.conf", directory / "nginx.log"
    ports = {service: PORTS[service] for service in SERVICES}
    web = mail = ""
    for address, (credential, settings) in faces.items():
        shown = {"credential": credential, "settings": settings}
        stapling = "return 204;"
        if credential.ocsp_file is not None:
            stapling += f" ssl_stapling on; ssl_stapling_file {credential.ocsp_file};"
        web += _SERVER.format(listen=f"{address}:{ports['https']} ssl", more=stapling, **shown)
        mail += _SERVER.format(
            listen=f"{address}:{ports['smtp']}", more="protocol smtp; starttls on;", **shown
        )
    config.write_text(_CONFIG.format(directory=directory, log=log, module=_MAIL_MODULE, web=web, mail=mail))
    with running(
        "nginx",
        [command, "-e", str(log), "-p", str(directory), "-c", str(config)],
        directory=directory,
        address=next(iter(faces)),
        ports=ports,
        log=log,
    ) as server:
        yield {
            address: RunningServer(name="nginx", address=address, ports=ports, log=log, pid=server.pid)
            for address in faces
        }
