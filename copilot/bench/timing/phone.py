"""The agent's end of a simulated call: the real earpiece, and what of it is heard when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
from aiortc.mediastreams import MediaStreamError

from copilot.audio.frames import Pcm
from copilot.audio.opus import Decoder
from copilot.bench.timing.scene import Sound
from copilot.bench.timing.stage import Span, Stage, duration
from copilot.core.events import Effect, Entry
from copilot.core.vocabulary import Party
from copilot.core.words import tokens
from copilot.sidecar.earpiece import PACKET, Earpiece
from copilot.sidecar.reflex import Reflex

RATE = 24_000
AUDIBLE = 0.004
"""Root mean square over which a packet is heard: -48 dB under full scale."""
PIECES = 4
"""In which a packet is looked at: 5 ms each."""
VOICE_MS = 30
"""How long the voice takes for its first sound."""
WORDS_PER_MINUTE = 160
BLOCK_MS, NETWORK_MS = 20, 10
"""Length of a packet, and how long it is on its way."""
QUIET_LEVEL, SPEECH_LEVEL = 0.0005, 0.06
SOUND_LEVELS = {Sound.MUSIC: 0.02, Sound.NOISE: 0.03, Sound.VOICES: 0.01}
"""Root mean squares of what microphones hear."""


class Notes:
    """The call's log, each entry with its time in milliseconds of the call."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.entries: list[tuple[float, Entry]] = []
        self._now = now

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        self.entries += [(self._now(), entry) for entry in entries]

    async def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        for _, entry in self.entries[after + 1 :]:
            yield entry

    def deliver(self, effect: Effect) -> None:
        """What is shown is in the log."""


class Hum:
    """A voice that costs nothing: a buzz for as long as the words would take."""

    rate = RATE

    async def say(self, text: str) -> AsyncIterator[Pcm]:
        await asyncio.sleep(VOICE_MS / 1000)
        for word in tokens(text):
            length = round(duration(word, WORDS_PER_MINUTE) * RATE / 1000)
            at = np.arange(length) / RATE
            tone = sum(np.sin(2 * np.pi * 120 * k * at + k) / k for k in range(1, 12))
            swell = 0.2 + np.sin(np.pi * np.arange(length) / length)
            yield (0.1 * tone * swell).astype(np.float32)

    async def close(self) -> None:
        """Nothing to give back."""


class Listened:
    """Listens to an earpiece packet by packet."""

    def __init__(self, began: Callable[[float], None]) -> None:
        """`began` is told when a whisper is first heard, in milliseconds of the call."""
        self.heard: list[Span] = []
        self._decoder = Decoder(RATE)
        self._began = began
        self._whisper = False

    def whisper(self) -> None:
        """The next sound begins a whisper."""
        self._whisper = True

    async def listen(self, earpiece: Earpiece, now: Callable[[], float]) -> None:
        """Take the earpiece's packets until it stops."""
        with contextlib.suppress(MediaStreamError):
            while True:
                self.hear(bytes(await earpiece.recv()), now())

    def hear(self, payload: bytes, at: float) -> None:
        """A packet that is heard from `at` on, milliseconds of the call."""
        pieces = self._decoder.decode(payload).reshape(PIECES, -1)
        audible = np.flatnonzero(np.sqrt(np.mean(pieces**2, axis=1)) >= AUDIBLE)
        if not audible.size:
            return
        self._note(Span(at, at + 1000 * PACKET * (int(audible[-1]) + 1) / PIECES))
        if self._whisper:
            self._whisper = False
            self._began(at)

    def _note(self, packet: Span) -> None:
        last = self.heard[-1] if self.heard else None
        if last is not None and packet.start - last.end < 1000 * PACKET:
            self.heard[-1] = Span(last.start, packet.end)
        else:
            self.heard.append(packet)


class Phone:
    """The agent's browser of a simulated call: a mouth with the reflex of a real line."""

    def __init__(self, stage: Stage) -> None:
        self.earpiece = Earpiece()
        self.listened = Listened(stage.whispered)
        self._stage = stage
        self._reflex = Reflex()
        self._announced = False

    async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
        self.listened.whisper()
        first, self._announced = not self._announced, True
        return await self.earpiece.play(whisper, chunks, rate, announced=first)

    def stop(self) -> None:
        self.earpiece.cut()

    def soften(self) -> None:
        """Nothing is softer here: the scripted ear does not listen to sound."""

    async def sound(self, now: Callable[[], float]) -> None:
        """Both parties' sound, block by block as it comes, for the reflex."""
        block = 0
        while True:
            end = (block + 1) * BLOCK_MS
            await asyncio.sleep(max(0.0, end + NETWORK_MS - now()) / 1000)
            at = asyncio.get_running_loop().time()
            for party in Party:
                samples = LEVELS[self._loudness(party, end - BLOCK_MS, end)]
                self._reflex.hear(party, samples, at, self.earpiece)
            block += 1

    def _loudness(self, party: Party, start: float, end: float) -> float:
        """What of the levels is heard of the party."""
        if self._stage.sounding(party, start, end) >= BLOCK_MS / 4:
            return SPEECH_LEVEL
        for one in self._stage.uttered:
            if one.line.party is party and one.line.sound and one.start < end and one.end > start:
                return SOUND_LEVELS[one.line.sound]
        return QUIET_LEVEL


def _noise(level: float) -> Pcm:
    samples: Pcm = np.random.default_rng(1).normal(0, level, BLOCK_MS * 8).astype(np.float32)
    return samples


LEVELS = {level: _noise(level) for level in (QUIET_LEVEL, SPEECH_LEVEL, *SOUND_LEVELS.values())}
