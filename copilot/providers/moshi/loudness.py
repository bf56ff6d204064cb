"""How loud a call is, and a whisper no louder than it."""

import numpy as np

from copilot.audio.frames import Pcm

START = 10 ** (-30 / 20)
"""RMS that a customer is taken to have before there was any speech."""
QUIETEST = 10 ** (-45 / 20)
"""A whisper is never quieter, however faint the line."""
HALF = 25
"""Ticks of speech after which half of what was known is forgotten, 2 s."""
UNDER = 10 ** (-3 / 20)
"""A whisper against the customer's voice, RMS."""
PEAK = 0.9


class Level:
    """The customer's loudness while they speak."""

    def __init__(self) -> None:
        self._power = START**2

    def note(self, pcm: Pcm, speaks: bool) -> None:
        if speaks and len(pcm):
            self._power += (1 - 0.5 ** (1 / HALF)) * (float(np.mean(pcm**2)) - self._power)

    @property
    def rms(self) -> float:
        return float(np.sqrt(self._power))


class Cap:
    """Turns a whisper down, as it comes, to stay under the call; never up, and never abruptly."""

    def __init__(self, level: Level) -> None:
        self._most = max(QUIETEST, UNDER * level.rms)
        self._gain = 1.0

    def __call__(self, pcm: Pcm) -> Pcm:
        loud, peak = float(np.sqrt(np.mean(pcm**2))), float(np.abs(pcm).max(initial=0))
        gain = min(self._gain, self._most / loud if loud else 1.0, PEAK / peak if peak else 1.0)
        ramp = np.linspace(self._gain, gain, min(len(pcm), 240), endpoint=True, dtype=np.float32)
        shaped = np.full(len(pcm), gain, np.float32)
        if self._gain > gain and self._gain < 1:
            shaped[: len(ramp)] = ramp
        self._gain = gain
        return np.asarray(np.clip(pcm * shaped, -PEAK, PEAK), np.float32)
