"""A web application over a real store, with calls made by the real machine."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from helpers import Call, knows, passage
from litestar import Litestar
from litestar.testing import AsyncTestClient

from copilot.audio.frames import MicroTurn
from copilot.config import Settings
from copilot.core.events import CallStarted, Heard, Passage
from copilot.retrieval.packs import Pack
from copilot.sidecar.switchboard import Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, open_store
from copilot.web.app import create_app
from copilot.web.library import Library
from copilot.web.services import Services

SCRIPT = "<script>alert('x')</script>"
ADDRESS = passage(id="parcel/address#change my address")
NASTY = Passage(
    "parcel/nasty#xss",
    title=f"Title {SCRIPT}",
    text=f"Text **bold** {SCRIPT} [link](javascript:alert(1))",
    say=f"Say {SCRIPT}",
    score=0,
)


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


def asked(ending: str = "hang_up") -> Call:
    """A call in which the customer asks and a card comes and is used up by what the agent says."""
    call = Call(knows(ADDRESS))
    call.agent("good morning how can i help").quiet(10)
    call.customer("can i change the delivery address of my parcel today").quiet(30)
    call.agent("you can change the address in the app until the evening before delivery")
    call.quiet(20)
    return call.end(ending) if ending else call


def unanswered() -> Call:
    """A call whose question nobody can answer, asked in words that are no HTML."""
    call = Call()
    call.customer(f"please explain quantum {SCRIPT} chromodynamics lattices").quiet(60)
    return call.end()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'calls.sqlite'}", Clock())
    yield opened
    await opened.close()


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Services:
    settings = Settings(data=tmp_path)
    pack = Pack("parcel", "Parcel carrier", "", "en", "0badcafe", (ADDRESS, NASTY))
    board = Switchboard(settings, DeafListener(), NoRetriever(), (pack.ref,), store, Forgetful())
    return Services(store, Library([pack]), board, settings, version="1.2.3")


@pytest.fixture
def app(services: Services) -> Litestar:
    return create_app(services)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8123") as opened:
        yield opened
