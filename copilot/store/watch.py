"""What one reader of the calls list has not had yet."""

import asyncio

from copilot.store.models import CallRow, State


class Watcher:
    """The rows that wait for a reader, one per call."""

    def __init__(self) -> None:
        self._rows: dict[str, CallRow] = {}
        self._news = asyncio.Event()
        self._closed = False

    def put(self, row: CallRow) -> None:
        """Replace what is waiting of this call."""
        self._rows[row.id] = row
        self._news.set()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._news.set()

    async def next(self) -> CallRow | None:
        """The row that has waited longest; None when nothing more will come."""
        await self._news.wait()
        if not self._rows:
            return None
        row = self._rows.pop(next(iter(self._rows)))
        if not self._rows and not self._closed:
            self._news.clear()
        return row


def listed(row: CallRow) -> tuple[State, int, int, int]:
    """What a calls list shows of a row as it happens."""
    return row.state, min(row.entries, 1), row.cards, row.silences
