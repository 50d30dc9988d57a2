"""Follow-ups: what to ask again of whom, each an extra polite connection after collection is done.

purpose                asked of                                            asks
legacy_weak            TLS services that refused the ordinary hello        weak suites
legacy_sslv3           "                                                   SSL 3.0
legacy_sslv2           "                                                   SSL 2.0
sni_greeting           TLS services whose greeting names a host            the hello with that name
ssh_rsa, ssh_ecdsa,    SSH servers that have such a host key and showed    that type of key
  ssh_ed25519, ...       another one
starttls_injection     SMTP, LMTP, POP3, IMAP that took STARTTLS           see `wire.conversation`
enumerate              TLS services                                        see `probe.enumeration`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailcensus.dataset.first_grabs import FirstGrab
from mailcensus.model import Outcome, Stage, TlsMode
from mailcensus.probe.grab import Special
from mailcensus.study.sections import FollowupsSection
from mailcensus.wire.conversation import INJECTED
from mailcensus.wire.host_names import host_names_in
from mailcensus.wire.keys import plain_ssh_algorithm
from mailcensus.wire.tls.hello import LEGACY_SSL_2, LEGACY_SSL_3, LEGACY_WEAK

ENUMERATE = "enumerate"
SNI_PTR = "sni_ptr"

_LEGACY: tuple[tuple[str, Special], ...] = (
    ("legacy_weak", {"hello": LEGACY_WEAK}),
    ("legacy_sslv3", {"hello": LEGACY_SSL_3}),
    ("legacy_sslv2", {"hello": LEGACY_SSL_2}),
)
_SSH_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # purpose, algorithms to ask for; all of one row show the same key, but for the curves of ECDSA
    ("ssh_rsa", ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")),
    ("ssh_ecdsa", ("ecdsa-sha2-nistp256",)),
    ("ssh_ecdsa384", ("ecdsa-sha2-nistp384",)),
    ("ssh_ecdsa521", ("ecdsa-sha2-nistp521",)),
    ("ssh_ed25519", ("ssh-ed25519",)),
    ("ssh_ed448", ("ssh-ed448",)),
    ("ssh_dsa", ("ssh-dss",)),
)


@dataclass(frozen=True, slots=True)
class FollowupAsk:
    """One thing to ask again of one service."""

    service: str
    purpose: str
    special: Special


def followups_of(
    grab: FirstGrab, wanted: FollowupsSection, names: Mapping[str, str] | None = None
) -> Iterator[FollowupAsk]:
    """What is to be asked again of one service and is not on disk yet.

    Args:
        names: names by address, from the user's list.
    """
    for purpose, special in _all_of(grab, wanted, names or {}):
        if purpose not in grab.asked_again:
            yield FollowupAsk(grab.service, purpose, special)


def _all_of(
    grab: FirstGrab, wanted: FollowupsSection, names: Mapping[str, str]
) -> Iterator[tuple[str, Special]]:
    has_tls = grab.tls_version is not None
    if wanted.legacy and _refused_the_hello(grab):
        yield from _LEGACY
    if has_tls:
        yield from _server_names(grab, wanted, names)
    if wanted.ssh_host_keys:
        yield from _other_host_keys(grab)
    if wanted.injection and _took_starttls(grab) and grab.protocol in INJECTED:
        yield "starttls_injection", {"inject": True}
    if wanted.enumerate and has_tls:
        yield ENUMERATE, {}


def _server_names(
    grab: FirstGrab, wanted: FollowupsSection, names: Mapping[str, str]
) -> Iterator[tuple[str, Special]]:
    if "greeting" in wanted.server_names and (named := host_names_in(grab.greeting)):
        yield "sni_greeting", {"server_name": named[0]}
    if "ptr" in wanted.server_names:
        yield SNI_PTR, {}  # the name is looked up when its turn has come
    if "file" in wanted.server_names and grab.ip in names:
        yield "sni_file", {"server_name": names[grab.ip]}


def _took_starttls(grab: FirstGrab) -> bool:
    return grab.tls_mode is TlsMode.STARTTLS and bool(grab.starttls_accepted)


def _refused_the_hello(grab: FirstGrab) -> bool:
    if grab.tls_mode is TlsMode.NONE or grab.stage is not Stage.TLS or grab.tls_version is not None:
        return False
    return grab.outcome in (Outcome.TLS_ALERT, Outcome.TLS_ERROR, Outcome.RESET, Outcome.CLOSED)


def _other_host_keys(grab: FirstGrab) -> Iterator[tuple[str, Special]]:
    shown = {plain_ssh_algorithm(algorithm) for algorithm in grab.host_keys_shown}
    for purpose, algorithms in _SSH_KINDS:
        has_it = any(algorithm in grab.host_key_algorithms for algorithm in algorithms)
        if has_it and not shown.intersection(algorithms):
            yield purpose, {"ssh_host_keys": algorithms}
