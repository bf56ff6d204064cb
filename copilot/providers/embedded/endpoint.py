"""Cuts a party's sound into utterances by its speech probabilities; pure, fed tick by tick."""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from copilot.audio.frames import Pcm
from copilot.providers.embedded.speech import RATE, WINDOW

WINDOW_MS = 1000 * WINDOW // RATE

_LEAD_TICKS = 3
"""Sound from before the speech that goes with it: VAD finds a start up to 92 ms late, PocketSphinx
wants some silence first."""
_BREATH_MS = 96
"""Silence at which a long utterance is cut."""
_TURN_S = 0.45
"""Mean silence inside a turn: conversation pauses are about exponential."""


class Manner(Struct, frozen=True):
    """When an utterance starts and ends."""

    on: float = 0.5
    """Probability from which a window is speech (Silero's own default)."""
    off: float = 0.35
    """Probability under which speech is over (Silero's own hysteresis of 0.15)."""
    start_windows: int = 2
    """Windows of 32 ms in a row that start an utterance."""
    silence_ms: int = 300
    """Silence that ends it."""
    long_s: float = 10.0
    """From this length on it ends at the first breath."""
    longest_s: float = 18.0
    """It never gets longer."""


class Begin(Struct, frozen=True):
    """An utterance starts."""

    at: int
    """Its first sample on the call's axis, 16 kHz."""


class Sound(Struct, frozen=True):
    """More of the utterance."""

    samples: Pcm


class End(Struct, frozen=True):
    """The utterance is over."""


Piece = Begin | Sound | End


class Endpointer:
    """One party's utterances."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._lead: deque[Pcm] = deque(maxlen=_LEAD_TICKS)
        self._rising = 0
        self._silent = 0
        """Windows since the last speech."""
        self._length = 0
        """Samples of the open utterance; 0 where none is open."""
        self._spoken = False

    def feed(self, at: int, samples: Pcm, probabilities: Sequence[float]) -> list[Piece]:
        """What the recogniser is to be told after the tick that starts at sample `at`."""
        started = self._count(probabilities)
        if not self._length:
            if not started:
                self._lead.append(samples)
                return []
            sound = np.concatenate((*self._lead, samples))
            begin = Begin(at - len(sound) + len(samples))
            self._lead.clear()
            self._length = len(sound)
            return [begin, Sound(sound), *self._end()]
        self._length += len(samples)
        return [Sound(samples), *self._end()]

    def finish(self) -> list[Piece]:
        """End the open utterance, if there is one: the axis breaks off here."""
        self._lead.clear()
        self._rising = 0
        open_, self._length = self._length, 0
        return [End()] if open_ else []

    @property
    def pause(self) -> int:
        """Probability that the party has finished, percent, from its silence alone."""
        if not self._spoken:
            return 0
        return round(100 * (1 - math.exp(-self._silent * WINDOW_MS / 1000 / _TURN_S)))

    def _count(self, probabilities: Sequence[float]) -> bool:
        """Note the windows; whether speech goes on or begins in them."""
        for probability in probabilities:
            loud = probability >= self._manner.on
            self._rising = self._rising + 1 if loud else 0
            going = bool(self._length) and not self._silent and probability >= self._manner.off
            if loud or going:
                self._silent = 0
            else:
                self._silent += 1
            if self._rising >= self._manner.start_windows:
                self._spoken = True
        return self._rising >= self._manner.start_windows

    def _end(self) -> list[Piece]:
        seconds, silent_ms = self._length / RATE, self._silent * WINDOW_MS
        breath = seconds >= self._manner.long_s and silent_ms >= _BREATH_MS
        if silent_ms < self._manner.silence_ms and not breath and seconds < self._manner.longest_s:
            return []
        self._length = 0
        return [End()]
