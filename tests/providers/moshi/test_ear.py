"""The duplex ear in calls: every tick answered, garbage survived, a wish only where it counts."""

import asyncio
import importlib.util
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from copilot.audio.frames import MicroTurn
from copilot.config.sections import Persona
from copilot.core.call import replay
from copilot.core.events import CallStarted, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Party, Word
from copilot.demo.script import load
from copilot.demo.synth import sample_call
from copilot.errors import NoPlace
from copilot.providers.moshi import wire
from copilot.providers.moshi.ear import MoshiListener, Silences, StandIn, Words
from copilot.providers.moshi.engine import Engine
from copilot.providers.moshi.link import LocalLink
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.seat import Axis
from copilot.providers.moshi.shedding import BUSY_TURNS
from copilot.session import Parts, Session
from tests.providers.moshi.calling import Notes, Shelf, live, spoken, turns
from tests.providers.moshi.sound import models, plan


def started(call_id: str = "call") -> CallStarted:
    return CallStarted(call_id, Policy())


async def test_a_call_is_heard_and_its_log_replays(listener: MoshiListener) -> None:
    notes = Notes()
    ear = await listener.open(started())
    session = Session(started(), Parts(ear, Shelf(), notes, notes))
    await session.play(live(turns(130), pace=0))
    assert [heard.tick for heard in notes.heard] == list(range(130))
    assert replay(notes.entries) is None
    words = [word for heard in notes.heard for word in heard.customer.words]
    assert words, "a random model says something"
    assert all(0 <= word.start < word.end <= 130 for word in words)
    assert [word.end for word in words] == sorted({word.end for word in words})
    assert any(heard.wish for heard in notes.heard)
    assert any(heard.upcoming for heard in notes.heard)
    assert all(heard.wish == 0 for heard in notes.heard if heard.agent.speech >= 35)


@pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None,
    reason="espeakng-loader is not installed (pip install 'copilot[espeak]')",
)
async def test_the_sample_call_is_heard_though_workers_end(
    listener: MoshiListener, tmp_path: Path
) -> None:
    """Its first two lines, faster than real time."""
    whole, notes = load(), Notes()
    made = await sample_call(tmp_path, script=replace(whole, lines=whole.lines[:2]))
    ticks = made.duration_ms // 80
    ear = await listener.open(started())
    session = Session(started(), Parts(ear, Shelf(), notes, notes))

    async def sound() -> AsyncIterator[MicroTurn]:
        for turn in spoken(made, ticks):
            link = listener.engine._link
            if turn.tick in (40, 80):
                assert link is not None
                link.kill()
            yield turn

    await session.play(sound())
    assert [heard.tick for heard in notes.heard] == list(range(ticks))
    assert listener.engine.restarts == 2
    assert ear.seat.lost == 0
    assert replay(notes.entries) is None
    for hearings in ([one.agent for one in notes.heard], [one.customer for one in notes.heard]):
        ends = [word.end for hearing in hearings for word in hearing.words]
        assert ends == sorted(ends)
        assert ends
        assert max(hearing.speech for hearing in hearings) > 90, "people speak"


async def test_a_call_hears_the_same_beside_others(listener: MoshiListener) -> None:
    """Words, wish and all, though the other call sends garbage and leaves."""
    ear = await listener.open(started("alone"))
    alone = [await ear.hear(turn) for turn in turns(60, seed=1)]
    await ear.close()
    other, ear = await listener.open(started("other")), await listener.open(started("mine"))
    mine = []
    noise = np.random.default_rng(0)
    garbage = [
        np.full(1920, np.nan, np.float32),
        np.full(1920, 1e30, np.float32),
        np.zeros(17, np.float32),
        noise.normal(0, 9, 1920).astype(np.float32),
    ]
    for turn in turns(60, seed=1):
        if turn.tick < 40:
            await other.hear(MicroTurn(turn.tick, garbage[turn.tick % 4], turn.customer))
        if turn.tick == 40:
            await other.close()
        mine.append(await ear.hear(turn))
    assert mine == alone
    assert other.garbage == 20
    await ear.close()


