"""The opt-out site under hostile requests: by its own OpenAPI description (schemathesis), and by anything at all."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from mailcensus.outreach.site.openapi import description
from outreach.serving import served
from outreach.site_world import World, world

pytestmark = pytest.mark.integration

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
STRANGER, VISITOR = "203.0.113.9", "198.51.100.7"
FEW = hypothesis.settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("hostile")
    (directory / "own.txt").write_text("")
    with world(directory, proxies=("127.0.0.1",)) as made:
        yield made


BY_THE_BOOK, OTHERWISE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
OPERATIONS = [
    pytest.param(path, method, mode, id=f"{method} {path} {mode.value}")
    for path, item in description()["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
    for mode in ((BY_THE_BOOK, OTHERWISE) if "requestBody" in operation else (BY_THE_BOOK,))
]
API = schemathesis.openapi.from_dict(description())


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_the_api_keeps_to_its_description_whatever_is_sent(
    site: World, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    """Schemathesis makes requests that fit the description of an operation, and ones that do not."""
    secret = site.visitor(VISITOR).ask("198.51.100.0/24").rpartition("/")[2]

    @FEW
    @given(API[path][method].as_strategy(generation_mode=mode), st.booleans())
    def ask(case: schemathesis.Case, there_is_one: bool) -> None:
        if there_is_one and "secret" in case.path_parameters:
            case.path_parameters["secret"] = secret
        case.validate_response(schemathesis.Response.from_any(sent(site, case)), checks=CHECKS)

    ask()


def sent(site: World, case: schemathesis.Case) -> httpx.Response:
    """Send a request of schemathesis."""
    rest = case.as_transport_kwargs(base_url="https://scanner.example")
    rest.pop("cookies", None)
    if isinstance(rest.get("data"), str | bytes):
        rest["content"] = rest.pop("data")
    return site.visitor(VISITOR).request(rest.pop("method"), rest.pop("url"), **rest)


# ---- the pages

HOSTILE = st.one_of(
    st.text(max_size=400),
    st.sampled_from(
        (
            "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "' OR 1=1 --", "\x00",
            "../../etc/passwd", "%2e%2e/", "192.0.2.0/24\n10.0.0.0/8", "example.org\r\nBcc: all@example.net",
            "\u202e\u2066gro.elpmaxe", "a" * 300, "::ffff:0:0/96", "0/0", "example.org; DROP TABLE x", "${jndi:ldap://x}",
        )
    ),
)  # fmt: skip
PATHS = st.one_of(
    st.sampled_from(
        ("/", "/opt-out", "/held", "/requests", "/confirm/x", "/requests/x", "/api/own", "/api/requests")
    ),
    HOSTILE.map(lambda text: f"/requests/{text}"),
    HOSTILE.map(lambda text: f"/{text}"),
)
VERBS = st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"))
FORMS = st.dictionaries(st.sampled_from(("whom", "action", "way", "x")), HOSTILE, max_size=4)


def harmless(answer_text: str, kind: str) -> bool:
    """Whether a browser would find nothing of a stranger's to run: as JSON and text it is not looked at as a page."""
    if not kind.startswith("text/html"):
        return True
    return not re.search(r"<script|<img|onerror|alert\(|jndi|\{\{|DROP|\b49\b", answer_text)


@FEW
@given(VERBS, PATHS, FORMS, st.booleans())
def test_no_request_is_an_error_of_ours_or_shown_again(
    site: World, method: str, path: str, form: dict[str, str], with_token: bool
) -> None:
    visitor = site.visitor(STRANGER)
    try:
        url = path.encode("utf-8", "surrogatepass").decode("latin-1").replace("#", "%23")
        fields = {"token": visitor.token(), **form} if with_token else form
        answer = visitor.request(method, url, data=fields)
    except (httpx.InvalidURL, ValueError, TypeError) as error:  # no client could send it
        hypothesis.reject()
        raise AssertionError from error
    assert answer.status_code < 500
    assert "content-security-policy" in answer.headers
    if method != "HEAD":
        assert harmless(answer.text, answer.headers.get("content-type", ""))


@FEW
@given(HOSTILE, st.sampled_from(("opt_out", "withdraw")))
def test_whatever_is_asked_for_the_file_stays_one_that_a_scan_reads(
    site: World, whom: str, action: str
) -> None:
    visitor = site.visitor(STRANGER)
    answer = visitor.request("POST", "/api/requests", json={"whom": whom, "action": action})
    assert answer.status_code in (201, 422)
    assert "<" not in answer.text
    assert STRANGER not in site.file.read_text()


@FEW
@given(st.binary(max_size=300))
def test_any_bytes_as_a_body_are_answered(site: World, body: bytes) -> None:
    for path, kind in (
        ("/api/requests", "application/json"),
        ("/opt-out", "application/x-www-form-urlencoded"),
    ):
        answer = site.visitor(STRANGER).request("POST", path, content=body, headers={"content-type": kind})
        assert 400 <= answer.status_code < 500


@FEW
@given(st.lists(st.one_of(HOSTILE, st.ip_addresses().map(str)), max_size=3))
def test_what_a_proxy_passes_on_is_an_address_or_refused(site: World, forwarded: list[str]) -> None:
    headers = {b"x-forwarded-for": ",".join(forwarded).encode("utf-8", "replace")}
    answer = site.visitor("127.0.0.1").request("GET", "/api/about", headers=headers)
    assert answer.status_code in (200, 400)


# ---- over a socket

STUDY = """
[study]
opt_out = "http://127.0.0.1/"
[population]
exclusions = ["opt-outs.txt"]
[site]
listen = ["127.0.0.1:0"]
"""

RAW = (
    b"\x00" * 64 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 6_000 + b"\r\n",
    b"POST /opt-out HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /opt-out HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /opt-out HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 160,
)


def status_of(url: str, request: bytes) -> int | None:
    """The status of the answer to these bytes; None: the connection was closed without one."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        try:
            connection.sendall(request)
            line = connection.makefile("rb").readline().split()
        except ConnectionError:
            return None
    return int(line[1]) if len(line) > 1 else None


def test_no_bytes_on_the_wire_are_an_error_of_ours(tmp_path: Path) -> None:
    with served(tmp_path, STUDY) as url:
        with ThreadPoolExecutor(len(RAW)) as pool:
            for request, status in zip(RAW, pool.map(status_of, [url] * len(RAW), RAW), strict=True):
                assert status is None or status < 500, (request[:60], status)
        began = time.monotonic()
        idle = [socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) for _ in range(50)]
        fine = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        assert status_of(url, fine) == 200, "whoever says nothing keeps nobody else out"
        assert time.monotonic() - began < 15
        for connection in idle:
            connection.close()
    said = (tmp_path / "stderr").read_text()
    assert "Traceback" not in said
    assert "127.0.0.1" not in said
