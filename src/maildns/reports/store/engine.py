"""
Opening the store: SQLite in a file, or PostgreSQL, brought to the schema of this program.

Committed is safe: SQLite writes its log through to the disk at each commit. One process writes at
a time, the others wait; readers never wait and see one state throughout.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, inspect, make_url, text

from maildns.errors import InputError, UsageError
from maildns.reports.store.schema import REVISION

WAIT_SECONDS = 120
CACHE_KIB = 8192
_LOCK = 0x6D61696C  # the advisory lock of all who write: "mail"
_WRITES = {"maildns_writes": True}


def open_engine(where: str | Path) -> Engine:
    """
    Open the store at *where*, a path or a `postgresql://` URL; make or update it first.

    Raises InputError for what is no store of ours, is newer than this program, or is out of reach.
    """
    url, shown = _url(where)
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
    try:
        if _revision(engine) != REVISION:
            _update(engine, shown)
        if engine.dialect.name == "sqlite":  # only now: it changes the file, which must be ours
            _log_ahead(engine)
    except exc.DatabaseError as error:
        engine.dispose()
        hint = "give a new path, or the URL of a PostgreSQL database: postgresql://HOST/NAME"
        raise InputError(
            f"cannot open the store of reports: {_said(error)}", path=shown, hint=hint
        ) from None
    except InputError:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """
    Write in one transaction, alone; all of it is on disk when the block ends, or none.

    Raises InputError when the disk is full, the server is gone, or the like.
    """
    try:
        with engine.connect().execution_options(**_WRITES) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
    except (exc.OperationalError, engine.dialect.loaded_dbapi.OperationalError) as error:
        raise InputError(f"the store of reports cannot be written: {_said(error)}") from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read one state of the store."""
    postgresql = engine.dialect.name == "postgresql"
    options = {"isolation_level": "REPEATABLE READ"} if postgresql else {}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _url(where: str | Path) -> tuple[URL, str]:
    """Give the URL, and what people may see of it: no password."""
    given = str(where)
    if not re.match(r"[a-z0-9+]+://", given):
        path = Path(given)
        if not path.parent.is_dir():
            raise InputError("cannot make the store of reports: there is no such folder", path=path)
        return URL.create("sqlite", database=str(path)), given
    try:
        url = make_url(given)
    except (exc.ArgumentError, ValueError):
        raise UsageError("the URL of the store cannot be read") from None
    if url.get_backend_name() == "sqlite" and url.database:
        return _url(url.database)
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise UsageError(
            f"the store cannot be in {url.get_backend_name()}", hint="SQLite or PostgreSQL"
        )
    shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
    return url.set(drivername="postgresql+psycopg"), shown


def _sqlite(url: URL) -> Engine:
    # Reports tell of people's mail: the file is its owner's alone.
    if url.database and url.database != ":memory:" and not os.path.lexists(url.database):
        try:
            os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise InputError(f"cannot write it: {error.strerror}", path=url.database) from None
    engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: object) -> None:
        raw.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
        # A mail is deleted once its report is committed, so a commit must outlive a power cut.
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        raw.execute("PRAGMA temp_store=MEMORY")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("maildns_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    return create_engine(url, connect_args={"connect_timeout": 10}, pool_pre_ping=True)


def _revision(engine: Engine) -> str | None:
    """Which schema is there; None for an empty database."""
    with engine.connect() as connection:
        if inspect(connection).has_table("alembic_version"):
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None


def _update(engine: Engine, shown: str) -> None:
    with writing(engine) as connection:
        inspector = inspect(connection)
        tables = set(inspector.get_table_names())
        if "alembic_version" not in tables and "reports" in tables:
            raise InputError("this is a database of another program", path=shown)
        found = None
        if "alembic_version" in tables:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found > REVISION:
            raise InputError(
                f"this store was written by a newer maildns (its schema is {found}, ours {REVISION})",
                path=shown,
                hint="update maildns; it never takes a store back to an older schema",
            )
        command, config = _alembic()
        config.set_main_option("script_location", "maildns.reports.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)


def _alembic() -> tuple[Any, Any]:
    """What brings a schema up to date; loaded when that is needed, for it takes a while."""
    try:
        from alembic import command
        from alembic.config import Config
    except ModuleNotFoundError as error:
        raise UsageError(
            f"keeping reports needs {error.name}, which is not installed",
            hint="pip install 'maildns[reports]'",
        ) from None
    return command, Config()


def _log_ahead(engine: Engine) -> None:
    """Write ahead (WAL), so that readers and the one who writes do not wait for each other."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


def _said(error: Exception) -> str:
    """What the database says, without what it was asked to do."""
    cause = getattr(error, "orig", error)  # of the driver, where rows go to it without a detour
    return next(iter(str(cause).strip().splitlines()), "unknown fault")
