"""The server as it starts."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.config.sections import Server
from copilot.serving import serve
from tests.mind.test_egress import made, registered

__all__ = ["registered"]


@pytest.fixture
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
async def test_what_is_there_at_the_start_is_not_searched_for_garbage(
    data: Path, tmp_path: Path
) -> None:
    """A search of all that libraries and models are made of takes longer than a tick."""
    ready = asyncio.Event()
    settings = made(data, tmp_path, server=Server(port=0))
    work = asyncio.create_task(serve(settings, lambda _: ready.set()))
    try:
        async with asyncio.timeout(60):
            await ready.wait()
        assert gc.get_freeze_count() > 10_000
    finally:
        work.cancel()
        await asyncio.wait([work])
