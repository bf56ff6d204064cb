"""A web application over a real store, with calls made by the real machine."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from httpx import ASGITransport, AsyncClient
from litestar import Litestar

from copilot.audio.frames import MicroTurn
from copilot.config import Settings
from copilot.core.events import CallStarted, Heard, Passage
from copilot.retrieval.library import Source
from copilot.retrieval.packs import Pack
from copilot.sidecar.switchboard import Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, open_store
from copilot.web.app import create_app
from copilot.web.sample import Sample
from copilot.web.services import Services
from tests.helpers import Call, knows, passage

Browse = Callable[[Litestar, str], AsyncClient]

SCRIPT = "<script>alert('x')</script>"
ADDRESS = passage(id="parcel/address#change my address")
NASTY = Passage(
    "parcel/nasty#xss",
    title=f"Title {SCRIPT}",
    text=f"Text **bold** {SCRIPT} [link](javascript:alert(1))",
    say=f"Say {SCRIPT}",
    score=0,
)


PACK = Pack("parcel", "Parcel carrier", "", "en", "0badcafe", (ADDRESS, NASTY))


class Shelf:
    """The passages of one pack, without an index."""

    def source(self, passage: str) -> Source | None:
        return next((Source(one, PACK) for one in PACK.passages if one.id == passage), None)


class DeafEar:
    async def hear(self, turn: MicroTurn) -> Heard:
        return Heard(turn.tick)

    async def close(self) -> None: ...


class DeafListener:
    """Hears nothing, since no test here sends sound."""

    rate = 16_000

    async def open(self, call: CallStarted) -> DeafEar:
        return DeafEar()

    async def close(self) -> None: ...


class NoRetriever:
    async def search(self, query: str, k: int) -> tuple[Passage, ...]:
        return ()


class Clock:
    """A clock that moves a minute with every look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def asked() -> Call:
    """The customer asks, a card comes, and the agent says what it says."""
    return _asked().end()


@pytest.fixture
def cut() -> Call:
    """The same call in a process that died."""
    return _asked().end("cut")


@pytest.fixture
def unanswered() -> Call:
    """A question that no pack answers, asked in words that look like HTML."""
    call = Call()
    call.customer(f"please explain quantum {SCRIPT} chromodynamics lattices").quiet(60)
    return call.end()


def _asked() -> Call:
    call = Call(knows(ADDRESS))
    call.agent("good morning how can i help").quiet(30)
    call.customer("can i change the delivery address of my parcel today").quiet(10)
    call.agent("you can change the address in the app until the evening before delivery")
    return call.quiet(20)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'calls.sqlite'}", Clock())
    yield opened
    await opened.close()


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Services:
    settings = Settings(data=tmp_path)
    board = Switchboard(settings, DeafListener(), NoRetriever(), (PACK.ref,), store, Forgetful())

    async def make() -> tuple[Path, Path]:
        paths = tmp_path / "agent.wav", tmp_path / "customer.wav"
        for path in paths:
            path.write_bytes(f"RIFF {path.stem}".encode())
        return paths

    return Services(store, Shelf(), board, settings, version="1.2.3", sample=Sample(make))


@pytest.fixture
def app(services: Services) -> Litestar:
    return create_app(services)


@pytest.fixture
def browse() -> Browse:
    """Opens a client on the store's own loop, which Litestar's test client is not."""
    return lambda app, url: AsyncClient(transport=ASGITransport(cast(Any, app)), base_url=url)


@pytest.fixture
async def client(app: Litestar, browse: Browse) -> AsyncIterator[AsyncClient]:
    async with browse(app, "http://127.0.0.1:8123") as opened:
        yield opened
