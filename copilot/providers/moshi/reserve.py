"""The worker that waits with its weights in memory, and how workers are begun."""

import asyncio
import logging

from copilot.providers.moshi import wire
from copilot.providers.moshi.link import Hire, Link

log = logging.getLogger(__name__)

SILENT_S = 3.0
"""Silence of a worker in reserve that counts as its end; it says twice a second that it waits."""
AGAIN_S = 60.0
"""How long it takes until another is begun in the place of one that ended: there may be no memory
for it."""


class Reserve:
    """At most one worker that has loaded, or is loading."""

    def __init__(self, hire: Hire) -> None:
        self._hire = hire
        self._link: Link | None = None
        self._seen = 0.0
        """When it was last heard of, by the loop's clock."""
        self._from = 0.0
        """When it may be begun."""
        self.ready = False
        """It has loaded, and lives."""

    def begin(self) -> None:
        """Blocks for as long as a process takes to be made."""
        self._link = self._hire()

    async def keep(self, begin: bool = True) -> None:
        """Hear how it gets on, and where there is none `begin` one."""
        await self._look()
        now = asyncio.get_running_loop().time()
        if begin and self._link is None and now >= self._from:
            self._from = now + AGAIN_S  # also where it cannot be begun
            self._link = await hired(self._hire)

    async def take(self) -> tuple[Link, bool] | None:
        """Let it take over; with it, whether it has loaded."""
        await self._look()
        if self._link is None:
            return None
        taken, self._link, self._from = (self._link, self.ready), None, 0.0
        self.ready = False
        return taken

    async def _look(self) -> None:
        """One that has ended, or is silent for too long, is let go."""
        link, now = self._link, asyncio.get_running_loop().time()
        if link is None:
            return
        for message in link.receive():
            self._seen = now
            self.ready |= isinstance(message, wire.Loaded)
            if isinstance(message, wire.Broken):
                log.error("there is no worker in reserve: %s", message.error)
        hangs = self.ready and link.fileno() is not None and now - self._seen > SILENT_S
        if hangs or not link.alive:
            log.warning("the worker in reserve %s (pid %s)", "hung" if hangs else "ended", link.pid)
            self._link, self.ready, self._from = None, False, now + AGAIN_S
            await asyncio.to_thread(link.kill)

    def kill(self) -> None:
        if self._link is not None:
            self._link.kill()
        self._link, self.ready = None, False


async def hired(hire: Hire) -> Link:
    """Begin a worker in a thread; who no longer waits for it does not leave it behind."""
    made = asyncio.get_running_loop().run_in_executor(None, hire)
    try:
        return await asyncio.shield(made)
    except asyncio.CancelledError:
        made.add_done_callback(_unwanted)
        raise


def _unwanted(made: "asyncio.Future[Link]") -> None:
    if not made.cancelled() and made.exception() is None:
        made.result().kill()
