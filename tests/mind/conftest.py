"""A background model on loopback, for everything that thinks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from copilot.bench.standin import Answering, Manner, Standin, standin
from copilot.ports import Mind
from copilot.providers.gateway.gateway import Gateway
from copilot.providers.gateway.models import warm_up
from copilot.providers.gateway.settings import Options, Route
from copilot.providers.redact import Redactor

Thinks = Callable[..., AbstractAsyncContextManager[tuple[Mind, Standin]]]


@asynccontextmanager
async def _thinking(
    manner: Answering | Manner | str, trusted: bool = False
) -> AsyncIterator[tuple[Mind, Standin]]:
    async with standin(Manner(manner) if isinstance(manner, str) else manner) as server:
        route = Route("model", server.url, first_token=1.0, timeout=3.0, trusted=trusted)
        made = Gateway(Options((route,), hedge=False), Redactor())
        try:
            yield made, server
        finally:
            await made.close()


@pytest.fixture(scope="session", autouse=True)
def warm() -> None:
    """As the provider's factory does before a call can come."""
    asyncio.run(warm_up())


@pytest.fixture
def thinking() -> Thinks:
    """A gateway over a server that answers in this manner."""
    return _thinking
