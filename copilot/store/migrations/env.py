"""Alembic's environment: runs the migrations on the engine that advanced-alchemy configured."""

import asyncio
from typing import TYPE_CHECKING, cast

from advanced_alchemy.base import metadata_registry
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from copilot.store import models
from copilot.store.accounts import tables
from copilot.store.console import tables as console
from copilot.store.mind import tables as mind

if TYPE_CHECKING:
    from advanced_alchemy.alembic.commands import AlembicCommandConfig

__all__ = ["console", "mind", "models", "tables"]


LOCK = {
    "sqlite": "begin immediate",
    # The number is arbitrary, but the same for every copilot.
    "postgresql": "select pg_advisory_xact_lock(4817)",
}
"""Lets one process at a time migrate, so that the others find everything done."""


SEARCHED = "said"
"""The full-text table of what was said, and with an underscore the shadows that SQLite keeps of
it: made by hand, since no two databases have such a thing in common."""


def compared(name: str | None, kind: str, parents: object) -> bool:
    """Whether a table found in the database is expected among the models."""
    return not (kind == "table" and name is not None and name.partition("_")[0] == SEARCHED)


def run(connection: Connection, config: "AlembicCommandConfig") -> None:
    """All pending migrations in one transaction."""
    connection.exec_driver_sql(LOCK[connection.dialect.name])
    context.configure(
        transactional_ddl=True,
        connection=connection,
        target_metadata=metadata_registry.get(config.bind_key),
        version_table=config.version_table_name,
        render_as_batch=config.render_as_batch,
        include_name=compared,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main(config: "AlembicCommandConfig") -> None:
    """Connect, migrate, hang up."""
    engine = cast(AsyncEngine, config.engine)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run, config)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(main(cast("AlembicCommandConfig", context.config)))
