"""Who showed which key where: the base of every analysis of keys."""

from __future__ import annotations

import ibis

from mailcensus.dataset.tables import later_attempts, of_run, without_superseded

_ASKED = ("ip", "service", "port", "protocol", "attempt")


def sightings(grabs: ibis.Table, run_id: str | None) -> ibis.Table:
    """Keys that hosts showed as their own: the leaf certificate's key, and SSH host keys.

    Args:
        grabs: the table `grabs`. The few columns needed are taken out of its structs before anything is
            joined; whole structs would be carried along for every row.
        run_id: the run; its last attempts count.
    Returns:
        One row per (ip, service) and key shown: ip, service, port (as asked), protocol, via (`tls` or `ssh`),
        spki_sha256, certificate_sha256 (null by SSH). Keys without a canonical form are left out. A key that
        a server shows for two SSH algorithms has two rows: count hosts and keys, not rows.
    """
    later = later_attempts(grabs, run_id)
    asked = of_run(grabs, run_id)
    tls = asked.select(
        *_ASKED, via=ibis.literal("tls"),
        spki_sha256=asked.tls.spki_sha256, certificate_sha256=asked.tls.leaf_sha256,
    )  # fmt: skip
    spoken = asked.filter(asked.ssh.host_keys.notnull())
    shown = spoken.select(*_ASKED, host_key=spoken.ssh.host_keys.unnest())
    ssh = shown.select(
        *_ASKED, via=ibis.literal("ssh"),
        spki_sha256=shown.host_key.spki_sha256, certificate_sha256=ibis.null("string"),
    )  # fmt: skip
    final = (without_superseded(rows.filter(rows.spki_sha256.notnull()), later) for rows in (tls, ssh))
    return ibis.union(*final).drop("attempt")
