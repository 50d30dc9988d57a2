"""A lone grab as a person reads it. Peers are strangers: what they say is escaped, and no markup is read in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from mailcensus.model import Certificate, Grab, Observation, Outcome, Ssh, SshHostKey, Tls, TlsMode
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.visible import visible

_LABEL_COLUMNS = 16
_STYLES = {Outcome.OK: "bold green", Outcome.NO_STARTTLS: "bold yellow", Outcome.RATE_LIMITED: "bold yellow"}
_BAD = "bold red"

Line = tuple[str, str]
"""A label, empty where it would be the one above, and the text beside it."""


def summary_of(observation: Observation) -> Text:
    """Everything worth reading in a record, a line each."""
    grab = observation.grab
    text = Text()
    text.append(f"{grab.ip} port {grab.port}, {grab.service}: ", "bold")
    text.append(grab.outcome, _STYLES.get(grab.outcome, _BAD))
    text.append(f" at {grab.stage}, {grab.duration_ms:.0f} ms\n")
    for label, value in _lines(observation):
        text.append(f"{label:<{_LABEL_COLUMNS}}", "cyan")
        text.append(f"{visible(value)}\n")
    text.right_crop()  # the last line's end, which printing adds
    return text


def _lines(observation: Observation) -> Iterator[Line]:
    grab = observation.grab
    if grab.error is not None:
        yield "error", grab.error
    if grab.greeting is not None:
        yield "greeting", grab.greeting
    if grab.software is not None:
        yield "software", " ".join(filter(None, (grab.software, grab.software_version, grab.os)))
    yield from _words("before TLS", grab.capabilities_before, grab.auth_before)
    if grab.tls_mode is TlsMode.STARTTLS:
        yield from _starttls(grab)
    if grab.tls is not None:
        yield from _tls(grab.tls)
    for place, der in enumerate(observation.certificates, start=1):
        yield from _certificate(place, parse_certificate(der))
    yield from _words("behind TLS", grab.capabilities_after, grab.auth_after)
    if grab.http is not None:
        yield "HTTP", f"status {grab.http.status}, server {grab.http.server or 'not named'}"
        if grab.http.location is not None:
            yield "", f"location {grab.http.location}"
    if grab.ssh is not None:
        yield from _ssh(grab.ssh)


def _words(label: str, capabilities: Sequence[str] | None, auth: Sequence[str] | None) -> Iterator[Line]:
    """Capabilities and ways to log in; none said is another thing than not asked."""
    if capabilities is not None:
        yield label, ", ".join(capabilities) or "no capabilities"
    if auth is not None:
        yield f"  {'AUTH'}", " ".join(auth) or "none"


def _starttls(grab: Grab) -> Iterator[Line]:
    words = "not known"
    if grab.starttls_offered is not None:
        words = "offered" if grab.starttls_offered else "not offered"
    if grab.starttls_accepted is not None:
        words += ", accepted" if grab.starttls_accepted else ", refused"
    yield "STARTTLS", words


def _tls(tls: Tls) -> Iterator[Line]:
    chosen = (
        tls.version_name,
        tls.cipher_suite_name or _code(tls.cipher_suite),
        tls.group_name or _code(tls.group),
        tls.signature_scheme_name,
    )
    yield "TLS", ", ".join(word for word in chosen if word) or "no version chosen"
    extras = (
        f"alert {tls.alert}" if tls.alert else None,
        f"server name sent: {tls.sni}" if tls.sni else None,
        f"ALPN {tls.alpn}" if tls.alpn else None,
        _proof(tls.signature_verified),
        f"DH prime of {tls.dh_bits} bits" if tls.dh_bits else None,
        "handshake finished"
        if tls.finished
        else f"not finished: {tls.unfinished_reason or 'it ended before'}",
    )
    yield "", ", ".join(extra for extra in extras if extra)


def _proof(verified: bool | None) -> str | None:
    if verified is None:
        return None
    return "its signature is right" if verified else "its signature is WRONG"


def _code(code: int | None) -> str | None:
    return None if code is None else f"0x{code:04x}"


def _certificate(place: int, certificate: Certificate) -> Iterator[Line]:
    yield f"certificate {place}", certificate.subject or f"no subject ({certificate.parse_status})"
    yield "  issuer", "itself" if certificate.self_issued else certificate.issuer or "none"
    if certificate.sans:
        more = (certificate.sans_count or 0) - len(certificate.sans)
        yield "  names", ", ".join(certificate.sans) + (f" and {more} more" if more > 0 else "")
    if certificate.not_before is not None and certificate.not_after is not None:
        yield "  valid", f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
    yield "  SHA-256", certificate.sha256
    kind = (certificate.key_algorithm, certificate.curve or _bits(certificate.key_bits))
    yield "  key", f"{' '.join(word for word in kind if word)} {certificate.spki_sha256 or 'unreadable'}"


def _ssh(ssh: Ssh) -> Iterator[Line]:
    if ssh.hassh_server is not None:
        yield "HASSH", ssh.hassh_server
    lists = (
        ("  exchange", ssh.kex_algorithms),
        ("  host keys", ssh.host_key_algorithms),
        ("  ciphers", ssh.ciphers_server_to_client),
        ("  MACs", ssh.macs_server_to_client),
    )
    for label, names in lists:
        if names is not None:
            yield label, " ".join(names) or "none"
    for key in ssh.host_keys or ():
        yield from _host_key(key)


def _host_key(key: SshHostKey) -> Iterator[Line]:
    proof = "its signature is right" if key.verified else "not proven"
    yield "host key", " ".join(filter(None, (key.algorithm, _bits(key.bits), key.fingerprint, f"({proof})")))
    yield "  key", key.spki_sha256 or "has no canonical form"


def _bits(bits: int | None) -> str | None:
    return None if bits is None else f"{bits} bits"
