"""The engine's worker: takes commands and frames, keeps time, and tells what each frame brought.

It is the same in a process of its own and inside the serving process; there `child` runs it, here
whoever has it calls `turn`.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from copilot.engine.errors import EngineError
from copilot.engine.stt import Recognised
from copilot.providers.moshi import wire
from copilot.providers.moshi.board import RESULT, SAMPLES, Board
from copilot.providers.moshi.calls import Calls, Sound, Told
from copilot.providers.moshi.cast import Cast, Read
from copilot.providers.moshi.gauges import Gauge
from copilot.providers.moshi.models import Models
from copilot.providers.moshi.plan import Plan, Role
from copilot.providers.moshi.shedding import TICK_S, Shed, Shedding

PASSES = 4
"""Frames of a call that one turn may take, so that a call that was late catches up: as many as the
tick has time for."""
CATCH_UP_TURNS = 4
"""Every so many turns take a second frame also where there is no time for it: the other calls wait
for that once, and nobody stays late for good."""
HORIZON = 2
"""Pause head that is told: that the speaker has finished for 2 s, the one that all users take."""
WARM_UPS = 3
TURNS = 256
"""Turns that gauges look back on."""

Say = Callable[[wire.FromWorker], None]


@dataclass
class _Call:
    serial: int
    role: Role
    first: int
    """Number of the frame with which the recogniser began."""
    next: int
    late: bool = False
    """It had no frame at the last turn, so nobody waits for it."""
    whisper: int = 0


class Worker:
    """One engine, its board and its seats."""

    def __init__(
        self,
        models: Models,
        plan: Plan,
        board: Board,
        say: Say,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls = Calls(models, plan.calls, plan.whispers)
        self.shedding = Shedding()
        self._board, self._say, self._clock = board, say, clock
        self._seats: dict[int, _Call] = {}
        self._cast = Cast(models, self.calls.chair)
        self._lockstep = plan.lockstep
        self._deadline = clock()
        self._turns = 0
        self._took: deque[float] = deque(maxlen=TURNS)

    # -- commands

    def take(self, command: wire.ToWorker) -> None:
        match command:
            case wire.Prepare(role, codes):
                self._cast.ask(role, codes)
                if codes and (read := self._cast.step(role)):  # calls with it come next
                    self._tell_read(read)
            case wire.Open(seat, serial, first, role):
                self._open(seat, _Call(serial, role, first, first))
            case wire.Close(seat, serial) if self._is(seat, serial):
                self._close(seat)
            case wire.Speak(seat, serial, whisper, text) if self._is(seat, serial):
                self._speak(seat, whisper, text)
            case wire.Stop(seat, serial) if self._is(seat, serial):
                self.calls.stop(seat)

    def _is(self, seat: int, serial: int) -> bool:
        return seat in self._seats and self._seats[seat].serial == serial

    def _open(self, seat: int, call: _Call) -> None:
        if seat in self._seats:
            self._close(seat)
        try:
            known = self._cast.get(call.role)
        except EngineError as error:  # the call goes on without
            self._say(wire.Prepared(call.role, str(error)))
            call.role = Role()
            known = self._cast.get(call.role)
        again = self._board.history(seat, call.first).shape[1] > 0
        self.calls.open(seat, known.persona, known.prompt, listens=not again)
        self._seats[seat] = call

    def _close(self, seat: int) -> None:
        del self._seats[seat]
        self.calls.close(seat)
        if not self._seats:  # nobody is left to be measured, so this would stand for ever
            self.shedding, self.calls.shed = Shedding(), Shed.NOTHING
            self._board.gauges[Gauge.SHED] = Shed.NOTHING

    def _speak(self, seat: int, whisper: int, text: str) -> None:
        try:
            self.calls.speak(seat, text)
        except EngineError as error:
            self._say(wire.Unspoken(seat, self._seats[seat].serial, whisper, str(error)))
        else:
            self._seats[seat].whisper = whisper

    @property
    def reads(self) -> bool:
        """Whether a role waits to be read."""
        return self._cast.reads

    def read_on(self) -> bool:
        """Go on reading a role that was asked for; False where there is none."""
        if not self._cast.reads:
            return False
        read = self._cast.step()
        if read is not None:
            self._tell_read(read)
        return True

    def _tell_read(self, read: Read) -> None:
        self._say(wire.Prepared(*read))
        self._cast.let_go({read.role, *(call.role for call in self._seats.values())})

    # -- ticks

    def warm_up(self) -> None:
        """Run what a tick runs, a whisper included, so that no call pays for the first time."""
        silence = np.zeros(SAMPLES, np.float32)
        self.calls.open(0)
        self.calls.speak(0, "ready")
        for _ in range(WARM_UPS):
            self.calls.tick({0: Sound(silence, silence, ended=(True, True))})
        self.calls.close(0)

    def beat(self) -> None:
        """Say that this worker lives."""
        self._board.gauges[Gauge.BEAT] = time.monotonic_ns()

    def due(self) -> bool:
        """Whether a turn is to be taken: everyone's frame has come, or the tick is over."""
        waiting = {seat for seat, call in self._seats.items() if self._waiting(seat, call)}
        if not waiting:
            return False
        awaited = {seat for seat, call in self._seats.items() if not call.late}
        return awaited <= waiting or self._clock() >= self._deadline

    def turn(self) -> int:
        """Hear what has come, and tell it; the number of frames that were heard."""
        started = self._clock()
        self._deadline = started + TICK_S
        self._turns += 1
        heard = 0
        for number in range(PASSES):
            sounds = self._gather()
            if number == 0:
                for seat, call in self._seats.items():
                    call.late = seat not in sounds
            if not sounds:
                break
            since = self._clock()
            for seat, told in self.calls.tick(sounds).items():
                self._tell(seat, told)
            self.beat()
            heard += len(sounds)
            if number == 0:
                self._note(self._clock() - since)
            now = self._clock()
            another = 2 * now - since <= started + TICK_S
            if not another and (number or self._turns % CATCH_UP_TURNS):
                break
        if heard:
            self._say(wire.Turned())
        return heard

    def _waiting(self, seat: int, call: _Call) -> bool:
        return int(self._board.written[seat]) > call.next

    def _gather(self) -> dict[int, Sound]:
        """The next frame of every call that has one."""
        sounds = {}
        for seat, call in self._seats.items():
            while self._waiting(seat, call):
                frame = self._board.frame(seat, call.next)
                if frame is not None and frame.serial == call.serial:
                    sounds[seat] = _sound(frame.flags, frame.sound)
                    break
                call.next += 1  # it was overwritten: the call has been left alone for too long
                call.first += 1
        return sounds

    def _tell(self, seat: int, told: Told) -> None:
        call, number = self._seats[seat], self._seats[seat].next
        last = bool(call.whisper) and not told.whispering
        agent, customer = (self._voiced(call, one) for one in (told.agent, told.customer))
        result = wire.Result(
            agent,
            customer,
            round(100 * told.wish),
            told.upcoming[-100:],
            call.whisper,
            told.spoken is not None,
            last,
        )
        self._board.remember(seat, number, told.frame)
        self._board.answer(seat, number, call.serial, _packed(result), told.spoken)
        call.next += 1
        if last:
            call.whisper = 0

    def _voiced(self, call: _Call, told: Recognised) -> wire.Voiced:
        """Ticks of the recogniser are those of its forwards: frame 0 is its second."""
        spoken = tuple(
            wire.Spoken(
                word.text[:60],
                call.first + max(0, word.start - 1),
                call.first + max(1, word.end - 1),
            )
            for word in told.words
            if word.text
        )
        pause = round(100 * told.pauses[HORIZON]) if len(told.pauses) > HORIZON else -1
        return wire.Voiced(spoken, told.partial[-200:], pause)

    def _note(self, seconds: float) -> None:
        """Measure, and leave out what there is no time for, or take one call's up again."""
        self._took.append(seconds)
        self.shedding.note(0.0 if self._lockstep else seconds)
        level = self.calls.shed = self.shedding.level
        gauges = self._board.gauges
        gauges[Gauge.SHED], gauges[Gauge.TURNS] = level, gauges[Gauge.TURNS] + 1
        took = sorted(self._took)
        gauges[Gauge.P50_US] = 1e6 * took[len(took) // 2]
        gauges[Gauge.P90_US] = 1e6 * took[-1 - len(took) // 10]
        gauges[Gauge.P99_US] = 1e6 * took[-1 - len(took) // 100]
        chair = self.calls.chair
        if level >= Shed.WISH:
            for seat in self._seats:
                if not chair.whispering(seat):
                    chair.close(seat)
            return
        self._take_up()

    def _take_up(self) -> None:
        """Let the duplex model listen to one call that it has been left out of, once that has
        caught up: what was said meanwhile is read in one pass, which takes its time."""
        chair = self.calls.chair
        for seat, call in self._seats.items():
            if seat not in chair and not self._waiting(seat, call):
                known = self._cast.get(call.role)
                history = self._board.history(seat, call.next)
                with suppress(EngineError):  # no memory for it now: the next turn tries again
                    chair.open(seat, known.persona, known.prompt, history)
                return


def _sound(flags: int, sound: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Sound:
    quiet, ended = (bool(flags & 1), bool(flags & 2)), (bool(flags & 4), bool(flags & 8))
    return Sound(sound[0], sound[1], quiet, ended)


def _packed(result: wire.Result) -> bytes:
    """The result in the room that there is; guesses are what it can do without."""
    body = wire.encode(result)
    if len(body) <= RESULT:
        return body
    bare = [wire.Voiced(one.words[:8], "", one.pause) for one in (result.agent, result.customer)]
    return wire.encode(
        wire.Result(bare[0], bare[1], result.wish, "", result.whisper, result.sounds, result.last)
    )
