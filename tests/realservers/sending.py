"""Mail servers that send: Postfix at every TLS level, Exim, OpenSMTPD, with queues that lose patience in seconds.

Each runs in a mount namespace of its own, where /etc/resolv.conf names our resolver. Each sender connects from a
network of its own and says a name of its own domain, as real ones do.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from realservers.exim import INSTALLED, UNPACKED
from realservers.process import RunningServer, ServerMissing, program, require_root, running

LEVELS = ("none", "may", "encrypt", "verify", "secure", "dane-only")
OPENSMTPD = Path(__file__).parents[2] / ".venv" / "opensmtpd" / "usr" / "sbin" / "smtpd"
_PATIENCE_S = 18
_RETRY_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """Where a test's senders are, and what they know."""

    prefix: str
    """The first two numbers of their addresses."""
    resolver: str
    trusted: Path
    """PEM file of the authority that those trust who verify."""

    def source(self, number: int) -> str:
        """The address that a sender connects from, in a /24 of its own."""
        return f"{self.prefix}.{100 + number}.1"

    def inject(self, number: int) -> str:
        """The address at which a mail server takes what it is to send."""
        return f"{self.prefix}.{100 + number}.9"


PORT = 2500
"""Where mail servers take what they are to send."""


def within(
    directory: Path, resolver: str, command: Sequence[str], binds: Mapping[str, str] | None = None
) -> list[str]:
    """A command that sees our resolver, and other directories in the places of the system's."""
    directory.mkdir(parents=True, exist_ok=True)
    conf = directory / "resolv.conf"
    conf.write_text(f"nameserver {resolver}\noptions trust-ad timeout:1 attempts:1\n")
    mounts = [f"mount --bind {conf} /etc/resolv.conf"]
    mounts += [f"mount --bind {new} {old}" for old, new in (binds or {}).items()]
    script = " && ".join([*mounts, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command]


_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
myhostname = mail.postfix.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
notify_classes =
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
sender_dependent_default_transport_maps = texthash:{directory}/transports
default_transport = smtp
smtp_host_lookup = dns
smtp_tls_CAfile = {trusted}
smtp_tls_loglevel = 1
smtp_connect_timeout = 10s
smtp_starttls_timeout = 10s
smtp_connection_cache_on_demand = no
smtp_tls_connection_reuse = no
queue_run_delay = 1s
minimal_backoff_time = {retry}s
maximal_backoff_time = {retry}s
maximal_queue_lifetime = {patience}s
bounce_queue_lifetime = 60s
default_process_limit = 40
"""
_MASTER = """\
{address}:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
smtp unix - - n - - smtp -o smtp_tls_security_level=may -o smtp_bind_address={bounces}
"""


@contextmanager
def postfix(directory: Path, net: Net, transports: Mapping[str, str]) -> Iterator[RunningServer]:
    """Postfix with one transport for each level; the return address says which.

    Args:
        transports: return address to level.
    Raises:
        ServerMissing: it is not installed, or we are not root.
    """
    require_root("Postfix")
    command = program("postfix", "postfix")
    config, address = directory / "config", net.inject(0)
    for path in (config, directory / "queue", directory / "data"):
        path.mkdir(parents=True)
    bounces = net.source(9)
    master = _MASTER.format(address=address, port=PORT, bounces=bounces)
    for number, level in enumerate(LEVELS):
        master += (
            f"{level} unix - - n - 30 smtp -o smtp_tls_security_level={level} -o syslog_name=postfix-{level}\n"
            f"  -o smtp_bind_address={net.source(number)} -o smtp_helo_name=mx.{level}.test\n"
            # The test's DNS is signed: the MX name is as good as the domain.
            "  -o smtp_tls_secure_cert_match=hostname -o smtp_tls_verify_cert_match=hostname\n"
        )
        if level == "dane-only":
            master += "  -o smtp_dns_support_level=dnssec\n"
    (config / "master.cf").write_text(master)
    (config / "main.cf").write_text(
        _MAIN.format(
            directory=directory, address=address, trusted=net.trusted, retry=_RETRY_S, patience=_PATIENCE_S
        )
    )
    lines = (f"{sender} {level}:\n" for sender, level in transports.items())
    (directory / "transports").write_text("".join(lines))
    shutil.chown(directory / "data", "postfix")
    subprocess.run([command, "-c", str(config), "check"], check=True, timeout=30)
    master_program = ["/usr/lib/postfix/sbin/master", "-s", "-c", str(config)]
    with running(
        "postfix",
        within(directory / "etc", net.resolver, master_program),
        directory=directory,
        address=address,
        ports={"smtp": PORT},
        log=directory / "postfix.log",
    ) as server:
        yield server


_EXIM = """\
primary_hostname = mx.exim.test
exim_path = {command}
exim_user = nobody
exim_group = nogroup
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
pid_file_path = {directory}/pid
local_interfaces = {address}
daemon_smtp_ports = {port}
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
acl_smtp_rcpt = accept
acl_smtp_data = accept
queue_run_max = 4
remote_max_parallel = 4
begin routers
out:
  driver = dnslookup
  transport = out
  self = send
  retry_use_local_part
begin transports
out:
  driver = smtp
  interface = {source}
  tls_verify_certificates = {trusted}
  connect_timeout = 10s
  command_timeout = 15s
  hosts_try_fastopen =
begin retry
* * F,{patience}s,1s
"""


@contextmanager
def exim(directory: Path, net: Net, number: int) -> Iterator[RunningServer]:
    """Exim as its defaults have it: TLS where there is some, DANE where there is a secure record.

    Raises:
        ServerMissing: it is neither unpacked nor installed, or we are not root.
    """
    require_root("Exim")
    command = next((path for path in (UNPACKED, INSTALLED) if path.exists()), None)
    if command is None:
        raise ServerMissing("Exim is neither unpacked (as root: scripts/unpack-exim) nor installed")
    # Where it looks by itself: with -C it loses the privilege to start its own deliveries.
    config = directory / "lib" / "exim4" / "config.autogenerated"
    config.parent.mkdir(parents=True)
    shutil.chown(directory, "nobody", "nogroup")
    address = net.inject(number)
    config.write_text(
        _EXIM.format(
            command=command,
            directory=directory,
            address=address,
            port=PORT,
            source=net.source(number),
            trusted=net.trusted,
            patience=_PATIENCE_S,
        )
    )
    with running(
        "exim",
        within(
            directory / "etc",
            net.resolver,
            [str(command), "-bdf", "-q1s"],
            {"/var/lib": str(directory / "lib")},
        ),
        directory=directory,
        address=address,
        ports={"smtp": PORT},
        log=directory / "exim.log",
    ) as server:
        yield server


_OPENSMTPD = """\
queue ttl {patience}s
listen on {address} port {port} hostname mx.opensmtpd.test
action "out" relay helo "mx.opensmtpd.test" src {source}
match from any for any action "out"
"""


@contextmanager
def opensmtpd(directory: Path, net: Net, number: int) -> Iterator[RunningServer]:
    """OpenSMTPD as its defaults have it.

    Raises:
        ServerMissing: it is not unpacked, or we are not root.
    """
    require_root("OpenSMTPD")
    if not OPENSMTPD.exists():
        raise ServerMissing("OpenSMTPD is not unpacked (as root: scripts/unpack-senders)")
    directory.mkdir(parents=True)
    places = {
        "/var/spool": directory / "spool",
        "/usr/libexec": OPENSMTPD.parents[1] / "libexec",
        "/run": directory / "run",
    }
    for path in (directory / "spool" / "smtpd", directory / "run"):
        path.mkdir(parents=True)
    (directory / "spool" / "smtpd").chmod(0o711)
    config, address = directory / "smtpd.conf", net.inject(number)
    config.write_text(
        _OPENSMTPD.format(address=address, port=PORT, source=net.source(number), patience=_PATIENCE_S)
    )
    config.chmod(0o600)
    with running(
        "opensmtpd",
        within(
            directory / "etc",
            net.resolver,
            [str(OPENSMTPD), "-d", "-f", str(config)],
            {old: str(new) for old, new in places.items()},
        ),
        directory=directory,
        address=address,
        ports={"smtp": PORT},
        log=directory / "opensmtpd.log",
    ) as server:
        yield server
