"""All live calls: admitted up to a capacity, resumed, hung up, ended when their browser is gone."""

import asyncio
import datetime
import logging
import secrets
import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from copilot import __version__
from copilot.config import Settings
from copilot.core.events import CallEnded, CallStarted, Entry
from copilot.core.policy import Policy
from copilot.errors import NoPlace, UnknownCall, UserError
from copilot.ports import (
    NOBODY,
    Archive,
    Background,
    CallLog,
    Ear,
    Listener,
    Owner,
    Pinned,
    Retriever,
    Shelves,
    Situated,
    Voice,
)
from copilot.session import Parts, Session
from copilot.sidecar import wire
from copilot.sidecar.house import Beginning, House
from copilot.sidecar.left import Left, left
from copilot.sidecar.line import Line
from copilot.sidecar.offer import Offer, Unsuitable
from copilot.sidecar.peer import Peer, connect
from copilot.sidecar.recording import record
from copilot.sidecar.tap import Tap
from copilot.trained import gap_model

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
"""How long a call may take to connect: a browser gives up sooner."""
RETRY_AFTER = 30
"""Seconds after which a refused caller may ask again."""
CUT = CallEnded("cut")


class Full(Exception):
    """Every place is taken."""


class Call:
    """A session on its line, with the peer that carries it now."""

    def __init__(self, session: Session, line: Line, peer: Peer, owner: Owner) -> None:
        self.session = session
        self.owner = owner
        self.line = line
        self.peer = peer
        self.tap = Tap()
        self.task = asyncio.create_task(session.run(self.tap.through(line.audio.turns())))
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
        log: Archive,
        forgetful: CallLog,
        voice: Voice | None = None,
        background: Background | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._shelves = shelves
        self._log = log
        self._forgetful = forgetful
        self._voice = voice
        self._background = background
        self._house: House | None = None
        self._calls: dict[str, Call] = {}
        self._entering = 0
        self._endings: set[asyncio.Task[None]] = set()

    def use(self, house: House) -> None:
        """Calls begin under the rules of their team from now on, not under the settings' alone."""
        self._house = house

    @property
    def shelves(self) -> Shelves:
        """The knowledge that calls search."""
        return self._shelves

    @property
    def listener(self) -> Listener:
        """What hears calls."""
        return self._listener

    @property
    def voice(self) -> Voice | None:
        """What speaks in agents' ears."""
        return self._voice

    @property
    def rate(self) -> int:
        """Of the sound that calls are heard at, Hz."""
        return self._listener.rate

    def find(self, call_id: str) -> Call | None:
        """The call, if it is in progress here."""
        return self._calls.get(call_id)

    @property
    def capacity(self) -> int:
        return self._settings.server.capacity

    @property
    def live(self) -> int:
        """Calls in progress."""
        return len(self._calls)

    def live_in(self, team_id: str) -> int:
        """Calls in progress of one team."""
        return sum(call.owner.team_id == team_id for call in self._calls.values())

    def call(self, call_id: str, owner: Owner | None = None) -> Call:
        """The call, if it is the named owner's; raises UnknownCall."""
        call = self._calls.get(call_id)
        if call is None or owner not in (None, call.owner):
            raise UnknownCall(f"call {call_id!r} is not in progress: begin a new one")
        return call

    async def admit(
        self, offer: Offer, owner: Owner = NOBODY, log: Archive | None = None
    ) -> tuple[str, Peer]:
        """Begin or resume a call of somebody's; raises Full, UnknownCall or Unsuitable.

        `log` is where it is kept with the parties' consent, else the switchboard's own.
        """
        if offer.resume in self._calls:
            return offer.resume, await self._resume(offer, self.call(offer.resume, owner))
        if len(self._calls) + self._entering >= self.capacity:
            raise Full
        self._entering += 1
        try:
            kept = log or self._log
            if offer.resume is not None:
                return await self._take_up(offer, owner, kept)
            return await self._begin(offer, owner, kept)
        finally:
            self._entering -= 1

    async def hang_up(self, call_id: str, owner: Owner | None = None) -> None:
        """End the call, if it is the named owner's, and wait until it has; raises UnknownCall."""
        await self._end(self.call(call_id, owner), "hang_up")

    async def close(self) -> None:
        """End all calls: the server stops."""
        await asyncio.gather(*(self._end(call, "stopped") for call in self._calls.values()))
        await asyncio.gather(*self._endings)

    async def _begin(self, offer: Offer, owner: Owner, log: Archive) -> tuple[str, Peer]:
        pinned = self._pin(offer)
        call_id = f"{int(time.time() * 1000):011x}-{secrets.token_hex(4)}"
        rules = await self._rules(owner, call_id)
        started = CallStarted(
            call_id,
            self._policy(offer, rules, owner),
            pinned.refs,
            __version__,
            offer.consent and rules.consent,
            datetime.date.today().isoformat(),
            pinned.need,
            gap_model(),
            rules.ruling,
            rules.level,
            rules.role,
            rules.voice,
        )
        return await self._open(offer, started, pinned, owner, log, rules.recording)

    async def _take_up(self, offer: Offer, owner: Owner, log: Archive) -> tuple[str, Peer]:
        """Go on with a call of the owner's whose process died, from its log."""
        assert offer.resume is not None
        if not offer.consent:
            self.call(offer.resume)
        entries = await log.adopt(offer.resume)
        try:
            found = await asyncio.to_thread(left, entries)
            pinned = self._pin(offer._replace(packs=found.packs))
            if self._background is not None:
                await self._background.take_up(owner.team_id, offer.resume)
            return await self._open(offer, found.started, pinned, owner, log, found=found)
        except BaseException:
            log.append(offer.resume, [Entry(len(entries), entries[-1].tick, CUT)])
            raise

    async def _open(
        self,
        offer: Offer,
        started: CallStarted,
        pinned: Pinned,
        owner: Owner,
        log: CallLog,
        recording: Path | None = None,
        found: Left | None = None,
    ) -> tuple[str, Peer]:
        call_id = started.call_id
        line = Line(self._listener.rate, found.card if found else None)
        async with AsyncExitStack() as made:  # undone unless all of it is made
            made.callback(line.audio.close)
            peer = await self._connect(offer, line, call_id)
            made.push_async_callback(peer.close)
            ear = await self._ear(started)
            made.push_async_callback(ear.close)
            kept = log if started.consent else self._forgetful
            parts = self._parts(started, owner, ear, pinned.retriever, kept, line)
            session = Session(started, parts, found.state if found else None)
            line.echoed = session.give
            made.pop_all()
        call = self._calls[call_id] = Call(session, line, peer, owner)
        call.task.add_done_callback(lambda task: self._over(call_id, task))
        call.watch(CONNECT_SECONDS)
        if started.consent and recording is not None:
            self._record(call, recording)
        return call_id, peer

    def _record(self, call: Call, path: Path) -> None:
        """Until the call is over; the file is whole before the switchboard closes."""
        recording = asyncio.create_task(record(call.tap, path, self._listener.rate))
        self._endings.add(recording)
        recording.add_done_callback(self._endings.discard)

    async def _ear(self, started: CallStarted) -> Ear:
        try:
            return await self._listener.open(started)
        except NoPlace as error:
            log.warning("a call is refused: %s", error)
            raise Full from None

    async def _rules(self, owner: Owner, call_id: str) -> Beginning:
        if self._house is None:
            return Beginning(self._settings.policy)
        return await self._house.begin(owner, call_id)

    def _policy(self, offer: Offer, rules: Beginning, owner: Owner) -> Policy:
        """The team's, without a voice where there is none to speak or no earpiece to hear it, and
        without composing and rewriting where nobody does."""
        policy = rules.policy
        if self._background is None or not self._background.composes(owner.team_id):
            policy = msgspec.structs.replace(policy, compose=False, rewrite=False)
        if self._voice is None or offer.earpiece is None:
            return msgspec.structs.replace(policy, voice=False)
        return policy

    def _parts(
        self,
        started: CallStarted,
        owner: Owner,
        ear: Ear,
        retriever: Retriever,
        kept: CallLog,
        line: Line,
    ) -> Parts:
        voice, deadlines = self._voice, self._settings.deadlines
        if isinstance(voice, Situated):
            voice = voice.inside(started.call_id)
        composer = rewriter = None
        if self._background is not None:
            composer = self._background.composer(started.call_id, owner.team_id)
            rewriter = self._background.rewriter(started.call_id, owner.team_id)
            retriever = self._background.retriever(started.call_id, retriever)
        return Parts(ear, retriever, kept, line, voice, line, composer, rewriter, deadlines)

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

        def acted(act: wire.Act) -> None:
            if call_id in self._calls:
                self._calls[call_id].session.give(act)

        def changed() -> None:
            call = self._calls.get(call_id)
            if call is not None and call.peer is peer:
                call.watch(self._settings.server.resume_seconds)

        peer = await connect(offer, line, acted, changed)
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
