"""What is kept of each kind of data, and forgetting what is too old; calls are forgotten elsewhere,
with all that hangs on them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, func, select

from copilot.ports import DEFAULT_TEAM
from copilot.store.access import Access
from copilot.store.accounts.tables import AuditTable
from copilot.store.console.tables import FlagTable
from copilot.store.mind.tables import DeliveryTable, FactTable
from copilot.store.models import Call, LabelTable, State


class Kind(StrEnum):
    """A kind of data with a time of its own."""

    FACTS = "facts"
    """What is remembered of customers."""
    DELIVERIES = "deliveries"
    """Messages to webhooks that were delivered or given up."""
    DEEDS = "deeds"
    """Lines of the audit log."""


class Count(Struct, frozen=True):
    """How much there is."""

    count: int
    oldest: datetime | None
    """None: there is nothing."""


class Kept(Struct, frozen=True):
    """What a team has in the database."""

    calls: Count
    """Past ones."""
    judgements: Count
    marks: Count
    facts: Count
    deliveries: Count
    deeds: Count


_TABLES: Mapping[Kind, Any] = {
    Kind.FACTS: FactTable,
    Kind.DELIVERIES: DeliveryTable,
    Kind.DEEDS: AuditTable,
}


class Keeping(Access):
    """One part of a database; every method raises StoreError where it cannot be used."""

    async def kept(self, team_id: str) -> Kept:
        """What there is of the team's now."""
        past = (Call.team_id == team_id) & (Call.state != State.LIVE)
        calls = await self._count(Call.started_at, past)
        return Kept(
            calls,
            await self._of_calls(LabelTable, team_id),
            await self._of_calls(FlagTable, team_id),
            *[await self._count(_TABLES[kind].at, _whose(kind, team_id)) for kind in Kind],
        )

    async def due(self, kind: Kind, team_id: str, until: datetime) -> int:
        """How many of the team's are from before `until`."""
        older = _whose(kind, team_id) & (_TABLES[kind].at < until)
        return (await self._count(_TABLES[kind].at, older)).count

    async def forget(self, kind: Kind, team_id: str, until: datetime) -> int:
        """Delete those; how many they were."""
        table = _TABLES[kind]
        older = _whose(kind, team_id) & (table.at < until)
        async with self._write() as connection:
            return int((await connection.execute(delete(table).where(older))).rowcount)

    async def _of_calls(self, table: Any, team_id: str) -> Count:
        mine = table.call_id.in_(select(Call.call_id).where(Call.team_id == team_id))
        return await self._count(table.at, mine)

    async def _count(self, at: Any, which: ColumnElement[bool]) -> Count:
        async with self._read() as connection:
            query = select(func.count(), func.min(at)).where(which)
            count, oldest = (await connection.execute(query)).one()
        return Count(count, oldest)


def _whose(kind: Kind, team_id: str) -> ColumnElement[bool]:
    """The team's rows of a kind that may be too old.

    Messages that wait are not. What was nobody's, such as a failed sign-in, is the default team's.
    """
    table = _TABLES[kind]
    teams = (team_id, "") if kind is Kind.DEEDS and team_id == DEFAULT_TEAM else (team_id,)
    which: ColumnElement[bool] = table.team_id.in_(teams)
    return which & (table.state != "due") if kind is Kind.DELIVERIES else which
