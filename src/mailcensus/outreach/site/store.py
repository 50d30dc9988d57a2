"""What the site remembers, in SQLite or PostgreSQL: opt-outs as they are now, an audit trail, open requests.

SQLAlchemy Core writes the SQL: one description of the tables for both databases, and its pool finds connections again
that a restarted PostgreSQL has dropped. Of those who ask, nothing is kept but what they asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, ProgrammingError, SQLAlchemyError

from mailcensus.study import StageFailed, StudyError

REQUEST_LIVES = timedelta(days=7)
MOST_REQUESTS = 100_000
"""Open at the same time; more are refused, so that nobody fills the disk."""
_TEXT = 320
_BUSY_S = 10

_METADATA = sa.MetaData()
_OPT_OUTS = sa.Table(
    "mailcensus_opt_outs", _METADATA,
    sa.Column("whom", sa.String(_TEXT), primary_key=True),
    sa.Column("since", sa.DateTime(), nullable=False),
    sa.Column("way", sa.String(16), nullable=False),
    sa.Column("withdrawn_at", sa.DateTime()),
)  # fmt: skip
_EVENTS = sa.Table(
    "mailcensus_opt_out_events", _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime(), nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("whom", sa.String(_TEXT), nullable=False, index=True),
    sa.Column("way", sa.String(16)),
)  # fmt: skip
_REQUESTS = sa.Table(
    "mailcensus_opt_out_requests", _METADATA,
    sa.Column("secret_sha256", sa.String(64), primary_key=True),
    sa.Column("mail_sha256", sa.String(64), unique=True),
    sa.Column("whom", sa.String(_TEXT), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False, index=True),
    sa.Column("done_at", sa.DateTime()),
)  # fmt: skip


class Action(StrEnum):
    """What somebody wants."""

    OPT_OUT = "opt_out"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class OptOut:
    """One opt-out, in force or withdrawn."""

    whom: str
    since: datetime
    way: str
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the audit trail."""

    at: datetime
    what: str
    """`opt_out`, `withdraw`, `request` or `mail`."""
    whom: str
    way: str | None
    """How it was proved; of a mail, the action it asks about."""


@dataclass(frozen=True, slots=True)
class Request:
    """Something asked for that needs proof."""

    whom: str
    action: Action
    created_at: datetime
    done_at: datetime | None


class TooManyRequests(Exception):
    """No more requests are taken at the moment."""


