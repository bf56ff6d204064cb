"""Who hears a call beside its ear: a supervisor who listens in, a recorder."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from copilot.audio.frames import MicroTurn

BEHIND = 25
"""Micro-turns that wait for a slow listener, two seconds; the oldest are dropped then."""


class Tap:
    """Passes a call's micro-turns on, to the ear first, and never waits for anybody else."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[MicroTurn | None]] = set()
        self._over = False

    @property
    def listeners(self) -> int:
        return len(self._queues)

    async def through(self, turns: AsyncIterator[MicroTurn]) -> AsyncIterator[MicroTurn]:
        """The same micro-turns; what is tapped ends with them."""
        try:
            async for turn in turns:
                yield turn
                for queue in self._queues:
                    _put(queue, turn)
        finally:
            self._over = True
            for queue in self._queues:
                _put(queue, None)

    async def listen(self, behind: int = BEHIND) -> AsyncIterator[MicroTurn]:
        """From now on until the call is over or the listener leaves."""
        if self._over:
            return
        queue: asyncio.Queue[MicroTurn | None] = asyncio.Queue(behind)
        self._queues.add(queue)
        try:
            while (turn := await queue.get()) is not None:
                yield turn
        finally:
            self._queues.discard(queue)


def pcm(turn: MicroTurn) -> bytes:
    """Both parties as 16-bit stereo, little-endian, the agent on the left."""
    both = np.stack((turn.agent, turn.customer), axis=1)
    samples: bytes = (np.clip(both, -1, 1) * 32767).astype("<i2").tobytes()
    return samples


def _put(queue: asyncio.Queue[MicroTurn | None], turn: MicroTurn | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(turn)
