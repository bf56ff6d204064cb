"""The worker in this process: its board, its clock, its answers, what it leaves out when busy."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from copilot.audio import wav
from copilot.audio.frames import Pcm
from copilot.errors import ConfigError
from copilot.providers.moshi import board as boards
from copilot.providers.moshi import wire
from copilot.providers.moshi.board import DEPTH, RESULT, Board
from copilot.providers.moshi.calls import Sound, Told
from copilot.providers.moshi.gauges import Gauge
from copilot.providers.moshi.plan import Role
from copilot.providers.moshi.seat import Seat
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


def test_a_late_call_catches_up_though_ticks_take_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full engine has no time for two ticks in one: it takes it now and then, and the other call
    is never more than a frame behind."""
    hear = desk.worker.calls.tick

    def slow(sounds: Mapping[int, Sound]) -> dict[int, Told]:
        desk.now += 0.055
        return hear(sounds)

    monkeypatch.setattr(desk.worker.calls, "tick", slow)
    desk.open(0)
    desk.open(1)
    sent, waits = 0, []
    while sent < 60:
        while desk.now >= sent * TICK_S:
            desk.send(0)
            if sent >= 10:  # the other one was away, and all of it comes at once
                desk.send(*[1] * (11 if sent == 10 else 1))
            sent += 1
        if desk.worker.due():
            desk.worker.turn()
            waits.append(sent - desk.answered(0))
        else:
            desk.now += 0.002
    assert sent - desk.answered(1) <= 1
    assert max(waits) <= 2
    assert waits[-1] <= 1


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
    assert desk.worker.reads
    while desk.worker.read_on():
        pass
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


def test_a_voice_is_read_between_ticks(desk: Desk, tmp_path: Path) -> None:
    """A frame at a time, so that no call waits for seconds of recording."""
    wav.write(tmp_path / "ann.wav", wav.Recording((_tone(2.0),), 24_000))
    role = Role("kind", str(tmp_path / "ann.wav"), "1")
    desk.open(0)
    desk.worker.take(wire.Prepare(role))
    steps = 0
    while desk.worker.reads:
        desk.worker.read_on()
        desk.send(0)
        assert desk.worker.turn() == 1
        steps += 1
    assert steps == 26, "25 frames, and the prompt"
    (read,) = (one for one in desk.told if isinstance(one, wire.Prepared))
    assert (read.role, read.error) == (role, "")
    (tmp_path / "ann.wav").unlink()
    other = Desk()
    other.worker.take(wire.Prepare(role, read.codes))
    assert not other.worker.reads, "read at once"
    assert other.told == [wire.Prepared(role, "", read.codes)]
    other.board.close()


def _tone(seconds: float) -> Pcm:
    return np.asarray(0.1 * np.sin(np.arange(int(24_000 * seconds)) / 9), np.float32)


def test_roles_of_calls_are_kept_and_others_as_memory_allows(desk: Desk) -> None:
    """The window is 250 columns, and each of these roles takes 98."""
    used = Role("a" * 80)
    desk.open(0, role=used)
    for letter in "bcdef":
        desk.worker.take(wire.Prepare(Role(letter * 80)))
        while desk.worker.read_on():
            pass
    cast = desk.worker._cast
    assert used in cast
    kept = [letter for letter in "bcdef" if Role(letter * 80) in cast]
    assert "f" in kept
    assert len(kept) <= 3
    for _ in range(3):
        desk.send(0)
        desk.worker.turn()
    for _ in range(BUSY_TURNS):
        desk.worker.shedding.note(TICK_S)
    desk.send(0)
    desk.worker.turn()
    for _ in range(CALM_TURNS):
        desk.worker.shedding.note(0.001)
    desk.send(0)
    desk.worker.turn()
    assert 0 in desk.worker.calls.chair


def test_what_was_overwritten_is_told_as_lost_and_not_as_heard(desk: Desk) -> None:
    """In its place on the board is what was heard a whole ring before."""
    seat = Seat(0, desk.board, Role(), desk.worker.take)
    desk.worker.take(seat.enter(0))
    desk.talks[0] = Talk(0)
    for frames in (DEPTH, DEPTH + 30):
        for _ in range(frames):
            desk.send(0, serial=seat.serial)
        while desk.worker.turn():
            seat.collect()
        seat.collect()
    numbers = [answer.number for answer in seat.take()]
    assert numbers == [*range(DEPTH), *range(DEPTH + 30, 2 * DEPTH + 30)]
    assert seat.lost == 30


def test_calls_that_come_back_hear_first_and_wish_later(desk: Desk) -> None:
    """What they remember is read one call a turn, once they have caught up: nobody waits long."""
    for seat in range(3):
        desk.open(seat)
    for _ in range(6):
        desk.send(0, 1, 2)
        desk.worker.turn()
    fresh = Worker(models(), plan(), desk.board, desk.told.append, lambda: desk.now)
    for seat in range(3):
        desk.send(seat)
        fresh.take(wire.Open(seat, 1, 2, Role()))
    seated: list[int] = []
    while len(seated) < 12:
        fresh.turn()
        seated.append(len([seat for seat in range(3) if seat in fresh.calls.chair]))
        desk.send(0, 1, 2)
    assert [desk.answered(seat) for seat in range(3)] == [18] * 3
    assert seated[0] == 0
    assert sorted(seated) == seated
    assert seated[-1] == 3
    assert max(after - before for before, after in pairwise(seated)) == 1
