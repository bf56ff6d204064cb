"""The extension in a real Chromium, a web softphone's page, and a sidecar that can be killed."""

import asyncio
import http.server
import shutil
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from copilot.bench.chromium import WAIT_S, Extension, with_extension
from copilot.core.vocabulary import Party
from tests.extension.server import Setup
from tests.website import QUESTION

expect.set_options(timeout=20_000)  # the page of a busy machine is late, and right

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "extension"

ASKED = Setup(spoken=((Party.CUSTOMER, 8, QUESTION),), voice=True)
"""The customer asks a second after the call has begun."""

Launch = Callable[..., AbstractAsyncContextManager[Extension]]
Phone = Callable[..., Awaitable[Page]]


class Sidecar:
    """The server's process, its port kept over restarts."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.folder = folder
        self.setup = setup
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        setup = msgspec.json.encode(self.setup).decode()
        command = [sys.executable, "-m", "tests.extension.server", str(self.folder)]
        self.process = subprocess.Popen([*command, str(self.port), setup], cwd=HERE.parents[1])

    async def answers(self) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                assert self.process.poll() is None, "the server has died"
                try:
                    await client.get(f"{self.url}/health")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(self.url + path, headers=headers)

    async def post(self, path: str, **form: str) -> Any:
        async with httpx.AsyncClient() as client:
            return (await client.post(self.url + path, data=form)).json()

    async def log(self, call: str, last: str, times: int = 1) -> list[dict[str, Any]]:
        """The call's events as they are stored, once there is one of that type so many times."""
        kinds: list[str] = []
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    lines = (await self.get(f"/calls/{call}/log")).text.splitlines()
                    events = [msgspec.json.decode(line)["event"] for line in lines]
                    kinds = [event["type"] for event in events]
                    if kinds.count(last) >= times:
                        return events
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"no {last} in {kinds}") from None


Hire = Callable[[Setup], Sidecar]


@pytest.fixture(scope="session")
def hire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hire]:
    """Sidecars by how they are set up: they take longer to start than most tests to run."""
    made: dict[Setup, Sidecar] = {}

    def get(setup: Setup) -> Sidecar:
        if setup not in made:
            made[setup] = Sidecar(tmp_path_factory.mktemp("sidecar"), setup)
        return made[setup]

    yield get
    for one in made.values():
        one.kill()


@pytest.fixture
def sidecar(tmp_path: Path, request: pytest.FixtureRequest, hire: Hire) -> Iterator[Sidecar]:
    """As the test's marker `setup` has it; else one where the customer asks and the voice is on."""
    marker = request.node.get_closest_marker("setup")
    setup = marker.args[0] if marker else ASKED
    if not setup.alone:
        yield hire(setup)
        return
    made = Sidecar(tmp_path, setup)
    yield made
    made.kill()


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings that are told apart by their tone: the agent's and the customer's."""
    folder = tmp_path_factory.mktemp("sounds")
    speech(folder / "agent.wav", 300)
    speech(folder / "customer.wav", 500)
    return folder


def speech(path: Path, hertz: float, seconds: int = 8) -> None:
    """A hum that comes and goes like syllables."""
    rate = 48_000
    at = np.arange(rate * seconds) / rate
    sound = np.sin(2 * np.pi * hertz * at) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * at))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((9000 * sound).astype("<i2").tobytes())


class Pages(http.server.SimpleHTTPRequestHandler):
    """The softphone's page and the customer's sound."""

    def __init__(self, sounds: Path, *given: Any) -> None:
        self.sounds = sounds
        super().__init__(*given, directory=str(HERE / "pages"))

    def translate_path(self, path: str) -> str:
        if path == "/customer.wav":
            return str(self.sounds / "customer.wav")
        return super().translate_path(path)

    def log_message(self, format: str, *given: Any) -> None: ...


@pytest.fixture(scope="session")
def pages(sounds: Path) -> Iterator[str]:
    """Address of the site with the softphone."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, sounds))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def launch(sounds: Path) -> Launch:
    """Starts a browser with the extension; no script of it may fail."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("Chromium is not installed: apt-get install chromium")

    @asynccontextmanager
    async def launched(*flags: str, **options: Any) -> AsyncIterator[Extension]:
        mic = sounds / "agent.wav"
        async with with_extension(FOLDER, mic, flags, **options) as made:
            yield made
            assert made.faults == []

    return launched


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(launch: Launch) -> AsyncIterator[Extension]:
    """One browser for all tests: it takes as long to start as most of them to run."""
    async with launch() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(browser: Extension) -> AsyncIterator[Extension]:
    """The extension as it is after it has been installed."""
    await browser.reset()
    yield browser
    assert browser.faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def extension(fresh: Extension, sidecar: Sidecar) -> Extension:
    """Signed in at the sidecar, where callers are told beforehand."""
    await fresh.save("local", "account", {"server": sidecar.url, "refresh": "", "user": {}})
    await fresh.save("local", "prefs", {"consent": "announced"})
    await sidecar.answers()
    return fresh


@pytest_asyncio.fixture(loop_scope="session")
async def phone(extension: Extension, pages: str) -> Phone:
    """Opens the softphone's page in a tab."""

    async def opened(way: str = "audio", origin: str = pages) -> Page:
        page = await extension.context.new_page()
        await page.goto(f"{origin}/softphone.html?way={way}")
        return page

    return opened
