"""Accounts in the database of the calls: a transaction at a time, its faults in words."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.store.access import Access
from copilot.store.accounts.credentials import Credentials
from copilot.store.accounts.people import People
from copilot.store.accounts.rows import Deed
from copilot.store.accounts.tables import AuditTable
from copilot.store.query import columns, every, values

_DEED = columns(AuditTable, Deed)


class Journal:
    """The audit log: added to, never changed."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deed: Deed) -> None:
        """Keep it; its number is given here."""
        made = values(deed)
        del made["id"]
        await self._connection.execute(insert(AuditTable).values(made))

    async def of(
        self, team_id: str, limit: int, before: int | None = None, act: str = ""
    ) -> Sequence[Deed]:
        """The team's newest, or those older than number `before`; only of one act where named."""
        query = select(*_DEED).where(AuditTable.team_id == team_id)
        if before is not None:
            query = query.where(AuditTable.id < before)
        if act:
            query = query.where(AuditTable.act == act)
        return await every(
            self._connection, Deed, query.order_by(AuditTable.id.desc()).limit(limit)
        )


class Tables:
    """All that one transaction sees and does."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.people = People(connection)
        self.credentials = Credentials(connection)
        self.journal = Journal(connection)


class AccountTables(Access):
    """The accounts of a database."""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tables]:
        async with self._read() as connection:
            yield Tables(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tables]:
        """All of it is kept, or, where anything is raised, nothing."""
        async with self._write() as connection:
            yield Tables(connection)
