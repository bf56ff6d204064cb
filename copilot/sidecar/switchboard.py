"""All live calls: admitted up to a capacity, resumed, hung up, ended when their browser is gone."""

import asyncio
import logging
import secrets
import time

from copilot import __version__
from copilot.config import Settings
from copilot.core.events import CallEnded, CallStarted, CardTouched
from copilot.errors import UnknownCall, UserError
from copilot.ports import CallLog, Listener, Retriever, Shelves, Voice
from copilot.session import Parts, Session
from copilot.sidecar.line import Line
from copilot.sidecar.offer import Offer, Unsuitable
from copilot.sidecar.peer import Peer, connect

log = logging.getLogger(__name__)

RETRY_AFTER = 30
"""Seconds after which a refused caller may ask again."""


class Full(Exception):
    """Every place is taken."""


class Call:
    """A session on its line, with the peer that carries it now."""

    def __init__(self, session: Session, line: Line, peer: Peer) -> None:
        self.session = session
        self.line = line
        self.peer = peer
        self.task = asyncio.create_task(session.run(line.audio.turns()))
        self.expiry: asyncio.TimerHandle | None = None

    def wait(self, seconds: float) -> None:
        """The connection is gone: end the call unless it is resumed in time."""
        if self.expiry is None:
            loop = asyncio.get_running_loop()
            self.expiry = loop.call_later(seconds, self.end, "disconnected")

    async def resume(self, peer: Peer) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        before, self.peer = self.peer, peer
        await before.close()

    def end(self, reason: str) -> None:
        self.session.give(CallEnded(reason))


class Switchboard:
    """Admits calls and keeps them until they end."""

    def __init__(
        self,
        settings: Settings,
        listener: Listener,
        shelves: Shelves,
        log: CallLog,
        forgetful: CallLog,
        voice: Voice | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._shelves = shelves
        self._log = log
        self._forgetful = forgetful
        self._voice = voice
        self._calls: dict[str, Call] = {}
        self._entering = 0
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def capacity(self) -> int:
        return self._settings.server.capacity

    @property
    def live(self) -> int:
        """Calls in progress."""
        return len(self._calls)

    def call(self, call_id: str) -> Call:
        """Raises UnknownCall."""
        if call_id not in self._calls:
            raise UnknownCall(f"call {call_id!r} is not in progress: begin a new one")
        return self._calls[call_id]

    async def admit(self, offer: Offer) -> tuple[str, Peer]:
        """Begin or resume a call; raises Full, UnknownCall or Unsuitable."""
        if offer.resume is not None:
            return offer.resume, await self._resume(offer, self.call(offer.resume))
        if len(self._calls) + self._entering >= self.capacity:
            raise Full
        self._entering += 1
        try:
            return await self._begin(offer)
        finally:
            self._entering -= 1

    async def hang_up(self, call_id: str) -> None:
        """End the call and wait until it has; raises UnknownCall."""
        await self._end(self.call(call_id), "hang_up")

    async def close(self) -> None:
        """End all calls: the server stops."""
        await asyncio.gather(*(self._end(call, "stopped") for call in self._calls.values()))
        await asyncio.gather(*self._endings)

    async def _begin(self, offer: Offer) -> tuple[str, Peer]:
        call_id = f"{int(time.time() * 1000):011x}-{secrets.token_hex(4)}"
        retriever = self._search(offer)
        refs = self._shelves.refs(offer.packs)
        started = CallStarted(call_id, self._settings.policy, refs, __version__, offer.consent)
        line = Line(self._listener.rate)
        peer = await self._connect(offer, line, call_id)
        try:
            ear = await self._listener.open(started)
        except BaseException:
            await peer.close()
            raise
        parts = Parts(
            ear,
            retriever,
            self._log if offer.consent else self._forgetful,
            line,
            self._voice,
            line,
            deadlines=self._settings.deadlines,
        )
        call = Call(Session(started, parts), line, peer)
        self._calls[call_id] = call
        call.task.add_done_callback(lambda task: self._over(call_id, task))
        return call_id, peer

    def _search(self, offer: Offer) -> Retriever:
        try:
            return self._shelves.retriever(offer.packs)
        except UserError as error:
            raise Unsuitable(str(error)) from None

    async def _resume(self, offer: Offer, call: Call) -> Peer:
        peer = await self._connect(offer, call.line, call.session.call_id)
        await call.resume(peer)
        return peer

    async def _connect(self, offer: Offer, line: Line, call_id: str) -> Peer:
        """A peer whose loss counts only while it is the call's own."""

        def touched(touch: CardTouched) -> None:
            self._calls[call_id].session.give(touch)

        def gone() -> None:
            call = self._calls.get(call_id)
            if call is not None and call.peer is peer:
                call.wait(self._settings.server.resume_seconds)

        peer = await connect(offer, line, touched, gone)
        return peer

    async def _end(self, call: Call, reason: str) -> None:
        call.end(reason)
        await asyncio.wait([call.task])

    def _over(self, call_id: str, task: asyncio.Task[None]) -> None:
        """A call's session has ended, by whatever way: give back what it held."""
        call = self._calls.pop(call_id)
        if call.expiry is not None:
            call.expiry.cancel()
        if not task.cancelled() and task.exception() is not None:
            log.error("call %s broke", call_id, exc_info=task.exception())
        call.line.audio.close()
        ending = asyncio.create_task(call.peer.close())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
