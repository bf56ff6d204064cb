"""The agent's earpiece: a track that is silent at no cost and whispers on an exact schedule."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from fractions import Fraction

import numpy as np
import soxr
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet
from av.stream import Stream

from copilot.audio.frames import TICK, Pcm
from copilot.audio.loudness import Leveller, TalkLevel, earcon
from copilot.audio.opus import RATES, RTP_RATE, Encoder

PACKET = 0.02
"""Length of a packet, seconds."""
ENCODE_RATE = 24000
"""What voices of other rates are resampled to, Hz."""
BITRATE = 24000
"""Wideband speech, mono, bit/s."""
EXPECTED_LOSS = 5
"""What in-band FEC is prepared for, percent."""
BEHIND = 0.2
"""How late a packet may be and still keep its place, seconds; the browser's buffer takes it up."""
TAIL = 3
"""Packets of silence after a whisper: without them the browser would stretch its last sound."""
FADE = 0.005
"""Within which a whisper fades where it is cut, seconds."""
_TIME_BASE = Fraction(1, RTP_RATE)


class _Playback:
    """One whisper on its way: packets' worth of samples, and what became of them."""

    def __init__(self, whisper: int, rate: int, level: float) -> None:
        self.whisper = whisper
        self.leveller = Leveller(level)
        self.encoder = Encoder(rate, BITRATE, EXPECTED_LOSS)
        self.frames: deque[Pcm] = deque()
        self.fed = False
        """Whether all of it has come."""
        self.shaped = 0
        """Frames at the front of the queue that are at their level already."""
        self.held = False
        """Silent for now, and going on where it was."""
        self.played = 0
        self.over = asyncio.Event()
        """Played to the end, or cut."""

    def take(self) -> Pcm:
        """The next frame at its level."""
        frame = self.frames.popleft()
        if self.shaped:
            self.shaped -= 1
            return frame
        return self.leveller.level(frame, self.frames[0] if self.frames else None)


