"""Streams of frames to browsers: paced to each browser, kept awake, ended when the server stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

Enter = Callable[[Callable[[], None]], Callable[[], None]]

BEAT_SECONDS = 10.0
"""A comment is sent after so much silence, so that a dead connection is noticed on both sides."""
BEAT = b": still here\n\n"
RETRY = b"retry: 1000\n\n"
"""The browser reconnects after one second."""
_ROOM = 256 * 1024
"""Bytes that wait for a slow browser before reading the log pauses."""


class Streams:
    """The streams that are open."""

    def __init__(self) -> None:
        self._trays: set[_Tray] = set()
        self._closed = False

    def close(self) -> None:
        """End them all, so that the server can stop; later ones end at once."""
        self._closed = True
        for tray in self._trays:
            tray.close()

    async def of(
        self, frames: AsyncIterator[bytes], enter: Enter | None = None, events: bool = True
    ) -> AsyncIterator[bytes]:
        """Frames in chunks of all that is there, and a comment when nothing comes.

        `enter` is given what ends the stream, and returns what to call when it has ended. Without
        `events` they are no server-sent events, and nothing is added to them.
        """
        tray = _Tray()
        leave = enter(tray.close) if enter else None
        filling = asyncio.create_task(tray.fill(frames))
        self._trays.add(tray)
        try:
            if events:
                yield RETRY
            if not self._closed:
                async for chunk in tray.chunks():
                    if events or chunk is not BEAT:
                        yield chunk
            if filling.done():
                filling.result()
        finally:
            if leave is not None:
                leave()
            self._trays.discard(tray)
            filling.cancel()
            with suppress(asyncio.CancelledError):
                await filling


class _Tray:
    """Frames between their source and one browser."""

    def __init__(self) -> None:
        self._frames = bytearray()
        self._closed = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def fill(self, frames: AsyncIterator[bytes]) -> None:
        """Take every frame, waiting while the browser is slow."""
        try:
            async for one in frames:
                self._frames += one
                self._news.set()
                if len(self._frames) > _ROOM:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """All that has come since the last chunk, until the frames end."""
        while self._frames or not self._closed:
            try:
                await asyncio.wait_for(self._news.wait(), BEAT_SECONDS)
            except TimeoutError:
                yield BEAT
                continue
            self._news.clear()
            chunk = bytes(self._frames)
            self._frames.clear()
            self._room.set()
            if chunk:
                yield chunk
