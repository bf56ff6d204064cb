"""Misheard lines: the same at every run, about as wrong as asked."""

import random

from copilot.evaluate.metrics import word_errors
from copilot.evaluate.noise import misheard, spoken_words

LINES = [
    "Does the Huntingdon Marriott Hotel have parking for guests?",
    "I'd like to know whether I can bring my dog.",
    "Can you tell me if breakfast is included in the price?",
] * 40


def test_nothing_is_misheard_at_rate_zero_but_fillers_come_in() -> None:
    dice = random.Random(1)
    for line in LINES[:3]:
        assert set(spoken_words(line)) <= set(misheard(line, 0, dice).split())


def test_the_share_of_wrong_words_is_about_the_rate() -> None:
    dice = random.Random(1)
    plain = [" ".join(spoken_words(line)) for line in LINES]
    rates = [word_errors(line, misheard(line, 0.2, dice)).rate for line in plain]
    assert 0.1 <= sum(rates) / len(rates) <= 0.4


def test_the_same_dice_hear_the_same() -> None:
    one, other = (misheard(LINES[0], 0.3, random.Random(7)) for _ in range(2))
    assert one == other