class Earpiece(MediaStreamTrack):
    """An audio track for ``sender.replaceTrack``; aiortc sends its packets as they are."""

    kind = "audio"

    def __init__(self, talk: TalkLevel | None = None) -> None:
        """`talk` tells the level of the call, which whispers stay below."""
        super().__init__()
        self._talk = talk or TalkLevel()
        self.sounded: Callable[[Pcm, int], None] | None = None
        """Gets the samples of each packet of a whisper, and their rate, as it leaves."""
        self._fade: Pcm | None = None
        """The last, fading packet of what was cut or held."""
        self._playing: _Playback | None = None
        self._tail = 0
        self._encoder: Encoder | None = None
        self._wake = asyncio.Event()
        self._due = 0.0
        self._pts = 0

    @property
    def busy(self) -> bool:
        """Whether a whisper is being played or held."""
        return self._playing is not None

    async def play(
        self, whisper: int, chunks: AsyncIterator[Pcm], rate: int, announced: bool = False
    ) -> int:
        """Play mono samples at `rate` Hz as they come; gives the ticks that were played.

        `announced`: after an earcon. Returns early when the whisper is cut; cuts the one before it.
        Raises what `chunks` raises.
        """
        self.cut()
        level = self._talk.whisper
        playback = _Playback(whisper, rate if rate in RATES else ENCODE_RATE, level)
        if announced:
            self._announce(playback, level)
        self._playing = playback
        feeding = asyncio.create_task(self._feed(playback, chunks, rate))
        over = asyncio.create_task(playback.over.wait())
        try:
            await asyncio.wait((feeding, over), return_when=asyncio.FIRST_COMPLETED)
            if feeding.done():
                feeding.result()
                await over
        finally:
            self._end(playback)
            feeding.cancel()
            over.cancel()
            await asyncio.wait((feeding, over))
        return -(-playback.played * round(PACKET * 1000) // round(TICK * 1000))

    def cut(self, whisper: int | None = None) -> None:
        """Empty the queue at once, if it is `whisper`'s: it fades in 5 ms of the next packet."""
        if self._playing and whisper in (None, self._playing.whisper):
            self._fade_out(self._playing)
            self._end(self._playing)

    def hold(self) -> None:
        """Fall silent as at a cut, and keep the rest."""
        playback = self._playing
        if playback and not playback.held:
            self._fade_out(playback)
            playback.held = True
            self._tail = TAIL if playback.played else 0

    def resume(self) -> None:
        """Go on with what was held."""
        playback = self._playing
        if playback and playback.held:
            playback.held = False
            self._fade = None
            if playback.frames and playback.played:
                playback.frames[0] = playback.frames[0] * _ramp(playback.encoder)[::-1]
            self._wake.set()

    def _fade_out(self, playback: _Playback) -> None:
        if playback.played and playback.frames and not playback.held:
            self._fade = playback.leveller.at_gain(playback.frames[0]) * _ramp(playback.encoder)
            self._wake.set()

    def _announce(self, playback: _Playback, level: float) -> None:
        size = playback.encoder.samples
        sound = earcon(playback.encoder.rate, level)
        whole = np.pad(sound, (0, -sound.size % size)).reshape(-1, size)
        playback.frames.extend(whole)
        playback.shaped = len(whole)
        self._wake.set()

    def stop(self) -> None:
        """End the track (aiortc calls this with the connection)."""
        self.cut()
        super().stop()
        self._wake.set()

    async def recv(self) -> "Packet[Stream]":
        """The next packet, when it is due; waits without cost while there is nothing to say."""
        payload = None
        while payload is None:
            await self._until_due()
            payload = self._next_payload()
        packet = Packet(payload)
        packet.pts = self._pts
        packet.time_base = _TIME_BASE
        return packet

    async def _until_due(self) -> None:
        """Wait for something to say, then for its place on the absolute schedule."""
        loop = asyncio.get_running_loop()
        due = self._due + PACKET
        if loop.time() > due + BEHIND:
            due = loop.time()
        while not self._pending():
            if self.readyState != "live":
                raise MediaStreamError
            self._wake.clear()
            await self._wake.wait()
            due = max(self._due + PACKET, loop.time())
        await asyncio.sleep(due - loop.time())
        if self._pending():
            # media time goes on through silences, so that a pause stays a pause
            self._pts += round((due - self._due) * RTP_RATE) if self._due else 0
            self._due = due

    def _pending(self) -> bool:
        playing = self._playing
        ready = playing is not None and not playing.held and bool(playing.frames)
        return ready or self._fade is not None or self._tail > 0

    def _next_payload(self) -> bytes | None:
        if self._fade is not None:
            faded, self._fade = self._fade, None
            encoder = self._encoder
            if encoder is not None and encoder.samples == faded.size:
                return encoder.encode(faded)
        playback = self._playing
        if playback and playback.frames and not playback.held:
            self._encoder = playback.encoder
            frame = playback.take()
            if self.sounded is not None:
                self.sounded(frame, playback.encoder.rate)
            payload = playback.encoder.encode(frame)
            playback.played += 1
            if not playback.frames and playback.fed:
                self._end(playback)
            return payload
        if self._tail:
            self._tail -= 1
            self._encoder = self._encoder or Encoder(ENCODE_RATE, BITRATE)
            return self._encoder.encode(np.zeros(self._encoder.samples, np.float32))
        return None

    async def _feed(self, playback: _Playback, chunks: AsyncIterator[Pcm], rate: int) -> None:
        size = playback.encoder.samples
        rest = np.zeros(0, np.float32)
        async for chunk in _at_rate(chunks, rate, playback.encoder.rate):
            rest = np.concatenate((rest, chunk))
            whole = rest.size // size * size
            playback.frames.extend(rest[:whole].reshape(-1, size))
            rest = rest[whole:]
            if playback.frames:
                self._wake.set()
        if rest.size:
            playback.frames.append(np.pad(rest, (0, size - rest.size)))
            self._wake.set()
        playback.fed = True
        if not playback.frames:
            self._end(playback)

    def _end(self, playback: _Playback) -> None:
        playback.frames.clear()
        playback.over.set()
        if self._playing is playback:
            self._playing = None
            self._tail = TAIL if playback.played else self._tail


def _ramp(encoder: Encoder) -> Pcm:
    """From 1 to 0 within `FADE`, then silence: ``[samples of a packet]``."""
    ramp = np.zeros(encoder.samples, np.float32)
    length = round(FADE * encoder.rate)
    ramp[:length] = np.cos(np.linspace(0, np.pi / 2, length)) ** 2
    return ramp


async def _at_rate(chunks: AsyncIterator[Pcm], rate: int, wanted: int) -> AsyncIterator[Pcm]:
    if rate == wanted:
        async for chunk in chunks:
            yield chunk
        return
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    async for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
