"""Embedded ears in lockstep."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.providers.embedded.ear import EmbeddedEar, EmbeddedListener, Options
from copilot.providers.registry import Host
from tests.providers.embedded.sound import SENTENCES


@pytest.fixture
async def listener(ear_cache: Path) -> AsyncIterator[EmbeddedListener]:
    made = EmbeddedListener(Options(), Host(ear_cache, SENTENCES, lockstep=True))
    yield made
    await made.close()


@pytest.fixture
async def ear(listener: EmbeddedListener) -> AsyncIterator[EmbeddedEar]:
    made = await listener.open(CallStarted("call", Policy()))
    yield made
    await made.close()
