"""Server-sent events: one call's entries, and the changes of the list of calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Stream
from litestar.status_codes import HTTP_204_NO_CONTENT

from copilot.core.events import Entry, encode
from copilot.store.log import Store
from copilot.store.models import State
from copilot.web.pages import AnyRequest
from copilot.web.services import Given

_BEAT_SECONDS = 10.0
"""A comment is sent after so much silence, so that a dead connection is noticed on both sides."""
_BEAT = b": still here\n\n"
_ROOM = 256 * 1024
"""Bytes that wait for a slow browser before reading the log pauses."""
_RETRY = b"retry: 1000\n\n"
"""The browser reconnects after one second."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get("/calls/{call_id:str}/live")
async def call(
    call_id: FromPath[str], request: AnyRequest, services: Given
) -> Response[None] | Stream:
    """Entries after ``Last-Event-ID``; 204, which stops the browser, when none will come."""
    row = await services.store.call(call_id)
    if row is None:
        raise NotFoundException(f"There is no call {call_id!r}.")
    after = _last_seen(request)
    if row.state is not State.LIVE and row.entries <= after + 1:
        return Response(None, status_code=HTTP_204_NO_CONTENT)
    return _stream(_entries(services.store, call_id, after))


@get("/changes")
async def changes(services: Given) -> Stream:
    """An event with the call's id whenever a call starts, ends, shows or withholds a card."""
    return _stream(_changes(services.store))


def frame(entry: Entry) -> bytes:
    """One entry as a server-sent event whose id is its seq."""
    return b"id: %d\ndata: %s\n\n" % (entry.seq, encode(entry))


def _last_seen(request: AnyRequest) -> int:
    """The seq that the browser has seen last; -1 for none, also where the header is not a seq."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 12 else -1


async def _entries(store: Store, call_id: str, after: int) -> AsyncIterator[bytes]:
    async for entry in store.follow(call_id, after):
        yield frame(entry)


async def _changes(store: Store) -> AsyncIterator[bytes]:
    async for row in store.watch():
        yield b"data: %s\n\n" % row.id.encode()


def _stream(frames: AsyncIterator[bytes]) -> Stream:
    return Stream(_paced(frames), media_type="text/event-stream", headers=_HEADERS)


async def _paced(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Frames in chunks of all that is there, and a comment when nothing comes."""
    tray = _Tray()
    filling = asyncio.create_task(tray.fill(frames))
    try:
        yield _RETRY
        async for chunk in tray.chunks():
            yield chunk
        await filling
    finally:
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
            self._closed = True
            self._news.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """All that has come since the last chunk, until the frames end."""
        while self._frames or not self._closed:
            try:
                await asyncio.wait_for(self._news.wait(), _BEAT_SECONDS)
            except TimeoutError:
                yield _BEAT
                continue
            self._news.clear()
            chunk = bytes(self._frames)
            self._frames.clear()
            self._room.set()
            if chunk:
                yield chunk
