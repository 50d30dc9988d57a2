"""ClickHouse's engine (chdb) behind as much of the server's HTTP interface as one session of a client needs.

The engine is the server's own, in a library, and has no server. This program takes a query in the body, or in the URL,
rows behind the first line of an INSERT, settings in the URL; there is one session, which no other may share. It prints
its port, and ends when its standard input does.

    python -m realservers.clickhouse_engine
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl, urlsplit

import chdb
from chdb.session import Session

_NOT_SETTINGS = {
    *("query", "query_id", "database", "session_id", "session_timeout", "session_check"),
    *("client_protocol_version", "wait_end_of_query", "http_headers_progress_interval_ms"),
    "enable_http_compression",
}


class Engine:
    """The engine, and the settings of its session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._session = Session(str(folder / "data"))
        self._settings: dict[str, str] = {}

    def answer(self, query: bytes, settings: dict[str, str]) -> bytes:
        """What comes of a query, in the format that it names.

        Raises:
            chdb.ChdbError: the engine refuses it.
        """
        for name, value in settings.items() - self._settings.items():
            self._session.query(f"SET {name} = '{value}'")
            self._settings[name] = value
        first, _, rows = query.partition(b"\n")
        into, found, form = first.decode(errors="replace").rpartition(" FORMAT ")
        if rows and found and into.startswith("INSERT"):
            file = self._folder / "rows"
            file.write_bytes(rows)
            return self._ask(f"{into} SELECT * FROM file('{file}', {form})", "Null")
        text, found, form = query.decode().rstrip("\n; ").rpartition("FORMAT ")
        return (
            self._ask(text, form) if found and form.isalnum() else self._ask(query.decode(), "TabSeparated")
        )

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _ask(self, query: str, form: str) -> bytes:
        return bytes(self._session.query(query, form).bytes())


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    engine: Engine
    turn = threading.Lock()

    def do_POST(self) -> None:
        """A query."""
        told = dict(parse_qsl(urlsplit(self.path).query))
        query = b"\n".join(filter(None, (told.get("query", "").encode(), b"".join(self._body()))))
        settings = {name: value for name, value in told.items() if name not in _NOT_SETTINGS}
        try:
            with self.turn:
                body = self.engine.answer(query, settings)
        except chdb.ChdbError as error:
            self._say(500, str(error).encode())
        else:
            self._say(200, body)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while length := int(self.rfile.readline(), 16):
            yield self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", body.split()[1].decode().rstrip("."))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing."""


def main() -> None:
    """Answer until the standard input ends."""
    with TemporaryDirectory(prefix="mailcensus-") as folder:
        Handler.engine = Engine(Path(folder))
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            sys.stdout.write(f"{server.server_address[1]}\n")
            sys.stdout.flush()
            sys.stdin.read()
            server.shutdown()
        Handler.engine.close()


if __name__ == "__main__":
    main()
