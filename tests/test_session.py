"""A session: order of its log, and background work that is late, wrong or absent."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn, Pcm
from copilot.config.sections import Deadlines
from copilot.core.call import replay
from copilot.core.events import (
    CallEnded,
    CallStarted,
    CardTouched,
    Effect,
    Entry,
    Failed,
    Heard,
    ShowCard,
    Speak,
    StopSpeaking,
    WhisperPlayed,
    WithdrawCard,
    Withheld,
)
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Passage, Touch, TurnText, Word
from copilot.ports import Found
from copilot.session import Parts, Session
from tests.helpers import passage

QUESTION = "can i change the delivery address of my parcel before it comes tomorrow morning".split()
SILENT = np.zeros(1920, np.float32)


class Script:
    """An ear that hears what its script says, a word every four ticks."""

    def __init__(self, words: Sequence[str], broken_at: int = -1) -> None:
        self.words = list(words)
        self.broken_at = broken_at
        self.closed = False

    async def hear(self, turn: MicroTurn) -> Heard:
        if turn.tick == self.broken_at:
            raise OSError("the ear fell off")
        index, phase = divmod(turn.tick - 1, 4)
        if index >= len(self.words):
            return Heard(turn.tick)
        word = Word(self.words[index], turn.tick - 3, turn.tick + 1)
        return Heard(turn.tick, customer=Hearing(95, words=(word,) if phase == 3 else ()))

    async def close(self) -> None:
        self.closed = True


class Shelf:
    """A retriever that may be slow, broken or right."""

    def __init__(self, found: Sequence[Passage], seconds: float = 0, fault: str = "") -> None:
        self.found, self.seconds, self.fault = tuple(found), seconds, fault

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        await asyncio.sleep(self.seconds)
        if self.fault:
            raise ConnectionError(self.fault)
        return Found(self.found[:k])


class Notes:
    """Log and outlet that remember."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.delivered: list[Effect] = []

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        self.entries += entries

    async def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        for entry in self.entries[after + 1 :]:
            yield entry

    def deliver(self, effect: Effect) -> None:
        self.delivered.append(effect)

    def of(self, kind: type) -> list[object]:
        return [entry.event for entry in self.entries if isinstance(entry.event, kind)]


class Mouthpiece:
    """An earpiece that is heard for as long as it is let."""

    def __init__(self) -> None:
        self.cut = asyncio.Event()
        self.soft = False

    async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
        self.cut.clear()
        async for _ in chunks:
            pass
        await self.cut.wait()
        return 7

    def stop(self) -> None:
        self.cut.set()

    def soften(self) -> None:
        self.soft = True


class Tone:
    rate = 24_000

    async def say(self, text: str) -> AsyncIterator[Pcm]:
        yield SILENT

    async def close(self) -> None: ...


async def ticks(count: int) -> AsyncIterator[MicroTurn]:
    for tick in range(1, count + 1):
        yield MicroTurn(tick, SILENT, SILENT)
        await asyncio.sleep(0)


def session(ear: Script, shelf: Shelf, policy: Policy | None = None) -> tuple[Session, Notes]:
    notes = Notes()
    parts = Parts(ear, shelf, notes, notes, Tone(), Mouthpiece(), deadlines=Deadlines(search=0.05))
    return Session(CallStarted("call", policy or Policy()), parts), notes


async def test_offline_the_card_comes_in_the_tick_that_asked_for_it() -> None:
    call, notes = session(Script(QUESTION), Shelf([passage()]))
    await call.play(ticks(120))
    assert [type(effect) for effect in notes.delivered] == [ShowCard, WithdrawCard]
    assert replay(notes.entries) is None
    assert isinstance(notes.entries[-2].event, CallEnded)


async def test_a_live_call_ends_when_it_is_told_to_and_lets_go_of_its_ear() -> None:
    ear = Script(QUESTION)
    call, notes = session(ear, Shelf([passage()]))
    running = asyncio.create_task(call.run(ticks(10_000)))
    while not notes.of(ShowCard):
        await asyncio.sleep(0.001)
    call.give(CardTouched(1, Touch.USED))
    call.give(CallEnded("hang_up"))
    await running
    assert ear.closed
    assert notes.of(CardTouched) == [CardTouched(1, Touch.USED)]
    assert replay(notes.entries) is None


async def test_the_end_of_the_sound_ends_the_call() -> None:
    call, notes = session(Script([]), Shelf([]))
    await call.run(ticks(5))
    assert notes.of(CallEnded) == [CallEnded("disconnected")]


@pytest.mark.parametrize(
    ("shelf", "error"),
    [
        (Shelf([], seconds=60), "no answer within 0.05 s"),
        (Shelf([], fault="the shop is shut"), "ConnectionError: the shop is shut"),
    ],
)
async def test_search_that_hangs_or_breaks_becomes_an_event_and_a_silence(
    shelf: Shelf, error: str
) -> None:
    call, notes = session(Script(QUESTION), shelf)
    await call.play(ticks(120))
    assert Failed(1, "search", error, revision=1) in notes.of(Failed)
    assert notes.of(Withheld)
    assert replay(notes.entries) is None


async def test_a_broken_ear_ends_the_call_with_its_reason() -> None:
    call, notes = session(Script(QUESTION, broken_at=9), Shelf([passage()]))
    await call.run(ticks(100))
    assert notes.of(Failed) == [Failed(0, "hear", "OSError: the ear fell off")]
    assert notes.of(CallEnded) == [CallEnded("failed")]


async def test_an_ear_that_times_out_ends_the_call_too() -> None:
    ear = Script([])

    async def hear(turn: MicroTurn) -> Heard:
        raise TimeoutError("the recogniser hangs")

    ear.hear = hear  # type: ignore[method-assign]
    call, notes = session(ear, Shelf([]))
    await asyncio.wait_for(call.run(ticks(100)), 5)
    assert notes.of(Failed) == [Failed(0, "hear", "TimeoutError: the recogniser hangs")]
    assert notes.of(CallEnded) == [CallEnded("failed")]


async def test_a_whisper_that_is_cut_before_it_began_is_never_heard() -> None:
    played = []

    class Witness(Mouthpiece):
        async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
            played.append(whisper)
            return await super().play(whisper, chunks, rate)

    ear, notes = Script([]), Notes()
    parts = Parts(ear, Shelf([]), notes, notes, Tone(), Witness())
    call = Session(CallStarted("call", Policy()), parts)
    call._perform(Speak(1, "Too late."))
    call._perform(StopSpeaking(1, "agent_speaks"))
    await call.run(ticks(3))
    assert played == []


async def test_a_whisper_is_played_and_cut_by_speech() -> None:
    words = [*QUESTION, *[""] * 5, "and", "my", "neighbour"]
    ear = Script([])
    spoken = [word for word in words if word]

    async def hear(turn: MicroTurn) -> Heard:
        index, phase = divmod(turn.tick - 1, 4)
        if index >= len(words) or not words[index]:
            return Heard(turn.tick)
        word = Word(words[index], turn.tick - 3, turn.tick + 1)
        return Heard(turn.tick, customer=Hearing(95, words=(word,) if phase == 3 else ()))

    ear.hear = hear  # type: ignore[method-assign]
    line = passage(say="In the app until the evening before.")
    call, notes = session(ear, Shelf([line]), Policy(voice=True))
    await call.run(ticks(200))
    assert notes.of(Speak) == [Speak(1, line.say)]
    assert notes.of(StopSpeaking) == [StopSpeaking(1, "customer_speaks")]
    assert notes.of(WhisperPlayed) == []
    assert len(spoken) == len(words) - 5
