"""A study with a site, asked from any address without a socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp

from mailcensus.outreach.site.app import site_app
from mailcensus.outreach.site.desk import Desk
from mailcensus.outreach.site.limits import Limits, Rate
from mailcensus.outreach.site.serving import desk_of
from mailcensus.outreach.site.store import Store, database_url
from mailcensus.population import PrefixSet
from mailcensus.study import Settings, Study

BASE = "https://scanner.example"
FREELY = Rate(1_000_000, 1_000_000)
UNLIMITED = Limits(
    pages=FREELY, changes=FREELY, lookups=FREELY, requests=FREELY, all_requests=FREELY, all_checks=FREELY
)
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass
class World:
    """The site, and its study."""

    study: Study
    store: Store
    desk: Desk
    app: ASGIApp
    runner: asyncio.Runner
    _visitors: dict[str, Visitor] = field(default_factory=dict)

    def visitor(self, ip: str) -> Visitor:
        """Somebody who comes from an address."""
        if ip not in self._visitors:
            transport = ASGITransport(self.app, client=(ip, 40_000))
            self._visitors[ip] = Visitor(AsyncClient(transport=transport, base_url=BASE), self.runner)
        return self._visitors[ip]

    @property
    def file(self) -> Path:
        return self.study.directory / "opt-outs.txt"

    def entries(self) -> list[str]:
        """Whom the exclusion file names."""
        return [line.split()[0] for line in self.file.read_text().splitlines() if not line.startswith("#")]


@dataclass
class Visitor:
    """A browser without scripts: gets pages, and sends their forms."""

    client: AsyncClient
    runner: asyncio.Runner

    def request(self, method: str, path: str, **rest: Any) -> Response:
        """Any request at all."""
        return self.runner.run(self.client.request(method, path, **rest))

    def get(self, path: str, **headers: str) -> Response:
        return self.request("GET", path, headers=headers)

    def token(self) -> str:
        found = _TOKEN.search(self.get("/opt-out").text)
        assert found
        return found[1]

    def send(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a form of ours."""
        return self.request("POST", path, data={"token": self.token(), **fields}, headers=headers)

    def ask(self, whom: str, action: str = "opt_out") -> str:
        """Ask for a range or domain; the request's page."""
        answer = self.send("/requests", {"whom": whom, "action": action})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


def settings(**site: object) -> Settings:
    """A study.toml that has a site."""
    resolvers = site.pop("resolvers", ["127.0.0.1:9"])
    return Settings.model_validate(
        {
            "study": {
                "name": "keys <of> mail",
                "contact": "scan@scanner.example",
                "opt_out": f"{BASE}/opt-out",
                "ehlo_name": "scanner.example",
            },
            "population": {"exclusions": ["own.txt", "opt-outs.txt"]},
            "facts": {"resolvers": resolvers},
            "site": site,
        }
    )


@contextmanager
def world(
    directory: Path, *, limits: Limits = UNLIMITED, url: str | None = None, **site: object
) -> Iterator[World]:
    """The site of a new study, or of one that is there already."""
    proxies = site.get("proxies", ())
    study = Study(directory, settings(**site))
    store = Store(database_url(url, directory / "outreach"))
    desk = desk_of(study, store, BASE, ["192.0.2.1"], limits)
    app = site_app(
        desk,
        proxies=PrefixSet.of(proxies),  # type: ignore[arg-type]
        hosts={"scanner.example"},
        https=True,
    )
    with asyncio.Runner() as runner:
        yield World(study, store, desk, app, runner)
        runner.run(desk.close())
    store.close()
