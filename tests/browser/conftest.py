"""A real Chromium in front of the web application."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from copilot.sidecar.peer import use_interface
from copilot.store.log import Store, open_store, utc_now
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.tenants import make_accounts
from tests.website import Spoken, make_services

expect.set_options(timeout=20_000)  # the page of a busy machine is late, and right

FLAGS = ["--disable-quic", "--autoplay-policy=no-user-gesture-required"]

Serve = Callable[..., Awaitable["Site"]]
Launch = Callable[..., AbstractAsyncContextManager[Browser]]


@dataclass(frozen=True)
class Site:
    """The application on a port of this machine."""

    url: str
    services: Services

    @property
    def store(self) -> Store:
        return self.services.store


@pytest.fixture
def chromium() -> str:
    """Path of the browser, or a skipped test."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


@pytest.fixture
def launch(chromium: str) -> Launch:
    """Starts a browser with more flags."""

    @asynccontextmanager
    async def launched(*flags: str) -> AsyncIterator[Browser]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium,
                args=[*FLAGS, *flags],
                ignore_default_args=["--mute-audio"],
            )
            yield browser
            await browser.close()

    return launched


@pytest.fixture
async def browser(launch: Launch) -> AsyncIterator[Browser]:
    async with launch() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page on which no script may fail and nothing may be blocked."""
    page = await browser.new_page()
    faults = watch(page)
    yield page
    assert faults == []


def watch(page: Page) -> list[str]:
    """What the page's console complains of, as it comes."""
    faults: list[str] = []

    def note(said: ConsoleMessage) -> None:
        if said.type == "error":
            faults.append(f"{said.text} {said.location['url']}")

    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", note)
    return faults


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Serves the application with an ear that hears a script, until the test's pages are closed."""
    async with AsyncExitStack() as stack:

        async def start(spoken: Spoken = (), capacity: int = 20, sign_in: bool = False) -> Site:
            made = serving(tmp_path, spoken, capacity, sign_in)
            return await stack.enter_async_context(made)

        yield start


@pytest.fixture
async def site(serve: Serve) -> Site:
    return await serve()


@asynccontextmanager
async def serving(
    folder: Path, spoken: Spoken, capacity: int, sign_in: bool
) -> AsyncIterator[Site]:
    use_interface("127.0.0.1")
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'calls.sqlite'}")
    accounts = make_accounts(store, now=utc_now) if sign_in else None
    async with on_a_port(make_services(store, folder, spoken, capacity, accounts)) as site:
        yield site
    await store.close()


@asynccontextmanager
async def on_a_port(services: Services) -> AsyncIterator[Site]:
    """The application over these services, until its calls and views are to end."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(services)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}", services)
    await services.switchboard.close()
    services.streams.close()
    server.should_exit = True
    await task