class Store:
    """The database of one site."""

    def __init__(self, url: str) -> None:
        """Open a database, and make its tables where there are none.

        Args:
            url: as SQLAlchemy has them.

        Raises:
            StudyError: the database cannot be used.
        """
        self._engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, **_pool_of(url))
        try:
            self._make_tables()
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StageFailed(f"database of the site: {reason}") from None

    def _make_tables(self) -> None:
        try:
            _METADATA.create_all(self._engine)
        except (IntegrityError, ProgrammingError):  # another site was making them at the same moment
            _METADATA.create_all(self._engine)
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def state(self) -> tuple[int, int]:
        """Another pair of numbers whenever something was opted out or withdrawn."""
        # Two numbers: a transaction that began earlier may end later, and brings a lower id.
        query = sa.select(sa.func.count(_EVENTS.c.id), sa.func.max(_EVENTS.c.id)).where(
            _EVENTS.c.what.in_([action.value for action in Action])
        )
        with self._engine.connect() as connection:
            count, newest = connection.execute(query).one()
        return int(count), int(newest or 0)

    def opt_outs(self) -> list[OptOut]:
        """All opt-outs there ever were, each as it is now, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_OPT_OUTS).order_by(_OPT_OUTS.c.whom)).all()
        return [OptOut(row.whom, row.since, row.way, row.withdrawn_at) for row in rows]

    def events(self, whom: str | None = None) -> list[Event]:
        """The audit trail, of everybody or of one."""
        query = sa.select(_EVENTS).order_by(_EVENTS.c.id)
        if whom is not None:
            query = query.where(_EVENTS.c.whom == whom)
        with self._engine.connect() as connection:
            return [Event(row.at, row.what, row.whom, row.way) for row in connection.execute(query).all()]

    def apply(self, action: Action, whom: str, way: str, secret: str | None = None) -> None:
        """Opt somebody out or in again; done twice it stays as it is, and the trail says so twice.

        Args:
            secret: of the request that this fulfils.
        """
        for last_try in (False, True):
            try:
                with self._engine.begin() as connection:
                    _apply(connection, action, whom, way)
                    if secret is not None:
                        done = sa.update(_REQUESTS).where(_REQUESTS.c.secret_sha256 == sha256(secret))
                        connection.execute(done.values(done_at=_now()))
                return
            except IntegrityError:  # another process was quicker to insert it
                if last_try:
                    raise

    def ask(self, secret: str, whom: str, action: Action) -> None:
        """Keep a request, and forget those that are too old.

        Raises:
            TooManyRequests: so many are open.
        """
        now = _now()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_REQUESTS).where(_REQUESTS.c.created_at < now - REQUEST_LIVES))
            count = connection.execute(sa.select(sa.func.count()).select_from(_REQUESTS)).scalar_one()
            if count >= MOST_REQUESTS:
                raise TooManyRequests
            connection.execute(
                sa.insert(_REQUESTS).values(
                    secret_sha256=sha256(secret), whom=whom, action=action.value, created_at=now
                )
            )
            _note(connection, "request", whom, None)

    def request(self, secret: str) -> Request | None:
        """The request of a secret, while it lives."""
        return self._request(_REQUESTS.c.secret_sha256 == sha256(secret))

    def mailed_request(self, mail_secret: str) -> Request | None:
        """The request that a mail was about, while it lives."""
        return self._request(_REQUESTS.c.mail_sha256 == sha256(mail_secret))

    def apply_mailed(self, mail_secret: str, request: Request, way: str) -> None:
        """Fulfil the request that a mail was about."""
        with self._engine.begin() as connection:
            _apply(connection, request.action, request.whom, way)
            done = sa.update(_REQUESTS).where(_REQUESTS.c.mail_sha256 == sha256(mail_secret))
            connection.execute(done.values(done_at=_now()))

    def may_mail(
        self, secret: str, mail_secret: str, whom: str, action: Action, again_after: timedelta
    ) -> bool:
        """Whether a mail about somebody may go out now; if so, it counts as sent, with its secret.

        Nobody is to be flooded with our mails: one about the same within `again_after`.
        """
        with self._engine.begin() as connection:
            recent = sa.select(sa.func.count()).where(
                _EVENTS.c.whom == whom,
                _EVENTS.c.what == "mail",
                _EVENTS.c.way == action.value,
                _EVENTS.c.at > _now() - again_after,
            )
            if connection.execute(recent).scalar_one():
                return False
            kept = sa.update(_REQUESTS).where(_REQUESTS.c.secret_sha256 == sha256(secret))
            connection.execute(kept.values(mail_sha256=sha256(mail_secret)))
            _note(connection, "mail", whom, action.value)
        return True

    def _request(self, which: sa.ColumnElement[bool]) -> Request | None:
        living = _REQUESTS.c.created_at >= _now() - REQUEST_LIVES
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_REQUESTS).where(which, living)).one_or_none()
        return None if row is None else Request(row.whom, Action(row.action), row.created_at, row.done_at)


def database_url(told: str | None, directory: Path) -> str:
    """The URL of a site's database, as SQLAlchemy has it.

    Args:
        told: `site.database` of study.toml.
        directory: where SQLite's file is, if it is to be that.

    Raises:
        StudyError: not such a URL.
    """
    if told is None:
        directory.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{directory / 'site.sqlite'}"
    try:
        url = make_url(told)
    except (ArgumentError, ValueError):
        raise StudyError('site.database: not a URL such as "postgresql:///mailcensus"') from None
    if url.get_backend_name() != "postgresql":
        raise StudyError("site.database: only PostgreSQL; without it SQLite is used")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise StudyError(
            "site.database: PostgreSQL needs a driver: pip install 'mailcensus[postgres]'"
        ) from None
    return url.set(drivername="postgresql+psycopg").render_as_string()


def sha256(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _pool_of(url: str) -> dict[str, object]:
    """SQLite waits for a lock that long; PostgreSQL's pool is as wide as our threads are many."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": _BUSY_S}}
    return {"pool_size": 8, "max_overflow": 8, "pool_timeout": _BUSY_S}


def _apply(connection: sa.Connection, action: Action, whom: str, way: str) -> None:
    now = _now()
    row = connection.execute(sa.select(_OPT_OUTS).where(_OPT_OUTS.c.whom == whom)).one_or_none()
    this = sa.update(_OPT_OUTS).where(_OPT_OUTS.c.whom == whom)
    if action is Action.WITHDRAW:
        connection.execute(this.where(_OPT_OUTS.c.withdrawn_at.is_(None)).values(withdrawn_at=now))
    elif row is None:
        connection.execute(sa.insert(_OPT_OUTS).values(whom=whom, since=now, way=way))
    elif row.withdrawn_at is not None:
        connection.execute(this.values(since=now, way=way, withdrawn_at=None))
    _note(connection, action.value, whom, way)


def _note(connection: sa.Connection, what: str, whom: str, way: str | None) -> None:
    connection.execute(sa.insert(_EVENTS).values(at=_now(), what=what, whom=whom, way=way))


def _now() -> datetime:
    """UTC; both databases keep it without a zone."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def active(opt_outs: Sequence[OptOut]) -> list[OptOut]:
    """Those in force."""
    return [each for each in opt_outs if each.withdrawn_at is None]
