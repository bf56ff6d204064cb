"""Accounts over a store of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.accounts.service import Accounts
from copilot.store.log import Store, open_store
from tests.tenants import Hands, Tenants, make_accounts, make_tenants


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path / 'accounts.sqlite'}")
    yield opened
    await opened.close()


@pytest.fixture
def now() -> Hands:
    return Hands()


@pytest.fixture
def accounts(store: Store, now: Hands) -> Accounts:
    return make_accounts(store, now=now)


@pytest.fixture
async def tenants(accounts: Accounts) -> Tenants:
    return await make_tenants(accounts)
