"""Whispers in the persona's voice, from a fork of the call's own slot; another voice where there is
no fork to be had."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import numpy as np
import soxr

from copilot.audio.frames import Pcm
from copilot.ports import Voice
from copilot.providers.moshi.ear import RATE, MoshiEar, MoshiListener
from copilot.providers.moshi.loudness import Cap
from copilot.providers.moshi.seat import Unspoken
from copilot.providers.spoken import spoken


class MoshiVoice:
    """A voice that speaks inside calls; outside of one, only the other voice can."""

    def __init__(self, listener: MoshiListener, other: Voice | None) -> None:
        self._listener, self._other = listener, other

    @property
    def rate(self) -> int:
        return RATE

    def inside(self, call_id: str) -> "CallVoice":
        """The voice as it speaks in one call."""
        return CallVoice(self._listener, call_id, self._other)

    async def say(self, text: str) -> AsyncGenerator[Pcm, None]:
        async with aclosing(_other(self._other, text, "it speaks in calls only")) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        if self._other is not None:
            await self._other.close()


class CallVoice:
    """Speaks in one call."""

    def __init__(self, listener: MoshiListener, call_id: str, other: Voice | None) -> None:
        self._listener, self._call_id, self._other = listener, call_id, other

    @property
    def rate(self) -> int:
        return RATE

    async def say(self, text: str) -> AsyncGenerator[Pcm, None]:
        """Frames of 80 ms at 24 kHz, under the customer's loudness; leaving the loop ends it.

        The first is held back until there is another, so that the earpiece never runs dry between
        two ticks. Raises Unspoken where neither this voice nor the other can say it.
        """
        ear = self._listener.ear(self._call_id)
        begun = False
        try:
            if ear is None:
                raise Unspoken("the call is over")
            async with aclosing(_ahead(_capped(ear, text))) as frames:
                async for frame in frames:
                    begun = True
                    yield frame
        except Unspoken as error:
            if begun:
                return  # the rest is lost with the worker that was saying it
            async with aclosing(_other(self._other, text, str(error))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def close(self) -> None: ...


async def _capped(ear: MoshiEar, text: str) -> AsyncGenerator[Pcm, None]:
    cap = Cap(ear.level)
    async with aclosing(ear.seat.whisper(spoken(text))) as frames:
        async for frame in frames:
            yield cap(frame)


async def _ahead(frames: AsyncGenerator[Pcm, None]) -> AsyncGenerator[Pcm, None]:
    """One frame late."""
    held: Pcm | None = None
    async with aclosing(frames):
        async for frame in frames:
            if held is not None:
                yield held
            held = frame
        if held is not None:
            yield held


async def _other(voice: Voice | None, text: str, why: str) -> AsyncGenerator[Pcm, None]:
    """The line in another voice, at this one's rate."""
    if voice is None:
        raise Unspoken(why)
    stream = soxr.ResampleStream(voice.rate, RATE, 1, dtype="float32")
    chunks: AsyncIterator[Pcm] = voice.say(text)
    try:
        async for chunk in chunks:
            yield stream.resample_chunk(chunk)
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
