"""The agent's end of a simulated call: the real earpiece, and what of it is heard when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
from aiortc.mediastreams import MediaStreamError

from copilot.audio.frames import Pcm
from copilot.audio.opus import Decoder
from copilot.bench.timing.stage import Span, duration
from copilot.core.events import Effect, Entry
from copilot.core.words import tokens
from copilot.sidecar.earpiece import PACKET, Earpiece

RATE = 24_000
AUDIBLE = 0.004
"""Root mean square over which a packet is heard: -48 dB under full scale."""
VOICE_MS = 30
"""How long the voice takes for its first sound."""
WORDS_PER_MINUTE = 160


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

    def __init__(self, earpiece: Earpiece, began: Callable[[float], None]) -> None:
        """`began` is told when a whisper is first heard, in milliseconds of the call."""
        self.heard: list[Span] = []
        self._earpiece = earpiece
        self._began = began
        self._whisper = False

    def whisper(self) -> None:
        """The next sound begins a whisper."""
        self._whisper = True

    async def listen(self, now: Callable[[], float]) -> None:
        decoder = Decoder(RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                payload = bytes(await self._earpiece.recv())
                if float(np.sqrt(np.mean(decoder.decode(payload) ** 2))) < AUDIBLE:
                    continue
                start = now()
                self._note(Span(start, start + 1000 * PACKET))
                if self._whisper:
                    self._whisper = False
                    self._began(start)

    def _note(self, packet: Span) -> None:
        last = self.heard[-1] if self.heard else None
        if last is not None and packet.start - last.end < 1:
            self.heard[-1] = Span(last.start, packet.end)
        else:
            self.heard.append(packet)


class Phone:
    """A mouth that plays into an earpiece somebody listens to."""

    def __init__(self, began: Callable[[float], None]) -> None:
        self.earpiece = Earpiece()
        self.listened = Listened(self.earpiece, began)

    async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
        self.listened.whisper()
        return await self.earpiece.play(whisper, chunks, rate)

    def stop(self) -> None:
        self.earpiece.cut()
