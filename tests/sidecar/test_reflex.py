"""The reflex: silent at the first syllable, on again when it was nothing."""

import numpy as np

from copilot.audio.frames import Pcm
from copilot.audio.onset import Onset
from copilot.core.vocabulary import Party
from copilot.sidecar.earpiece import Earpiece
from copilot.sidecar.reflex import MOST, QUIET, Reflex

PACKET = 0.02


def noise(level: float, seed: int = 1) -> Pcm:
    return np.random.default_rng(seed).normal(0, level, 320).astype(np.float32)


SPEECH, BACKGROUND = noise(0.06), noise(0.001)


class Ear(Earpiece):
    """An earpiece that notes when it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.holding: list[bool] = []
        self.whispering = True

    @property
    def busy(self) -> bool:
        return self.whispering

    def hold(self) -> None:
        self.holding.append(True)

    def resume(self) -> None:
        self.holding.append(False)


def play(reflex: Reflex, ear: Ear, packets: int, sound: Pcm, begin: float = 0.0) -> float:
    for number in range(packets):
        reflex.hear(Party.AGENT, BACKGROUND, begin + PACKET * number, ear)
        reflex.hear(Party.CUSTOMER, sound, begin + PACKET * number, ear)
    return begin + PACKET * packets


async def test_speech_is_noticed_with_its_second_packet() -> None:
    reflex, ear = Reflex(), Ear()
    now = play(reflex, ear, 50, BACKGROUND)
    assert ear.holding == []
    play(reflex, ear, 2, SPEECH, now)
    assert ear.holding == [True]


async def test_a_short_sound_lets_the_whisper_go_on() -> None:
    reflex, ear = Reflex(), Ear()
    now = play(reflex, ear, 50, BACKGROUND)
    now = play(reflex, ear, 10, SPEECH, now)
    play(reflex, ear, round(QUIET / PACKET) + 2, BACKGROUND, now)
    assert ear.holding == [True, False]


async def test_a_noise_that_goes_on_holds_it_once() -> None:
    reflex, ear = Reflex(), Ear()
    now = play(reflex, ear, 50, BACKGROUND)
    play(reflex, ear, round(4 * MOST / PACKET), SPEECH, now)
    assert ear.holding == [True, False]


async def test_between_whispers_nothing_is_held() -> None:
    reflex, ear = Reflex(), Ear()
    ear.whispering = False
    play(reflex, ear, 50, SPEECH)
    assert ear.holding == []
    reflex.hear(Party.AGENT, SPEECH, 2.0, None)


def test_music_becomes_background() -> None:
    onset = Onset()
    music = [noise(0.02, seed) for seed in range(500)]
    heard = [onset.hear(packet) for packet in music]
    assert any(heard[:100])
    assert not any(heard[-100:])
    assert not onset.hear(noise(0.03))
    loud = noise(0.2)
    assert onset.hear(loud) or onset.hear(loud)


def test_what_is_soft_is_nobody() -> None:
    onset = Onset()
    assert not any(onset.hear(noise(0.002)) for _ in range(100))
