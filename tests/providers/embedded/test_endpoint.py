"""Utterances are cut where a person would cut them, and no sound is lost or given twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from copilot.audio.frames import Pcm
from copilot.providers.embedded.endpoint import Begin, End, Endpointer, Manner, Piece, Sound

TICK = 1_280


def play(endpointer: Endpointer, levels: list[float]) -> list[list[Piece]]:
    """One tick for each probability; samples count up, so that each tells its place."""
    axis = np.arange(len(levels) * TICK, dtype=np.float32)
    told = []
    for tick, level in enumerate(levels):
        samples: Pcm = axis[tick * TICK : (tick + 1) * TICK]
        windows = [level] * (2 + tick % 2)
        told.append(endpointer.feed(tick * TICK, samples, windows))
    return told


def flat(told: list[list[Piece]]) -> list[Piece]:
    return [piece for pieces in told for piece in pieces]


def test_silence_says_nothing() -> None:
    assert flat(play(Endpointer(Manner()), [0.01] * 50)) == []


def test_an_utterance_begins_before_its_speech_and_ends_300_ms_after() -> None:
    told = play(Endpointer(Manner()), [0.0] * 10 + [0.9] * 10 + [0.0] * 10)
    begin, sound = told[10]
    assert begin == Begin(7 * TICK)
    assert isinstance(sound, Sound)
    assert len(sound.samples) == 4 * TICK
    assert [tick for tick, pieces in enumerate(told) if End() in pieces] == [23]
    assert flat(told[24:]) == []


def test_a_click_is_no_utterance() -> None:
    endpointer = Endpointer(Manner())
    assert endpointer.feed(0, np.zeros(TICK, np.float32), [0.1, 0.9]) == []
    assert endpointer.feed(TICK, np.zeros(TICK, np.float32), [0.1, 0.1, 0.1]) == []


def test_a_short_pause_does_not_end_an_utterance() -> None:
    told = flat(play(Endpointer(Manner()), [0.9] * 10 + [0.0] * 3 + [0.9] * 10))
    assert sum(isinstance(piece, Begin) for piece in told) == 1
    assert End() not in told


def test_a_long_utterance_ends_at_the_first_breath() -> None:
    told = play(Endpointer(Manner()), [0.9] * 140 + [0.0] * 2 + [0.9] * 20)
    assert [tick for tick, pieces in enumerate(told) if End() in pieces] == [141]


def test_endless_speech_is_cut() -> None:
    told = flat(play(Endpointer(Manner()), [0.9] * 500))
    assert sum(isinstance(piece, End) for piece in told) == 2


def test_pause_grows_with_silence_and_ends_with_speech() -> None:
    endpointer = Endpointer(Manner())
    pauses = []
    for level in [0.0] * 5 + [0.9] * 5 + [0.0] * 20 + [0.9] * 3:
        play(endpointer, [level])
        pauses.append(endpointer.pause)
    assert pauses[:10] == [0] * 10
    assert pauses[10:30] == sorted(pauses[10:30])
    assert pauses[29] > 90
    assert pauses[30:] == [0] * 3


def test_finish_ends_the_open_utterance_once() -> None:
    endpointer = Endpointer(Manner())
    play(endpointer, [0.9] * 5)
    assert endpointer.finish() == [End()]
    assert endpointer.finish() == []


@given(st.lists(st.sampled_from([0.0, 0.4, 0.9]), max_size=400))
def test_pieces_are_whole_utterances_without_gaps_or_repeats(levels: list[float]) -> None:
    at, open_, longest = 0, False, 0
    for piece in flat(play(Endpointer(Manner()), levels)):
        match piece:
            case Begin(start):
                assert not open_
                assert start >= at
                at, open_, longest = start, True, 0
            case Sound(samples):
                assert open_
                assert samples[0] == at
                at += len(samples)
                longest += len(samples)
            case End():
                assert open_
                assert longest <= 18.1 * 16_000
                open_ = False
