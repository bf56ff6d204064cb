"""Stores on SQLite and on a private PostgreSQL, for the same tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.store.log import Store, open_store
from tests.postgres import Cluster


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'var' / 'copilot.sqlite'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_url()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    yield store
    await store.close()
