"""The latest entries of a live call in memory, for its writer and its followers."""

import asyncio
from collections.abc import Sequence

from copilot.core.events import CallEnded, Entry

KEEP = 256
"""Written entries that stay in memory for followers: about 20 s of a call."""


class Tail:
    """A growing log of which the beginning has been let go."""

    def __init__(self, first: int = 0) -> None:
        self._entries: list[Entry] = []
        self._news = asyncio.Event()
        self.first = first
        """Seq of the first entry that is still here."""
        self.ended = False

    @property
    def end(self) -> int:
        """Seq after the last entry."""
        return self.first + len(self._entries)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries whose seqs go on where the last one stopped, and wake the followers."""
        for entry in entries:
            assert entry.seq == self.end, f"entry {entry.seq} where {self.end} is next"
            self._entries.append(entry)
            self.ended = self.ended or isinstance(entry.event, CallEnded)
        self._news.set()
        self._news = asyncio.Event()

    def after(self, seq: int) -> Sequence[Entry]:
        """Entries from ``seq + 1`` on, none of which may have been let go."""
        assert seq + 1 >= self.first, f"entry {seq + 1} has been let go"
        return self._entries[seq + 1 - self.first :]

    def let_go(self, written: int) -> None:
        """Forget entries before seq `written`, except the latest `KEEP`."""
        gone = min(written, self.end - KEEP) - self.first
        if gone > 0:
            del self._entries[:gone]
            self.first += gone

    async def news(self) -> None:
        """Wait for the next `append`."""
        await self._news.wait()
