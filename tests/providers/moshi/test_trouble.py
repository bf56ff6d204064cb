"""Workers and reserves that fail at bad moments."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from copilot.audio import wav
from copilot.config.sections import Persona
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.providers.moshi import engine as engines
from copilot.providers.moshi.ear import MoshiListener
from copilot.providers.moshi.engine import Engine
from copilot.providers.moshi.gauges import Gauge
from copilot.providers.moshi.link import Link, LocalLink, ProcessLink
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.plan import Role
from copilot.providers.moshi.reserve import Reserve, hired
from copilot.providers.moshi.shedding import Shed
from tests.providers.moshi.calling import turns
from tests.providers.moshi.sound import models, plan
from tests.providers.moshi.test_restart import wait

NOWHERE = Path("nowhere")


def started(call_id: str = "call") -> CallStarted:
    return CallStarted(call_id, Policy())


@pytest.fixture
async def reserve() -> AsyncIterator[Reserve]:
    """Loaded, in a process of its own."""
    made = Reserve(partial(ProcessLink, plan()))
    made.begin()
    async with asyncio.timeout(60):
        while not made.ready:
            await made.keep()
            await asyncio.sleep(0.02)
    yield made
    made.kill()


async def test_a_reserve_that_hangs_is_none(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be waited for in vain when it has to take over."""
    monkeypatch.setattr("copilot.providers.moshi.reserve.SILENT_S", 1.2)
    for _ in range(15):
        await reserve.keep()
        assert reserve.ready, "it says that it lives"
        await asyncio.sleep(0.1)
    link = reserve._link
    assert link is not None
    assert link.pid is not None
    os.kill(link.pid, signal.SIGSTOP)
    since = time.monotonic()
    while reserve.ready:
        await reserve.keep()
        await asyncio.sleep(0.05)
    assert time.monotonic() - since < 2
    assert not link.alive
    assert await reserve.take() is None
    assert reserve._link is None, "another is begun later only"


async def test_a_reserve_that_was_not_looked_at_still_waits(reserve: Reserve) -> None:
    time.sleep(3.5)  # the event loop stands still  # noqa: ASYNC251
    taken = await reserve.take()
    assert taken is not None
    assert taken[1]
    taken[0].kill()


async def test_a_reserve_is_heard_of_though_calls_are_behind(spawned: MoshiListener) -> None:
    """Only another one is not begun meanwhile."""
    engine = spawned.engine
    ear = await spawned.open(started())
    for turn in turns(4):
        await ear.hear(turn)
    ear.seat.told = 0
    assert engine._behind
    await wait(lambda: engine.reserve_ready, 30)
    await ear.close()


async def test_a_worker_that_cannot_be_begun_is_tried_again() -> None:
    """Out of processes or memory: the calls wait, and go on."""
    given, hired_ones = plan(), list[LocalLink]()

    def hire() -> Link:
        if len(hired_ones) in (1, 2):
            hired_ones.append(hired_ones[0])
            raise BlockingIOError(11, "Resource temporarily unavailable")
        hired_ones.append(LocalLink(given, models()))
        return hired_ones[-1]

    engine = Engine(given, hire, reserve=False)
    engine.start()
    listener = MoshiListener(engine, Personas(Persona(), NOWHERE))
    ear = await listener.open(started())
    hired_ones[0].kill()
    await wait(lambda: engine.restarts == 1, 5)
    assert (await ear.hear(next(turns(1)))).tick == 0
    await ear.close()
    await listener.close()


async def test_offline_a_worker_that_ends_is_waited_for(listener: MoshiListener) -> None:
    """Words must not depend on how long that takes."""
    ear = await listener.open(started())
    link = listener.engine._link
    assert link is not None
    told = []
    for turn in turns(40):
        if turn.tick == 20:
            link.kill()
        told.append(await ear.hear(turn))
    assert [heard.tick for heard in told] == list(range(40))
    assert listener.engine.restarts == 1
    assert ear.seat.told == ear.seat.sent
    await ear.close()


