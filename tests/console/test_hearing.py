"""The ear's test: an ear that is too slow or deaf is told, and every ear is closed."""

import asyncio

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn
from copilot.console import hearing
from copilot.core.events import CallStarted, Heard
from copilot.core.vocabulary import Hearing, Word


class Ear:
    """Says a word at its third tick, and takes its time."""

    def __init__(self, seconds: float) -> None:
        self.turns: list[MicroTurn] = []
        self.closed = False
        self._seconds = seconds

    async def hear(self, turn: MicroTurn) -> Heard:
        await asyncio.sleep(self._seconds)
        self.turns.append(turn)
        said = (Word("yes", 1, 2),) if turn.tick == 2 else ()
        return Heard(turn.tick, customer=Hearing(speech=70, words=said))

    async def close(self) -> None:
        self.closed = True


class Listener:
    rate = 24_000

    def __init__(self, seconds: float = 0.0) -> None:
        self.ear = Ear(seconds)

    async def open(self, call: CallStarted) -> Ear:
        return self.ear

    async def close(self) -> None: ...


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "SECONDS", 0.4)
    monkeypatch.setattr(hearing, "TAIL", 2)


async def test_it_hears_whole_ticks_at_its_own_rate_and_is_closed() -> None:
    listener, sound = Listener(), hearing.tone()
    heard = await hearing.hear(listener, sound)
    assert [turn.customer.size for turn in listener.ear.turns] == [1920] * 7
    assert max(np.abs(turn.customer).max() for turn in listener.ear.turns) > 0.2
    assert not any(turn.agent.any() for turn in listener.ear.turns)
    assert (heard.words, heard.speech, heard.ticks) == ("yes", 70, 7)
    assert heard.fault(sound) == ""
    assert listener.ear.closed


async def test_an_ear_that_is_slower_than_talk_is_told() -> None:
    sound = hearing.tone()
    heard = await hearing.hear(Listener(0.09), sound)
    assert "over the 80 ms that a call has" in heard.fault(sound)
