"""The voice's side of the pipes: starts the eSpeak process, asks for lines, hands on samples."""

import asyncio
import contextlib
import importlib.util
import itertools
import re
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping

import msgspec
import numpy as np

from copilot.audio.frames import Pcm
from copilot.errors import ConfigError
from copilot.providers import registry
from copilot.providers.espeak.wire import HEADER, RATE, Kind, frame

PIECE = 400
"""Characters asked for at once, about 30 s of speech: bounds memory and lets calls take turns."""
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+")


class Manner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the section ``[voice]``."""

    voice: str = "en-us+klatt4"
    """An eSpeak NG voice, with a variant after the plus sign."""
    words_per_minute: int = 160
    pitch: int = 50
    """0 to 99; 50 is the voice's own."""

    def __post_init__(self) -> None:
        if not 80 <= self.words_per_minute <= 450:
            raise ValueError(f"words_per_minute = {self.words_per_minute}: choose 80 to 450")
        if not 0 <= self.pitch <= 99:
            raise ValueError(f"pitch = {self.pitch}: choose 0 to 99")


class VoiceError(ConnectionError):
    """The eSpeak process ended in the middle of a line."""


def espeak(options: Mapping[str, object]) -> "Espeak":
    """The voice for `options`; raises ConfigError as the package's ``voice`` says."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise ConfigError(
            "voice.provider = 'espeak': the package espeakng-loader is not installed; "
            "run pip install 'copilot[espeak]' (eSpeak NG is GPL-3)"
        )
    return Espeak(registry.options("voice", options, Manner))


class Espeak:
    """A Voice; any number of lines may be said at once, their pieces take turns."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._child: Child | None = None
        self._starting = asyncio.Lock()

    @property
    def rate(self) -> int:
        return RATE

    async def say(self, text: str) -> AsyncGenerator[Pcm, None]:
        """Mono float32 chunks of about 60 ms at 22,050 Hz; leaving the loop stops the synthesis.

        Raises ConfigError for a voice that eSpeak does not have, VoiceError when its process
        dies with the line half said; the next line starts a new process.
        """
        parts = list(pieces(text))
        for index, part in enumerate(parts):
            kind = Kind.SAY_LAST if index == len(parts) - 1 else Kind.SAY
            async with contextlib.aclosing(self._utter(kind, part)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def warm(self) -> None:
        """Start the process; raises ConfigError for a voice that eSpeak does not have."""
        await self._living()

    async def _utter(self, kind: Kind, text: str) -> AsyncGenerator[Pcm, None]:
        """One piece; a process found dead before its first sample is replaced once."""
        for last_try in (False, True):
            heard = False
            try:
                child = await self._living()
                async with contextlib.aclosing(child.utter(kind, text)) as chunks:
                    async for chunk in chunks:
                        heard = True
                        yield chunk
            except VoiceError:
                if heard or last_try:
                    raise
            else:
                return

    async def _living(self) -> "Child":
        async with self._starting:
            if self._child is None or not self._child.alive:
                if self._child is not None:
                    await self._child.close()
                self._child = await Child.start(self._manner)
            return self._child

    @property
    def pid(self) -> int | None:
        """The process that speaks now, if there is one."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def close(self) -> None:
        if self._child is not None:
            await self._child.close()
            self._child = None


class Child:
    """One eSpeak process and the utterances it is busy with."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Pcm | VoiceError | None]] = {}
        self.alive = True
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, manner: Manner) -> "Child":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "copilot.providers.espeak.child",
            manner.voice,
            str(manner.words_per_minute),
            str(manner.pitch),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            kind, _, payload = await _frame(process.stdout)
        except asyncio.IncompleteReadError:
            code = await process.wait()
            raise VoiceError(f"the eSpeak process did not start (exit code {code})") from None
        if kind != Kind.READY:
            await process.wait()
            raise ConfigError(f"voice.voice = {manner.voice!r}: {payload.decode()}")
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def utter(self, kind: Kind, text: str) -> AsyncGenerator[Pcm, None]:
        number = next(self._numbers)
        arrived: asyncio.Queue[Pcm | VoiceError | None] = asyncio.Queue()
        self._waiting[number] = arrived
        try:
            self._send(frame(kind, number, text.encode("utf-8", "replace")))
            while (chunk := await arrived.get()) is not None:
                if isinstance(chunk, VoiceError):
                    raise chunk
                yield chunk
        finally:
            # still waiting for: the listener has left before the end
            if self._waiting.pop(number, None) is not None:
                self._send(frame(Kind.CANCEL, number))

    def _send(self, data: bytes) -> None:
        if self.alive:
            self._stdin.write(data)

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, number, payload = await _frame(self._stdout)
                arrived = self._waiting.get(number)
                if arrived is None:
                    continue
                if kind == Kind.SAMPLES:
                    samples = np.frombuffer(payload, "<i2").astype(np.float32)
                    arrived.put_nowait(samples / np.float32(32768))
                else:
                    del self._waiting[number]
                    arrived.put_nowait(None)
        self.alive = False
        for arrived in self._waiting.values():
            arrived.put_nowait(VoiceError("the eSpeak process ended in the middle of a line"))
        self._waiting.clear()

    async def close(self) -> None:
        """End the process; lines still being said fail with VoiceError."""
        if self._process.returncode is None:
            self._stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 1.0)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        await self._reader


async def _frame(stream: asyncio.StreamReader) -> tuple[Kind, int, bytes]:
    kind, number, length = HEADER.unpack(await stream.readexactly(HEADER.size))
    return Kind(kind), number, await stream.readexactly(length)


def pieces(text: str) -> Iterator[str]:
    """`text` in sayable pieces of at most PIECE characters, cut at sentences if it can be."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    held = ""
    for sentence in _SENTENCE.split(clean):
        if held and len(held) + 1 + len(sentence) > PIECE:
            yield held
            held = ""
        held = f"{held} {sentence}" if held else sentence
        while len(held) > PIECE:
            cut = held.rfind(" ", 1, PIECE) if " " in held[1:PIECE] else PIECE
            yield held[:cut]
            held = held[cut:].lstrip()
    if held:
        yield held
