"""Who showed which key where: the base of every analysis of keys."""

from __future__ import annotations

import ibis

from mailcensus.dataset.tables import later_attempts, of_run, without_superseded
from mailcensus.model import Outcome

_ASKED = ("ip", "service", "port", "protocol", "attempt")


def sightings(grabs: ibis.Table, followups: ibis.Table, run_id: str | None) -> ibis.Table:
    """Keys that hosts showed as their own: the leaf certificate's key, and SSH host keys.

    Args:
        grabs: the table `grabs`. The few columns needed are taken out of its structs before anything is
            joined; whole structs would be carried along for every row.
        followups: the table `followups`: what was shown when asked again counts too.
        run_id: the run; its last attempts count.
    Returns:
        One row per (ip, service) and key shown: ip, service, port (as asked), protocol, via (`tls` or `ssh`),
        spki_sha256, certificate_sha256 (null by SSH). Keys without a canonical form are left out, and keys that
        the server quoted but does not hold: its signature over the handshake was checked and is wrong. A key
        that a server shows for two SSH algorithms, or again when asked again, has two rows: count hosts and
        keys, not rows.
    """
    later = later_attempts(grabs, run_id)
    first = (without_superseded(rows, later) for rows in _shown(of_run(grabs, run_id)))
    return ibis.union(*first, *_shown(of_run(followups, run_id))).drop("attempt")


def _shown(asked: ibis.Table) -> tuple[ibis.Table, ibis.Table]:
    """Keys shown by TLS, and by SSH."""
    held = asked.filter(asked.tls.signature_verified.fill_null(True))
    tls = held.select(
        *_ASKED, via=ibis.literal("tls"),
        spki_sha256=held.tls.spki_sha256, certificate_sha256=held.tls.leaf_sha256,
    )  # fmt: skip
    spoken = asked.filter(asked.ssh.host_keys.notnull())
    shown = spoken.select(*_ASKED, "outcome", host_key=spoken.ssh.host_keys.unnest())
    # Unverified with outcome ok: a kind of signature we cannot check. With another outcome it is wrong.
    shown = shown.filter(shown.host_key.verified | (shown.outcome == str(Outcome.OK)))
    ssh = shown.select(
        *_ASKED, via=ibis.literal("ssh"),
        spki_sha256=shown.host_key.spki_sha256, certificate_sha256=ibis.null("string"),
    )  # fmt: skip
    return tls.filter(tls.spki_sha256.notnull()), ssh.filter(ssh.spki_sha256.notnull())
