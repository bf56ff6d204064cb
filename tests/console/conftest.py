"""A store and the console over it, without any web."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.config import Settings
from copilot.console.console import Console
from copilot.store.log import Store, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path / 'console.sqlite'}")
    yield opened
    await opened.close()


@pytest.fixture
def console(store: Store, tmp_path: Path) -> Console:
    return Console(store, Settings(data=tmp_path))
