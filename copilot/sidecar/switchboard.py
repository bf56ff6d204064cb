"""All live calls: admitted up to a capacity, resumed, hung up, ended when their browser is gone."""

import asyncio
import datetime
import logging
import secrets
import time
from contextlib import AsyncExitStack

import msgspec

from copilot import __version__
from copilot.config import Settings
from copilot.core.events import CallEnded, CallStarted, CardTouched
from copilot.core.policy import Policy
from copilot.errors import NoPlace, UnknownCall, UserError
from copilot.ports import (
    CallLog,
    Composer,
    Ear,
    Listener,
    Pinned,
    Retriever,
    Shelves,
    Situated,
    Voice,
)
from copilot.session import Parts, Session
from copilot.sidecar.line import Line
from copilot.sidecar.offer import Offer, Unsuitable
from copilot.sidecar.peer import Peer, connect

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
"""How long a call may take to connect: a browser gives up sooner."""
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
        self._expiry: asyncio.TimerHandle | None = None

    def watch(self, seconds: float) -> None:
        """Without a connection the call ends in so many seconds; with one it stays."""
        if self.peer.connected:
            self.stay()
        elif self._expiry is None:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(seconds, self.end, "disconnected")

    def stay(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    async def resume(self, peer: Peer) -> None:
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
        composer: Composer | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._shelves = shelves
        self._log = log
        self._forgetful = forgetful
        self._voice = voice
        self._composer = composer
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
        pinned = self._pin(offer)
        call_id = f"{int(time.time() * 1000):011x}-{secrets.token_hex(4)}"
        started = CallStarted(
            call_id,
            self._policy(offer),
            pinned.refs,
            __version__,
            offer.consent,
            datetime.date.today().isoformat(),
            pinned.need,
        )
        line = Line(self._listener.rate)
        async with AsyncExitStack() as made:  # undone unless all of it is made
            made.callback(line.audio.close)
            peer = await self._connect(offer, line, call_id)
            made.push_async_callback(peer.close)
            ear = await self._ear(started)
            made.push_async_callback(ear.close)
            session = Session(started, self._parts(offer, started, ear, pinned.retriever, line))
            made.pop_all()
        call = self._calls[call_id] = Call(session, line, peer)
        call.task.add_done_callback(lambda task: self._over(call_id, task))
        call.watch(CONNECT_SECONDS)
        return call_id, peer

    async def _ear(self, started: CallStarted) -> Ear:
        try:
            return await self._listener.open(started)
        except NoPlace as error:
            log.warning("a call is refused: %s", error)
            raise Full from None

    def _policy(self, offer: Offer) -> Policy:
        """The team's, without a voice where there is none to speak or no earpiece to hear it."""
        policy = self._settings.policy
        if self._voice is None or offer.earpiece is None:
            return msgspec.structs.replace(policy, voice=False)
        return policy

    def _parts(
        self, offer: Offer, started: CallStarted, ear: Ear, retriever: Retriever, line: Line
    ) -> Parts:
        kept = self._log if offer.consent else self._forgetful
        voice, deadlines = self._voice, self._settings.deadlines
        if isinstance(voice, Situated):
            voice = voice.inside(started.call_id)
        return Parts(ear, retriever, kept, line, voice, line, self._composer, deadlines)

    def _pin(self, offer: Offer) -> Pinned:
        try:
            return self._shelves.pin(offer.packs)
        except UserError as error:
            raise Unsuitable(str(error)) from None

    async def _resume(self, offer: Offer, call: Call) -> Peer:
        """Go on over another connection; the call's end is put off until that is decided."""
        call.stay()
        call_id = call.session.call_id
        try:
            peer = await self._connect(offer, call.line, call_id)
        finally:
            call.watch(CONNECT_SECONDS)
        if call_id not in self._calls:
            await peer.close()
            self.call(call_id)
        await call.resume(peer)
        call.watch(CONNECT_SECONDS)
        return peer

    async def _connect(self, offer: Offer, line: Line, call_id: str) -> Peer:
        """A peer whose coming and going counts only while it is the call's own."""
        peer: Peer | None = None

        def touched(touch: CardTouched) -> None:
            if call_id in self._calls:
                self._calls[call_id].session.give(touch)

        def changed() -> None:
            call = self._calls.get(call_id)
            if call is not None and call.peer is peer:
                call.watch(self._settings.server.resume_seconds)

        peer = await connect(offer, line, touched, changed)
        return peer

    async def _end(self, call: Call, reason: str) -> None:
        call.end(reason)
        await asyncio.wait([call.task])

    def _over(self, call_id: str, task: asyncio.Task[None]) -> None:
        """A call's session has ended, by whatever way: give back what it held."""
        call = self._calls.pop(call_id)
        call.stay()
        stats = call.line.audio.stats()
        log.info("call %s over; slowest ear %.0f ms, %s", call_id, call.session.lag_ms, stats)
        if not task.cancelled() and task.exception() is not None:
            log.error("call %s broke", call_id, exc_info=task.exception())
        call.line.audio.close()
        ending = asyncio.create_task(call.peer.close())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
