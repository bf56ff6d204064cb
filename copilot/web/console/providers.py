"""Parts of the system that an admin can try out, each through the port that calls use."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import msgspec
from litestar.exceptions import NotFoundException

from copilot.console import hearing
from copilot.core.vocabulary import Party
from copilot.errors import UserError
from copilot.ports import Mind, Prompt, Routed
from copilot.web.services import Services

log = logging.getLogger(__name__)

TEST_SECONDS = 15.0
"""How long a provider may take to answer a test."""
SAMPLE_SECONDS = 3.0
"""How long the ear's test waits for the sample call; without it a tone is heard."""
ASK = Prompt("Answer with one word.", "Say ready.", max_tokens=8)


class Provider(NamedTuple):
    """A part of the system that can be tried out."""

    name: str
    label: str
    told: str
    """Which one it is."""


class Tested(msgspec.Struct, frozen=True):
    """What a test told."""

    ok: bool
    told: str
    ms: int
    there: bool = True
    """False: there is nothing to test, and nothing amiss."""


class Absent(UserError):
    """Nothing is configured; the text says what to do where it is wanted."""


def providers(services: Services, team_id: str) -> list[Provider]:
    """What a team can try out."""
    given = services.settings
    database = "PostgreSQL" if "postgres" in given.database_url else "SQLite"
    searches = [
        Provider(name, name.capitalize(), given.embedder.provider if name == "search" else "")
        for name in services.checks
    ]
    voice = services.switchboard.voice
    return [
        Provider("store", "Database", database),
        *searches,
        Provider("ear", "Ear", given.ear.provider),
        Provider("voice", "Voice", given.voice.provider if voice else "not running"),
        Provider(
            "mind",
            "Background model",
            given.mind.provider if _mind_of(services, team_id) else "none",
        ),
    ]


async def trial(services: Services, name: str, team_id: str) -> Tested:
    """Whether the provider answers a team, and how fast; raises NotFoundException for an unknown
    one."""
    since = perf_counter()
    there, ok, told = True, False, ""
    try:
        async with asyncio.timeout(TEST_SECONDS):
            told, ok = await _try(services, name, team_id), True
    except TimeoutError:
        told = f"no answer within {TEST_SECONDS:g} s"
    except Absent as error:
        told, there = str(error), False
    except UserError as error:
        told = str(error)
    except NotFoundException:
        raise
    except Exception as error:  # whatever a provider's library makes of it
        log.warning("the test of %s broke", name, exc_info=error)
        told = f"it broke ({type(error).__name__}); the server's log says more"
    ms = round(1000 * (perf_counter() - since))
    return Tested(ok, told or f"answered in {ms} ms", ms, there)


async def _try(services: Services, name: str, team_id: str) -> str:
    """What is to be told where it works; raises UserError with what is wrong."""
    match name:
        case "store":
            await services.store.calls(1)
            return _sound(services.store.fault)
        case "ear":
            return await _ear(services)
        case "voice":
            return await _voice(services)
        case "mind":
            return await _mind(services, team_id)
    check = services.checks.get(name)
    if check is None:
        raise NotFoundException(f"There is no provider {name!r} to test.")
    return _sound(await check())


def _sound(fault: str) -> str:
    if fault:
        raise UserError(fault)
    return ""


async def _ear(services: Services) -> str:
    recording = await _recording(services)
    sound = await asyncio.to_thread(hearing.excerpt, recording) if recording else hearing.tone()
    heard = await hearing.hear(services.switchboard.listener, sound)
    _sound(heard.fault(sound))
    return heard.told(sound)


async def _recording(services: Services) -> Path | None:
    """The sample call's customer, if there is one or soon will be."""
    if services.sample is None:
        return None
    making = asyncio.ensure_future(services.sample.recording(Party.CUSTOMER))
    done, _ = await asyncio.wait([making], timeout=SAMPLE_SECONDS)
    if not done or making.exception() is not None:
        return None
    return making.result()


async def _voice(services: Services) -> str:
    voice = services.switchboard.voice
    if voice is None:
        raise Absent(
            "no voice is running; it starts with the server when a policy lets cards be spoken"
        )

    async def sounds() -> AsyncGenerator[object, None]:
        async for chunk in voice.say("Can you hear me?"):
            yield chunk

    async with aclosing(sounds()) as chunks:
        async for _ in chunks:
            return ""
    raise UserError("it made no sound")


def _mind_of(services: Services, team_id: str) -> Mind | None:
    mind = services.background.mind if services.background else None
    return None if mind is None else mind.of(team_id)


async def _mind(services: Services, team_id: str) -> str:
    mind = _mind_of(services, team_id)
    if mind is None:
        raise Absent("your team has none; add [[mind.routes]] to the server's settings to have one")
    if not isinstance(mind, Routed):
        return await _first_token(mind)
    tried = await mind.try_routes(ASK, TEST_SECONDS - 1)
    told = "; ".join(map(str, tried))
    if any(one.fault for one in tried):
        raise UserError(told)
    return told


async def _first_token(mind: Mind) -> str:
    since = perf_counter()
    async with aclosing(mind.answer(ASK)) as pieces:
        async for piece in pieces:
            return f"{piece.route}: first word after {1000 * (perf_counter() - since):.0f} ms"
    raise UserError("an empty answer")