async def test_a_full_engine_says_so_and_frees_places(listener: MoshiListener) -> None:
    ears = [await listener.open(started(str(n))) for n in range(4)]
    with pytest.raises(NoPlace, match="all 4 seats of the engine are taken"):
        await listener.open(started("more"))
    assert listener.state()["calls"] == 4
    assert listener.state()["notice"] == ""
    await ears[2].close()
    more = await listener.open(started("more"))
    assert listener.ear("more") is more
    assert listener.ear("2") is None
    for ear in (*ears, more):
        await ear.close()
    assert listener.state()["calls"] == 0


async def test_a_busy_engine_tells_what_it_leaves_out_and_takes_nobody(
    listener: MoshiListener,
) -> None:
    ear = await listener.open(started())
    link = listener.engine._link
    assert isinstance(link, LocalLink)
    assert link.worker is not None
    notices = []
    for turn in turns(10):
        for _ in range(BUSY_TURNS if turn.tick % 2 else 0):
            link.worker.shedding.note(1.0)
        await ear.hear(turn)
        if listener.state()["notice"] not in notices:
            notices.append(listener.state()["notice"])
    busy = "The duplex engine is busy and leaves out: the wish"
    assert notices[-3:] == [
        f"{busy}{more}." for more in ("", ", early words", ", early words, new calls")
    ]
    listener.engine._plan = plan(lockstep=False)
    with pytest.raises(NoPlace, match="a tick of the engine takes"):
        await listener.open(started("more"))
    await ear.close()


def test_flags_tell_the_end_of_speech_once() -> None:
    silences, ended, quiet = Silences(), [], []
    for tick, speech in enumerate([0, 90, 90, 40, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 0]):
        silences.note(speech)
        if silences.ended:
            ended.append(tick)
        if silences.quiet:
            quiet.append(tick)
    assert ended == [6]
    assert quiet == [0, 7, 8, 9, 14]


def test_words_are_told_once_whoever_heard_them() -> None:
    words = Words()
    words.add([Word("can", 3, 6), Word("i", 6, 8)])
    assert [word.text for word in words.take()] == ["can", "i"]
    words.add([Word("can", 2, 6), Word("i", 6, 9), Word("change", 9, 14)], again=True)
    assert [word.text for word in words.take()] == ["change"]
    words.add([Word("change", 9, 14), Word("it", 14, 15)])
    assert [word.text for word in words.take()] == ["it"]
    assert words.take() == ()
    words.add([Word("is", 15, 17), Word("a", 16, 17), Word("fee", 17, 20)])
    assert [word.text for word in words.take()] == ["is", "a", "fee"]


async def test_words_on_their_way_when_a_worker_ended_are_told_once(
    listener: MoshiListener,
) -> None:
    """A new recogniser may end them a tick later than the one before."""
    ear = await listener.open(started())
    for turn in turns(60):
        await ear.hear(turn)
    ear.seat.leave()
    ear.seat.enter(25)
    board, seat = listener.engine._board, ear.seat
    assert board is not None

    def tell(number: int, *words: wire.Spoken) -> list[str]:
        heard = wire.Result(wire.Voiced(), wire.Voiced(words))
        board.answer(seat.number, number, seat.serial, wire.encode(heard), None)
        seat.collect()
        for answer in seat.take():
            ear._hear(answer)
        return [word.text for word in ear._words[Party.CUSTOMER].take()]

    ear._words[Party.CUSTOMER].take()
    ear._words[Party.CUSTOMER]._until = 53
    for number in range(seat.read, 60):
        assert tell(number) == []
    assert tell(60, wire.Spoken("told", 49, 54)) == []
    assert tell(61, wire.Spoken("new", 53, 56)) == ["new"]
    for number in range(62, 80):
        tell(number)
    assert tell(80, wire.Spoken("later", 40, 74)) == ["later"]
    await ear.close()


