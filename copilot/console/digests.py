"""Keeps the digests of past calls up to date: what search, review and analytics read."""

import asyncio
import logging
from collections.abc import Sequence

from copilot.console.settings import Desk, cleaner
from copilot.errors import StoreError, UnknownCall
from copilot.evaluate.digest import VERSION, digest
from copilot.store.console.rows import Digest
from copilot.store.log import Store

BATCH = 20
"""Calls that are read before they are written."""
PAUSE_S = 2.0
"""How often calls that have just ended are looked for."""
PATIENCE_S = 1.0
"""How long a page waits for calls that have not been read yet."""

log = logging.getLogger(__name__)


class Digests:
    """Reads calls that have ended, one batch at a time."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self._store, self._desk = store, desk
        self._reading = asyncio.Lock()

    async def follow(self) -> None:
        """For ever: read what has ended; a database in trouble is tried again."""
        while True:
            try:
                if not await self.read_some():
                    await asyncio.sleep(PAUSE_S)
            except StoreError as error:
                log.warning("past calls are not read: %s", error)
                await asyncio.sleep(10 * PAUSE_S)

    async def catch_up(self, seconds: float = PATIENCE_S) -> bool:
        """Read what has ended, for so long at most; False where something is left."""
        until = asyncio.get_running_loop().time() + seconds
        while await self.read_some():
            if asyncio.get_running_loop().time() > until:
                return False
        return True

    async def read_some(self) -> int:
        """One batch; how many calls it had."""
        async with self._reading:
            calls = await self._store.console.undigested(VERSION, BATCH)
            await self._keep(calls)
            return len(calls)

    async def again(self, call_id: str) -> None:
        """Read a call anew: somebody has judged it."""
        async with self._reading:
            await self._keep([call_id])

    async def forget(self, team_id: str) -> None:
        """Have all calls of the team read again: what may be shown of them has changed."""
        async with self._reading:
            await self._store.console.outdate(team_id)

    async def _keep(self, calls: Sequence[str]) -> None:
        found = [made for call_id in calls if (made := await self._digest(call_id))]
        if found:
            await self._store.console.keep_digests(found)

    async def _digest(self, call_id: str) -> Digest | None:
        try:
            entries = await self._store.read(call_id)
        except UnknownCall:  # erased meanwhile
            return None
        if not entries:
            return None
        row, labels = await self._store.call(call_id), await self._store.labels.of(call_id)
        if row is None:
            return None
        clean = cleaner(await self._desk.of(row.team_id))
        return await asyncio.to_thread(digest, call_id, entries, labels, clean)
