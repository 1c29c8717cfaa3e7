"""Engines for the ledger: SQLite in WAL mode or PostgreSQL, always at the newest migration."""

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError

from shared.errors import ConfigError

log = logging.getLogger("mailroom.ledger")

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MILLISECONDS = 30_000
MIGRATION_LOCK = 0x6D61696C  # "mail": an advisory lock's key on PostgreSQL, any number that nobody else uses


def open_engine(url: str) -> Engine:
    """A pooled engine. ConfigError names what is wrong with the URL or the server."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"MAILROOM_LEDGER_URL is no database URL: {error}") from error
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"MAILROOM_LEDGER_URL names {parsed.drivername}: use sqlite:///FILE or postgresql://...")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("MAILROOM_LEDGER_URL: a ledger in memory forgets every receipt; use sqlite:///FILE")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_MILLISECONDS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # Python's driver would otherwise decide by itself when a transaction begins.
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer; it fails with "locked" instead.
    immediate = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def migrate(engine: Engine, revision: str = "head", scripts: Path = MIGRATIONS) -> None:
    """Bring the ledger to a revision; safe when several processes start at once.

    Migrations only go forward. Code that was rolled back finds a ledger ahead of it, and works on: within an era (the
    number before the dot of a revision) nothing is taken away from older code. ConfigError: it is of a later era.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    try:
        with engine.execution_options(writes=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            if _is_ahead(connection, ScriptDirectory.from_config(config)):
                return
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except DatabaseError as error:
        shown = engine.url.render_as_string(hide_password=True)
        raise ConfigError(f"the ledger at {shown} cannot be opened: {error.orig}") from error


def _is_ahead(connection: Connection, scripts: ScriptDirectory) -> bool:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if found is None or found in known:
        return False
    ours = max(known)
    if found.partition(".")[0] != ours.partition(".")[0]:
        raise ConfigError(
            f"the ledger is at revision {found}, and this code knows {ours}: newer code has changed it in a way that"
            " older code cannot follow. Deploy that newer code again, or restore the ledger from a backup"
        )
    log.info("ledger.ahead revision=%s known=%s", found, ours)
    return True


def epoch_now(connection: Connection) -> float:
    """Seconds since 1970 by the database's clock: the one clock that all runs share."""
    sqlite = "SELECT (julianday('now') - 2440587.5) * 86400.0"
    postgresql = "SELECT extract(epoch FROM clock_timestamp())"
    return float(connection.scalar(text(sqlite if connection.dialect.name == "sqlite" else postgresql)))