async def test_a_role_that_a_worker_was_reading_when_it_ended_is_asked_for_again(
    listener: MoshiListener,
) -> None:
    engine = listener.engine
    asked = asyncio.create_task(engine.prepare(Role("kind")))
    link = engine._link
    assert isinstance(link, LocalLink)
    link.worker = None  # it reads, and then it is gone
    await asyncio.sleep(0)
    link.kill()
    with pytest.raises(TimeoutError, match="the engine's worker ended"):
        await asked
    engine._link = None
    with pytest.raises(TimeoutError, match="is being replaced"):
        await engine.prepare(Role("kind"))
    await wait(lambda: engine.restarts == 1, 10)
    assert await engine.prepare(Role("kind")) == ""


async def test_a_recorded_voice_outlives_its_file_and_its_worker(tmp_path: Path) -> None:
    pcm = np.asarray(0.1 * np.sin(np.arange(24_000) / 9), np.float32)
    wav.write(tmp_path / "ann.wav", wav.Recording((pcm,), 24_000))
    given, hired_ones = plan(), list[LocalLink]()

    def hire() -> Link:
        hired_ones.append(LocalLink(given, models()))
        return hired_ones[-1]

    engine = Engine(given, hire, reserve=False)
    personas = Personas(Persona(role="kind", voice=str(tmp_path / "ann.wav")), tmp_path)
    engine.start(personas.roles)
    listener = MoshiListener(engine, personas)
    ear = await listener.open(started())
    (tmp_path / "ann.wav").unlink()
    hired_ones[0].kill()
    await wait(lambda: engine.restarts == 1, 5)
    more = await listener.open(started("more"))
    assert hired_ones[1].worker is not None
    for one in (ear, more):
        await one.hear(next(turns(1)))
        seated = hired_ones[1].worker._seats[one.seat.number]
        assert seated.role.voice.endswith("ann.wav")
        await one.close()
    assert "no such voice or recording" in str(listener.state()["notice"])
    await listener.close()


async def test_an_engine_that_closes_leaves_no_worker_behind() -> None:
    """Also one that is just being begun."""
    made: list[LocalLink] = []

    def slow() -> Link:
        time.sleep(0.3)
        made.append(LocalLink(plan(), models()))
        return made[-1]

    waiting = asyncio.create_task(hired(slow))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait([waiting])
    await wait(lambda: bool(made), 5)
    await asyncio.sleep(0.05)
    assert not made[0].alive


async def test_who_was_held_up_does_not_blame_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was frozen: the worker's last sign is as old as the last look at it."""
    monkeypatch.setattr(engines, "ALONE_S", 1.0)
    given = plan()
    engine = Engine(given, partial(ProcessLink, given), reserve=False)
    engine.start()
    listener = MoshiListener(engine, Personas(Persona(), NOWHERE))
    ear = await listener.open(started())
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    time.sleep(1.5)  # noqa: ASYNC251
    os.kill(engine.pid, signal.SIGCONT)
    await asyncio.sleep(0.5)
    assert engine.restarts == 0
    assert listener.state()["fault"] == ""
    await ear.close()
    await listener.close()


async def test_a_busy_engine_that_empties_takes_calls_again(listener: MoshiListener) -> None:
    """What is left out is measured by ticks, and without calls there are none."""
    ear = await listener.open(started())
    link = listener.engine._link
    assert isinstance(link, LocalLink)
    assert link.worker is not None
    link.worker.shedding.level = Shed.NEW_CALLS
    await ear.hear(next(turns(1)))
    assert "new calls" in str(listener.state()["notice"])
    await ear.close()
    assert listener.state()["notice"] == ""
    assert listener.engine._board is not None
    listener.engine._board.gauges[Gauge.SHED] = Shed.NEW_CALLS  # as a worker left it that ended
    ear = await listener.open(started("next"))
    heard = [await ear.hear(turn) for turn in turns(30)]
    assert any(one.wish for one in heard)
    await ear.close()
