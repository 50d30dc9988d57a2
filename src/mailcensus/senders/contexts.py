"""OpenSSL contexts, one for each way a receiver speaks TLS and each certificate it shows."""

from __future__ import annotations

from datetime import datetime

from OpenSSL import SSL

from mailcensus.senders.certificates import Certificates, Shown
from mailcensus.senders.conditions import Condition, Phase, Shows, Tls
from mailcensus.senders.old_tls import OLD_KINDS
from mailcensus.senders.tls_side import watch_alerts
from mailcensus.study import StudyError

_WEAK = b":@SECLEVEL=0"
"""Takes what OpenSSL refuses of its own accord: short keys, SHA-1, old versions (SSL_CTX_set_security_level(3))."""
_USUAL = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:RSA+AESGCM:ECDHE+AES:DHE+AES:RSA+AES"
_SUITES = {
    Tls.NULL: b"eNULL:!aNULL:!PSK",
    Tls.NOTHING_COMMON: b"PSK-NULL-SHA256",
}
_VERSIONS = {
    Tls.MODERN: (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION),
    Tls.TLS10: (SSL.TLS1_VERSION, SSL.TLS1_VERSION),
    Tls.TLS11: (SSL.TLS1_1_VERSION, SSL.TLS1_1_VERSION),
}
_TO_TLS12 = (SSL.TLS1_VERSION, SSL.TLS1_2_VERSION)


class Contexts:
    """The contexts of one experiment, each made when the first sender needs it.

    Raises:
        StudyError: from `get`, when this OpenSSL cannot do it, or a certificate is missing.
    """

    def __init__(self, certificates: Certificates, now: datetime) -> None:
        self._certificates = certificates
        self._now = now
        self._made: dict[tuple[Tls, Shows], SSL.Context] = {}

    def get(self, phase: Phase) -> SSL.Context:
        """The context for a receiver as it is now."""
        wanted = (phase.tls, phase.shows)
        if wanted not in self._made:
            try:
                self._made[wanted] = self._make(*wanted)
            except SSL.Error as error:
                raise StudyError(
                    f"OpenSSL refuses {phase.tls.value} with {phase.shows.value}: {error}"
                ) from None
        return self._made[wanted]

    def shown(self, shows: Shows) -> Shown:
        """The certificate of this kind."""
        return self._certificates.get(shows)

    def _make(self, tls: Tls, shows: Shows) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        lowest, highest = _VERSIONS.get(tls, _TO_TLS12)
        context.set_min_proto_version(lowest)
        context.set_max_proto_version(highest)
        context.set_cipher_list(_SUITES.get(tls, _USUAL) + _WEAK)
        # Every connection shows its certificate: nothing is resumed.
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        shown = self.shown(shows)
        if shown.key is None:
            raise StudyError(f"{shows.value}: no private key")
        context.use_certificate(shown.chain[0])
        for above in shown.chain[1:]:
            context.add_extra_chain_cert(above)
        context.use_privatekey(shown.key)
        if shows is Shows.REVOKED:
            response = self._certificates.revocation(self._now)
            context.set_ocsp_server_callback(lambda connection, data: response)
        watch_alerts(context)
        return context


def unavailable(contexts: Contexts, condition: Condition) -> str | None:
    """Why this machine's OpenSSL cannot play a condition; None: it can."""
    for phase in (condition.now, condition.later):
        if phase is None or phase.tls in OLD_KINDS:
            continue
        try:
            SSL.Connection(contexts.get(phase), None)
        except (StudyError, SSL.Error) as error:
            return str(error)
    return None
