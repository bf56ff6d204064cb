"""A whisper in the microphone is found, whatever else is in it; talk alone is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.audio.echo import Echo
from copilot.audio.frames import Pcm
from copilot.audio.opus import Decoder, Encoder

RATE = 24_000
PACKET = RATE // 50


def talk(seconds: float, seed: int) -> Pcm:
    """Like a voice: a buzz of changing pitch in syllables, and some breath."""
    dice = np.random.default_rng(seed)
    size = int(seconds * RATE)
    pitch = np.repeat(dice.uniform(90, 220, size // 4800 + 1), 4800)[:size]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    buzz = sum(np.sin(k * phase + dice.uniform(0, 6)) / k for k in range(1, 20))
    swell = np.abs(np.sin(2 * np.pi * 2.3 * np.arange(size) / RATE + seed))
    return (0.03 * swell * (buzz + 0.3 * dice.normal(size=size))).astype(np.float32)


def packets(echo: Echo, at: float, sound: Pcm, played: bool) -> None:
    for number in range(sound.size // PACKET):
        piece = sound[number * PACKET : (number + 1) * PACKET]
        (echo.played if played else echo.heard)(at + number / 50, piece, RATE)


def through_opus(sound: Pcm) -> Pcm:
    encoder, decoder = Encoder(RATE, 24_000), Decoder(RATE)
    whole = sound[: sound.size // PACKET * PACKET].reshape(-1, PACKET)
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in whole])


@pytest.mark.parametrize("level_db", [-10, -20, -30])
@pytest.mark.parametrize("seconds", [0.6, 1.5])
def test_a_whisper_in_the_microphone_is_found_with_its_delay(level_db: int, seconds: float) -> None:
    echo = Echo()
    whisper = talk(seconds, 1)
    packets(echo, 10.0, whisper, played=True)
    dice = np.random.default_rng(9)
    heard = dice.normal(0, 0.0003, 3 * RATE).astype(np.float32)
    delay = int(0.24 * RATE)
    back = through_opus(whisper) * 10 ** (level_db / 20)
    heard[delay : delay + back.size] += back
    packets(echo, 10.0, through_opus(heard), played=False)
    found = echo.find(10.0, 10.0 + seconds)
    assert found is not None
    assert found.delay_ms == pytest.approx(240, abs=20)  # the codec adds its look-ahead
    assert found.level_db == pytest.approx(level_db, abs=8)  # codecs eat what is faint


def test_it_is_found_under_the_agents_own_words() -> None:
    echo = Echo()
    whisper = talk(2.0, 1)
    packets(echo, 5.0, whisper, played=True)
    heard = talk(4.0, 7)
    heard[: whisper.size] += 0.3 * whisper
    packets(echo, 5.1, heard, played=False)
    assert echo.find(5.0, 7.0) is not None


@given(st.integers(0, 200), st.floats(0.5, 3.0))
@settings(max_examples=30, deadline=None)
def test_other_talk_is_no_echo(seed: int, seconds: float) -> None:
    echo = Echo()
    packets(echo, 1.0, talk(seconds, seed), played=True)
    packets(echo, 1.0, talk(seconds + 1.2, seed + 1000), played=False)
    assert echo.find(1.0, 1.0 + seconds) is None


def test_silence_and_a_word_too_short_are_none() -> None:
    echo = Echo()
    packets(echo, 1.0, talk(1.0, 1), played=True)
    assert echo.find(1.0, 2.0) is None
    packets(echo, 1.0, talk(1.0, 1), played=False)
    assert echo.find(1.0, 1.2) is None
