"""Speech as micro-turns: lines said by eSpeak NG, in its own process, once a test run."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soxr

from copilot.audio.frames import MicroTurn, Pcm
from copilot.config.sections import Provider
from copilot.core.events import Heard
from copilot.ports import Ear, Voice
from copilot.providers import registry
from copilot.providers.registry import Host

RATE = 16_000
TICK = 1_280

SENTENCES = (
    "How long do you keep my parcel at the parcel shop?",
    "A parcel shop keeps it ten days, then it returns to the sender.",
    "Can I change the delivery address?",
    "My parcel arrived damaged. What should I do?",
    "You can change the address once, free, until midnight before delivery.",
    "Do you ship to the United States?",
)
ASKED = "How many days will you keep my parcel at the shop?"
SMALL_TALK = "We had lovely sunshine over the weekend."


class Speaker:
    """The lines of this file at 16 kHz, synthesised when it is made."""

    def __init__(self, cache: Path) -> None:
        self._said = asyncio.run(_synthesise((ASKED, SMALL_TALK), cache))

    def __call__(self, text: str, before: float = 0.5, after: float = 1.2) -> Pcm:
        """The line between silences of `before` and `after` seconds."""
        silence = [np.zeros(round(seconds * RATE), np.float32) for seconds in (before, after)]
        return np.concatenate((silence[0], self._said[text], silence[1]))


async def _synthesise(lines: Iterable[str], cache: Path) -> dict[str, Pcm]:
    manner = {"provider": "espeak", "voice": "en-us+klatt4", "words_per_minute": 150}
    voice = registry.voice(Provider.model_validate(manner), Host(cache))
    try:
        return {line: await _say(voice, line) for line in lines}
    finally:
        await voice.close()


async def _say(voice: Voice, line: str) -> Pcm:
    chunks = [chunk async for chunk in voice.say(line)]
    return np.asarray(soxr.resample(np.concatenate(chunks), voice.rate, RATE), np.float32)


def turns(agent: Pcm | None = None, customer: Pcm | None = None, first: int = 0) -> list[MicroTurn]:
    """Sound as micro-turns, the shorter party filled up with silence."""
    empty = np.zeros(0, np.float32)
    pair = [empty if party is None else party for party in (agent, customer)]
    count = -(-max(len(party) for party in pair) // TICK)
    full = [np.pad(party, (0, count * TICK - len(party))).reshape(count, TICK) for party in pair]
    return [MicroTurn(first + tick, full[0][tick], full[1][tick]) for tick in range(count)]


async def hear(
    ear: Ear, sound: list[MicroTurn], then: Callable[[int], None] = lambda tick: None
) -> list[Heard]:
    """Play `sound`; `then` is called after each tick."""
    heard = []
    for turn in sound:
        heard.append(await ear.hear(turn))
        then(turn.tick)
    return heard
