"""The call log: entries taken without waiting, written in batches, read whole and followed live."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from copilot.core.events import CallStarted, Entry, decode_event
from copilot.errors import StoreError, UnknownCall
from copilot.ports import NOBODY, Owner
from copilot.store.accounts.database import AccountTables
from copilot.store.console.database import ConsoleTables
from copilot.store.database import FAULTS, Address, configure, explain, parse, prepare
from copilot.store.keeping import Keeping
from copilot.store.labels import Labels
from copilot.store.mind.database import MindTables
from copilot.store.models import (
    EVERYBODY,
    ID_LENGTH,
    Call,
    CallRow,
    Record,
    State,
    Within,
    advance,
    unpack_row,
)
from copilot.store.tail import Tail
from copilot.store.watch import Watcher, listed
from copilot.store.writer import Columns, Part, Writer, columns

FLUSH_S = 0.05
"""Pause between two batches: with the write itself a quarter of a second is never reached."""
RETRY_S = 0.5
"""Pause after a batch that could not be written."""
CLOSE_S = 5.0
"""How long closing tries to write what is left."""
LAG_S = 1.0
"""Age of the oldest unwritten entry from which the store is not healthy."""
SWEEP_S = 5.0
"""How often the logs of processes that died are looked for: a server may notice a death late."""
POLL_S = 0.25
"""How often a call that another process writes is looked at."""
PAGE = 500
"""Entries read at once."""

Clock = Callable[[], datetime]

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time of day, with its zone."""
    return datetime.now(UTC)


class Live:
    """A call that this store writes."""

    def __init__(self, row: CallRow) -> None:
        self.row = row
        self.tail = Tail(row.entries)
        self.waiting: list[Columns] = []
        """Records that are not in the database yet."""
        self.since: float | None = None
        """When the oldest unwritten entry came, on the loop's clock."""


async def open_store(url: str, now: Clock = utc_now, grace: float = 0) -> "Store":
    """Make or migrate the database, close the logs of processes that died, start writing.

    `grace`: seconds for which such a log is kept open, for its call to be adopted.

    Raises StoreError, which names the URL without its password and what to do.
    """
    address = parse(url)
    await prepare(address)
    engine = configure(address).get_engine()
    store = Store(address, engine, now, grace)
    try:
        await store.start()
    except FAULTS as error:
        await engine.dispose()
        raise StoreError(explain(address, error)) from None
    return store


