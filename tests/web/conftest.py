"""The web application of `tests.website`, and a client on its own loop."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from httpx import ASGITransport, AsyncClient
from litestar import Litestar

from copilot.store.log import Store, open_store
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call
from tests.website import SCRIPT, Clock, answered, make_services

Browse = Callable[[Litestar, str], AsyncClient]


@pytest.fixture
def asked() -> Call:
    """The customer asks, a card comes, and the agent says what it says."""
    return answered().end()


@pytest.fixture
def cut() -> Call:
    """The same call in a process that died."""
    return answered().end("cut")


@pytest.fixture
def unanswered() -> Call:
    """A question that no pack answers, asked in words that look like HTML."""
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
    return make_services(store, tmp_path)


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
