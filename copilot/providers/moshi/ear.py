"""The duplex ear: who speaks by Silero, at once; words, pauses and the wish from the engine.

A frame that the engine has not answered in time is answered without it: what it brings comes a
tick later. Speech is heard here, so that barge-in works whatever the engine does.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

import numpy as np

from copilot.audio.frames import MicroTurn, Pcm
from copilot.core.events import CallStarted, Heard
from copilot.core.vocabulary import Hearing, Party, Word
from copilot.ports import Ear, Listener
from copilot.providers.embedded.endpoint import Manner
from copilot.providers.embedded.listening import Cut, Listening
from copilot.providers.embedded.speech import Speech
from copilot.providers.moshi import wire
from copilot.providers.moshi.board import SAMPLES
from copilot.providers.moshi.engine import NOTHING_SHED, Engine, State
from copilot.providers.moshi.loudness import Level
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.rate import Downsampler
from copilot.providers.moshi.seat import Answer, Seat

log = logging.getLogger(__name__)

RATE = 24_000
PATIENCE_S = 0.05
"""How long a tick waits for the engine: an ear answers within 60 ms."""
LOCKSTEP_S = 60.0
"""How long it waits offline, where words must not depend on time."""
SILENT = 35
"""Percent of speech under which a party is silent, Silero's own lower threshold."""
SPEAKING = 50
ENDED_TICKS = 3
"""Silent ticks after speech at which the words on their way are fetched."""
QUIET_TICKS = 4
"""Silent ticks after which the agent is heard as silence by the duplex model."""
FALLBACK_S = 1.0
"""How long the engine may be away before another ear listens."""
MISSED_TICKS = 50
"""Of which it hears afterwards what it has missed, 4 s: for so long its own loading may take."""
CATCHES_UP = 4
"""Ticks that it hears in one, until it has."""


class Silences:
    """How long one party has been silent, for the flags of its frames."""

    def __init__(self) -> None:
        self._silent = QUIET_TICKS
        self._spoke = False

    def note(self, speech: int) -> None:
        """One tick's probability of speech, percent."""
        if self._silent > ENDED_TICKS:
            self._spoke = False
        self._spoke |= speech >= SPEAKING
        self._silent = 0 if speech >= SILENT else self._silent + 1

    @property
    def quiet(self) -> bool:
        return self._silent >= QUIET_TICKS

    @property
    def ended(self) -> bool:
        """Its speech has ended with this tick."""
        return self._spoke and self._silent == ENDED_TICKS


class Words:
    """One party's words in order, whoever heard them, and each of them once."""

    def __init__(self) -> None:
        self._until = 0
        """End of the last one."""
        self._new: list[Word] = []
        self.partial = ""

    def add(self, words: Iterable[Word], again: bool = False) -> None:
        """What comes in one piece; `again`: of sound that was heard before, perhaps with ends a
        little different. Short words may end in the same tick."""
        since = self._until
        for word in words:
            middle = (word.start + word.end) // 2
            if (middle if again else word.end) > since or not since:
                self._new.append(Word(word.text, min(word.start, word.end - 1), word.end))
                self._until = max(self._until, word.end)

    def take(self) -> tuple[Word, ...]:
        words, self._new = tuple(self._new), []
        return words


class StandIn:
    """Another ear, for as long as the engine is away; where it fails, nobody listens."""

    def __init__(self, listener: Listener | None, call: CallStarted) -> None:
        self._listener, self._call = listener, call
        self._opening: asyncio.Task[Ear] | None = None
        self._waiting: deque[MicroTurn] = deque(maxlen=MISSED_TICKS)
        """What it has not heard since the engine went away."""

    @property
    def listens(self) -> bool:
        return self._opening is not None and self._opening.done()

    def keep(self, turn: MicroTurn) -> None:
        """For it to hear, once there is one."""
        if self._listener is not None:
            self._waiting.append(turn)

    def begin(self) -> None:
        if self._listener is not None and self._opening is None:
            self._opening = asyncio.create_task(self._listener.open(self._call))

    async def hear(self) -> list[Heard]:
        """Of the ticks that were kept, some at a time; nothing where nobody listens yet."""
        if not self.listens:
            return []
        (heard,) = await asyncio.gather(self._hear(), return_exceptions=True)
        if isinstance(heard, BaseException):
            log.error("call %s: the other ear does not listen: %s", self._call.call_id, heard)
            self._listener = None
            await self.end()
            return []
        return heard

    async def end(self) -> None:
        self._waiting.clear()
        opening, self._opening = self._opening, None
        if opening is not None:
            await asyncio.gather(_closed(opening), return_exceptions=True)

    async def _hear(self) -> list[Heard]:
        assert self._opening is not None
        ear, some = self._opening.result(), min(CATCHES_UP, len(self._waiting))
        return [await ear.hear(self._waiting.popleft()) for _ in range(some)]


async def _closed(opening: "asyncio.Task[Ear]") -> None:
    await (await opening).close()


