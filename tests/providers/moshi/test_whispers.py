"""Whispers: from the call's own fork, under its loudness, cut at once, never to the customer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from copilot.audio.frames import Pcm
from copilot.config.sections import Persona
from copilot.core.events import CallStarted, Failed, Speak, StopSpeaking, WhisperPlayed
from copilot.core.policy import Policy
from copilot.providers.moshi.ear import MoshiEar, MoshiListener
from copilot.providers.moshi.engine import Engine
from copilot.providers.moshi.link import LocalLink
from copilot.providers.moshi.loudness import Cap, Level
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.seat import Unspoken
from copilot.providers.moshi.whispers import MoshiVoice
from copilot.session import Parts, Session
from tests.providers.moshi.calling import Earphone, Notes, Shelf, live, turns
from tests.providers.moshi.sound import models, plan

LINE = "in the app until the evening"


class Hum:
    """Another voice, at another rate."""

    rate = 16_000

    def __init__(self) -> None:
        self.said: list[str] = []

    async def say(self, text: str) -> AsyncIterator[Pcm]:
        self.said.append(text)
        for _ in range(10):
            yield np.full(1600, 0.25, np.float32)

    async def close(self) -> None: ...


async def opened(listener: MoshiListener, call_id: str = "call") -> MoshiEar:
    return await listener.open(CallStarted(call_id, Policy(voice=True)))


async def whispered(
    ear: MoshiEar, chunks: AsyncGenerator[Pcm, None], ticks: int
) -> list[tuple[int, Pcm]]:
    """What a voice says while the call goes on: (tick, samples)."""
    heard: list[tuple[int, Pcm]] = []
    now = 0

    async def listen() -> None:
        async with aclosing(chunks):
            async for chunk in chunks:
                heard.append((now, chunk))  # noqa: PERF401 - each at its own time

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    for turn in turns(ticks):
        now = turn.tick
        await ear.hear(turn)
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return heard


async def test_a_line_is_whispered_frame_by_frame(listener: MoshiListener) -> None:
    voice = MoshiVoice(listener, None)
    ear = await opened(listener)
    heard = await whispered(ear, voice.inside("call").say(LINE), 60)
    ticks = [tick for tick, _ in heard]
    assert ticks[0] == 2, "onset, a frame, and one in hand"
    assert {chunk.size for _, chunk in heard} == {1920}
    assert 10 < len(heard) < 60
    assert all(np.abs(chunk).max() <= 0.9 for _, chunk in heard)
    assert ear.seat.told == 60
    await ear.close()


async def test_leaving_the_line_stops_it_within_a_tick(listener: MoshiListener) -> None:
    """And the fork is free for the next call at once."""
    voice = MoshiVoice(listener, None)
    ear = await opened(listener)
    link = listener.engine._link
    assert isinstance(link, LocalLink)
    assert link.worker is not None
    calls = link.worker.calls
    for turn in turns(20):
        if turn.tick == 2:
            line = voice.inside("call").say(LINE)
            first = asyncio.create_task(anext(line))
            await asyncio.sleep(0)
        await ear.hear(turn)
        if turn.tick == 10:
            assert calls.chair.whispering(0)
            await first
            await line.aclose()
        if turn.tick > 11:
            assert not calls.chair.whispering(0)
    await ear.close()


async def test_a_line_ends_the_one_before_it(listener: MoshiListener) -> None:
    """Whoever still listens to that is not kept waiting."""
    voice, ear = MoshiVoice(listener, None), await opened(listener)

    async def frames() -> int:
        return len([chunk async for chunk in voice.inside("call").say(LINE)])

    lines = []
    for turn in turns(80):
        if turn.tick in (0, 6):
            lines.append(asyncio.create_task(frames()))
            await asyncio.sleep(0)
        await ear.hear(turn)
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        first, second = await asyncio.gather(*lines)
    assert first == 5, "of seven ticks the onset brings none, and one frame is not yet there"
    assert second > 10
    await ear.close()


async def test_the_other_voice_speaks_when_no_fork_is_free(listener: MoshiListener) -> None:
    hum = Hum()
    voice = MoshiVoice(listener, hum)
    ears = [await opened(listener, str(n)) for n in range(3)]
    lines = [voice.inside(str(n)).say(LINE) for n in range(3)]
    first = [asyncio.create_task(anext(line)) for line in lines]
    await asyncio.sleep(0)
    for turn in turns(5):
        for ear in ears:
            await ear.hear(turn)
    chunks = [await one for one in first]
    assert hum.said == [LINE]
    rest = [chunks[2], *[chunk async for chunk in lines[2]]]
    assert abs(sum(chunk.size for chunk in rest) - 24_000) < 100, "at this voice's rate"
    for line in lines[:2]:
        await line.aclose()
    alone = MoshiVoice(listener, None)
    with pytest.raises(Unspoken, match="the call is over"):
        await anext(alone.inside("gone").say(LINE))
    with pytest.raises(Unspoken, match="speaks in calls only"):
        await anext(alone.say(LINE))
    for ear in ears:
        await ear.close()


async def test_a_session_speaks_cuts_and_caps_the_length(listener: MoshiListener) -> None:
    """The effects of the core, performed: a line to its end, one that is cut, one too long."""
    voice = MoshiVoice(listener, None)
    for policy, cut, most in (
        (Policy(voice=True), False, 60),
        (Policy(voice=True), True, 9),
        (Policy(voice=True, max_spoken_ticks=5), False, 5),
    ):
        call = CallStarted("call", policy)
        ear, notes, phone = await listener.open(call), Notes(), Earphone()
        parts = Parts(ear, Shelf(), notes, notes, voice.inside("call"), phone)
        session = Session(call, parts)
        session._perform(Speak(1, LINE))
        async for turn in live(turns(70), 0.002):
            session._take(await ear.hear(turn))
            if cut and turn.tick == 10:
                session._perform(StopSpeaking(1, "agent_speaks"))
        while not session._inbox.empty():
            session._take(session._inbox.get_nowait())
        events = [entry.event for entry in notes.entries]
        assert not [event for event in events if isinstance(event, Failed)]
        assert any(isinstance(event, WhisperPlayed) for event in events) is not cut
        assert 0 < len(phone.played) <= most
        await session._close()


async def test_no_sample_of_a_whisper_reaches_what_the_customer_or_the_ear_hears() -> None:
    """Whispers are loud bursts; the log of the call and all that goes to the engine are the same
    with and without them: the voice has no way but the earphone."""
    logs, sent = [], []
    for speaks in (False, True):
        given = plan()
        engine = Engine(given, partial(LocalLink, given, models()), reserve=False)
        engine.start()
        listener = MoshiListener(engine, Personas(Persona(), Path("none")), lockstep=True)
        ear, phone, heard = await opened(listener), Earphone(), []
        voice = MoshiVoice(listener, None)
        playing = None
        async for turn in live(turns(60), 0.001):
            if speaks and turn.tick == 20:
                line = voice.inside("call").say(LINE)
                playing = asyncio.create_task(phone.play(1, line, voice.rate))
                await asyncio.sleep(0)
            heard.append(await ear.hear(turn))
        assert engine._board is not None
        sent.append(engine._board._sounds[0].copy())
        logs.append(heard)
        if playing is not None:
            assert await playing > 10
            assert max(float(np.abs(chunk).max()) for chunk in phone.played) > 1e-3
        await ear.close()
        await listener.close()
    assert logs[0] == logs[1]
    assert np.array_equal(sent[0], sent[1])


def test_a_whisper_is_under_the_customer_and_never_turned_up() -> None:
    level = Level()
    for _ in range(200):
        level.note(np.full(1920, 0.1, np.float32), True)
        level.note(np.full(1920, 0.9, np.float32), False)
    assert level.rms == pytest.approx(0.1, rel=0.02)
    cap = Cap(level)
    loud = [cap(np.full(1920, 0.5, np.float32)) for _ in range(3)]
    assert all(np.sqrt(np.mean(one**2)) <= 0.0721 for one in loud)
    faint = Cap(level)(np.full(1920, 0.01, np.float32))
    assert np.allclose(faint, 0.01)
    assert np.abs(cap(np.zeros(1920, np.float32))).max() == 0
