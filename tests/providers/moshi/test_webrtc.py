"""A whisper of the engine over real WebRTC: to the agent's earpiece, and no other way."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from copilot.audio.frames import MicroTurn
from copilot.config import Settings
from copilot.config.sections import Persona
from copilot.core.events import CallStarted, Heard, Speak, WhisperPlayed
from copilot.core.policy import Policy
from copilot.providers.moshi.ear import MoshiEar, MoshiListener
from copilot.providers.moshi.engine import Engine
from copilot.providers.moshi.link import ProcessLink
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.whispers import MoshiVoice
from copilot.sidecar.offer import read
from copilot.sidecar.peer import use_interface
from copilot.sidecar.switchboard import Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, open_store
from tests.providers.moshi.sound import plan
from tests.sidecar.test_switchboard import Asking, Shelf
from tests.webrtc import QUERY, Browser


class Understanding(MoshiListener):
    """The duplex ear, with words that make sense: those of the test are told instead of its own."""

    async def open(self, call: CallStarted) -> "Understood":  # type: ignore[override]
        return Understood(await super().open(call))


class Understood:
    def __init__(self, ear: MoshiEar) -> None:
        self._ear, self._words = ear, Asking()

    async def hear(self, turn: MicroTurn) -> Heard:
        await self._ear.hear(turn)
        return await self._words.hear(turn)

    async def close(self) -> None:
        await self._ear.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/calls.sqlite")
    yield store
    await store.close()


async def test_a_whisper_of_the_engine_goes_to_the_earpiece_and_nowhere_else(store: Store) -> None:
    use_interface("127.0.0.1")
    given = plan()
    engine = Engine(given, partial(ProcessLink, given), reserve=False)
    engine.start()
    listener = Understanding(engine, Personas(Persona(), Path("nowhere")))
    settings = Settings(policy=Policy(voice=True, max_spoken_ticks=20, speak_risk=100))
    voice = MoshiVoice(listener, None)
    board = Switchboard(settings, listener, Shelf(), store, Forgetful(), voice)
    browser = Browser()
    call_id, peer = await board.admit(read(await browser.offer(), QUERY))
    await browser.accept(peer.answer)
    async with asyncio.timeout(20):
        while browser.heard_packets < 60:
            browser.news.clear()
            await browser.news.wait()
    sections = [part for part in peer.answer.split("m=")[1:] if part.startswith("audio")]
    assert ["a=sendonly" in section.split() for section in sections] == [False, False, True]
    assert ["a=recvonly" in section.split() for section in sections] == [True, True, False]
    played: list[int] = []
    async with asyncio.timeout(20):
        async for entry in store.follow(call_id):
            if isinstance(entry.event, WhisperPlayed):
                played.append(entry.event.ticks)
                break
    assert played == [23], "its longest, after the earcon of the call's first"
    await board.hang_up(call_id)
    events = [entry.event for entry in await store.read(call_id)]
    assert len([event for event in events if isinstance(event, Speak)]) == 1
    await browser.close()
    await board.close()
    await listener.close()
