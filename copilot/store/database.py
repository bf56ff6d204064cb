"""The database of the store: its address, its connections, its migrations, its faults in words."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from advanced_alchemy.alembic.commands import AlembicCommands
from advanced_alchemy.config import AlembicAsyncConfig, EngineConfig, SQLAlchemyAsyncConfig
from alembic.config import Config
from alembic.script import ScriptDirectory
from msgspec import Struct
from sqlalchemy import URL, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from copilot.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "schema_version"
PATIENCE_S = 2.0
"""How long a statement waits for another process's lock, and a connection for a server."""
PAUSE_S = 0.02
"""Between two tries at a lock that SQLite does not wait for by itself."""
COMMAND_S = 10.0
"""How long a server may take for one statement before the connection counts as lost."""
FAULTS = (SQLAlchemyError, OSError, TimeoutError)
"""What a database in trouble raises."""
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
FORMS = "sqlite:///path/to/copilot.sqlite or postgresql://user:password@host/database"


class Address(Struct, frozen=True):
    """Where a database is."""

    url: URL
    path: Path | None
    """The file of an SQLite database."""

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def parse(url: str) -> Address:
    """The address that a database URL names; raises StoreError for any other text."""
    shown = re.sub(r"//[^/]*@", "//***@", url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"database url {shown!r}: not a database URL; write {FORMS}") from None
    driver = DRIVERS.get(parsed.drivername)
    if driver is None:
        raise StoreError(
            f"database url {shown!r}: {parsed.drivername!r} is not supported; write {FORMS}"
        )
    parsed = parsed.set(drivername=driver)
    if not driver.startswith("sqlite"):
        return Address(parsed, None)
    if parsed.database in (None, "", ":memory:"):
        raise StoreError(f"database url {shown!r}: logs need a file to stay in; write {FORMS}")
    return Address(parsed, Path(str(parsed.database)))


def configure(address: Address) -> SQLAlchemyAsyncConfig:
    """An engine's configuration, with the migrations of this package.

    Raises StoreError where the driver is not installed.
    """
    arguments: dict[str, Any] = {"timeout": PATIENCE_S}
    if address.path is None:
        arguments["command_timeout"] = COMMAND_S
    config = SQLAlchemyAsyncConfig(
        connection_string=address.url.render_as_string(hide_password=False),
        engine_config=EngineConfig(connect_args=arguments),
        alembic_config=AlembicAsyncConfig(
            script_location=str(MIGRATIONS), version_table_name=VERSION_TABLE
        ),
    )
    try:
        engine = config.get_engine()
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{address}: the package {error.name} is missing; pip install 'copilot[postgres]'"
        ) from None
    if address.path is not None:
        event.listen(engine.sync_engine, "connect", _tune)
    return config


def _tune(connection: Any, _: object) -> None:
    """Readers beside one writer, a commit that survives the death of the process, and nothing left
    of what is deleted."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


async def prepare(address: Address) -> None:
    """Make the folder and the tables, or bring them up to date; raises StoreError."""
    try:
        if address.path is not None:
            address.path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(probe, address.path)
        await _migrate(address)
    except (*FAULTS, sqlite3.Error) as error:
        raise StoreError(explain(address, error)) from None


def probe(path: Path) -> None:
    """Fail where it can be told: aiosqlite's thread would print a traceback of its own.

    The change to WAL does not wait as statements do: SQLite refuses it at once while another
    process makes it. So the waiting is done here.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as connection:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("select count(*) from sqlite_master")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
        time.sleep(PAUSE_S)


async def _migrate(address: Address) -> None:
    config = configure(address)
    engine = config.get_engine()
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(_version)
    finally:
        await engine.dispose()
    if found == _script().get_current_head():
        return
    if found and found not in {script.revision for script in _script().walk_revisions()}:
        raise StoreError(
            f"{address}: a newer copilot made this database (schema {found}); "
            "upgrade copilot, or name another database"
        )
    # Alembic is not asynchronous: its environment runs a loop of its own, in a thread.
    await asyncio.to_thread(_upgrade, address)


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def _upgrade(address: Address) -> None:
    AlembicCommands(configure(address)).upgrade()


def _version(connection: Any) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(text(f"select version_num from {VERSION_TABLE}"))
    return None if found is None else str(found)


def explain(address: Address, error: BaseException) -> str:
    """What is wrong with the database and what to do, without the password."""
    cause: BaseException = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return f"{address}: {_explain_sqlite(cause)}"
    if address.path is not None:
        return f"{address}: {_reason(cause)}; name a folder that this user may write to"
    return (
        f"{address}: {_reason(cause)}; check that PostgreSQL runs there and that the user, "
        "the password and the database exist"
    )


def _explain_sqlite(error: sqlite3.Error) -> str:
    # Extended codes are the plain one and a suffix: SQLITE_READONLY_DBMOVED.
    code = "_".join((getattr(error, "sqlite_errorname", "") or "").split("_")[:2])
    match code:
        case "SQLITE_BUSY" | "SQLITE_LOCKED":
            return "another process has locked it; end that process and try again"
        case "SQLITE_READONLY" | "SQLITE_PERM":
            return "it is read-only; make the file and its folder writable for this user"
        case "SQLITE_CANTOPEN":
            return "it cannot be opened; make its folder writable, or name another file"
        case "SQLITE_NOTADB" | "SQLITE_CORRUPT":
            return "not an SQLite database, or a damaged one; restore a copy or name another file"
        case "SQLITE_FULL" | "SQLITE_IOERR":
            return f"the disk refuses ({error}); make room on it"
        case _:
            return f"it cannot be used ({error}); name another file"


def _reason(error: BaseException) -> str:
    """The error's first line, without SQLAlchemy's statement and link."""
    return (str(error) or type(error).__name__).splitlines()[0]
