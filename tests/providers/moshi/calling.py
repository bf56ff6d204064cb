"""Whole calls for tests: sound in, a session's log out."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np

from copilot.audio import wav
from copilot.audio.frames import MicroTurn, Pcm
from copilot.core.events import Effect, Entry, Heard
from copilot.core.vocabulary import TurnText
from copilot.demo.synth import SampleCall
from copilot.ports import Found
from tests.helpers import passage

PACE = 0.08


def turns(ticks: int, seed: int = 0) -> Iterator[MicroTurn]:
    """Two parties that speak by turns: noise in the shape of syllables, which is not silence."""
    dice = np.random.default_rng(seed)
    beat = np.abs(np.sin(np.arange(1920) * np.pi / 960)).astype(np.float32)
    for tick in range(ticks):
        agent = (tick // 25) % 2 == 0
        loud, faint = 0.2 * beat * dice.normal(0, 1, 1920), dice.normal(0, 1e-4, 1920)
        pair = (loud, faint) if agent else (faint, loud)
        yield MicroTurn(tick, *(np.asarray(one.clip(-1, 1), np.float32) for one in pair))


def spoken(sample: SampleCall, ticks: int) -> Iterator[MicroTurn]:
    """The beginning of the sample call."""
    parties = []
    for path in (sample.agent, sample.customer):
        recording = wav.read(path)
        parties.append(wav.resample(recording.channels[0], recording.rate, 24_000))
    for tick in range(ticks):
        yield MicroTurn(tick, *(pcm[1920 * tick : 1920 * (tick + 1)] for pcm in parties))


async def live(
    given: Iterator[MicroTurn], pace: float = PACE, until: asyncio.Event | None = None
) -> AsyncIterator[MicroTurn]:
    """As they come in a call, on an absolute schedule, until the parties hang up."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for turn in given:
        await asyncio.sleep(max(0.0, due - loop.time()))
        if until is not None and until.is_set():
            return
        yield turn
        due += pace


class Notes:
    """A log and a screen that remember."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.delivered: list[Effect] = []

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        self.entries += entries

    def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        raise NotImplementedError

    def deliver(self, effect: Effect) -> None:
        self.delivered.append(effect)

    @property
    def heard(self) -> list[Heard]:
        return [entry.event for entry in self.entries if isinstance(entry.event, Heard)]


class Shelf:
    """Search that always finds the same."""

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found((passage(),))


class Earphone:
    """Plays whispers as they come, and keeps them."""

    def __init__(self) -> None:
        self.played: list[Pcm] = []

    async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
        async for chunk in chunks:
            self.played.append(chunk)
        return len(self.played)

    def stop(self) -> None: ...

    def soften(self) -> None: ...
