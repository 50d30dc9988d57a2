"""zgrab2's JSON lines as grabs: smtp, pop3, imap, ssh, http and tls modules, whatever the modules were named.

    {"ip": "192.0.2.1", "domain": "...", "data": {"smtp": {"status": "success", "protocol": "smtp", "port": 25,
     "timestamp": "...", "result": {...}, "error": "..."}}}

zgrab2 is believed in what it saw, not in what it concluded: whether STARTTLS was offered and how a grab ended is
worked out from the server's words where the file has them. Its "success" of an SMTP grab may be a 421.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import IO

from mailcensus.dataset.imports.json_fields import Fields, fields, inner, text, whole
from mailcensus.dataset.imports.rows import (
    PassedOver,
    Reject,
    Row,
    is_address,
    port_of,
    rows_of_objects,
    time_of_text,
)
from mailcensus.dataset.imports.zgrab2_ssh import ssh_record
from mailcensus.dataset.imports.zgrab2_tls import tls_record
from mailcensus.model import Grab, Http, Observation, Outcome, Stage, TlsMode
from mailcensus.wire import imap, smtp
from mailcensus.wire.exchange import Findings
from mailcensus.wire.services import SERVICE_BY_NAME, SERVICES, Service
from mailcensus.wire.software import identify_server

_STATUSES = {
    "success": Outcome.OK,
    "connection-refused": Outcome.REFUSED,
    "connection-timeout": Outcome.TIMEOUT,
    "connection-closed": Outcome.CLOSED,
    "io-timeout": Outcome.TIMEOUT,
    "protocol-error": Outcome.PROTOCOL_ERROR,
    "application-error": Outcome.PROTOCOL_ERROR,
    "unknown-error": Outcome.PROTOCOL_ERROR,
}
_BEFORE_CONNECTED = ("connection-refused", "connection-timeout")
_ERROR_WORDS = (
    ("reset by peer", Outcome.RESET),
    ("refused", Outcome.REFUSED),
    ("unreachable", Outcome.REFUSED),
    ("no route", Outcome.REFUSED),
    ("timeout", Outcome.TIMEOUT),
    ("remote error: tls", Outcome.TLS_ALERT),
    ("tls:", Outcome.TLS_ERROR),
    ("EOF", Outcome.CLOSED),
)
_PROTOCOLS = frozenset(("smtp", "pop3", "imap", "ssh", "http", "tls"))
_NO_KEYS: tuple[bytes, ...] = ()
_MOST_CHARACTERS = 8_192
"""Of a greeting or an error."""


def read_zgrab2(stream: IO[bytes], run_id: str, vantage: str, now: datetime) -> Iterator[Row]:
    """The grabs of a file; several may stand on one line.

    Args:
        run_id, vantage: what the grabs shall say.
        now: the time of grabs that have none.
    """
    reader = GrabReader(run_id, vantage, now)
    return rows_of_objects(stream, reader.line)


class GrabReader:
    """Makes grabs of results of zgrab2's modules.

    Args:
        run_id, vantage, now: as `read_zgrab2`.
    """

    def __init__(self, run_id: str, vantage: str, now: datetime) -> None:
        self._run_id = run_id
        self._vantage = vantage
        self._now = now

    def line(self, number: int, line: bytes, told: Fields) -> Iterator[Row]:
        """The rows of one line."""
        ip, data = told.get("ip"), told.get("data")
        if not is_address(ip):
            yield _reject(number, "no ip, or it is not an address", line)
            return
        if not isinstance(data, dict):
            yield _reject(number, "no data", line)
            return
        for name, module in data.items():
            yield self.module(number, line, ip, name, fields(module))

    def module(self, number: int, line: bytes, ip: str, name: str, module: Fields) -> Row:
        """One result of one address.

        Args:
            number, line: where it stands and the whole line, for what cannot be read.
            name: what the module was called.
        """
        protocol = module.get("protocol", name)
        outcome = _STATUSES.get(str(module.get("status")))
        if not isinstance(protocol, str) or protocol not in _PROTOCOLS:
            return PassedOver()
        if outcome is None:
            return _reject(number, f"{name}: no status that zgrab2 has", line)
        return self._observation(ip, name, protocol, module, outcome)

    def _observation(self, ip: str, name: str, protocol: str, module: Fields, outcome: Outcome) -> Row:
        result = fields(module.get("result"))
        findings, keys = Findings(), _NO_KEYS
        log = _handshake_log(protocol, result)
        if log:
            findings.tls, findings.certificates = tls_record(log)
        if protocol == "ssh":
            findings.ssh, keys = ssh_record(result)
        elif protocol == "http":
            findings.http = _http(result)
        elif protocol != "tls":
            _read_words(protocol, result, findings)
        service = _service(name, protocol, module, result, findings)
        if service is None:
            return PassedOver()
        error = _cut(text(module.get("error")))
        outcome, stage = _ending(service, module, outcome, error, findings)
        software = identify_server(service.protocol, findings)
        grab = Grab(
            run_id=self._run_id,
            vantage=self._vantage,
            started_at=time_of_text(module.get("timestamp")) or self._now,
            duration_ms=0.0,
            ip=ip,
            port=port_of(module.get("port")) or service.port,
            service=service.name,
            protocol=service.protocol,
            tls_mode=service.tls_mode,
            outcome=outcome,
            stage=stage,
            error=error,
            greeting=findings.greeting,
            software=software.product if software else None,
            software_version=software.version if software else None,
            os=software.os if software else None,
            capabilities_before=findings.capabilities_before,
            auth_before=findings.auth_before,
            starttls_offered=findings.starttls_offered,
            starttls_accepted=findings.starttls_accepted,
            tls=findings.tls,
            ssh=findings.ssh,
            http=findings.http,
        )
        return Observation(grab, findings.certificates, keys)


def _handshake_log(protocol: str, result: Fields) -> Fields:
    if protocol == "http":
        return inner(result, "response", "request", "tls_log", "handshake_log")
    return fields(result.get("handshake_log")) if protocol == "tls" else inner(result, "tls", "handshake_log")


def _http(result: Fields) -> Http | None:
    response = fields(result.get("response"))
    status = whole(response.get("status_code"), 999)
    if not status:
        return None
    headers = fields(response.get("headers"))
    return Http(status=status, server=_first(headers.get("server")), location=_first(headers.get("location")))


def _first(values: object) -> str | None:
    return text(values[0]) if isinstance(values, list) and values else None


def _read_words(protocol: str, result: Fields, findings: Findings) -> None:
    """Greeting, capabilities and the answer to STARTTLS, as far as the file has them."""
    greeting = _cut(text(result.get("banner")))
    findings.greeting = greeting.rstrip("\r\n") if greeting else None
    if protocol == "smtp" and (reply := text(result.get("ehlo"))) is not None:
        capabilities = tuple(line[4:] for line in reply[: 1 << 16].splitlines()[1:] if line.startswith("250"))
        findings.capabilities_before = capabilities
        findings.auth_before = smtp.auth_mechanisms(capabilities)
        findings.starttls_offered = any(line.strip().upper() == "STARTTLS" for line in capabilities)
    elif protocol == "imap" and greeting:
        listed = imap.capabilities_of(greeting)
        if listed is not None:
            findings.capabilities_before = listed
            findings.auth_before = imap.auth_mechanisms(listed)
            findings.starttls_offered = "STARTTLS" in (word.upper() for word in listed)
    answer = text(result.get("starttls"))
    if answer is not None:
        yes = {"smtp": ("220",), "pop3": ("+OK",), "imap": ("a001 OK", "a1 OK")}[protocol]
        findings.starttls_accepted = answer.startswith(yes) or findings.tls is not None


def _service(name: str, protocol: str, module: Fields, result: Fields, findings: Findings) -> Service | None:
    """Which row of our services this was: the one whose name the module was given (zgrab2 itself calls it as the
    protocol), else by its port where the file has it, else by when TLS began.

    A bare TLS grab without a port cannot be told: HTTPS is what it is most of the time. HTTP without TLS is none.
    """
    if protocol == "http" and findings.tls is None and not _tried_tls(result):
        return None
    named = SERVICE_BY_NAME.get(name)
    if named is not None and named.protocol == protocol != name:
        return named
    return _row_of(
        protocol, port_of(module.get("port")), findings.tls is not None and "starttls" not in result
    )


@cache
def _row_of(protocol: str, port: int | None, implicit_tls: bool) -> Service:
    spoken = "http" if protocol == "tls" else protocol
    if protocol == "tls" and port is not None:
        implicit = (one for one in SERVICES if one.port == port and one.tls_mode is TlsMode.IMPLICIT)
        return next(implicit, None) or next(one for one in SERVICES if one.name == "https")
    rows = [one for one in SERVICES if one.protocol == spoken]
    at_port = [one for one in rows if one.port == port]
    if at_port:
        return at_port[0]
    wanted = TlsMode.IMPLICIT if implicit_tls else TlsMode.NONE if spoken == "ssh" else TlsMode.STARTTLS
    return next((one for one in rows if one.tls_mode is wanted), rows[0])


def _tried_tls(result: Fields) -> bool:
    request = inner(result, "response", "request")
    return "tls_log" in request or inner(request, "url").get("scheme") == "https"


def _ending(
    service: Service, module: Fields, outcome: Outcome, error: str | None, findings: Findings
) -> tuple[Outcome, Stage]:
    """How the grab ended, and where."""
    status = module.get("status")
    if status in _BEFORE_CONNECTED:
        return outcome, Stage.CONNECT
    if status == "unknown-error" and error is not None:
        outcome = next((meant for word, meant in _ERROR_WORDS if word in error), outcome)
    stage = _stage(service, findings)
    if service.protocol == "smtp" and findings.greeting and findings.greeting.startswith("4"):
        return Outcome.RATE_LIMITED, Stage.GREETING
    if outcome is not Outcome.OK:
        return outcome, stage
    if service.tls_mode is TlsMode.STARTTLS and findings.tls is None:
        if findings.starttls_offered is False:
            return Outcome.NO_STARTTLS, Stage.CAPABILITIES
        if findings.starttls_accepted is False:
            return Outcome.NO_STARTTLS, Stage.STARTTLS
        return Outcome.OK, stage
    return Outcome.OK, Stage.DONE if service.tls_mode is TlsMode.NONE or findings.http else stage


def _stage(service: Service, findings: Findings) -> Stage:
    """The last stage that the findings show."""
    if findings.ssh is not None:
        return Stage.SESSION if findings.ssh.host_keys else Stage.CAPABILITIES
    if findings.tls is not None or service.tls_mode is TlsMode.IMPLICIT:
        return Stage.TLS
    if findings.starttls_accepted is not None:
        return Stage.STARTTLS
    return Stage.CAPABILITIES if findings.greeting else Stage.GREETING


def _cut(words: str | None) -> str | None:
    return None if words is None else words[:_MOST_CHARACTERS]


def _reject(number: int, reason: str, line: bytes) -> Reject:
    return Reject(number, reason, line.decode("utf-8", "replace"))
