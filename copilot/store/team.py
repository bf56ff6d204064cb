"""The door to the calls of one team: what is another's is as if it were not there."""

from collections.abc import AsyncIterator, Sequence

from copilot.core.events import Entry
from copilot.errors import UnknownCall
from copilot.ports import Owner
from copilot.store.label import Label
from copilot.store.log import Store
from copilot.store.models import CallRow, Within


class TeamCalls:
    """A store as far as somebody may know of it; also the `copilot.ports.CallLog` of their calls.

    Every method that takes a call's id raises UnknownCall for a call outside.
    """

    def __init__(self, store: Store, owner: Owner, whole_team: bool) -> None:
        """`owner` has the calls that are begun here; without `whole_team` only theirs are seen."""
        self._store = store
        self.owner = owner
        self.within = Within(owner.team_id, None if whole_team else owner.person_id)

    async def call(self, call_id: str) -> CallRow:
        """The call as it stands now."""
        # PostgreSQL refuses to look for a zero character.
        row = await self._store.call(call_id) if call_id.isprintable() else None
        if row is None or not self.within.has(row):
            raise UnknownCall(f"There is no call {call_id!r}.")
        return row

    async def has(self, call_id: str) -> bool:
        """Whether they may know of the call."""
        row = await self._store.call(call_id)
        return row is not None and self.within.has(row)

    async def calls(self, limit: int, before: str | None = None) -> list[CallRow]:
        """The newest calls, or those older than the call `before`."""
        if before is not None:
            await self.call(before)
        return await self._store.calls(limit, before, self.within)

    def live(self) -> list[CallRow]:
        """Those that go on in this process, newest first."""
        return [row for row in self._store.live() if self.within.has(row)]

    async def elsewhere(self) -> list[CallRow]:
        """Those that go on in other processes, or whose process has just died."""
        rows = await self._store.console.live(self.within)
        return [row for row in rows if not self._store.writes(row.id)]

    async def read(self, call_id: str) -> list[Entry]:
        """The log as far as it has come."""
        await self.call(call_id)
        return await self._store.read(call_id)

    async def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        """Entries with ``seq > after``: stored, then live ones, until the log is complete."""
        await self.call(call_id)
        async for entry in self._store.follow(call_id, after):
            yield entry

    async def watch(self) -> AsyncIterator[CallRow]:
        """Calls as they start, end, or show or withhold a card, from now on."""
        async for row in self._store.watch():
            if self.within.has(row):
                yield row

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """Take the entries of a call of the owner's."""
        self._store.append(call_id, entries, self.owner)

    async def adopt(self, call_id: str) -> list[Entry]:
        """Go on with the log of a call of the owner's whose process died."""
        row = await self._store.call(call_id)
        if row is None or (row.team_id, row.person_id) != self.owner:
            raise UnknownCall(f"call {call_id!r} cannot be taken up: begin a new one")
        return await self._store.adopt(call_id)

    # ---- labels

    async def labels(self, call_id: str) -> list[Label]:
        """What people think of the call, in the order in which they said it."""
        await self.call(call_id)
        return await self._store.labels.of(call_id)

    async def label(self, labels: Sequence[Label]) -> int:
        """Keep those that are not there yet, all or none; how many those were."""
        for call_id in {label.call_id for label in labels}:
            await self.call(call_id)
        return await self._store.labels.add(labels)
