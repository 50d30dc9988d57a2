"""The server configurations of the oracle table: what runs, what the observer sends, which oracle is asked."""

from __future__ import annotations

from oracles.configurations.gnutls import GNUTLS
from oracles.configurations.nginx import NGINX
from oracles.configurations.openssl import OPENSSL
from oracles.configurations.services import WHOLE
from oracles.configurations.ssh import DROPBEAR, OPENSSH
from oracles.configurations.tlslite import TLSLITE
from oracles.configurations.workshop import Configuration, Workshop

CONFIGURATIONS: tuple[Configuration, ...] = (
    *OPENSSL, *GNUTLS, *TLSLITE, *NGINX, *WHOLE, *OPENSSH, *DROPBEAR,
)  # fmt: skip

CANNOT_RUN = (
    # server, configuration, why no packaged server here does it
    ("any", "SSL 2.0", "removed from OpenSSL 1.1.0; GnuTLS, NSS and tlslite-ng have no server for it"),
    ("any", "export suites (40 and 56 bits)", "removed from OpenSSL 1.1.0 and GnuTLS 3.4; tlslite-ng has none"),
    ("OpenSSL", "SSL 3.0, RC4, 3DES, IDEA, compression", "Debian builds it without; GnuTLS and tlslite-ng stand in"),
    ("GnuTLS", "SSL 3.0", "Debian builds it without; tlslite-ng stands in"),
    ("OpenSSL, GnuTLS", "post-quantum hybrid groups", "OpenSSL 3.5 or GnuTLS 3.8.9 needed; tlslite-ng stands in"),
    ("OpenSSH", "sk- host keys", "sshd needs the hardware token that holds the key"),
    ("OpenSSH", "protocol 1", "removed from OpenSSH 7.4"),
    ("Dropbear", "ssh-dss host key", "disabled in Debian's build"),
    ("ejabberd", "server to server with TLS from the start", "ejabberd's s2s listener speaks STARTTLS only here"),
)  # fmt: skip

__all__ = ["CANNOT_RUN", "CONFIGURATIONS", "Configuration", "Workshop"]
