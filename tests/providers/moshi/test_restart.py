"""Workers that are killed, hang, or never begin: the calls go on."""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from copilot.audio.frames import MicroTurn
from copilot.config.sections import Persona
from copilot.core.call import replay
from copilot.core.events import CallStarted, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Word
from copilot.errors import ConfigError, NoPlace
from copilot.providers.moshi.ear import MoshiEar, MoshiListener
from copilot.providers.moshi.engine import DEATHS, LOOK_S, Engine
from copilot.providers.moshi.link import LocalLink, ProcessLink
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.plan import Plan
from copilot.session import Parts, Session
from tests.providers.moshi.calling import Notes, Shelf, live, turns
from tests.providers.moshi.sound import models, plan

GO_ON_S = 3.0


async def wait(condition: Callable[[], bool], seconds: float = 60.0) -> float:
    """Until it holds; seconds that it took."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
    return loop.time() - since


async def test_a_call_outlives_two_kills(spawned: MoshiListener) -> None:
    """In real time, over real processes: every tick is answered, no sound and no entry is lost."""
    engine, notes, over = spawned.engine, Notes(), asyncio.Event()
    call = CallStarted("call", Policy())
    ear = await spawned.open(call)
    session = Session(call, Parts(ear, Shelf(), notes, notes))
    running = asyncio.create_task(session.run(live(turns(2000), until=over)))
    for count in (1, 2):
        await wait(lambda: engine.reserve_ready)
        await heard(ear, 10)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        assert await heard(ear, ear.seat.sent - ear.seat.told + 1) < GO_ON_S
        assert engine.restarts == count
    killed = ear.seat.sent
    await wait(lambda: any(one.wish and one.tick >= killed for one in notes.heard), 10)
    over.set()
    await running
    ticks = [one.tick for one in notes.heard]
    assert ticks == list(range(ear.seat.sent - ear.seat.first))
    assert spawned.state()["lost_frames"] == 0
    assert replay(notes.entries) is None
    for party in ("agent", "customer"):
        hearings: list[Hearing] = [getattr(one, party) for one in notes.heard]
        ends = [word.end for hearing in hearings for word in hearing.words]
        assert ends == sorted(set(ends)), "each word once"


async def heard(ear: MoshiEar, more: int) -> float:
    """Until so many more frames are answered; seconds that it took."""
    goal = ear.seat.told + more
    return await wait(lambda: ear.seat.told >= goal)


class Parrot:
    """Another ear: the customer says a word every eight ticks."""

    rate = 16_000

    async def open(self, call: CallStarted) -> "Parrot":
        return self

    async def hear(self, turn: MicroTurn) -> Heard:
        assert turn.customer.shape == (1280,)
        words = (Word("parrot", turn.tick - 4, turn.tick),) if turn.tick % 8 == 0 else ()
        return Heard(turn.tick, customer=Hearing(50, words=words))

    async def close(self) -> None: ...


async def test_another_ear_listens_while_a_worker_that_hung_is_replaced(tmp_path: Path) -> None:
    """Without a reserve a worker takes seconds to load; words of both ears make one transcript."""
    given = plan()
    engine = Engine(given, partial(ProcessLink, given), reserve=False)
    engine.start()
    listener = MoshiListener(engine, Personas(Persona(), tmp_path), Parrot())
    ear = await listener.open(CallStarted("call", Policy()))
    listened = False
    words: list[Word] = []
    async for turn in live(turns(3000), 0.04):
        if turn.tick == 10:
            assert engine.pid is not None
            os.kill(engine.pid, signal.SIGSTOP)
        heard = await ear.hear(turn)
        assert heard.tick == turn.tick
        words += heard.customer.words
        listened |= ear.stand_in.listens
        if listened and not ear.stand_in.listens:
            break
    assert "parrot" in [word.text for word in words]
    assert [word.end for word in words] == sorted({word.end for word in words})
    assert engine.restarts == 1
    assert listener.state()["fault"] == ""
    await ear.close()
    await listener.close()


def only_the_first_lives(given: Plan, hired: list[LocalLink]) -> LocalLink:
    made = LocalLink(given, models())
    made.alive = not hired
    hired.append(made)
    return made


async def test_a_worker_that_ends_again_and_again_is_not_begun_for_ever() -> None:
    """Links that die at once: after some of them the next has to wait, and no call is admitted."""
    given = plan()
    hired: list[LocalLink] = []
    engine = Engine(given, partial(only_the_first_lives, given, hired), reserve=False)
    engine.start()
    listener = MoshiListener(engine, Personas(Persona(), Path("nowhere")))
    ear = await listener.open(CallStarted("call", Policy()))
    hired[0].kill()
    await wait(lambda: "again and again" in str(listener.state()["fault"]))
    assert len(hired) == DEATHS
    turn = next(turns(1))
    assert (await ear.hear(turn)).tick == 0
    with pytest.raises(NoPlace, match="again and again"):
        await listener.open(CallStarted("more", Policy()))
    await ear.close()
    await listener.close()


async def test_a_reserve_that_ends_is_not_begun_at_once_again() -> None:
    """There may be no memory for it: the calls go on without."""
    given = plan()
    hired: list[LocalLink] = []
    engine = Engine(given, partial(only_the_first_lives, given, hired))
    engine.start()
    listener = MoshiListener(engine, Personas(Persona(), Path("nowhere")))
    ear = await listener.open(CallStarted("call", Policy()))
    await asyncio.sleep(5 * LOOK_S)
    assert len(hired) == 2
    assert not engine.reserve_ready
    assert (await ear.hear(next(turns(1)))).tick == 0
    await ear.close()
    await listener.close()


def test_a_worker_that_cannot_begin_is_told(tmp_path: Path) -> None:
    given = Plan(models=str(tmp_path), device="cpu", random=False)
    engine = Engine(given, partial(ProcessLink, given), reserve=False)
    with pytest.raises(ConfigError, match=r"ear\.provider = 'moshi': .*No such file"):
        engine.start()
