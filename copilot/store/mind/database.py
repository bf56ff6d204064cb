"""What the background keeps, in the database of the calls."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.errors import StoreError
from copilot.store.access import Access
from copilot.store.database import FAULTS, explain
from copilot.store.mind.rows import Delivery, Fact, Hook, Summary
from copilot.store.mind.tables import (
    CallerTable,
    DeliveryTable,
    FactTable,
    HookTable,
    SummaryTable,
)
from copilot.store.query import columns

_FACT = columns(FactTable, Fact)
_SUMMARY = columns(SummaryTable, Summary)
_DELIVERY = columns(DeliveryTable, Delivery)
_HOOK = columns(HookTable, Hook)


class MindTables(Access):
    """The background's part of a database; every method raises StoreError where it cannot be used.

    Whatever takes a team sees only what is that team's.
    """

    # ---- customers

    async def bind(self, call_id: str, team_id: str, customer: str, at: datetime) -> None:
        """Say whom a call is with; a later word takes the place of an earlier."""
        row = {"call_id": call_id, "team_id": team_id, "customer": customer, "at": at}
        async with self._write() as connection:
            await connection.execute(delete(CallerTable).where(CallerTable.call_id == call_id))
            await connection.execute(insert(CallerTable), row)

    async def customer(self, team_id: str, call_id: str) -> str | None:
        """Whom the call was with."""
        mine = (CallerTable.call_id == call_id) & (CallerTable.team_id == team_id)
        async with self._read() as connection:
            return await connection.scalar(select(CallerTable.customer).where(mine))

    async def calls(self, team_id: str, customer: str) -> list[str]:
        """The customer's calls, newest first."""
        mine = (CallerTable.team_id == team_id) & (CallerTable.customer == customer)
        query = select(CallerTable.call_id).where(mine).order_by(CallerTable.at.desc())
        async with self._read() as connection:
            return list((await connection.scalars(query)).all())

    # ---- facts

    async def facts(self, team_id: str, customer: str, now: datetime) -> list[Fact]:
        """What is known and has not expired, newest first."""
        mine = (FactTable.team_id == team_id) & (FactTable.customer == customer)
        query = select(*_FACT).where(mine, FactTable.expires_at > now)
        async with self._read() as connection:
            found = await connection.execute(query.order_by(FactTable.id.desc()))
            return [Fact(*row) for row in found]

    async def fact(self, team_id: str, number: int) -> Fact | None:
        mine = (FactTable.team_id == team_id) & (FactTable.id == number)
        async with self._read() as connection:
            found = (await connection.execute(select(*_FACT).where(mine))).first()
        return None if found is None else Fact(*found)

    async def add_fact(self, fact: Fact) -> int:
        """Keep it; its number is given here."""
        return await self._add(FactTable, fact)

    async def correct(self, team_id: str, number: int, text: str, by: str, at: datetime) -> bool:
        mine = (FactTable.team_id == team_id) & (FactTable.id == number)
        async with self._write() as connection:
            change = update(FactTable).where(mine).values(text=text, by=by, corrected_at=at)
            return bool((await connection.execute(change)).rowcount)

    async def drop_fact(self, team_id: str, number: int) -> bool:
        mine = (FactTable.team_id == team_id) & (FactTable.id == number)
        async with self._write() as connection:
            return bool((await connection.execute(delete(FactTable).where(mine))).rowcount)

    async def expire(self, now: datetime) -> int:
        """Delete what has expired in every team; how many facts those were."""
        async with self._write() as connection:
            done = await connection.execute(delete(FactTable).where(FactTable.expires_at <= now))
            return int(done.rowcount)

    async def erase(self, team_id: str, customer: str) -> int:
        """Everything that is kept under the customer; how many facts those were."""
        async with self._write() as connection:
            mine = (FactTable.team_id == team_id) & (FactTable.customer == customer)
            facts = await connection.execute(delete(FactTable).where(mine))
            calls = (CallerTable.team_id == team_id) & (CallerTable.customer == customer)
            await connection.execute(delete(CallerTable).where(calls))
            return int(facts.rowcount)

    async def scour(self) -> None:
        """Leave nothing of what was deleted in the database's files.

        SQLite overwrites deleted content as it goes (``secure_delete``); what is left of it is in
        the write-ahead log, which is emptied here. PostgreSQL reclaims the rows; its own log and
        its backups are the admin's.
        """
        async with self._plain() as connection:
            if self._address.path is None:
                await connection.execute(text("vacuum fact, caller, summary, delivery"))
                return
            await connection.exec_driver_sql("insert into said(said) values('optimize')")
            await connection.exec_driver_sql("vacuum")
            await connection.exec_driver_sql("pragma wal_checkpoint(truncate)")

    # ---- summaries

    async def keep_summary(self, summary: Summary) -> None:
        async with self._write() as connection:
            same = SummaryTable.call_id == summary.call_id
            await connection.execute(delete(SummaryTable).where(same))
            await connection.execute(insert(SummaryTable), msgspec.structs.asdict(summary))

    async def keep_draft(self, summary: Summary) -> bool:
        """The same where the call has none yet; False: it has one, which stays as it is."""
        lite = self._address.path is not None
        made = sqlite.insert(SummaryTable) if lite else postgresql.insert(SummaryTable)
        async with self._write() as connection:
            row = msgspec.structs.asdict(summary)
            done = await connection.execute(made.values(row).on_conflict_do_nothing())
            return bool(done.rowcount)

    async def summaries(self, team_id: str, call_ids: Sequence[str]) -> list[Summary]:
        """Those of the calls that have one, in the order of the calls."""
        mine = (SummaryTable.team_id == team_id) & SummaryTable.call_id.in_(call_ids)
        async with self._read() as connection:
            found = [
                Summary(*row) for row in await connection.execute(select(*_SUMMARY).where(mine))
            ]
        return sorted(found, key=lambda one: list(call_ids).index(one.call_id))

    # ---- webhooks

    async def hooks(self, team_id: str | None = None) -> list[Hook]:
        """Those that the team's admins have added, the oldest first; None: those of all teams."""
        query = select(*_HOOK).order_by(HookTable.id)
        if team_id is not None:
            query = query.where(HookTable.team_id == team_id)
        async with self._read() as connection:
            return [Hook(*row) for row in await connection.execute(query)]

    async def hook_urls(self) -> list[str]:
        """Where messages of any team go, beside the settings' webhooks."""
        async with self._read() as connection:
            return list((await connection.scalars(select(HookTable.url).distinct())).all())

    async def add_hook(self, hook: Hook) -> int:
        """Keep it; its number is given here."""
        return await self._add(HookTable, hook)

    async def keep_secret(self, hook: Hook, secret: str) -> None:
        """Put another form of the secret in the place of what the hook has."""
        same = (HookTable.id == hook.id) & (HookTable.secret == hook.secret)
        async with self._write() as connection:
            await connection.execute(update(HookTable).where(same).values(secret=secret))

    async def _add(self, table: type[FactTable] | type[HookTable], row: Fact | Hook) -> int:
        values = msgspec.structs.asdict(row)
        del values["id"]
        async with self._write() as connection:
            done = await connection.execute(insert(table).values(values))
            key = done.inserted_primary_key
        assert key is not None
        return int(key[0])

    async def drop_hook(self, team_id: str, number: int) -> bool:
        mine = (HookTable.team_id == team_id) & (HookTable.id == number)
        async with self._write() as connection:
            return bool((await connection.execute(delete(HookTable).where(mine))).rowcount)

    # ---- deliveries

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Put them in the queue; their numbers are given here."""
        rows = [msgspec.structs.asdict(one) for one in deliveries]
        for row in rows:
            del row["id"]
        if rows:
            async with self._write() as connection:
                await connection.execute(insert(DeliveryTable), rows)

    async def due(self, now: datetime, limit: int = 20) -> list[Delivery]:
        """What is to be tried now, the oldest first."""
        query = select(*_DELIVERY).where(DeliveryTable.state == "due", DeliveryTable.next_at <= now)
        async with self._read() as connection:
            found = await connection.execute(query.order_by(DeliveryTable.id).limit(limit))
            return [Delivery(*row) for row in found]

    async def claim(self, number: int, tries: int, until: datetime) -> bool:
        """Take it for a try, so that no other process does until then; False: another has it."""
        same = (DeliveryTable.id == number) & (DeliveryTable.tries == tries)
        async with self._write() as connection:
            change = update(DeliveryTable).where(same, DeliveryTable.state == "due")
            done = await connection.execute(change.values(tries=tries + 1, next_at=until))
            return bool(done.rowcount)

    async def tried(self, number: int, state: str, status: int, told: str, at: datetime) -> None:
        """What came of a try."""
        change = update(DeliveryTable).where(DeliveryTable.id == number)
        values = {"state": state, "status": status, "told": told, "next_at": at}
        async with self._write() as connection:
            await connection.execute(change.values(values))

    async def replay(self, team_id: str, number: int, at: datetime) -> bool:
        """Send it once more, as it was; False where the team has none of that number."""
        mine = (DeliveryTable.team_id == team_id) & (DeliveryTable.id == number)
        async with self._write() as connection:
            change = update(DeliveryTable).where(mine).values(state="due", tries=0, next_at=at)
            return bool((await connection.execute(change)).rowcount)

    async def deliveries(self, team_id: str, limit: int = 100, before: int = 0) -> list[Delivery]:
        """The team's newest, or those before a number."""
        query = select(*_DELIVERY).where(DeliveryTable.team_id == team_id)
        if before:
            query = query.where(DeliveryTable.id < before)
        async with self._read() as connection:
            found = await connection.execute(query.order_by(DeliveryTable.id.desc()).limit(limit))
            return [Delivery(*row) for row in found]

    async def waiting(self) -> int:
        """How many are to be sent."""
        query = select(func.count()).select_from(DeliveryTable).where(DeliveryTable.state == "due")
        async with self._read() as connection:
            return int(await connection.scalar(query) or 0)

    @asynccontextmanager
    async def _plain(self) -> AsyncIterator[AsyncConnection]:
        """Outside any transaction."""
        try:
            async with self._engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")
        except FAULTS as error:
            raise StoreError(explain(self._address, error)) from None
