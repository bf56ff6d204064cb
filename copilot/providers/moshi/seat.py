"""A call's place in the engine, as the serving process knows it."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from copilot.providers.moshi import wire
from copilot.providers.moshi.board import DEPTH, Board, Pcm
from copilot.providers.moshi.plan import Role

CAUGHT_UP = 2
"""Frames that wait for an answer in a call that goes well: one that has just come, and one that the
engine is at."""

SEAM = 12
"""Frames after those heard again in which words of theirs may still come: a recogniser's delay."""

_serials = itertools.count(1)
_whispers = itertools.count(1)


class Unspoken(Exception):
    """The engine has no voice for this line now."""


class Answer(NamedTuple):
    """What a frame brought."""

    number: int
    result: wire.Result
    again: bool
    """The frame was answered before: a new worker heard it to find its way."""
    seam: bool
    """Its words may be those that the worker before has told, with other ends."""


class Axis:
    """From numbers of frames to ticks of the call."""

    def __init__(self) -> None:
        self._breaks: deque[tuple[int, int]] = deque(maxlen=DEPTH)
        """(first frame, its tick) wherever ticks did not follow each other."""
        self._next: tuple[int, int] | None = None

    def note(self, number: int, tick: int) -> None:
        if self._next != (number, tick):
            self._breaks.append((number, tick))
        self._next = number + 1, tick + 1

    def tick(self, number: int) -> int:
        """Of a frame, or of the end of the one before it; 0 before the first."""
        start, at = next(
            (one for one in reversed(self._breaks) if one[0] <= number), self._breaks[0]
        )
        return max(0, at + number - start)


class Seat:
    """One call; `post` sends a command to the worker there is."""

    def __init__(
        self, number: int, board: Board, role: Role, post: Callable[[wire.ToWorker], None]
    ) -> None:
        self.number, self.serial, self.role = number, next(_serials), role
        self.axis = Axis()
        self._board, self._post = board, post
        self.first = self.read = int(board.written[number])
        """Its first frame; and the first one of which no answer was taken."""
        self.told = self.read
        """The first frame that was never answered."""
        self._seam = self.told
        self.away = False
        """There is no worker."""
        self.lost = 0
        """Frames that nobody heard: the worker was away for too long."""
        self._answers: list[Answer] = []
        self._news = asyncio.Event()
        self._whisper: tuple[int, asyncio.Queue[Pcm | Unspoken | None]] | None = None
        board.forget(number, self.first)

    @property
    def sent(self) -> int:
        """Frames so far, by number."""
        return int(self._board.written[self.number])

    @property
    def behind(self) -> bool:
        """More frames wait for an answer than do in any call that goes well."""
        return self.sent - self.told > CAUGHT_UP

    def push(self, tick: int, agent: Pcm, customer: Pcm, flags: int) -> int:
        number = self._board.send(self.number, self.serial, flags, agent, customer)
        self.axis.note(number, tick)
        return number

    def collect(self) -> None:
        """Take what the worker has answered since."""
        answered = int(self._board.answered[self.number])
        for number in range(self.read, answered):
            found = self._board.result(self.number, number, self.serial)
            if found is None:
                self.lost += number >= self.told
            else:
                result = wire.result.decode(found[0])
                again, seam = number < self.told, number < self._seam
                self._answers.append(Answer(number, result, again, seam))
                self._hear(result, found[1])
        if answered > self.read:
            self.read = answered
            self.told = max(self.told, answered)
            self._news.set()

    def take(self) -> list[Answer]:
        """Answers that have come since the last time."""
        answers, self._answers = self._answers, []
        return answers

    async def answered(self, number: int, seconds: float, patient: bool = False) -> bool:
        """Wait until the frame is answered; False: it took longer, or there is no worker.

        `patient`: another worker is waited for as well.
        """
        try:
            async with asyncio.timeout(seconds):
                while self.told <= number:
                    if self.away and not patient:
                        return False
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    # -- a worker that comes and goes

    def leave(self) -> None:
        """The worker is gone; so is what it was saying."""
        self.away = True
        if self._whisper is not None:
            self._whisper[1].put_nowait(Unspoken("the engine's worker ended"))
        self._news.set()

    def enter(self, replay: int) -> wire.Open:
        """Ask a new worker to go on: it hears the last `replay` answered frames again."""
        oldest = max(self.first, self.sent - DEPTH + DEPTH // 8)
        begin = max(oldest, min(self.told, self.sent) - replay)
        self.lost += max(0, oldest - self.told)
        self._board.answered[self.number] = begin
        self._seam = self.told + SEAM if begin < self.told else self.told
        self.read, self.away = begin, False
        return wire.Open(self.number, self.serial, begin, self.role)

    # -- whispers

    async def whisper(self, text: str) -> AsyncGenerator[Pcm, None]:
        """The line's sound, frame by frame; leaving the loop ends it. Raises Unspoken where there
        is no voice for it."""
        number, arrived = next(_whispers), asyncio.Queue[Pcm | Unspoken | None]()
        if self.away:
            raise Unspoken("the engine's worker is being replaced")
        if self._whisper is not None:
            self._whisper[1].put_nowait(None)  # this line ends the one before it
        self._whisper = number, arrived
        self._post(wire.Speak(self.number, self.serial, number, text))
        try:
            while (one := await arrived.get()) is not None:
                if isinstance(one, Unspoken):
                    raise one
                yield one
        finally:
            if self._whisper is not None and self._whisper[0] == number:
                self._whisper = None
                self._post(wire.Stop(self.number, self.serial))

    def unspoken(self, whisper: int, why: str) -> None:
        if self._whisper is not None and self._whisper[0] == whisper:
            self._whisper[1].put_nowait(Unspoken(why))

    def _hear(self, result: wire.Result, sound: Pcm) -> None:
        if self._whisper is None or self._whisper[0] != result.whisper:
            return
        if result.sounds:
            self._whisper[1].put_nowait(sound)
        if result.last:
            self._whisper[1].put_nowait(None)
