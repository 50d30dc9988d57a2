"""The oracle table: what the observer and other people's clients say of the same servers, row by row.

    PYTHONPATH=tests python -m oracles.table > docs/reference/oracles.md

runs every configuration on loopback (as root, with the packages of scripts/test-packages.txt, and Exim and Cyrus
unpacked by scripts/unpack-exim and scripts/unpack-cyrus; two minutes) and renders the page.
"""

from __future__ import annotations

import platform
import smtplib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mailcensus.wire.ssh.host_keys import DEFAULT_ALGORITHMS
from oracles import dialogues
from oracles.chat import irc, xmpp
from oracles.configurations import CANNOT_RUN, CONFIGURATIONS, Configuration, Workshop
from oracles.facts import LISTED, Fact, Facts, NoAnswer, differences
from oracles.observer import observe_service, observe_tls
from oracles.ssh_clients import ssh_client, ssh_keyscan
from oracles.tls_clients import Target, gnutls_cli, s_client, tlslite_client
from realservers.process import ServerFailed

EQUAL, DIFFERENT, NOT_RUN = "equal", "different", "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one configuration."""

    configuration: Configuration
    verdict: str
    """EQUAL, DIFFERENT or NOT_RUN."""
    observed: Facts
    compared: tuple[str, ...]
    """Facts that at least one oracle told."""
    oracles: tuple[str, ...]
    notes: tuple[str, ...]
    """Differences, or why it did not run."""


def examine(configuration: Configuration, workshop: Workshop) -> Row:
    """Start a server, ask the oracles, ask the observer, compare.

    Where no oracle gets through, the configuration is one that this system cannot run, and nothing is said about
    the observer.

    Raises:
        ServerMissing: a package is not installed.
    """
    told: dict[str, Facts] = {}
    notes: list[str] = []
    observed: Facts = {}
    try:
        with configuration.start(workshop) as target:
            for oracle in configuration.oracles:
                try:
                    told[oracle] = ORACLES[oracle](configuration, target)
                except NoAnswer as refusal:
                    notes.append(f"{oracle}: {refusal}")
            if told:
                observed = _observe(configuration, target)
    except ServerFailed as failure:
        notes.append(str(failure).splitlines()[-1])
    except NoAnswer as refusal:
        return _row(configuration, DIFFERENT, observed, told, [str(refusal)])
    if not told:
        return _row(configuration, NOT_RUN, observed, told, notes)
    unlike = [f"{name}: {line}" for name, facts in told.items() for line in differences(observed, facts)]
    return _row(configuration, DIFFERENT if unlike else EQUAL, observed, told, unlike or notes)


def _row(
    configuration: Configuration, verdict: str, observed: Facts, told: dict[str, Facts], notes: Sequence[str]
) -> Row:
    return Row(
        configuration=configuration,
        verdict=verdict,
        observed=observed,
        compared=tuple(name for name, _ in LISTED if any(name in facts for facts in told.values())),
        oracles=tuple(told),
        notes=tuple(notes),
    )


def _observe(configuration: Configuration, target: Target) -> Facts:
    if configuration.service is None:
        return observe_tls(target, configuration.profile)[0]
    facts, findings = observe_service(configuration.service, target, configuration.host_key_algorithms)
    if not configuration.service.startswith("xmpp"):
        return facts
    return {
        **facts,
        "features_before": _features(findings.capabilities_before),
        "features_after": _features(findings.capabilities_after),
    }


def _features(capabilities: tuple[str, ...] | None) -> Fact:
    """Name and namespace of each, which is what there is to compare."""
    return None if capabilities is None else tuple(" ".join(line.split()[:2]) for line in capabilities)


# oracles, all with one signature


def _said(
    ask: Callable[..., dialogues.Said],
) -> Callable[[Configuration, Target], Facts]:
    def oracle(_configuration: Configuration, target: Target) -> Facts:
        try:
            said = ask(target.address, target.port, implicit=target.starttls is None)
        except (OSError, smtplib.SMTPException) as error:  # Python's own floor of TLS 1.2 and of ciphers
            raise NoAnswer(str(error)) from None
        return {
            "greeting": said.greeting,
            "capabilities_before": said.before,
            "auth_before": said.auth_before,
            "capabilities_after": said.after,
            "auth_after": said.auth_after,
        }

    return oracle


