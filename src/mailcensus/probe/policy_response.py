"""The answer of a policy host (RFC 8461 section 3.3) out of the bytes of HTTP/1.1 (RFC 9112); any bytes give one."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_BYTES = 128 << 10
"""Head and body; RFC 8461 section 3.3 suggests 64 KiB for the policy."""
_MOST_BODY = 64 << 10
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})(?: [^\r\n]*)?\r?\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n")


@dataclass(frozen=True, slots=True)
class PolicyResponse:
    """What came."""

    outcome: str
    """ok, redirect, status, media_type, too_long or malformed, as in `domains.mta_sts.fetch`."""
    status: int | None = None
    body: str | None = None
    error: str | None = None


def is_complete(data: bytes) -> bool:
    """Whether there is no need to wait for more: the body has its length, or there is too much of it."""
    if len(data) > MOST_BYTES:
        return True
    end = _END_OF_HEAD.search(data)
    if end is None:
        return False
    fields = _fields(data[: end.start()])
    if "transfer-encoding" in fields:
        return _unchunked(data[end.end() :]) is not None
    length = fields.get("content-length", "")
    return length.isascii() and length.isdecimal() and len(data) - end.end() >= int(length[:9])


def read_response(data: bytes) -> PolicyResponse:
    """Read all that came until the connection ended or `is_complete`."""
    status_line, end = _STATUS.match(data), _END_OF_HEAD.search(data)
    if status_line is None:
        return PolicyResponse("malformed", error="not an answer of HTTP/1")
    status = int(status_line[1])
    if 300 <= status < 400:  # must not be followed, RFC 8461 section 3.3
        return PolicyResponse("redirect", status, error=f"HTTP status {status}")
    if status != 200:
        return PolicyResponse("status", status, error=f"HTTP status {status}")
    if len(data) > MOST_BYTES:
        return PolicyResponse("too_long", status, error=f"more than {MOST_BYTES} bytes")
    if end is None:
        return PolicyResponse("malformed", status, error="the head does not end")
    return _with_body(status, _fields(data[: end.start()]), data[end.end() :])


def _with_body(status: int, fields: dict[str, str], raw: bytes) -> PolicyResponse:
    length = fields.get("content-length")
    body: bytes | None = raw
    if "transfer-encoding" in fields:
        body = _unchunked(raw)
    elif length is not None and length.isascii() and length.isdecimal():
        body = raw[: int(length[:9])] if len(raw) >= int(length[:9]) else None
    if body is None:
        return PolicyResponse("malformed", status, error="the body does not end")
    if len(body) > _MOST_BODY:
        return PolicyResponse("too_long", status, error=f"a policy of more than {_MOST_BODY} bytes")
    text = body.decode("utf-8", "replace")
    media_type = fields.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "text/plain":
        return PolicyResponse("media_type", status, text, f"media type {media_type[:60]!a}, not text/plain")
    return PolicyResponse("ok", status, text)


def _fields(head: bytes) -> dict[str, str]:
    """Header fields by name in lower case; of several of one name the first."""
    fields: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _unchunked(raw: bytes) -> bytes | None:
    """A body sent in chunks (RFC 9112 section 7.1); None where it has not ended."""
    body, at = bytearray(), 0
    while (head := _CHUNK.match(raw, at)) is not None:
        size = int(head[1], 16)
        if size == 0:
            return bytes(body)
        if size > MOST_BYTES or head.end() + size > len(raw):
            return None
        body += raw[head.end() : head.end() + size]
        at = head.end() + size
        at += 2 if raw[at : at + 2] == b"\r\n" else 1
    return None
