"""Tiny engines, and calls of made-up sound that goes through them."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch

from copilot.providers.moshi.board import Board
from copilot.providers.moshi.calls import Calls, Sound, Told
from copilot.providers.moshi.models import Models, make
from copilot.providers.moshi.plan import TINY, Plan, kept

torch.set_num_threads(1)  # with one, calls do not depend on each other to the bit


NOBODY = np.zeros(1, np.int32)
"""The same object, so that tuples with it compare."""


def plan(calls: int = 4, whispers: int = 2, window: int = 0, lockstep: bool = True) -> Plan:
    """`lockstep`: what is heard does not depend on how busy the machine is."""
    return Plan(
        TINY, "", calls=calls, whispers=whispers, window=window, device="cpu", lockstep=lockstep
    )


@cache
def models(window: int = 0) -> Models:
    return make(plan(window=window))


def engine(calls: int = 4, whispers: int = 2, window: int = 0) -> Calls:
    return Calls(models(window), calls, whispers)


def board(given: Plan) -> Board:
    made = models(given.window)
    return Board.make(given.calls, made.lm.config.rows, kept(made.window))


class Talk:
    """A call's sound from a seed: both parties by turns, with pauses and their flags."""

    def __init__(self, seed: int) -> None:
        self._dice = np.random.default_rng(seed)
        self._turn = int(self._dice.integers(8, 30))

    def tick(self, number: int) -> Sound:
        turn, phase = divmod(number, self._turn)
        speaks = phase < self._turn * 2 // 3
        agent, customer = speaks and turn % 2 == 0, speaks and turn % 2 == 1
        over = phase == self._turn * 2 // 3 + 3
        return Sound(
            self._noise(agent),
            self._noise(customer),
            (not agent, not customer),
            (over and turn % 2 == 0, over and turn % 2 == 1),
        )

    def _noise(self, loud: bool) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        scale = 0.1 if loud else 0.001
        return np.asarray(self._dice.normal(0, scale, 1920).clip(-1, 1), np.float32)


class Garbage(Talk):
    """No speech at all, by turns: full scale, next to nothing, and noise; with flags at random.

    What is no number never comes so far: the ear hears it as silence.
    """

    def tick(self, number: int) -> Sound:
        bad = np.full(1920, (1.0, -1.0, 1e-40)[number % 3], np.float32)
        bad[:: 1 + number % 4] = self._dice.uniform(-1, 1, len(bad[:: 1 + number % 4]))
        flags = [bool(one) for one in self._dice.integers(0, 2, 4)]
        return Sound(bad, bad[::-1].copy(), (flags[0], flags[1]), (flags[2], flags[3]))


def solo(
    talk: Talk, ticks: int, whispers: Mapping[int, str] | None = None, calls: int = 4
) -> list[Told]:
    """A call alone in an engine of that size; `whispers` begin at their ticks."""
    alone, whispers = engine(calls), whispers or {}
    alone.open(0)
    told = []
    for number in range(ticks):
        if number in whispers:
            alone.speak(0, whispers[number])
        told.append(alone.tick({0: talk.tick(number)})[0])
    return told


def same(one: Told, other: Told) -> bool:
    """To the bit, but for when a window was begun anew."""
    spoken = (one.spoken is None) == (other.spoken is None)
    if one.spoken is not None and other.spoken is not None:
        spoken = bool(np.array_equal(one.spoken, other.spoken))
    plain = one._replace(spoken=None, frame=NOBODY) == other._replace(spoken=None, frame=NOBODY)
    return spoken and plain and bool(np.array_equal(one.frame, other.frame))
