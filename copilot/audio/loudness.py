"""Brings a voice to a level below the call's and keeps its peaks down; pure, fed frame by frame."""

import numpy as np

from copilot.audio.frames import Pcm

BELOW = 10 ** (-6 / 20)
"""A whisper against the talk it stands beside: 6 dB softer."""
QUIETEST, LOUDEST = 10 ** (-40 / 20), 10 ** (-26 / 20)
"""What a whisper's level may be, RMS of full scale."""
USUAL = 10 ** (-24 / 20)
"""Level of talk until some has been heard: about that of a telephone call."""
SOFTER = 10 ** (-12 / 20)
"""Where the agent's microphone hears whispers."""
CEILING = 10 ** (-10 / 20)
"""Peaks of a whisper never come over this, of full scale."""
_GATE = 0.2
"""Share of the loudest frame's level under which a frame is a pause."""
_MOST_GAIN = 10 ** (20 / 20)
_STEP = 10 ** (1 / 20)
"""How much the gain may rise from frame to frame: 1 dB."""
_SLOW = 0.05
"""Weight of a new frame of talk in its level: a second's memory."""
_SILENT = 10 ** (-50 / 20)


def rms(frame: Pcm) -> float:
    """Level of a frame, root mean square of full scale; 0 for an empty one."""
    return float(np.sqrt(np.dot(frame, frame) / frame.size)) if frame.size else 0.0


class TalkLevel:
    """How loud the call's talk is, slowly followed."""

    def __init__(self) -> None:
        self._power = USUAL**2
        self._softer = 1.0

    def soften(self) -> None:
        """Whispers are 12 dB softer from now on."""
        self._softer = SOFTER

    def hear(self, level: float) -> None:
        """A frame's level; silence is left out."""
        if level > _SILENT:
            self._power += _SLOW * (level**2 - self._power)

    @property
    def whisper(self) -> float:
        """The level that a whisper is to have beside it, RMS of full scale."""
        level = min(LOUDEST, max(QUIETEST, BELOW * self._power**0.5))
        return float(level * self._softer)


class Leveller:
    """One whisper: gain towards its level, and a limiter that looks one frame ahead."""

    def __init__(self, target: float) -> None:
        """`target` is the level to reach, RMS of full scale."""
        self._target = target
        self._loudest = 0.0
        self._power = 0.0
        self._frames = 0
        self._gain: float | None = None

    def level(self, frame: Pcm, following: Pcm | None) -> Pcm:
        """The frame at its level; `following` is the next one where it is known."""
        self._learn(frame)
        wanted = self._wanted()
        before = self._gain if self._gain is not None else wanted
        gain = min(wanted, before * _STEP)
        for one in (frame, following):
            peak = float(np.abs(one).max()) if one is not None and one.size else 0.0
            if peak * gain > CEILING:
                gain = CEILING / peak
        # falling gain is reached at once within a frame that is too loud, else along the frame
        peak = float(np.abs(frame).max()) if frame.size else 0.0
        start = min(before, gain) if peak * before > CEILING else before
        self._gain = gain
        shaped: Pcm = frame * np.linspace(start, gain, frame.size, dtype=np.float32)
        return shaped

    def at_gain(self, frame: Pcm) -> Pcm:
        """A frame at the gain of the one before it."""
        scaled: Pcm = frame * np.float32(self._gain or 1.0)
        return scaled

    def _learn(self, frame: Pcm) -> None:
        level = rms(frame)
        if level > self._loudest:
            self._loudest = level
        if level > _GATE * self._loudest:
            self._power += level**2
            self._frames += 1

    def _wanted(self) -> float:
        if not self._frames:
            return 1.0
        return float(min(_MOST_GAIN, self._target / (self._power / self._frames) ** 0.5))


def earcon(rate: int, level: float) -> Pcm:
    """Two soft notes of 90 ms and a breath of silence: a whisper is about to come."""
    notes = [_note(frequency, rate) for frequency in (660.0, 880.0)]
    silence = np.zeros(round(0.06 * rate), np.float32)
    sound = np.concatenate((*notes, silence))
    soft: Pcm = (sound * np.float32(1.2 * level)).astype(np.float32)
    return soft


def _note(frequency: float, rate: int) -> Pcm:
    at = np.arange(round(0.09 * rate), dtype=np.float32) / rate
    swell = np.sin(np.pi * at / at[-1]) ** 2
    note: Pcm = (np.sin(2 * np.pi * frequency * at) * swell).astype(np.float32)
    return note
