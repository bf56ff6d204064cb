"""Calls without end: windows begun anew, nothing that grows, words as if there were no seams.

COPILOT_SOAK=MINUTES lengthens the first test: 60 are about 10 minutes of one core.
"""

import gc
import os
import sys
import time

import numpy as np
import psutil

from copilot.providers.moshi.calls import Told
from copilot.providers.moshi.chair import Chair
from tests.providers.moshi.sound import Talk, engine, models

MINUTES = float(os.environ.get("COPILOT_SOAK", "0.4"))
TICKS = round(MINUTES * 750)
WINDOW = 60
"""Columns, 4.8 s, so that seams are many."""
MB = 1 << 20


def test_an_hour_rolls_over_and_nothing_grows() -> None:
    """Faster than real time; memory is compared from the first quarter, when all is warm, on."""
    house, talks = engine(calls=2, window=WINDOW), {seat: Talk(seat) for seat in range(2)}
    for seat in talks:
        house.open(seat)
    process, seams, quarters = psutil.Process(), 0, []
    wishes: list[float] = []
    begun = time.perf_counter()
    for tick in range(TICKS):
        told = house.tick({seat: talk.tick(tick) for seat, talk in talks.items()})
        seams += sum(one.rolled for one in told.values())
        if tick % (TICKS // 4) == 0:
            gc.collect()
            quarters.append((sys.getallocatedblocks(), process.memory_info().rss))
            wishes.append(0.0)
        wishes[-1] += sum(one.wish for one in told.values()) / (2 * (TICKS // 4))
    took = time.perf_counter() - begun
    assert took < TICKS * 0.08, "faster than real time"
    assert seams >= 2 * (TICKS // WINDOW)
    assert quarters[-1][0] - quarters[1][0] < 2000, "Python's own blocks"
    assert quarters[-1][1] - quarters[1][1] < 32 * MB, "that of the process"
    print(f"{MINUTES:g} min in {took:.0f} s, {seams} seams, blocks and bytes {quarters}")
    assert max(wishes) - min(wishes) < 0.1, "no drift"


def test_the_recogniser_notices_no_seam() -> None:
    """The same call with a short window, a long one, and begun anew in the middle of it."""
    ticks = 150
    short, long = heard(window=60, ticks=ticks), heard(window=1000, ticks=ticks)
    assert sum(one.rolled for one in short) >= 3
    assert sum(one.rolled for one in long) == 0
    for one, other in zip(short, long, strict=True):
        assert (one.agent, one.customer) == (other.agent, other.customer)
    assert any(one.customer.words for one in long)


def heard(window: int, ticks: int) -> list[Told]:
    house, talk = engine(calls=1, window=window), Talk(5)
    house.open(0)
    return [house.tick({0: talk.tick(tick)})[0] for tick in range(ticks)]


def test_a_seam_costs_less_than_a_tick() -> None:
    """Prompt and last seconds are read in one pass."""
    chair = Chair(models(), 1, 1)
    chair.open(0, None, None, None)
    frame = models().lm.config.silence_tokens
    for _ in range(249):
        chair.hear({0: (np.array(frame), np.array(frame), False)})
    since = time.perf_counter()
    assert chair.roll_over({0: True}) == 0
    assert time.perf_counter() - since < 0.08
