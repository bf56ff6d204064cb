"""Following a call over server-sent events, broken connections included."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from copilot.core.events import CallEnded, Entry, Heard, encode
from copilot.demo import follow as module
from copilot.demo.children import DemoError
from copilot.demo.follow import follow

LOG = [Entry(n, n, Heard(n)) for n in range(9)] + [Entry(9, 9, CallEnded("hang_up"))]
Answer = Callable[[int], bytes]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, list[int]]]:
    """Answers GET with what `answer` makes of Last-Event-ID, then closes; and the ids it saw."""
    seen: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        lines = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        assert head.startswith("get /calls/abc/live ")
        seen.append(int(lines.get("last-event-id", -1)))
        writer.write(answer(seen[-1]))
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", seen


def stream(entries: list[Entry]) -> bytes:
    events = b"".join(b"id: %d\ndata: %s\n\n" % (e.seq, encode(e)) for e in entries)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return head + b"retry: 1000\n\n: still here\n\n" + events


async def collect(url: str) -> list[Entry]:
    return [entry async for entry in follow(url, "abc")]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.01)


async def test_every_entry_once_until_the_end() -> None:
    async with server(lambda after: stream(LOG)) as (url, seen):
        assert await collect(url) == LOG
    assert seen == [-1]


async def test_a_broken_stream_goes_on_where_it_was() -> None:
    async with server(lambda after: stream(LOG[after + 1 : after + 4])) as (url, seen):
        assert await collect(url) == LOG
    assert seen == [-1, 2, 5, 8]


async def test_a_stream_that_cannot_be_had_is_one_error() -> None:
    refusal = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    async with server(lambda after: refusal) as (url, seen):
        with pytest.raises(DemoError, match="404"):
            await collect(url)
    assert len(seen) == 5
