"""The memory that the serving process and the engine's worker share: rings of frames, of results,
and what each call was heard to say, which outlives a worker.

Of every ring one side writes and the other reads, and a frame counts once its number stands in
`written` or `answered`, which are single 64-bit words. Numbers of a seat never go back.
"""

import os
from multiprocessing.shared_memory import SharedMemory
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from copilot.errors import ConfigError

DEPTH = 128
"""Frames in a ring, 10 s: as long may a worker be away before sound is lost."""
SAMPLES = 1920
RESULT = 2048
"""Bytes of a result."""
SHM = "/dev/shm"  # where such memory lies on Linux

Pcm = NDArray[np.float32]


class Frame(NamedTuple):
    """What a call has sent."""

    serial: int
    flags: int
    sound: Pcm
    """[2, 1920], agent and customer."""


class Board:
    """`seats` on a piece of memory; of each call `kept` frames of `rows` tokens are remembered."""

    def __init__(self, memory: SharedMemory, seats: int, rows: int, kept: int, owner: bool) -> None:
        self._memory, self._owner = memory, owner
        self.seats, self.rows, self.kept = seats, rows, kept
        self._at = 0
        self.gauges: NDArray[np.int64] = self._array((16,), np.int64)
        self.written: NDArray[np.int64] = self._array((seats,), np.int64)
        """Frames that were sent; a worker answers them in order."""
        self.answered: NDArray[np.int64] = self._array((seats,), np.int64)
        self._since: NDArray[np.int64] = self._array((seats, 2), np.int64)
        self._notes: NDArray[np.int64] = self._array((seats, DEPTH, 3), np.int64)
        self._sounds: Pcm = self._array((seats, DEPTH, 2, SAMPLES), np.float32)
        self._sizes: NDArray[np.int64] = self._array((seats, DEPTH, 3), np.int64)
        self._results: NDArray[np.uint8] = self._array((seats, DEPTH, RESULT), np.uint8)
        self._whispers: Pcm = self._array((seats, DEPTH, SAMPLES), np.float32)
        self._history: NDArray[np.int32] = self._array((seats, kept, rows), np.int32)

    @staticmethod
    def room(seats: int, rows: int, kept: int) -> int:
        frame = 3 * 8 + 2 * SAMPLES * 4 + 3 * 8 + RESULT + SAMPLES * 4
        return 128 + seats * (4 * 8 + DEPTH * frame + kept * rows * 4)

    @classmethod
    def make(cls, seats: int, rows: int, kept: int) -> Self:
        """A new board, all zeros; raises ConfigError where there is no room for it."""
        size = cls.room(seats, rows, kept)
        if os.path.isdir(SHM):  # noqa: PTH112 - a plain question
            found = os.statvfs(SHM)
            free = found.f_bavail * found.f_frsize
            if free < size:
                raise ConfigError(
                    f"ear.calls = {seats}: {size / 1e6:.0f} MB of shared memory are needed, {SHM} "
                    f"has {free / 1e6:.0f}; give a container more (--shm-size), or take fewer calls"
                )
        return cls(SharedMemory(create=True, size=size), seats, rows, kept, True)

    @classmethod
    def attach(cls, name: str, seats: int, rows: int, kept: int) -> Self:
        return cls(SharedMemory(name), seats, rows, kept, False)

    @property
    def name(self) -> str:
        return self._memory.name

    def close(self) -> None:
        """Let go of it; whoever made it also takes it away."""
        del self.gauges, self.written, self.answered, self._since, self._notes, self._sounds
        del self._sizes, self._results, self._whispers, self._history
        self._memory.close()
        if self._owner:
            self._memory.unlink()

    # -- the serving process writes frames and reads results

    def send(self, seat: int, serial: int, flags: int, agent: Pcm, customer: Pcm) -> int:
        """The frame's number; the oldest one makes room."""
        number = int(self.written[seat])
        place = number % DEPTH
        self._sounds[seat, place, 0], self._sounds[seat, place, 1] = agent, customer
        self._notes[seat, place] = number, serial, flags
        self.written[seat] = number + 1
        return number

    def result(self, seat: int, number: int, serial: int) -> tuple[bytes, Pcm] | None:
        """What an answered frame brought, with its sound; None: it is another call's, or was left
        out, or is gone."""
        place = number % DEPTH
        size, *owner = (int(one) for one in self._sizes[seat, place])
        if owner != [serial, number]:
            return None
        body = self._results[seat, place, :size].tobytes()
        return body, self._whispers[seat, place].copy()

    # -- the worker reads frames and writes results

    def frame(self, seat: int, number: int) -> Frame | None:
        """A frame that was written; None: a later one has taken its place."""
        place = number % DEPTH
        known, serial, flags = (int(one) for one in self._notes[seat, place])
        if known != number:
            return None
        return Frame(serial, flags, self._sounds[seat, place].copy())

    def answer(self, seat: int, number: int, serial: int, body: bytes, whisper: Pcm | None) -> None:
        place = number % DEPTH
        self._results[seat, place, : len(body)] = np.frombuffer(body, np.uint8)
        if whisper is not None:
            self._whispers[seat, place] = whisper
        self._sizes[seat, place] = len(body), serial, number
        self.answered[seat] = number + 1

    # -- what a call was heard to say

    def forget(self, seat: int, number: int) -> None:
        """Nothing before this frame is remembered."""
        self._since[seat] = number, number

    def remember(self, seat: int, number: int, frame: NDArray[np.int32]) -> None:
        """How the duplex model heard a frame, or would have."""
        if number > self._since[seat, 1]:
            self.forget(seat, number)
        self._history[seat, number % self.kept] = frame
        self._since[seat, 1] = number + 1

    def history(self, seat: int, until: int) -> NDArray[np.int32]:
        """[rows, frames]: those before frame `until` that are still there."""
        since, end = (int(one) for one in self._since[seat])
        end = min(end, until)
        places = np.arange(max(since, end - self.kept), end) % self.kept
        kept: NDArray[np.int32] = self._history[seat, places].T.copy()
        return kept

    def _array(self, shape: tuple[int, ...], kind: type[Any]) -> NDArray[Any]:
        made: NDArray[Any] = np.ndarray(shape, kind, self._memory.buf, self._at)
        self._at += made.nbytes
        return made
