"""Engines of tiny models, in this process and in one of their own."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from copilot.config.sections import Persona
from copilot.providers.moshi.ear import MoshiListener
from copilot.providers.moshi.engine import Engine
from copilot.providers.moshi.link import LocalLink, ProcessLink
from copilot.providers.moshi.personas import Personas
from tests.providers.moshi.sound import models, plan

NOWHERE = Path("no voices")


@pytest.fixture
async def listener() -> AsyncIterator[MoshiListener]:
    """In this process: a frame is answered as soon as it is sent."""
    given = plan()
    engine = Engine(given, partial(LocalLink, given, models()), reserve=False)
    engine.start()
    made = MoshiListener(engine, Personas(Persona(), NOWHERE), lockstep=True)
    yield made
    await made.close()


@pytest.fixture
async def spawned() -> AsyncIterator[MoshiListener]:
    """In a process of its own, with another in reserve."""
    given = plan()
    engine = Engine(given, partial(ProcessLink, given))
    engine.start()
    made = MoshiListener(engine, Personas(Persona(), NOWHERE))
    yield made
    await made.close()