class Store:
    """All calls of a database; `copilot.ports.CallLog` and the calls list.

    Entries are on their followers' hands at once and in the database within a quarter of a second.
    While it cannot be written to they wait in memory, and `healthy` is false.
    """

    def __init__(self, address: Address, engine: AsyncEngine, now: Clock, grace: float = 0) -> None:
        self._address = address
        self._engine = engine
        self._now = now
        self._grace = grace
        self.labels = Labels(address, engine)
        self.accounts = AccountTables(address, engine)
        self.console = ConsoleTables(address, engine)
        self.mind = MindTables(address, engine)
        self.keeping = Keeping(address, engine)
        self._writer = Writer(address, engine)
        self._live: dict[str, Live] = {}
        self._watchers: set[Watcher] = set()
        self._work = asyncio.Event()
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self.fault = ""
        """Why the last batch was not written; empty: it was."""

    async def start(self) -> None:
        """Close the logs of the dead and write from now on; raises one of `FAULTS`."""
        await self._writer.close_logs_of_the_dead(self._grace)
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._sweep())]

    async def close(self) -> None:
        """Write what is left and let followers and watchers go.

        Calls that are live now will be marked as cut. Raises StoreError when something cannot be
        written within five seconds.
        """
        async with self._writing:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finish(), CLOSE_S)
        self._closed = True
        for live in self._live.values():
            live.tail.append(())
        for watcher in self._watchers:
            watcher.close()
        left = sum(len(live.waiting) for live in self._live.values())
        await self._writer.close()
        await self._engine.dispose()
        if left:
            raise StoreError(f"{left} entries of calls could not be written: {self.fault}")

    async def _finish(self) -> None:
        while True:
            if await self._flush():
                return
            await asyncio.sleep(RETRY_S)

    # ---- health

    @property
    def lag(self) -> float:
        """Seconds for which the oldest entry has waited to be written; 0 with none."""
        now = asyncio.get_running_loop().time()
        waiting = [live.since for live in self._live.values() if live.since is not None]
        return now - min(waiting, default=now)

    @property
    def healthy(self) -> bool:
        """Whether what calls append becomes durable."""
        return not self.fault and self.lag < LAG_S

    # ---- writing

    def append(self, call_id: str, entries: Sequence[Entry], owner: Owner = NOBODY) -> None:
        """Take entries whose seqs go on where the call's last one stopped, the first a CallStarted.

        The call is `owner`'s from its first entry on.

        Entries given together reach the database together or not at all; the end of a call is given
        together with its effects. Raises ValueError for a log that cannot be one.
        """
        if not entries:
            return
        live = self._live.get(call_id) or self._begin(call_id, entries[0], owner)
        before, now = live.row, self._now()
        # Here, so that what cannot be stored fails the call it belongs to, not the writer of all.
        records = [columns(call_id, entry) for entry in entries]
        live.tail.append(entries)
        live.waiting += records
        for entry in entries:
            live.row = advance(live.row, entry, now)
        if live.since is None:
            live.since = asyncio.get_running_loop().time()
        self._work.set()
        if listed(before) != listed(live.row):
            self._announce(live.row)

    def _begin(self, call_id: str, first: Entry, owner: Owner) -> Live:
        match first.event:
            case CallStarted(consent=False):
                raise ValueError(
                    f"call {call_id}: without consent nothing is stored; use Forgetful"
                )
            case CallStarted() if len(call_id) > ID_LENGTH or not call_id.isprintable():
                raise ValueError(f"call {call_id!r}: not {ID_LENGTH} printable characters or less")
            case CallStarted():
                live = Live(CallRow(id=call_id, started_at=self._now(), **owner._asdict()))
            case _:
                raise ValueError(f"call {call_id}: not live here, and its log starts elsewhere")
        self._live[call_id] = live
        return live

    async def adopt(self, call_id: str) -> list[Entry]:
        """Go on with the log of a call whose process died: what it holds, to be appended to.

        Raises UnknownCall where there is no such call, or it has ended, or somebody writes it.
        """
        async with self._writing:
            try:
                mine = await self._writer.adopt(call_id)
            except FAULTS as error:
                raise StoreError(explain(self._address, error)) from None
            if not mine:
                raise UnknownCall(f"call {call_id!r} cannot be taken up: begin a new one")
            row = await self._known(call_id)
            self._live[call_id] = Live(row)
        return await self.read(call_id)

    async def _write(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if await self._flush():
                await asyncio.sleep(FLUSH_S)
            else:
                self._work.set()
                await asyncio.sleep(RETRY_S)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            async with self._writing:
                with suppress(*FAULTS):
                    await self._writer.close_logs_of_the_dead(self._grace)

    async def _flush(self) -> bool:
        async with self._writing:
            parts = [
                Part(live.row, tuple(live.waiting)) for live in self._live.values() if live.waiting
            ]
            started = asyncio.get_running_loop().time()
            try:
                if parts:
                    await self._writer.write(parts)
            except FAULTS as error:
                self._blame(explain(self._address, error))
                return False
            self._blame("")
            for part in parts:
                self._settle(part, started)
            return True

    def _settle(self, part: Part, started: float) -> None:
        live = self._live[part.row.id]
        del live.waiting[: len(part.records)]
        live.since = started if live.waiting else None
        live.tail.let_go(part.row.entries)
        if live.tail.ended and not live.waiting:
            del self._live[part.row.id]

    def _blame(self, fault: str) -> None:
        if fault and not self.fault:
            logger.warning("calls are not written: %s", fault)
        elif self.fault and not fault:
            logger.warning("calls are written again")
        self.fault = fault

    # ---- reading

    async def call(self, call_id: str) -> CallRow | None:
        """The call as it stands now."""
        live = self._live.get(call_id)
        if live is not None:
            return live.row
        found = await self._select(select(*Call.__table__.columns).where(Call.call_id == call_id))
        return unpack_row(found[0]) if found else None

    async def calls(
        self, limit: int, before: str | None = None, within: Within = EVERYBODY
    ) -> list[CallRow]:
        """The newest calls, or those older than the call `before`; raises UnknownCall."""
        query = select(*Call.__table__.columns).limit(limit)
        query = query.order_by(Call.started_at.desc(), Call.call_id.desc())
        query = query.where(*within.clauses())
        known = {live.row.id: live.row for live in self._live.values() if within.has(live.row)}
        if before is not None:
            last = await self._known(before)
            place = (last.started_at, last.id)
            query = query.where(tuple_(Call.started_at, Call.call_id) < place)
            known = {row.id: row for row in known.values() if (row.started_at, row.id) < place}
        rows = {row.id: row for row in map(unpack_row, await self._select(query))} | known
        return sorted(rows.values(), key=lambda row: (row.started_at, row.id), reverse=True)[:limit]

    def live(self) -> list[CallRow]:
        """The calls that this store writes now, newest first."""
        rows = [live.row for live in self._live.values() if live.row.state is State.LIVE]
        return sorted(rows, key=lambda row: row.started_at, reverse=True)

    def writes(self, call_id: str) -> bool:
        """Whether the call's log is this store's, the end of it included."""
        return call_id in self._live

    async def read(self, call_id: str) -> list[Entry]:
        """The log as far as it has come; raises UnknownCall."""
        entries: list[Entry] = []
        length = (await self._known(call_id)).entries
        while len(entries) < length:
            entries += await self._after(call_id, len(entries) - 1)
        return entries

    async def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        """Entries with ``seq > after``: stored, then live ones, until the log is complete.

        A follower takes as long as it likes: what it has missed it gets from the database.
        Raises UnknownCall.
        """
        while batch := await self._after(call_id, after):
            for entry in batch:
                yield entry
            after = batch[-1].seq

    async def _after(self, call_id: str, seq: int) -> Sequence[Entry]:
        """The next entries, waited for where there are none yet; none when the log is complete."""
        while True:
            live = self._live.get(call_id)
            if live is not None and seq + 1 >= live.tail.first:
                if seq + 1 < live.tail.end:
                    return live.tail.after(seq)
                if live.tail.ended or self._closed:
                    return ()
                await live.tail.news()
                continue
            page = await self._page(call_id, seq)
            if page:
                return page
            row = await self._known(call_id)
            if self._closed or (row.state is not State.LIVE and row.entries <= seq + 1):
                return ()
            if call_id not in self._live:
                await asyncio.sleep(POLL_S)

    async def _page(self, call_id: str, seq: int) -> list[Entry]:
        query = (
            select(Record.seq, Record.tick, Record.body)
            .where(Record.call_id == call_id, Record.seq > seq)
            .order_by(Record.seq)
            .limit(PAGE)
        )
        found = await self._select(query)
        try:
            return [Entry(seq, tick, decode_event(body)) for seq, tick, body in found]
        except msgspec.DecodeError as error:
            raise StoreError(
                f"call {call_id}: this copilot does not know an entry of its log ({error}); "
                "read it with the version that made it"
            ) from None

    async def _select(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows at once, so that no reader holds a connection; raises StoreError."""
        try:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()
        except FAULTS as error:
            raise StoreError(explain(self._address, error)) from None

    async def _known(self, call_id: str) -> CallRow:
        row = await self.call(call_id)
        if row is None:
            raise UnknownCall(f"{call_id}: no such call; the calls page lists those that there are")
        return row

    # ---- the calls list

    async def watch(self) -> AsyncIterator[CallRow]:
        """Calls of this store as they start, end, or show or withhold a card, from now on.

        A slow watcher gets a call's latest row only.
        """
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            while (row := await watcher.next()) is not None:
                yield row
        finally:
            self._watchers.discard(watcher)

    def _announce(self, row: CallRow) -> None:
        for watcher in self._watchers:
            watcher.put(row)
