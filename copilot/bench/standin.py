"""A stand-in for a model's provider: an OpenAI-compatible server on loopback that answers, stalls,
drops and lies as it is told, for measurements and tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

_HEAD = "HTTP/1.1 {status}\r\nContent-Type: {type}\r\n{more}Connection: close\r\n\r\n"


class Manner(NamedTuple):
    """How one request is answered."""

    text: str = "It costs five pounds."
    wait: float = 0.0
    """Seconds to the first token."""
    pace: float = 0.0
    """Seconds between two words."""
    status: str = "200 OK"
    headers: Mapping[str, str] = {}
    body: str = ""
    """Sent instead of a stream, as it stands."""
    stall_at: int | None = None
    """The word before which it falls silent."""
    drop_at: int | None = None
    """The word before which it closes the connection."""


Answering = Callable[[str], Manner]
"""The manner for a request's body."""


class Standin:
    """The server, and what it was asked."""

    def __init__(self, manner: Answering | Manner) -> None:
        self.manner: Answering = manner if callable(manner) else lambda _: manner
        self.asked: list[str] = []
        """Bodies of requests, oldest first."""
        self.paths: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = (await reader.readexactly(_length(head))).decode()
            self.asked.append(body)
            self.paths.append(head.split()[1])
            await self._answer(self.manner(body), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has left
        finally:
            writer.close()

    async def _answer(self, manner: Manner, writer: asyncio.StreamWriter) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in manner.headers.items())
        streamed = manner.status.startswith("200") and not manner.body
        kind = "text/event-stream" if streamed else "application/json"
        await asyncio.sleep(0 if streamed else manner.wait)
        writer.write(_HEAD.format(status=manner.status, type=kind, more=more).encode())
        if not streamed:
            writer.write(manner.body.encode())
            await writer.drain()
            return
        await writer.drain()
        await asyncio.sleep(manner.wait)
        words = manner.text.split(" ")
        for at, word in enumerate(words):
            if at == manner.stall_at:
                await asyncio.sleep(3600)
            if at == manner.drop_at:
                return
            writer.write(_event({"content": word if at == 0 else f" {word}"}))
            await writer.drain()
            await asyncio.sleep(manner.pace)  # whoever shares the loop goes on
        writer.write(_event({}, "stop", len(words)) + b"data: [DONE]\n\n")
        await writer.drain()


@asynccontextmanager
async def standin(manner: Answering | Manner) -> AsyncIterator[Standin]:
    """A server until the block ends, on a free port."""
    made = Standin(manner)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await made.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the block has ended
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()
        left = list(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _length(head: str) -> int:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


def _event(delta: dict[str, Any], finish: str | None = None, words: int = 0) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "standin"}
    usage = {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words}
    made = {**chunk, "choices": [choice], **({"usage": usage} if finish else {})}
    return b"data: " + json.dumps(made).encode() + b"\n\n"
