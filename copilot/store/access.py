"""How parts of a database are read and written: a transaction at a time, its faults in words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from copilot.errors import StoreError
from copilot.store.database import FAULTS, Address, explain


class Access:
    """One part of a database; every transaction raises StoreError where it cannot be used."""

    def __init__(self, address: Address, engine: AsyncEngine) -> None:
        self._address = address
        self._engine = engine

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield connection
        except FAULTS as error:
            raise StoreError(explain(self._address, error)) from None

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        """All of it is kept, or, where anything is raised, nothing."""
        try:
            async with self._engine.begin() as connection:
                if self._address.path is not None:
                    # What is read decides what is written: nobody else may write in between.
                    await connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        except FAULTS as error:
            raise StoreError(explain(self._address, error)) from None
