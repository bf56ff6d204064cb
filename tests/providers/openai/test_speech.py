"""A voice behind a speech endpoint: a real server on this machine, its refusals, its breaks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest

from copilot.config.sections import Provider
from copilot.errors import ConfigError
from copilot.providers import registry
from copilot.providers.openai.speech import RATE, VoiceError, speech
from copilot.providers.registry import Host

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
TONE = (8000 * np.sin(np.arange(RATE) / 10)).astype("<i2")


class Server:
    """Answers every request as it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.answer: Answer = self.tone
        self.left = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [one for one in head.splitlines() if one.lower().startswith("content-length")]
        body = await reader.readexactly(int(lengths[0].split(":")[1]))
        self.asked.append((head, json.loads(body)))
        try:
            await self.answer(writer)
        except ConnectionError:
            self.left.set()
        writer.close()

    async def tone(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        data = TONE.tobytes()
        for at in range(0, len(data), 4001):  # chunks that cut samples in two
            part = data[at : at + 4001]
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def refuse(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nno such voice")
        await writer.drain()

    async def break_off(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(2000))
        await writer.drain()

    async def for_ever(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"7d0\r\n" + bytes(2000) + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    running = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/v1"
    yield made
    running.close()


async def test_the_samples_come_as_they_were_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH_KEY", "s3cret")
    chosen = Provider.model_validate(
        {"provider": "openai", "url": server.url, "voice": "nova", "key_env": "SPEECH_KEY"}
    )
    try:
        voice = registry.voice(chosen, Host(cache=None))  # type: ignore[arg-type]
    except ConfigError:  # an installation from before this provider has no entry point for it
        voice = speech(chosen.options)
    chunks = [chunk async for chunk in voice.say("seven days")]
    await voice.close()
    assert len(chunks) > 5
    np.testing.assert_allclose(np.concatenate(chunks), TONE / 32768, atol=1e-6)
    [(head, body)] = server.asked
    assert head.startswith("POST /v1/audio/speech ")
    assert "authorization: bearer s3cret" in head.lower()
    assert (body["input"], body["voice"], body["response_format"]) == ("seven days", "nova", "pcm")


async def test_a_refusal_and_a_break_are_told(server: Server) -> None:
    voice = speech({"url": server.url})
    server.answer = server.refuse
    with pytest.raises(VoiceError, match="404 no such voice"):
        [chunk async for chunk in voice.say("hello")]
    server.answer = server.break_off
    with pytest.raises(VoiceError, match="audio/speech"):
        [chunk async for chunk in voice.say("hello")]
    await voice.close()


async def test_nobody_there_is_told() -> None:
    voice = speech({"url": "http://127.0.0.1:9/v1"})
    with pytest.raises(VoiceError, match="ConnectError"):
        [chunk async for chunk in voice.say("hello")]
    await voice.close()


async def test_whoever_leaves_early_ends_the_request(server: Server) -> None:
    voice = speech({"url": server.url})
    server.answer = server.for_ever
    said = voice.say("hello")
    await anext(said)
    await said.aclose()
    await asyncio.wait_for(server.left.wait(), 5)
    await voice.close()


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"url": "ftp://x"}, "http://"),
        ({"url": "http://x", "speed": 9}, "speed"),
        ({"url": "http://x", "key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY"),
        ({}, "url"),
        ({"url": "http://x", "colour": "red"}, "colour"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        speech(options)