class Recorder:
    """Another ear: a word a tick, or a failure."""

    rate = 16_000

    def __init__(self, opens: float = 0.0, error: str = "") -> None:
        self._opens, self._error = opens, error
        self.ticks: list[int] = []
        self.closed = 0

    async def open(self, call: CallStarted) -> "Recorder":
        await asyncio.sleep(self._opens)
        if self._error == "open":
            raise NoPlace("no memory")
        return self

    async def hear(self, turn: MicroTurn) -> Heard:
        if self._error == "hear":
            raise RuntimeError("its process ended")
        self.ticks.append(turn.tick)
        return Heard(turn.tick, customer=Hearing(50, words=(Word("a", turn.tick, turn.tick + 1),)))

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("error", ["open", "hear", ""])
async def test_another_ear_hears_what_was_missed_and_its_failure_is_its_own(
    monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """The engine goes away at tick 5; the other ear takes a while to begin."""
    monkeypatch.setattr("copilot.providers.moshi.ear.FALLBACK_S", 0.1)
    given, back, hired = plan(), threading.Event(), list[LocalLink]()

    def hire() -> LocalLink:
        if hired:
            back.wait(10)
        hired.append(LocalLink(given, models()))
        return hired[-1]

    engine = Engine(given, hire, reserve=False)
    engine.start()
    other = Recorder(0.1, error)
    listener = MoshiListener(engine, Personas(Persona(), Path("nowhere")), other)
    ear = await listener.open(started())
    words: list[Word] = []
    ticks = []
    async for turn in live(turns(90), 0.02):
        if turn.tick == 5:
            hired[0].kill()
        if turn.tick == 45:
            back.set()
        heard = await ear.hear(turn)
        ticks.append(heard.tick)
        words += heard.customer.words if turn.tick < 45 else ()
        if turn.tick > 45 and not ear.seat.behind and not ear.stand_in.listens:
            break
    assert ticks == list(range(len(ticks)))
    assert ear.seat.lost == 0
    if not error:
        gone = other.ticks[0]
        assert 5 <= gone <= 12, "from when the engine was found gone"
        assert other.ticks == list(range(gone, gone + len(other.ticks)))
        assert [word.end for word in words if word.text == "a"] == list(range(gone + 1, 46))
        assert other.closed == 1
    await ear.close()
    await listener.close()


async def test_another_ear_ends_though_answers_come_a_tick_later(listener: MoshiListener) -> None:
    """In a full engine most calls wait for the others longer than a tick waits for them."""
    ear = await listener.open(started())
    other = Recorder()
    ear.stand_in = StandIn(other, started())
    ear.stand_in.begin()
    await asyncio.sleep(0)
    link = listener.engine._link
    assert isinstance(link, LocalLink)
    assert link.worker is not None
    ear._patience, ear._lockstep = 0.01, False
    worker, link.worker = link.worker, None
    given = turns(10)
    for _ in range(4):
        await ear.hear(next(given))
        if ear.seat.sent > 1:
            link.worker, late = worker, ear.seat.sent
            worker._board.written[0] = late - 1
            link.poke()
            listener.engine._drain()
            worker._board.written[0], link.worker = late, None
    assert ear.seat.sent - ear.seat.told == 1
    assert not ear.stand_in.listens
    assert other.closed == 1
    link.worker = worker
    await ear.close()


def test_frames_have_the_ticks_of_the_call() -> None:
    axis = Axis()
    for number, tick in [(10, 0), (11, 1), (12, 7), (13, 8)]:
        axis.note(number, tick)
    assert [axis.tick(number) for number in (9, 10, 11, 12, 13, 14)] == [0, 0, 1, 7, 8, 9]


def test_party_order_is_that_of_the_frames() -> None:
    assert list(Party) == [Party.AGENT, Party.CUSTOMER]
