"""Micro-turns: both parties' samples on one 80 ms grid."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.core.vocabulary import TICK_MS, Party

Pcm = NDArray[np.float32]
"""Mono samples in -1 … 1, float32 ``[n]``."""

TICK = TICK_MS / 1000
"""Seconds in a tick."""
HOLD = 0.2
"""How long a tick waits for a party whose sound has not come, seconds.

More than drift, jitter and the wait for a lost packet together, so that only a leg that gives
nothing at all is cut short.
"""
DRIFT = 0.04
"""How far a party may be off the clock before 20 ms of its silence are dropped or repeated, s."""
WINDOW = 20
"""How far back the quickest packet is looked for when a track is laid on the clock, seconds.

At a skew of 200 ppm the estimate is 4 ms old at most; with 30 ms of jitter it errs by 1 ms.
"""
SILENT = 1e-3
"""Root mean square that is silence whatever the background, -60 dB of full scale."""
FLOOR = 1.5
"""How far over the background a block may be and still be silent, 3.5 dB."""
FLOOR_RISE = 1.008
"""How fast the estimate of the background rises per tick: tenfold in 23 s without a pause."""


class MicroTurn(NamedTuple):
    """Both parties in one tick."""

    tick: int
    agent: Pcm
    """``rate * 0.08`` samples at the listener's rate: 1,920 at 24 kHz, 1,280 at 16 kHz."""
    customer: Pcm


def frame_samples(rate: int) -> int:
    """Samples of one party in one tick."""
    return rate * TICK_MS // 1000


