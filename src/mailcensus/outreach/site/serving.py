"""Makes the site of a study and serves it until it is told to stop."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from mailcensus.outreach.contacts import Contact, read_contacts
from mailcensus.outreach.holdings import Holdings
from mailcensus.outreach.site.about import Since, about_of
from mailcensus.outreach.site.app import site_app
from mailcensus.outreach.site.desk import Desk
from mailcensus.outreach.site.impatient import Impatient
from mailcensus.outreach.site.left_out import LeftOut
from mailcensus.outreach.site.limits import Limits
from mailcensus.outreach.site.mail import Post
from mailcensus.outreach.site.opt_out_file import OptOutFile
from mailcensus.outreach.site.proofs import Proofs
from mailcensus.outreach.site.register import Register
from mailcensus.outreach.site.store import Store, database_url
from mailcensus.outreach.site.whom import Whom
from mailcensus.outreach.texts import vantage_texts
from mailcensus.population.prefixes import PrefixSet
from mailcensus.probe.resolver import Resolver
from mailcensus.study import StageFailed, Study, StudyError

_QUERIES_PER_S = 50.0
_REPLY_S = 3.0
_CONNECTIONS = 200
_IDLE_S = 10
_HEADERS_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """As URLs have it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def serve(
    study: Study, addresses: Sequence[str], limits: Limits, on_ready: Callable[[Sequence[str]], None]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        addresses: from which the study asks, for the page.
        on_ready: called with the URLs once the site listens.

    Raises:
        StudyError: study.toml says something that cannot be.
        StageFailed: an address cannot be listened at; the database or the exclusion file cannot be used.
    """
    site = study.settings.site
    with ExitStack() as stack:
        sockets = [_listen(parse_place("site.listen", text), stack) for text in site.listen]
        places = [Place(*each.getsockname()[:2]) for each in sockets]
        base = base_url(study) or f"http://{places[0].text}"
        store = Store(database_url(site.database, study.directory / "outreach"))
        stack.callback(store.close)
        desk = desk_of(study, store, base, addresses, limits)
        app = site_app(
            desk,
            proxies=_proxies(site.proxies),
            hosts=_hosts(base, places),
            https=base.startswith("https:"),
        )
        config = uvicorn.Config(
            app,
            http=Impatient,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,  # it holds addresses and links
            proxy_headers=False,  # we do that, and bind what is asked for to it
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_IDLE_S,
            h11_max_incomplete_event_size=_HEADERS_BYTES,
        )
        # To be stopped is how a server ends; uvicorn raises the signal again once it has.
        with suppress(KeyboardInterrupt):
            _Server(config, lambda: on_ready([f"http://{place.text}/" for place in places])).run(sockets)


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def desk_of(study: Study, store: Store, base: str, addresses: Sequence[str], limits: Limits) -> Desk:
    """The desk of a study's site.

    Raises:
        StudyError: study.toml says something that cannot be.
        StageFailed: the exclusion file cannot be written.
    """
    register = Register(store, OptOutFile(_opt_out_file(study)))
    return Desk(
        about=about_of(study.settings, addresses),
        since=Since(study.data),
        register=register,
        proofs=Proofs(register, _resolver(study), _post(study), _contacts(study), base),
        left_out=LeftOut([study.path(path) for path in study.settings.population.exclusions]),
        data=study.data,
        limits=limits,
        security_txt=_security_txt(study, addresses),
    )


def base_url(study: Study) -> str | None:
    """Where the world reaches the site, without a slash at the end.

    Raises:
        StudyError: `site.url` is no such URL.
    """
    told = study.settings.site.url
    if told is not None:
        parts = urlsplit(told)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise StudyError('site.url: not a URL without a path, such as "https://scanner.example"')
        return f"{parts.scheme}://{parts.netloc}"
    parts = urlsplit(study.settings.study.opt_out or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else None


def parse_place(field: str, text: str) -> Place:
    """An address and port.

    Raises:
        StudyError: it is none.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
        if not (port.isascii() and port.isdigit() and int(port) < 65_536):
            raise ValueError
    except ValueError:
        raise StudyError(f'{field}: {text!a} is no "address:port" or "[IPv6 address]:port"') from None
    return Place(host, int(port))


def _opt_out_file(study: Study) -> Path:
    path = study.settings.site.opt_outs
    if path not in study.settings.population.exclusions:
        raise StudyError(
            f'{study.directory / "study.toml"}: population.exclusions does not name "{path}"; '
            "add it, or no scan would read what people opt out"
        )
    return study.path(path)


def _listen(place: Place, stack: ExitStack) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        listener = socket.create_server((place.host, place.port), family=family, backlog=1_024)
    except OSError as error:
        raise StageFailed(f"site.listen: {place.text}: {error.strerror or error}") from None
    return stack.enter_context(listener)


def _hosts(base: str, places: Sequence[Place]) -> set[str]:
    """By which names and addresses browsers may call us."""
    name = urlsplit(base).hostname
    return {place.host.lower() for place in places} | ({name.lower()} if name else set())


def _proxies(texts: Sequence[str]) -> PrefixSet:
    try:
        return PrefixSet.of(texts)
    except ValueError as error:
        raise StudyError(f"site.proxies: {error}") from None


def _resolver(study: Study) -> Resolver | None:
    """The study's resolvers, or the system's; without any, nothing is proved by DNS."""
    told = study.settings.facts.resolvers
    try:
        return Resolver(told, _QUERIES_PER_S, _REPLY_S)
    except StudyError:
        if told:
            raise
        return None


def _post(study: Study) -> Post | None:
    told, contact = study.settings.site.smtp, (study.settings.study.contact or "").removeprefix("mailto:")
    if told is None:
        return None
    if contact.count("@") != 1 or len(contact.split()) != 1:
        raise StudyError("site.smtp: mails need a sender; set study.contact to a mail address")
    place = parse_place("site.smtp", told)
    return Post(place.host, place.port, contact, study.settings.study.ehlo_name)


def _contacts(study: Study) -> Callable[[Whom], Sequence[str]]:
    """Whom to write to about a range: the contact of the longest prefix in the file that holds all of it."""
    told = study.settings.site.contacts
    holdings = Holdings[Contact]() if told is None else read_contacts(study.path(told)).holdings

    def contacts_of(whom: Whom) -> Sequence[str]:
        if whom.triple is None:
            return ()
        version, start, _ = whom.triple
        found = holdings.of_prefix(version, start, whom.bits)
        return () if found is None else (found.address,)

    return contacts_of


def _security_txt(study: Study, addresses: Sequence[str]) -> str | None:
    """As `mailcensus outreach texts` has it, where study.toml says enough."""
    try:
        texts = vantage_texts(study.settings, addresses, datetime.now(UTC))
    except StudyError:
        return None
    return next(text.body for text in texts if text.name == "security.txt")
