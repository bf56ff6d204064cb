"""The duplex ear in calls: every tick answered, garbage survived, a wish only where it counts."""

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn
from copilot.core.call import replay
from copilot.core.events import CallStarted, Party, Word
from copilot.core.policy import Policy
from copilot.errors import NoPlace
from copilot.providers.moshi.ear import MoshiListener, Silences, Words
from copilot.providers.moshi.link import LocalLink
from copilot.providers.moshi.seat import Axis
from copilot.providers.moshi.shedding import BUSY_TURNS
from copilot.session import Parts, Session
from tests.providers.moshi.calling import Notes, Shelf, live, turns


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


def test_frames_have_the_ticks_of_the_call() -> None:
    axis = Axis()
    for number, tick in [(10, 0), (11, 1), (12, 7), (13, 8)]:
        axis.note(number, tick)
    assert [axis.tick(number) for number in (9, 10, 11, 12, 13, 14)] == [0, 0, 1, 7, 8, 9]


def test_party_order_is_that_of_the_frames() -> None:
    assert list(Party) == [Party.AGENT, Party.CUSTOMER]
