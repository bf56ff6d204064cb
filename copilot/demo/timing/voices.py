"""A scene's lines as sound: both parties spoken by the sample call's voices."""

from collections.abc import Mapping, Sequence

import numpy as np

from copilot.audio.frames import Pcm
from copilot.bench.timing.scene import Line, Scene, Sound
from copilot.bench.timing.stage import PIECE, Span, Spoken, Uttered, duration
from copilot.config import Settings
from copilot.core.vocabulary import Party
from copilot.demo.script import Manner
from copilot.demo.synth import RATE, espeak_voices, level

MANNERS = {
    Party.AGENT: Manner("en-us+klatt4", 150, 42),
    Party.CUSTOMER: Manner("en-us+klatt2", 145, 58),
}
LEVELS = {Sound.MUSIC: 0.02, Sound.NOISE: 0.03, Sound.VOICES: 0.01}

Sounds = Mapping[tuple[int, int], Pcm]
"""By number of the line and of its piece between pauses."""


def pieces(line: Line) -> list[tuple[str, int]]:
    """The line's stretches of words, each with the pause after it in milliseconds."""
    found: list[tuple[str, int]] = []
    words: list[str] = []
    for pause, word in PIECE.findall(line.say):
        if word:
            words.append(word)
        elif words:
            found.append((" ".join(words), int(pause)))
            words = []
    return [*found, (" ".join(words), 0)] if words else found


async def speak(scene: Scene, settings: Settings) -> Sounds:
    """Every piece of every line; raises ConfigError where the voice cannot be had."""
    open_voice = espeak_voices(settings.data / "cache")
    opened = {party: open_voice(manner) for party, manner in MANNERS.items()}
    sounds: dict[tuple[int, int], Pcm] = {}
    try:
        for number, line in enumerate(scene.lines):
            for place, (text, _) in enumerate(pieces(line)):
                voice = opened[line.party]
                chunks = [chunk async for chunk in voice.say(text)]
                sounds[number, place] = level(chunks, voice.rate)
    finally:
        for voice in opened.values():
            await voice.close()
    return sounds


class Voiced:
    """Places lines by the length of their sound, and mixes what is heard of a party."""

    def __init__(self, scene: Scene, sounds: Sounds) -> None:
        self._scene = scene
        self._sounds = sounds
        self._placed: list[tuple[Party, float, Pcm]] = []
        self._dice = np.random.default_rng(3)

    def utter(self, line: Line, start: float) -> Uttered:
        """The line from `start` on; its words share the length of their piece."""
        number = next(n for n, one in enumerate(self._scene.lines) if one is line)
        if line.sound is not None:
            size = line.lasts * RATE // 1000
            noise = self._dice.normal(0, LEVELS[line.sound], size).astype(np.float32)
            self._placed.append((line.party, start, noise))
            return Uttered(line, start, (), (), start + line.lasts)
        words: list[Spoken] = []
        pauses: list[Span] = []
        at = start
        for place, (text, pause) in enumerate(pieces(line)):
            sound = self._sounds[number, place]
            self._placed.append((line.party, at, sound))
            words += _spread(text.split(), at, 1000 * sound.size / RATE, line.rate)
            at = words[-1].end
            if pause:
                pauses.append(Span(at, at + pause))
                at += pause
        return Uttered(line, start, tuple(words), tuple(pauses), at)

    def mix(self, party: Party, at: float, samples: int) -> Pcm:
        """What the party's microphone hears from `at` on, over a faint noise."""
        whole: Pcm = self._dice.normal(0, 1e-4, samples).astype(np.float32)
        first = round(at * RATE / 1000)
        for who, start, sound in self._placed:
            offset = round(start * RATE / 1000) - first
            low, high = max(0, offset), min(samples, offset + sound.size)
            if who is party and low < high:
                whole[low:high] += sound[low - offset : high - offset]
        return np.clip(whole, -1, 1)


def _spread(words: Sequence[str], start: float, length: float, rate: int) -> list[Spoken]:
    weights = [duration(word, rate) for word in words]
    ends = start + length * np.cumsum(weights) / sum(weights)
    starts = [start, *ends[:-1]]
    return [Spoken(w, float(a), float(b)) for w, a, b in zip(words, starts, ends, strict=True)]