ORACLES: dict[str, Callable[[Configuration, Target], Facts]] = {
    "s_client": lambda row, target: s_client(target, row.profile),
    "gnutls-cli": lambda row, target: gnutls_cli(target, row.profile),
    "tlslite-ng": lambda row, target: tlslite_client(target, row.profile),
    "smtplib": _said(dialogues.smtp),
    "imaplib": _said(dialogues.imap),
    "poplib": _said(dialogues.pop3),
    "smtplib, LHLO": _said(dialogues.lmtp),
    "managesieve by hand": _said(dialogues.managesieve),
    "xmpp by hand": lambda row, target: xmpp(
        target, "jabber:server" if (row.service or "").endswith("server") else "jabber:client"
    ),
    "irc by hand": lambda _row, target: irc(target),
    "ssh-keyscan": lambda _row, target: ssh_keyscan(target),
    "ssh": lambda row, target: ssh_client(target, row.host_key_algorithms or DEFAULT_ALGORITHMS),
}

# the page

_HEAD = """\
# Oracle table

Written by `PYTHONPATH=tests python -m oracles.table > docs/reference/oracles.md`; `make integration` runs the same
rows and compares them again. Every server runs on loopback with keys made for it. `s_client` is `openssl s_client`
with the offer of the observer's own profile; `smtplib`, `imaplib` and `poplib` are Python's; "by hand" is a few
lines over Python's sockets and `ssl`. What a server says to each connection in other numbers (the timestamp of APOP,
the name of a session) is left out of what is compared.

A row is *equal* when every fact that its oracles tell is what the observer says: version, suite, group or size of
the DH prime, the certificates as sent, the key, and whatever else stands under "compared". *unfinished* says why
the handshake was read up to the server's first flight and left there.

[Hellos](hello-profiles.md) `everything` (every suite that has a name and a certificate) and `no-ffdhe` (without the
groups of RFC 7919: a GnuTLS server shows its own DH prime to such clients only) are the tests' own.
"""


def render(rows: Sequence[Row], *, host: str) -> str:
    """The whole page, Markdown."""
    return "\n".join([_HEAD, *_counts(rows, host), *_table(rows), *_not_run(rows)]) + "\n"


def _counts(rows: Sequence[Row], host: str) -> Iterator[str]:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in (EQUAL, DIFFERENT, NOT_RUN)}
    yield f"Made on {host}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + "."
    yield ""


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| server | configuration | hello | the observer says | oracle | compared | verdict |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        if row.verdict == NOT_RUN:
            continue
        asked = row.configuration
        cells = (
            asked.server,
            asked.name,
            "" if asked.service == "ssh" else asked.profile.name,
            _summary(row.observed),
            ", ".join(row.oracles),
            ", ".join(row.compared),
            " ".join([row.verdict, *(row.notes if row.verdict == DIFFERENT else ())]),
        )
        yield "| " + " | ".join(cells) + " |"
    yield ""


def _not_run(rows: Sequence[Row]) -> Iterator[str]:
    yield "## Not run"
    yield ""
    yield "| server | configuration | why |"
    yield "| --- | --- | --- |"
    for row in rows:
        if row.verdict == NOT_RUN:
            yield f"| {row.configuration.server} | {row.configuration.name} | {'; '.join(row.notes)} |"
    for server, name, why in CANNOT_RUN:
        yield f"| {server} | {name} | {why} |"


def _summary(observed: Facts) -> str:
    """The facts that are short enough to read; lists of names as their length."""
    words = []
    for name, in_full in LISTED:
        value = observed.get(name)
        if value is None or value is False or name in ("key", "greeting", "host_key"):
            continue
        if value is True:
            words.append(name)
        elif isinstance(value, tuple):
            words.append(f"{name} {' '.join(value) or 'none'}" if in_full else f"{name} ({len(value)})")
        else:
            words.append(f"{name} {value}" if name in _NAMED else str(value))
    return ", ".join(words)


_NAMED = frozenset({"dh_bits", "alpn", "ocsp", "host_key_bits", "unfinished"})
"""Facts that are not clear without their name."""


def main() -> int:
    """Run every row; the page on standard output, progress on standard error."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name, ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)
        workshop = Workshop(directory, stack)
        for number, configuration in enumerate(CONFIGURATIONS, 1):
            row = examine(configuration, workshop)
            sys.stderr.write(
                f"{number}/{len(CONFIGURATIONS)} {configuration}: {row.verdict} {row.notes or ''}\n"
            )
            rows.append(row)
        sys.stdout.write(render(rows, host=host()))
    return int(any(row.verdict == DIFFERENT for row in rows))


def host() -> str:
    """The system this runs on."""
    return platform.freedesktop_os_release()["PRETTY_NAME"]


if __name__ == "__main__":
    sys.exit(main())
