"""The sample call's recordings, made when they are first wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from copilot.core.vocabulary import Party

Make = Callable[[], Awaitable[tuple[Path, Path]]]
"""Finds or makes the recordings, the agent's first; raises UserError where they cannot be had."""


class Sample:
    """Makes the recordings once, however many ask."""

    def __init__(self, make: Make, packs: Sequence[str] = ()) -> None:
        """`packs` are what the call is about."""
        self.packs = tuple(packs)
        self._make = make
        self._making = asyncio.Lock()
        self._made: dict[Party, Path] = {}

    async def recording(self, party: Party) -> Path:
        async with self._making:
            if party not in self._made:
                agent, customer = await self._make()
                self._made = {Party.AGENT: agent, Party.CUSTOMER: customer}
        return self._made[party]
