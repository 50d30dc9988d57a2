"""nginx: HTTPS, and the mail proxy as an SMTP, IMAP and POP3 server with STARTTLS or TLS from the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from realservers.identity import Identity
from realservers.ports import PORTS
from realservers.process import RunningServer, ServerMissing, program, running

SERVICES = ("https", "smtp", "submission", "smtps", "imap", "imaps", "pop3", "pop3s")
_MAIL_MODULE = Path("/usr/lib/nginx/modules/ngx_mail_module.so")

_MAIN = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {log} notice;
load_module {module};
events {{
  worker_connections 4096;
}}
"""

_HTTP = """\
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen unix:{directory}/auth;
    return 403;
  }}
{servers}}}
"""

_HTTPS = """\
  server {{
    listen {address}:{port} ssl;
    server_name {host_name};
    ssl_certificate {identity.chain_file};
    ssl_certificate_key {identity.key_file};
    ssl_protocols {tls_versions};
    return 301 https://{host_name}/mail;
  }}
"""

# auth_http is asked when somebody logs in, which nobody does here.
_MAIL = """\
mail {{
  server_name {host_name};
  auth_http unix:{directory}/auth:/;
  ssl_certificate {identity.chain_file};
  ssl_certificate_key {identity.key_file};
  ssl_protocols {tls_versions};
  smtp_auth plain login cram-md5;
  imap_auth plain cram-md5;
  pop3_auth plain apop cram-md5;
  smtp_capabilities PIPELINING "SIZE 10240000" 8BITMIME;
{servers}}}
"""


@contextmanager
def nginx(
    directory: Path,
    *,
    address: str,
    host_name: str,
    identity: Identity,
    services: Sequence[str] = SERVICES,
    tls_versions: Sequence[str] = ("TLSv1.2", "TLSv1.3"),
    more_addresses: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """Run nginx until the block is left.

    Args:
        tls_versions: as `ssl_protocols` names them.
        more_addresses: where mail is served too.
    Raises:
        ServerMissing: nginx or its mail module is not installed.
        ServerFailed: it does not come up.
    """
    command = program("nginx", "nginx")
    if not _MAIL_MODULE.exists():
        raise ServerMissing("nginx's mail module is not installed (Debian package: libnginx-mod-mail)")
    directory.mkdir(parents=True)
    config, log = directory / "nginx.conf", directory / "nginx.log"
    ports = {service: PORTS[service] for service in services}
    names = {
        "directory": directory,
        "log": log,
        "module": _MAIL_MODULE,
        "address": address,
        "host_name": host_name,
        "identity": identity,
        "tls_versions": " ".join(tls_versions),
    }
    https = _HTTPS.format(port=PORTS["https"], **names) if "https" in services else ""
    mail = "".join(
        _mail_server((address, *more_addresses), service) for service in services if service != "https"
    )
    config.write_text(
        _MAIN.format(**names) + _HTTP.format(servers=https, **names) + _MAIL.format(servers=mail, **names)
    )
    with running(
        "nginx",
        [command, "-e", str(log), "-p", str(directory), "-c", str(config)],
        directory=directory,
        address=address,
        ports=ports,
        log=log,
    ) as server:
        yield server


def _mail_server(addresses: Sequence[str], service: str) -> str:
    protocol, implicit = {
        "smtp": ("smtp", False),
        "submission": ("smtp", False),
        "smtps": ("smtp", True),
        "imap": ("imap", False),
        "imaps": ("imap", True),
        "pop3": ("pop3", False),
        "pop3s": ("pop3", True),
    }[service]
    ssl = " ssl" if implicit else ""
    listen = "".join(f"    listen {address}:{PORTS[service]}{ssl};\n" for address in addresses)
    starttls = "" if implicit else "    starttls on;\n"
    return f"  server {{\n{listen}    protocol {protocol};\n{starttls}  }}\n"
