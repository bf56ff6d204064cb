"""What the console keeps, in the database of the calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.store.access import Access
from copilot.store.console.rows import Digest, Draft, Flag, Ruling, Setting, Spoken, Told, Wanted
from copilot.store.console.search import SAID, finding
from copilot.store.console.tables import (
    DigestTable,
    DraftTable,
    FlagTable,
    MomentTable,
    RulingTable,
    SettingTable,
)
from copilot.store.mind.tables import OF_CALLS
from copilot.store.models import Call, CallRow, LabelTable, Record, State, Within, unpack_row
from copilot.store.query import columns

_RULING, _DRAFT = columns(RulingTable, Ruling), columns(DraftTable, Draft)
_SETTING, _FLAG = columns(SettingTable, Setting), columns(FlagTable, Flag)
_MOMENT = {column.name for column in MomentTable.__table__.columns}
_DIGEST = {column.name for column in DigestTable.__table__.columns}
_TOLD = [
    next(
        table.__table__.columns[name]
        for table in (MomentTable, DigestTable, Call)
        if name in table.__table__.columns
    )
    for name in Told.__struct_fields__
]
_SPOKEN = [
    (DigestTable if name in _DIGEST else Call).__table__.columns[name]
    for name in Spoken.__struct_fields__
]


class ConsoleTables(Access):
    """The console's part of a database; every method raises StoreError where it cannot be used."""

    # ---- policies

    async def rulings(self, team_id: str, limit: int = 100) -> list[Ruling]:
        """The team's published policies, newest first."""
        query = select(*_RULING).where(RulingTable.team_id == team_id)
        query = query.order_by(RulingTable.number.desc()).limit(limit)
        async with self._read() as connection:
            return [Ruling(*found) for found in await connection.execute(query)]

    async def newest(self) -> list[Ruling]:
        """The policy of each team that has published one."""
        last = select(RulingTable.team_id, func.max(RulingTable.number).label("number"))
        newest = last.group_by(RulingTable.team_id).subquery()
        same = (newest.c.team_id == RulingTable.team_id) & (newest.c.number == RulingTable.number)
        async with self._read() as connection:
            query = select(*_RULING).join(newest, same)
            return [Ruling(*found) for found in await connection.execute(query)]

    async def publish(self, ruling: Ruling) -> bool:
        """Add it, and clear the team's draft; False, and nothing done, if its number is taken."""
        async with self._write() as connection:
            last = select(func.max(RulingTable.number)).where(RulingTable.team_id == ruling.team_id)
            if ruling.number != (await connection.scalar(last) or 0) + 1:
                return False
            await connection.execute(insert(RulingTable), msgspec.structs.asdict(ruling))
            gone = delete(DraftTable).where(DraftTable.team_id == ruling.team_id)
            await connection.execute(gone)
        return True

    async def draft(self, team_id: str) -> Draft | None:
        async with self._read() as connection:
            query = select(*_DRAFT).where(DraftTable.team_id == team_id)
            found = (await connection.execute(query)).first()
        return None if found is None else Draft(*found)

    async def keep_draft(self, draft: Draft) -> None:
        async with self._write() as connection:
            await self._replace(connection, DraftTable, draft)

    async def report(self, team_id: str, body: str, report: str) -> bool:
        """Add what the what-if told; False where the draft is another one by now."""
        same = (DraftTable.team_id == team_id) & (DraftTable.body == body)
        async with self._write() as connection:
            done = await connection.execute(update(DraftTable).where(same).values(report=report))
        return bool(done.rowcount)

    async def drop_draft(self, team_id: str) -> None:
        async with self._write() as connection:
            await connection.execute(delete(DraftTable).where(DraftTable.team_id == team_id))

    # ---- settings

    async def setting(self, team_id: str) -> Setting | None:
        async with self._read() as connection:
            query = select(*_SETTING).where(SettingTable.team_id == team_id)
            found = (await connection.execute(query)).first()
        return None if found is None else Setting(*found)

    async def settings(self) -> list[Setting]:
        """Those of all teams."""
        async with self._read() as connection:
            return [Setting(*found) for found in await connection.execute(select(*_SETTING))]

    async def keep_setting(self, setting: Setting) -> None:
        async with self._write() as connection:
            await self._replace(connection, SettingTable, setting)

    # ---- flags

    async def add_flag(self, flag: Flag) -> None:
        """Keep it; its number is given here."""
        values = msgspec.structs.asdict(flag)
        del values["id"]
        async with self._write() as connection:
            await connection.execute(insert(FlagTable), values)

    async def flags(self, call_id: str) -> list[Flag]:
        query = select(*_FLAG).where(FlagTable.call_id == call_id).order_by(FlagTable.tick)
        async with self._read() as connection:
            return [Flag(*found) for found in await connection.execute(query)]

    async def drop_flag(self, call_id: str, number: int) -> bool:
        """Take one of the call's flags away; False where there is none of that number."""
        which = (FlagTable.call_id == call_id) & (FlagTable.id == number)
        async with self._write() as connection:
            return bool((await connection.execute(delete(FlagTable).where(which))).rowcount)

    # ---- digests

    async def undigested(self, version: int, limit: int) -> list[str]:
        """Past calls that have not been read, or by an older version, newest first."""
        read = exists().where(DigestTable.call_id == Call.call_id, DigestTable.version >= version)
        query = select(Call.call_id).where(Call.state != State.LIVE, ~read)
        query = query.order_by(Call.started_at.desc()).limit(limit)
        async with self._read() as connection:
            return list((await connection.scalars(query)).all())

    async def keep_digests(self, digests: Sequence[Digest]) -> None:
        """Put them in the place of what is there of the same calls."""
        ids = [digest.call_id for digest in digests]
        async with self._write() as connection:
            await self._forget(connection, ids)
            for digest in digests:
                row = {k: v for k, v in msgspec.structs.asdict(digest).items() if k in _DIGEST}
                done = await connection.execute(insert(DigestTable).values(row))
                key = done.inserted_primary_key
                assert key is not None
                said = {"rowid": key[0], "words": digest.words}
                await connection.execute(insert(SAID).values(said))
                moments = [
                    {"call_id": digest.call_id, **msgspec.structs.asdict(moment)}
                    for moment in digest.moments
                ]
                if moments:
                    await connection.execute(insert(MomentTable), moments)

    async def outdate(self, team_id: str) -> None:
        """Have the team's digests made again."""
        mine = select(Call.call_id).where(Call.team_id == team_id)
        async with self._write() as connection:
            which = DigestTable.call_id.in_(mine)
            await connection.execute(update(DigestTable).where(which).values(version=0))

    async def live(self, within: Within) -> list[CallRow]:
        """The calls that any process writes, as far as they have come in the database."""
        query = select(*Call.__table__.columns).where(Call.state == State.LIVE, *within.clauses())
        async with self._read() as connection:
            return [unpack_row(found) for found in (await connection.execute(query)).all()]

    async def find(self, wanted: Wanted, within: Within, limit: int) -> list[CallRow]:
        """The newest past calls that are wanted."""
        async with self._read() as connection:
            query = finding(wanted, within, self._engine.dialect.name, limit)
            return [unpack_row(found) for found in (await connection.execute(query)).all()]

    async def words(self, call_ids: Sequence[str]) -> dict[str, str]:
        """What was said in them."""
        query = select(DigestTable.call_id, SAID.c.words)
        query = query.join(SAID, SAID.c.rowid == DigestTable.id)
        query = query.where(DigestTable.call_id.in_(call_ids))
        async with self._read() as connection:
            return {row.call_id: row.words for row in await connection.execute(query)}

    async def told(self, within: Within, since: datetime, until: datetime) -> list[Told]:
        """The moments of past calls that began from `since` to before `until`."""
        query = select(*_TOLD).join(Call, Call.call_id == MomentTable.call_id)
        query = query.join(DigestTable, DigestTable.call_id == MomentTable.call_id)
        query = query.where(*within.clauses(), Call.started_at >= since, Call.started_at < until)
        async with self._read() as connection:
            return [Told(*found) for found in (await connection.execute(query)).all()]

    async def spoken(self, within: Within, since: datetime, until: datetime) -> list[Spoken]:
        """The past calls of that time."""
        query = select(*_SPOKEN).join(DigestTable, DigestTable.call_id == Call.call_id)
        query = query.where(*within.clauses(), Call.started_at >= since, Call.started_at < until)
        async with self._read() as connection:
            return [Spoken(*found) for found in (await connection.execute(query)).all()]

    # ---- forgetting

    async def due(self, within: Within, until: datetime, limit: int) -> list[str]:
        """Past calls that began before `until`, oldest first."""
        query = select(Call.call_id).where(
            *within.clauses(), Call.state != State.LIVE, Call.started_at < until
        )
        async with self._read() as connection:
            found = await connection.scalars(query.order_by(Call.started_at).limit(limit))
            return list(found.all())

    async def count_due(self, within: Within, until: datetime) -> int:
        """How many those are."""
        query = (
            select(func.count())
            .select_from(Call)
            .where(*within.clauses(), Call.state != State.LIVE, Call.started_at < until)
        )
        async with self._read() as connection:
            return int(await connection.scalar(query) or 0)

    async def erase(self, call_ids: Sequence[str]) -> int:
        """Everything about these calls that is in the database; how many were there."""
        async with self._write() as connection:
            await self._forget(connection, call_ids)
            for kept in (DraftTable, RulingTable):
                await self._unquote(connection, kept, frozenset(call_ids))
            for table in (LabelTable, FlagTable, Record, *OF_CALLS):
                await connection.execute(delete(table).where(table.call_id.in_(call_ids)))
            done = await connection.execute(delete(Call).where(Call.call_id.in_(call_ids)))
        return int(done.rowcount)

    async def _forget(self, connection: AsyncConnection, call_ids: Sequence[str]) -> None:
        ids = select(DigestTable.id).where(DigestTable.call_id.in_(call_ids))
        known = (await connection.scalars(ids)).all()
        if known:
            await connection.execute(delete(SAID).where(or_(*(SAID.c.rowid == n for n in known))))
        for table in (DigestTable, MomentTable):
            await connection.execute(delete(table).where(table.call_id.in_(call_ids)))

    async def _unquote(
        self, connection: AsyncConnection, table: type[Any], call_ids: frozenset[str]
    ) -> None:
        """What-ifs quote moments of calls: those of these calls go, the figures stay."""
        keys = list(table.__table__.primary_key.columns)
        told = select(*keys, table.report).where(table.report != "")
        for *key, report in (await connection.execute(told)).all():
            kept = msgspec.json.decode(report)
            moments = kept.get("moments", [])
            left = [one for one in moments if one.get("call") not in call_ids]
            if len(left) < len(moments):
                which = and_(*(column == value for column, value in zip(keys, key, strict=True)))
                text = msgspec.json.encode({**kept, "moments": left}).decode()
                await connection.execute(update(table).where(which).values(report=text))

    async def _replace(
        self, connection: AsyncConnection, table: type[Any], row: Draft | Setting
    ) -> None:
        await connection.execute(delete(table).where(table.team_id == row.team_id))
        await connection.execute(insert(table), msgspec.structs.asdict(row))