class MoshiEar:
    """Hears one call."""

    def __init__(
        self, engine: Engine, seat: Seat, listening: Listening, stand_in: StandIn, lockstep: bool
    ) -> None:
        self.seat, self.level = seat, Level()
        self._engine, self._listening, self.stand_in = engine, listening, stand_in
        self._patience = LOCKSTEP_S if lockstep else PATIENCE_S
        self._lockstep = lockstep
        self._silences = {party: Silences() for party in Party}
        self._low = {party: Downsampler() for party in Party}
        self._words = {party: Words() for party in Party}
        self._pause = dict.fromkeys(Party, -1)
        self._wish, self._upcoming = 0, ""
        self.garbage = 0
        """Frames of a party that were no sound, and were heard as silence."""

    async def hear(self, turn: MicroTurn) -> Heard:
        """Speech of this tick, and what the engine has made of it and of those before by now."""
        sounds = {Party.AGENT: self._clean(turn.agent), Party.CUSTOMER: self._clean(turn.customer)}
        agent, customer = sounds.values()
        number = self.seat.push(turn.tick, agent, customer, self._flags())
        self._engine.poke()
        low = MicroTurn(turn.tick, *(self._low[party].tick(pcm) for party, pcm in sounds.items()))
        cuts = await self._listening.hear(low)
        self.level.note(customer, cuts[Party.CUSTOMER].speech >= SPEAKING)
        for party, cut in cuts.items():
            self._silences[party].note(cut.speech)
        answered = await self.seat.answered(number, self._patience, patient=self._lockstep)
        if not answered and self._lockstep:
            raise TimeoutError(f"the engine has not answered within {LOCKSTEP_S:g} s")
        await self._take(low)
        heard = {party: self._hearing(party, cut) for party, cut in cuts.items()}
        silent = cuts[Party.AGENT].speech < SILENT
        return Heard(
            turn.tick,
            heard[Party.AGENT],
            heard[Party.CUSTOMER],
            self._wish if silent else 0,
            self._upcoming,
        )

    async def close(self) -> None:
        self._engine.close_seat(self.seat)
        self._listening.close()
        await self.stand_in.end()

    def _clean(self, pcm: Pcm) -> Pcm:
        """What is no sound is silence: it would spoil the model's memory."""
        if pcm.shape != (SAMPLES,) or not np.isfinite(pcm).all():
            self.garbage += 1
            return np.zeros(SAMPLES, np.float32)
        return np.clip(pcm, -1, 1)

    def _flags(self) -> int:
        """As it was after the tick before: this one's is only known once the frame is gone."""
        agent, customer = self._silences.values()
        bits = (agent.quiet, customer.quiet, agent.ended, customer.ended)
        return sum(1 << place for place, bit in enumerate(bits) if bit)

    async def _take(self, low: MicroTurn) -> None:
        answers = self.seat.take()
        for answer in answers:
            self._hear(answer)
        if self.seat.away:
            self._wish, self._upcoming = 0, ""
            if self._engine.away_for() > FALLBACK_S:
                self.stand_in.begin()
        if self.seat.away or self.stand_in.listens:
            self.stand_in.keep(low)
        for heard in await self.stand_in.hear():
            for party, one in ((Party.AGENT, heard.agent), (Party.CUSTOMER, heard.customer)):
                self._words[party].add(one.words)
                self._words[party].partial = one.partial
        if self.stand_in.listens and not self.seat.behind:
            await self.stand_in.end()

    def _hear(self, answer: Answer) -> None:
        result = answer.result
        for party, one in ((Party.AGENT, result.agent), (Party.CUSTOMER, result.customer)):
            self._words[party].add(map(self._word, one.words), answer.seam)
            if not answer.again:
                self._words[party].partial = one.partial
                self._pause[party] = one.pause
        if not answer.again:
            self._wish, self._upcoming = result.wish, result.upcoming

    def _word(self, word: wire.Spoken) -> Word:
        axis = self.seat.axis
        return Word(word.text, axis.tick(word.start), axis.tick(word.end))

    def _hearing(self, party: Party, cut: Cut) -> Hearing:
        words = self._words[party]
        pause = self._pause[party] if self._pause[party] >= 0 else cut.pause
        if not cut.pause:  # nobody has spoken yet, or speaks now
            pause = 0
        return Hearing(cut.speech, pause, words.take(), words.partial)


class MoshiListener:
    """One engine for all calls of a process; `roles` says who the model is to be in each."""

    def __init__(
        self,
        engine: Engine,
        personas: Personas,
        stand_in: Listener | None = None,
        lockstep: bool = False,
    ) -> None:
        self.engine = engine
        self._personas, self.stand_in, self._lockstep = personas, stand_in, lockstep
        self._speech = Speech()
        self._ears: dict[str, MoshiEar] = {}

    @property
    def rate(self) -> int:
        return RATE

    async def open(self, call: CallStarted) -> MoshiEar:
        """Raises NoPlace where the engine can take no other call."""
        prepare = self.engine.prepare
        if call.role or call.voice:
            role = await self._personas.of_team(call.role, call.voice, call.packs, prepare)
        else:
            role = await self._personas.role(call.packs, prepare)
        seat = self.engine.open(role)
        stand_in = StandIn(self.stand_in, call)
        ear = MoshiEar(
            self.engine, seat, Listening(self._speech, Manner()), stand_in, self._lockstep
        )
        self._ears = {
            known: one for known, one in self._ears.items() if self.engine.seated(one.seat)
        } | {call.call_id: ear}
        return ear

    def ear(self, call_id: str) -> MoshiEar | None:
        """That of a call in progress."""
        return self._ears.get(call_id)

    def state(self) -> dict[str, object]:
        """For pages and metrics."""
        state = self.engine.state
        told = {**state._asdict(), "persona": self._personas.fault or "ready"}
        return told | {"notice": self._notice(state)}

    def _notice(self, state: State) -> str:
        """What whoever looks after the calls should know; empty where all is well."""
        if state.fault:
            return f"The duplex engine does not hear: {state.fault}."
        if state.shed != NOTHING_SHED:
            return f"The duplex engine is busy and leaves out: {state.shed}."
        return (
            f"The persona stays as it was: {self._personas.fault}" if self._personas.fault else ""
        )

    async def close(self) -> None:
        await self.engine.close()
        self._speech.close()
        if self.stand_in is not None:
            await self.stand_in.close()