def micro_turns(agent: Pcm, customer: Pcm, rate: int) -> Iterator[MicroTurn]:
    """A recorded call as it would have been heard; silence fills the shorter party's end."""
    size = frame_samples(rate)
    for tick in range(-(-max(agent.size, customer.size) // size)):
        cut = slice(tick * size, (tick + 1) * size)
        yield MicroTurn(tick, _padded(agent[cut], size), _padded(customer[cut], size))


def _padded(samples: Pcm, size: int) -> Pcm:
    return np.concatenate((samples, np.zeros(size - samples.size, np.float32)))


class Framer:
    """One party's samples in order: gaps become silence, repeats are dropped."""

    def __init__(self) -> None:
        self._chunks: deque[Pcm] = deque()
        self.start: int | None = None
        """Position of the next sample to be taken; None before the first."""
        self.have = 0
        """Samples that can be taken."""

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return (self.start or 0) + self.have

    def begin(self, at: int) -> None:
        """Let the first sample to be taken have the position `at`."""
        assert self.start is None
        self.start = at

    def push(self, at: int, samples: Pcm) -> None:
        """Take samples whose first one has the position `at`."""
        if not samples.size:
            return
        if self.start is None:
            self.begin(at)
        if at > self.end:
            # a view of one zero, so that a long gap takes no memory
            self._append(np.broadcast_to(np.float32(0), (at - self.end,)))
        self._append(samples[self.end - at :])

    def skip(self, samples: int) -> None:
        """Let what comes next follow `samples` later without silence between."""
        assert self.have == 0
        assert self.start is not None
        self.start += samples

    def peek(self, samples: int) -> Pcm:
        """A copy of the next samples, ended by silence where there are too few."""
        out = np.zeros(samples, np.float32)
        done = 0
        for chunk in self._chunks:
            part = chunk[: samples - done]
            out[done : done + part.size] = part
            done += part.size
            if done == samples:
                break
        return out

    def drop(self, samples: int) -> None:
        """Let go of the next samples, or of what there is."""
        left = min(samples, self.have)
        self.have -= left
        if self.start is not None:
            self.start += left
        while left:
            chunk = self._chunks.popleft()
            if chunk.size > left:
                self._chunks.appendleft(chunk[left:])
            left -= min(left, chunk.size)

    def _append(self, samples: Pcm) -> None:
        if samples.size:
            self._chunks.append(samples)
            self.have += samples.size


class _Quickest:
    """The least of (arrival - position) in a sliding window: where a track lies on the clock."""

    def __init__(self) -> None:
        self._least: deque[tuple[int, float]] = deque()

    def add(self, arrival: float, offset: float) -> None:
        second = int(arrival)
        if self._least and self._least[-1][0] == second:
            offset = min(offset, self._least.pop()[1])
        while self._least and self._least[-1][1] >= offset:
            self._least.pop()
        self._least.append((second, offset))
        while self._least[0][0] < second - WINDOW:
            self._least.popleft()

    @property
    def offset(self) -> float:
        return self._least[0][1]


class _Lane:
    """One party on the grid: takes its sound in the track's positions, gives 80 ms frames."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frame = frame_samples(rate)
        self._block = rate // 50
        self._limit = int(DRIFT * rate)
        self._framer = Framer()
        self._clock = _Quickest()
        self._floor = SILENT
        self.given = 0
        """Samples that have been given to the grid."""
        self.dropped = 0
        self.repeated = 0

    def push(self, at: int, samples: Pcm, arrival: float | None, origin: float) -> None:
        if arrival is not None:
            self._clock.add(arrival, arrival - origin - (at + samples.size) / self._rate)
        elif self._framer.start is None:
            return  # nothing is known yet of where it lies
        if self._framer.start is None:
            lead = at + round(self._clock.offset * self._rate) - self.given
            self._framer.begin(at - max(0, lead))
        gap = at - self._framer.end
        if gap > 0 and not self._framer.have:
            # silence was given while the party was missing: it stands for as much of this gap
            self._framer.skip(min(gap, max(0, self.drift)))
        self._framer.push(at, samples)

    @property
    def offset(self) -> float:
        """When the track's position 0 came, seconds after the grid's origin."""
        return self._clock.offset

    @property
    def drift(self) -> int:
        """How much later the party is given than the clock says, samples."""
        if self._framer.start is None:
            return 0
        return self.given - self._framer.start - round(self._clock.offset * self._rate)

    @property
    def ready(self) -> bool:
        """Whether the next frame is there: never cut short in the middle of speech."""
        have = self._framer.have
        if have < self._frame - self._block:
            return False
        if have < self._frame + self._change():
            return False
        return have >= self._frame or self._silent_block(self._framer.peek(have)) is not None

    def take(self) -> Pcm:
        """The next frame; silence where there is too little."""
        samples = self._changed()
        if samples is None:
            samples = self._framer.peek(self._frame)
            if self._framer.have >= self._frame:  # the silence of a missing party is no background
                self._learn(samples)
            self._framer.drop(self._frame)
        self.given += self._frame
        return samples

    def _learn(self, samples: Pcm) -> None:
        least = float(_levels(samples, self._block).min())
        self._floor = max(SILENT / FLOOR, min(least, self._floor * FLOOR_RISE))

    def _change(self) -> int:
        """How many samples more or fewer than a frame the next one should use up."""
        drift = self.drift
        if drift > self._limit:
            return self._block
        return -self._block if drift < -self._limit else 0

    def _silent_block(self, samples: Pcm) -> int | None:
        levels = _levels(samples, self._block)
        quietest = int(np.argmin(levels))
        return quietest if levels[quietest] <= self._floor * FLOOR else None

    def _changed(self) -> Pcm | None:
        """A frame with 20 ms of silence dropped or repeated; None where that is not to be."""
        change = self._change()
        take = self._frame + change
        if not change or self._framer.have < take:
            return None
        samples = self._framer.peek(take)
        block = self._silent_block(samples)
        if block is None:
            return None
        self._framer.drop(take)
        cut = block * self._block
        if change > 0:
            self.dropped += 1
            return np.concatenate((samples[:cut], samples[cut + self._block :]))
        self.repeated += 1
        return np.concatenate((samples[: cut + self._block], samples[cut:]))


def _levels(samples: Pcm, block: int) -> NDArray[np.float32]:
    """Root mean square of each block, float32 ``[blocks]``."""
    blocks = samples[: samples.size // block * block].reshape(-1, block)
    powers: NDArray[np.float32] = np.einsum("ij,ij->i", blocks, blocks) / block
    return np.sqrt(powers)


class Aligner:
    """Both parties on one grid of 80 ms that follows the listener's clock.

    Times are seconds of one steady clock. A frame of both is given as soon as both are there, or
    when the grid's time for it is `hold` over: who is missing then is heard as silence, and what
    still comes of him is heard later rather than not at all; the delay goes away in his silences.
    """

    def __init__(self, rate: int, hold: float = HOLD) -> None:
        self.rate = rate
        self._hold = hold
        self._lanes = {party: _Lane(rate) for party in Party}
        self._agent, self._customer = self._lanes[Party.AGENT], self._lanes[Party.CUSTOMER]
        self._origin: float | None = None
        self._tick = 0

    def push(self, party: Party, at: int, samples: Pcm, arrival: float | None) -> None:
        """Take sound of a party from position `at` of its own timeline.

        `arrival` is when its last sample came, None for sound that was made up.
        """
        if self._origin is None:
            if arrival is None:
                return
            self._origin = arrival - samples.size / self.rate
        self._lanes[party].push(at, samples, arrival, self._origin)

    def turns(self, now: float) -> Iterator[MicroTurn]:
        """The micro-turns that are due."""
        while self._origin is not None:
            whole = self._agent.ready and self._customer.ready
            if not whole and now < self.due(self._tick) + self._hold:
                return
            tick = self._tick
            self._tick += 1
            yield MicroTurn(tick, self._agent.take(), self._customer.take())

    def due(self, tick: int) -> float:
        """When the last sound of a tick is spoken by the clock; infinity before the first sound."""
        return float("inf") if self._origin is None else self._origin + (tick + 1) * TICK

    def drift(self, party: Party) -> float:
        """How much later than the clock says a party is given, seconds."""
        return self._lanes[party].drift / self.rate

    def offset(self, party: Party) -> float:
        """When position 0 of a party's timeline came, seconds; only after sound of that party."""
        return (self._origin or 0.0) + self._lanes[party].offset
