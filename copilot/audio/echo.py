"""Finds a whisper in what the agent's microphone sends on, by correlation; pure, with times.

The whisper that was played is looked for in the microphone's sound at every delay up to a second:
cross-correlation with the phase transform (Knapp and Carter, The generalized correlation method
for estimation of time delay, 1976), whose peak is sharp whatever the room does to the spectrum.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from copilot.audio.frames import Pcm

RATE = 8000
"""At which both are compared, Hz: speech fits, and a second is soon correlated."""
LONGEST_DELAY = 1.0
"""From the packet that leaves to its echo that comes back, seconds."""
PEAK = 9.0
"""How many standard deviations of the other delays a peak must stand out by."""
LEAST = 0.4
"""How much of a whisper must have been played to be looked for, seconds."""
FAINT_DB = -50.0
"""An echo that is fainter than this against the whisper is heard by nobody."""
NEAR = 24
"""Samples by which codecs move what is correlated: 3 ms."""
_KEPT = 12.0
"""Seconds of both that are remembered."""


class Found(NamedTuple):
    """A whisper in the microphone."""

    delay_ms: int
    level_db: int
    """Against the whisper as it was played."""
    peak: float
    """How far the correlation stands out, in standard deviations."""


class _Track:
    """Sound with its times, remembered for a while."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, Pcm]] = deque()

    def add(self, at: float, sound: Pcm) -> None:
        """Sound whose first sample lies at `at`, seconds."""
        self._pieces.append((at, sound))
        while at - self._pieces[0][0] > _KEPT:
            self._pieces.popleft()

    def between(self, start: float, end: float) -> Pcm:
        """The sound in its places; silence where there was none."""
        whole = np.zeros(max(0, round((end - start) * RATE)), np.float32)
        for at, sound in self._pieces:
            place = round((at - start) * RATE)
            first, last = max(0, place), min(whole.size, place + sound.size)
            if first < last:
                whole[first:last] = sound[first - place : last - place]
        return whole


class Echo:
    """The earpiece and the microphone of one call."""

    def __init__(self) -> None:
        self._played, self._heard = _Track(), _Track()

    def played(self, at: float, sound: Pcm, rate: int) -> None:
        """A packet leaves for the earpiece; `rate` is a multiple of 8 kHz, or 12 kHz."""
        self._played.add(at, _slower(sound, rate))

    def heard(self, at: float, sound: Pcm, rate: int) -> None:
        """A packet of the agent's microphone, its first sample at `at`."""
        self._heard.add(at, _slower(sound, rate))

    def find(self, start: float, end: float) -> Found | None:
        """The whisper that was played from `start` to `end`, if the microphone heard it."""
        whisper = self._played.between(start, end)
        if end - start < LEAST or not np.any(whisper):
            return None
        microphone = self._heard.between(start, end + LONGEST_DELAY)
        if not np.any(microphone):
            return None
        return _correlate(whisper, microphone)


def _correlate(whisper: Pcm, microphone: Pcm) -> Found | None:
    size = 1 << (whisper.size + microphone.size - 1).bit_length()
    sent, came = np.fft.rfft(whisper, size), np.fft.rfft(microphone, size)
    cross = came * np.conj(sent)
    weight = np.abs(cross)
    weight[weight < 1e-9 * weight.max()] = np.inf  # where either is silent there is no phase
    delays = np.fft.irfft(cross / weight, size)[: round(LONGEST_DELAY * RATE)]
    place = int(np.argmax(delays))
    rest = np.delete(delays, slice(max(0, place - 8), place + 9))
    peak = float((delays[place] - rest.mean()) / (rest.std() or 1.0))
    level = _level(whisper, microphone, place)
    if peak < PEAK or level < FAINT_DB:
        return None
    return Found(round(1000 * place / RATE), round(level), round(peak, 1))


def _level(whisper: Pcm, microphone: Pcm, place: int) -> float:
    """How loud the whisper is in the microphone about that place, dB."""
    power = max(1e-9, float(np.dot(whisper, whisper)))
    dots = [
        abs(float(np.dot(whisper[: part.size], part)))
        for lag in range(max(0, place - NEAR), place + NEAR + 1)
        for part in [microphone[lag : lag + whisper.size]]
    ]
    return 20.0 * float(np.log10(max(max(dots) / power, 1e-6)))


def _slower(sound: Pcm, rate: int) -> Pcm:
    """At `RATE`, each sample the mean of those that it stands for."""
    if rate % RATE:  # 12 kHz: every second of three pieces
        sound, rate = np.repeat(sound, 2), 2 * rate
    step = rate // RATE
    whole = sound.size // step * step
    slower: Pcm = sound[:whole].reshape(-1, step).mean(axis=1)
    return slower
