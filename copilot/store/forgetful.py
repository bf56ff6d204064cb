"""The log of calls without consent: passed on to who follows it live, and forgotten."""

from collections.abc import AsyncIterator, Sequence

from copilot.core.events import Entry
from copilot.errors import UnknownCall
from copilot.store.tail import Tail


class Forgetful:
    """A `copilot.ports.CallLog` that keeps nothing.

    Only the latest entries are in memory; who joins late or falls behind has missed the rest.
    """

    def __init__(self) -> None:
        self._tails: dict[str, Tail] = {}

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """Pass the entries on."""
        tail = self._tails.setdefault(call_id, Tail())
        tail.append(entries)
        tail.let_go(tail.end)
        if tail.ended:
            del self._tails[call_id]

    async def adopt(self, call_id: str) -> list[Entry]:
        """Raises UnknownCall: what is forgotten cannot be gone on with."""
        raise UnknownCall(f"call {call_id!r} cannot be taken up: begin a new one")

    async def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        """Entries with ``seq > after`` as far as they are not forgotten; raises UnknownCall."""
        tail = self._tails.get(call_id)
        if tail is None:
            raise UnknownCall(f"{call_id}: no such call is live")
        while True:
            batch = tail.after(max(after, tail.first - 1))
            for entry in batch:
                yield entry
                after = entry.seq
            if after + 1 >= tail.end:
                if tail.ended:
                    return
                await tail.news()
