"""Tries the ear out: a few seconds of a known sound at the pace of a call, and what comes of it."""

import asyncio
import secrets
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from msgspec import Struct

from copilot.audio import wav
from copilot.audio.frames import TICK, Pcm, frame_samples, micro_turns
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import TICK_MS
from copilot.ports import Listener

SECONDS = 4.0
TAIL = 25
"""Ticks of silence afterwards, in which the last words may still come."""
LOUD = 0.02
"""Of full scale: where a recording begins to say something."""
TONE_HZ = 440


class Sound(Struct, frozen=True):
    """What the ear is given as the customer."""

    pcm: Pcm
    rate: int
    speech: bool
    """Whether words must come of it."""


class Heard(Struct, frozen=True):
    """What came of it."""

    words: str
    speech: int
    """The highest probability of speech, percent."""
    ticks: int
    median_ms: float
    worst_ms: float

    def fault(self, sound: Sound) -> str:
        """Why it is of no use for calls; empty where it is."""
        if self.median_ms > TICK_MS:
            return (
                f"a tick took {self.median_ms:.0f} ms, over the {TICK_MS} ms that a call has;"
                " use a smaller ear or a faster machine"
            )
        if sound.speech and not self.words:
            return f"no words came of {len(sound.pcm) / sound.rate:.0f} s of clear speech"
        return ""

    def told(self, sound: Sound) -> str:
        """What it did, for people."""
        heard = f"heard “{self.words}”"
        if not self.words:
            heard = f"a tone sounded like speech to {self.speech} %; words were not expected"
        return (
            f"{heard}; a tick took {self.median_ms:.1f} ms, {self.worst_ms:.0f} ms at most"
            f" ({self.ticks} ticks of {TICK_MS} ms)"
        )


def tone(rate: int = 16_000) -> Sound:
    """What every machine has."""
    at = np.arange(int(rate * SECONDS)) / rate
    return Sound((0.25 * np.sin(2 * np.pi * TONE_HZ * at)).astype(np.float32), rate, speech=False)


def excerpt(path: Path) -> Sound:
    """The first seconds in which somebody speaks in a recording; raises AudioError."""
    found = wav.read(path)
    pcm = found.channels[0]
    loud = np.flatnonzero(np.abs(pcm) > LOUD)
    start = max(0, int(loud[0]) - found.rate // 5) if loud.size else 0
    return Sound(pcm[start : start + int(found.rate * SECONDS)], found.rate, speech=True)


async def hear(listener: Listener, sound: Sound) -> Heard:
    """Open an ear as a call does, let it hear, and close it; raises what its provider raises."""
    rate = listener.rate
    pcm = wav.resample(sound.pcm, sound.rate, rate)
    pcm = np.concatenate((pcm, np.zeros(TAIL * frame_samples(rate), np.float32)))
    ear = await listener.open(CallStarted(f"trial-{secrets.token_hex(4)}", Policy()))
    words: list[str] = []
    times: list[float] = []
    speech = 0
    try:
        began = perf_counter()
        for turn in micro_turns(pcm[:0], pcm, rate):
            await asyncio.sleep(max(0.0, began + turn.tick * TICK - perf_counter()))
            since = perf_counter()
            heard = (await ear.hear(turn)).customer
            times.append(1000 * (perf_counter() - since))
            speech = max(speech, heard.speech)
            words += [one.text for one in heard.words]
    finally:
        await ear.close()
    return Heard(" ".join(words), speech, len(times), median(times), max(times))
