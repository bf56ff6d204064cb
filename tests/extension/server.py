"""A sidecar in a process of its own, so that it can be killed: all real but the ear and the search.

``python -m tests.extension.server FOLDER PORT SETUP`` where SETUP is JSON.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import uvicorn
from argon2 import PasswordHasher
from msgspec import Struct

from copilot.accounts.office import Office
from copilot.accounts.passwords import Passwords
from copilot.accounts.service import Accounts
from copilot.audio.frames import MicroTurn, Pcm
from copilot.config import Settings
from copilot.config.sections import Accounts as AccountSettings
from copilot.config.sections import Server
from copilot.core.events import CallStarted, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Word
from copilot.providers.scripted import Said, Script, ScriptedEar, ScriptedListener
from copilot.sidecar.peer import use_interface
from copilot.sidecar.switchboard import Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import open_store, utc_now
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.extension.hooks import Hooks
from tests.tenants import make_tenants
from tests.website import KnowsOne, Shelf, make_desk, make_trial, thinks

EXTENSION = "chrome-extension://blicllejdhfmckoncfgajhnndgmipbdg"


class Setup(Struct, frozen=True):
    """How a test wants its sidecar."""

    spoken: tuple[tuple[Party, int, str], ...] = ()
    """Who says what, and from which tick on."""
    capacity: int = 50
    voice: bool = False
    required: bool = False
    """Whether one must sign in."""
    host: str = ""
    """The name by which it may be reached, beside addresses."""
    alone: bool = False
    """Whether the test wants a process of its own."""


class JoiningEar(ScriptedEar):
    """Hears the script from the tick at which it joins the call, and what it really sounds like."""

    def __init__(self, script: Script, tones: dict[str, int]) -> None:
        super().__init__(script)
        self._joined = False
        self._tones = tones

    async def hear(self, turn: MicroTurn) -> Heard:
        if not self._joined and turn.tick > 1:
            await super().hear(turn._replace(tick=turn.tick - 1))
        self._joined = True
        for party in Party:
            sound = getattr(turn, party)
            if np.abs(sound).max() > 0.001:
                peak = np.argmax(np.abs(np.fft.rfft(sound)))
                self._tones[party] = round(float(peak * 12.5))
        return await super().hear(turn)


class JoiningListener(ScriptedListener):
    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.script = script
        self.tones: dict[str, int] = {}
        """The strongest tone of each party just now, Hz."""

    async def open(self, call: CallStarted) -> JoiningEar:
        return JoiningEar(self.script, self.tones)


class Tone:
    """A voice that hums at 1 kHz for a second and a half."""

    rate = 24_000

    async def say(self, text: str) -> AsyncIterator[Pcm]:
        wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(36_000) / self.rate, dtype=np.float32)
        for start in range(0, wave.size, 480):
            yield wave[start : start + 480].astype(np.float32)

    async def close(self) -> None: ...


def script(spoken: tuple[tuple[Party, int, str], ...]) -> Script:
    words: dict[Party, list[Word]] = {party: [] for party in Party}
    for party, start, text in spoken:
        for place, word in enumerate(text.split()):
            words[party].append(Word(word, start + 2 * place, start + 2 * place + 2))
    return Script(Said(tuple(words[Party.AGENT])), Said(tuple(words[Party.CUSTOMER])))


async def serve(folder: Path, port: int, setup: Setup) -> None:
    use_interface("127.0.0.1")
    settings = Settings(
        data=folder,
        server=Server(
            port=port, capacity=setup.capacity, hosts=(setup.host,) if setup.host else ()
        ),
        policy=Policy(
            voice=setup.voice,
            card_ticks=3000,
            cooldown_ticks=10,
            told_ticks=20,
            speak_risk=100,
            speak_worth=0,
        ),
    )
    store = await open_store(settings.database_url, grace=60)
    listener = JoiningListener(script(setup.spoken))
    voice = Tone() if setup.voice else None
    board = Switchboard(settings, listener, KnowsOne(), store, Forgetful(), voice)
    fast = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    office = Office(store.accounts, AccountSettings(), utc_now, fast)
    accounts = Accounts(office, setup.required)
    agent = await (await make_tenants(accounts)).who("agent") if setup.required else None
    origins = frozenset({EXTENSION})
    desk = make_desk(folder, accounts)
    trial = make_trial(desk, settings.policy, listener)
    parts = (store, Shelf(), board, settings, "1.2.3", accounts, desk, trial)
    services = Services(*parts, origins=origins, background=thinks(store))
    app = Hooks(create_app(services), accounts, agent, listener.tones)
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[3], type=Setup)
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), given))
