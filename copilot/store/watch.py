"""What one reader of the calls list has not had yet."""

import asyncio

from copilot.store.models import CallRow


class Watcher:
    """The rows that one reader of the calls list has not had yet, one per call."""

    def __init__(self) -> None:
        self._rows: dict[str, CallRow] = {}
        self._news = asyncio.Event()

    def put(self, row: CallRow) -> None:
        """Replace what is waiting of this call."""
        self._rows[row.id] = row
        self._news.set()

    async def next(self) -> CallRow:
        """The row that has waited longest."""
        await self._news.wait()
        row = self._rows.pop(next(iter(self._rows)))
        if not self._rows:
            self._news.clear()
        return row
