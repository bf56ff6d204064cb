"""The worker in this process: its board, its clock, its answers, what it leaves out when busy."""

from collections.abc import Iterator

import numpy as np
import pytest

from copilot.errors import ConfigError
from copilot.providers.moshi import board as boards
from copilot.providers.moshi import wire
from copilot.providers.moshi.board import DEPTH, RESULT, Board
from copilot.providers.moshi.gauges import Gauge
from copilot.providers.moshi.plan import Role
from copilot.providers.moshi.shedding import BUSY_TURNS, CALM_TURNS, TICK_S, Shed, Shedding
from copilot.providers.moshi.worker import Worker, _packed
from tests.providers.moshi.sound import Talk, board, models, plan


class Desk:
    """A worker with a clock that stands still unless it is moved."""

    def __init__(self, calls: int = 4) -> None:
        given = plan(calls)
        self.board = board(given)
        self.told: list[wire.FromWorker] = []
        self.now = 0.0
        self.worker = Worker(models(), given, self.board, self.told.append, lambda: self.now)
        self.talks: dict[int, Talk] = {}

    def open(self, seat: int, serial: int = 1, role: Role | None = None) -> None:
        first = int(self.board.written[seat])
        self.board.forget(seat, first)
        self.worker.take(wire.Open(seat, serial, first, role or Role()))
        self.talks[seat] = Talk(seat)

    def send(self, *seats: int, serial: int = 1) -> None:
        for seat in seats:
            sound = self.talks[seat].tick(int(self.board.written[seat]))
            self.board.send(seat, serial, 0, sound.agent, sound.customer)

    def answered(self, seat: int) -> int:
        return int(self.board.answered[seat])


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.board.close()


def test_a_turn_waits_for_all_calls_but_not_beyond_the_tick(desk: Desk) -> None:
    desk.open(0)
    desk.open(1)
    assert not desk.worker.due()
    desk.send(0, 1)
    assert desk.worker.due()
    assert desk.worker.turn() == 2
    desk.now += 0.01
    desk.send(0)
    assert not desk.worker.due()
    desk.now += TICK_S
    assert desk.worker.due()
    assert desk.worker.turn() == 1
    desk.send(0)
    assert desk.worker.due(), "nobody waits for a call that was late already"
    desk.worker.turn()
    assert (desk.answered(0), desk.answered(1)) == (3, 1)
    desk.send(1, 1, 1)
    desk.now += TICK_S
    assert desk.worker.turn() == 3, "a late call catches up"
    assert desk.answered(1) == 4
    assert desk.told.count(wire.Turned()) == 4


def test_frames_of_the_call_before_are_not_heard(desk: Desk) -> None:
    desk.open(0, serial=1)
    desk.send(0, serial=1)
    desk.worker.take(wire.Close(0, 1))
    desk.board.forget(0, 1)
    desk.worker.take(wire.Open(0, 2, 0, Role()))
    desk.send(0, serial=2)
    assert desk.worker.turn() == 1
    assert desk.answered(0) == 2
    assert desk.board.result(0, 0, 1) is None
    assert desk.board.result(0, 1, 2) is not None
    desk.worker.take(wire.Stop(0, 1))
    desk.worker.take(wire.Close(0, 1))
    assert 0 in desk.worker.calls, "an order of the call before is none of this one's"


def test_a_call_that_was_left_alone_for_too_long_goes_on(desk: Desk) -> None:
    desk.open(0)
    desk.send(*[0] * (DEPTH + 30))
    while desk.worker.turn():
        pass
    assert desk.answered(0) == DEPTH + 30
    assert desk.board.history(0, DEPTH + 30).shape[1] <= DEPTH


def test_a_role_that_cannot_be_read_is_told_and_the_call_goes_on(desk: Desk) -> None:
    role = Role("a" * 200)
    desk.worker.take(wire.Prepare(role))
    (told,) = desk.told
    assert isinstance(told, wire.Prepared)
    assert "shorten the role" in told.error
    desk.open(0, role=role)
    desk.send(0)
    assert desk.worker.turn() == 1


def test_a_line_that_cannot_be_said_is_told(desk: Desk) -> None:
    desk.open(0)
    desk.worker.take(wire.Speak(0, 1, 7, "123"))
    assert desk.told == [wire.Unspoken(0, 1, 7, "a text to be said: '123' has no word; give one "
                                       "or more")]  # fmt: skip


def test_what_takes_too_long_is_left_out_and_taken_up_again(desk: Desk) -> None:
    """The wish goes first; once there is time the model remembers what it has not heard."""
    desk.open(0)
    for _ in range(5):
        desk.send(0)
        desk.worker.turn()
    for _ in range(BUSY_TURNS):
        desk.worker.shedding.note(TICK_S)
    desk.send(0, 0)
    desk.worker.turn()
    assert 0 not in desk.worker.calls.chair
    assert desk.board.gauges[Gauge.SHED] == Shed.WISH
    found = desk.board.result(0, desk.answered(0) - 1, 1)
    assert found is not None
    assert wire.result.decode(found[0]).wish == 0
    for _ in range(CALM_TURNS):
        desk.worker.shedding.note(0.001)
    desk.send(0)
    desk.worker.turn()
    assert 0 in desk.worker.calls.chair
    assert desk.board.history(0, 99).shape[1] == 8


def test_shedding_keeps_the_designs_order() -> None:
    shedding, levels = Shedding(), []
    for _ in range(4 * BUSY_TURNS):
        shedding.note(TICK_S)
        levels.append(shedding.level)
    assert list(dict.fromkeys(levels)) == [
        Shed.NOTHING,
        Shed.WISH,
        Shed.DETAIL,
        Shed.NEW_CALLS,
    ]
    shedding.note(0.9 * TICK_S)
    for _ in range(3 * CALM_TURNS):
        shedding.note(0.1 * TICK_S)
    assert shedding.level == Shed.NOTHING
    for _ in range(BUSY_TURNS - 1):
        shedding.note(TICK_S)
    shedding.note(0.5 * TICK_S)
    shedding.note(TICK_S)
    assert shedding.level == Shed.NOTHING, "some slow turns are nothing"


def test_results_always_fit() -> None:
    words = tuple(wire.Spoken("é" * 60, n, n + 1) for n in range(40))
    voiced = wire.Voiced(words, "é" * 400, 50)
    body = _packed(wire.Result(voiced, voiced, 50, "é" * 100, 3, True, True))
    assert len(body) <= RESULT
    assert wire.result.decode(body).last


def test_a_board_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"ear\.calls = 100000: .* MB of shared memory"):
        Board.make(100_000, 17, 62)
    monkeypatch.setattr(boards, "SHM", "/nowhere")
    Board.make(1, 17, 62).close()


def test_a_board_is_seen_from_both_sides() -> None:
    mine = Board.make(2, 17, 62)
    theirs = Board.attach(mine.name, 2, 17, 62)
    sound = np.linspace(-1, 1, 1920, dtype=np.float32)
    mine.send(1, 9, 5, sound, -sound)
    frame = theirs.frame(1, 0)
    assert frame is not None
    assert (frame.serial, frame.flags) == (9, 5)
    assert np.array_equal(frame.sound, np.stack((sound, -sound)))
    theirs.answer(1, 0, 9, b"said", sound)
    found = mine.result(1, 0, 9)
    assert found is not None
    assert found[0] == b"said"
    assert mine.result(1, 0, 8) is None
    theirs.close()
    mine.close()
