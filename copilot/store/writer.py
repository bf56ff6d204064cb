"""The one writer of a store: batches of entries in a transaction, and the logs of the dead."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Insert, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from copilot.core.events import CallEnded, Entry, encode, kind
from copilot.core.vocabulary import TICK_MS
from copilot.store.database import FAULTS, Address
from copilot.store.lease import AdvisoryLease, FileLease, Lease, new_writer
from copilot.store.models import Call, CallRow, Record, State, pack_row

Columns = dict[str, object]

KEPT = {"call_id", "team_id", "person_id", "writer", "started_at"}
"""Columns of a call that never change."""


def columns(call_id: str, entry: Entry) -> Columns:
    """The columns of the table `record`; raises ValueError for text that is not Unicode."""
    return {
        "call_id": call_id,
        "seq": entry.seq,
        "tick": entry.tick,
        "kind": kind(entry.event),
        "body": encode(entry.event).decode(),
    }


class Part(Struct, frozen=True):
    """What one call adds to a batch."""

    row: CallRow
    """The call after these records."""
    records: Sequence[Columns]


class Writer:
    """A connection of its own and the lease that goes with it, taken anew after a fault."""

    def __init__(self, address: Address, engine: AsyncEngine) -> None:
        self._number = new_writer()
        self._engine = engine
        self._lease: Lease = (
            AdvisoryLease(self._number)
            if address.path is None
            else FileLease(address.path, self._number)
        )
        self._connection: AsyncConnection | None = None
        self._dead: dict[int, float] = {}
        """When which writer was found dead, on the loop's clock."""

    async def write(self, parts: Sequence[Part]) -> None:
        """All parts or none; a part that was written before is not written twice.

        Raises one of `FAULTS`.
        """
        records = [record for part in parts for record in part.records]
        rows = [pack_row(part.row, self._number) for part in parts]
        async with self._transaction() as connection:
            await connection.execute(self._insert(Record).on_conflict_do_nothing(), records)
            await connection.execute(self._upsert_call(), rows)

    async def close_logs_of_the_dead(self, grace: float = 0) -> None:
        """Mark the live calls of writers whose process is gone as cut; raises one of `FAULTS`.

        `grace`: seconds from when a writer is found dead, in which its calls may be adopted.
        """
        now = asyncio.get_running_loop().time()
        others = (Call.state == State.LIVE) & (Call.writer != self._number)
        async with self._transaction() as connection:
            found = await connection.execute(select(Call.writer).where(others).distinct())
            for (writer,) in found.all():
                if not await self._lease.lapsed(connection, writer):
                    continue
                if now - self._dead.setdefault(writer, now) >= grace:
                    await self._cut(connection, writer)

    async def adopt(self, call_id: str) -> bool:
        """Write a dead writer's live call from now on; False where there is none to be had.

        Of several that try at once one gets it. Raises one of `FAULTS`.
        """
        theirs = (Call.call_id == call_id) & (Call.state == State.LIVE)
        async with self._transaction() as connection:
            writer = await connection.scalar(select(Call.writer).where(theirs))
            if writer in (None, self._number):
                return False
            if not await self._lease.lapsed(connection, writer):
                return False
            mine = update(Call).where(theirs, Call.writer == writer)
            return (await connection.execute(mine.values(writer=self._number))).rowcount == 1

    async def close(self) -> None:
        """Hang up and give the lease back."""
        await self._hang_up()
        await self._lease.release()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            connection = self._connection or await self._connect()
            async with connection.begin():
                yield connection
        except FAULTS:
            await self._hang_up()
            raise

    async def _connect(self) -> AsyncConnection:
        self._connection = connection = await self._engine.connect()
        async with connection.begin():
            await self._lease.take(connection)
        return connection

    async def _cut(self, connection: AsyncConnection, writer: int) -> None:
        """Close the writer's live logs where they broke off."""
        live = (Call.writer == writer) & (Call.state == State.LIVE)
        found = await connection.execute(
            select(Call.call_id, Call.entries, Call.ticks, Call.started_at, func.max(Record.tick))
            .join(Record, Record.call_id == Call.call_id)
            .where(live)
            .group_by(Call.call_id)
        )
        for call_id, entries, ticks, started_at, tick in found.all():
            end = Entry(entries, tick, CallEnded(reason="cut"))
            insert = self._insert(Record).on_conflict_do_nothing()
            await connection.execute(insert, columns(call_id, end))
            await connection.execute(
                update(Call)
                .where(Call.call_id == call_id)
                .values(
                    state=State.CUT,
                    reason="cut",
                    entries=entries + 1,
                    ended_at=started_at + timedelta(milliseconds=ticks * TICK_MS),
                )
            )

    async def _hang_up(self) -> None:
        """End the connection itself: one that went back to the pool would keep its locks."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*FAULTS):
                await connection.invalidate()
                await connection.close()

    def _insert(self, table: type[Any]) -> Any:
        if self._engine.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)

    def _upsert_call(self) -> Insert:
        insert = self._insert(Call)
        changed = {
            column.name: insert.excluded[column.name]
            for column in Call.__table__.columns
            if column.name not in KEPT
        }
        upsert: Insert = insert.on_conflict_do_update(index_elements=["call_id"], set_=changed)
        return upsert
