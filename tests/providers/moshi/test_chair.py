"""The duplex model in the agent's chair: fresh windows, and calls that go on in another engine."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.providers.moshi.chair import Chair
from tests.providers.moshi.sound import models

Codes = NDArray[np.int64]


def made(calls: int = 2) -> Chair:
    return Chair(models(), calls, 1)


def frames(count: int, seed: int = 0) -> list[tuple[Codes, Codes, bool]]:
    dice = np.random.default_rng(seed)
    return [(dice.integers(0, 64, 8), dice.integers(0, 64, 8), n % 20 >= 10) for n in range(count)]


def test_a_call_goes_on_in_another_engine_where_it_was() -> None:
    """What it remembers is written down tick by tick, and read again in one pass."""
    prompt = Prompt(role=tuple(models().pieces.encode("kind and brief")))
    talk, first, history = frames(60), made(), []
    first.open(0, first.prepare(prompt), prompt, None)
    for own, other, quiet in talk[:40]:
        said = first.hear({0: (own, other, quiet)})[0]
        history.append(first.frame(own, other, quiet, said))
    second, fresh = made(), made()
    second.open(1, second.prepare(prompt), prompt, np.stack(history, axis=1))
    fresh.open(0, fresh.prepare(prompt), prompt, None)
    for frame in talk[40:]:
        here, there, new = (
            chair.hear({seat: frame})[seat] for chair, seat in ((first, 0), (second, 1), (fresh, 0))
        )
        assert abs(here.wish - there.wish) < 1e-5
        assert here.text == there.text
        assert here.wish != new.wish


def test_a_history_that_is_none_is_refused() -> None:
    chair = made()
    for history, reason in (
        (torch.zeros((5, 3), dtype=torch.int64), r"\[5, 3\]: expected torch\.int64 \[17, frames\]"),
        (torch.full((17, 3), 64), "tokens outside of the model's vocabularies"),
    ):
        with pytest.raises(EngineError, match=reason):
            chair.prepare(Prompt(history=history))


def test_a_window_is_begun_anew_in_a_pause_if_there_is_one() -> None:
    chair = made()
    chair.open(0, None, None, None)
    chair.open(1, None, None, None)
    rolled: dict[int, list[int]] = {0: [], 1: []}
    for number, frame in enumerate(frames(600)):
        chair.hear({0: frame, 1: frame})
        calm = number % 10 == 0
        seat = chair.roll_over({0: calm, 1: False})
        if seat is not None:
            rolled[seat].append(number)
    # 250 columns, the first of them nobody's: from 219 on in a pause, at the latest at 249
    assert rolled[0] == [220, 380, 540]
    assert rolled[1] == [246, 431]


def test_one_call_at_a_time_begins_anew() -> None:
    chair = Chair(models(), 3, 1)
    for seat in range(3):
        chair.open(seat, None, None, None)
    rolled = []
    for number, frame in enumerate(frames(226)):
        chair.hear(dict.fromkeys(range(3), frame))
        begun = chair.roll_over(dict.fromkeys(range(3), True))
        if begun is not None:
            rolled.append((number, begun))
    assert [number for number, _ in rolled] == [217, 218, 219]
    assert sorted(seat for _, seat in rolled) == [0, 1, 2]


def test_calls_that_are_due_together_all_begin_anew_before_their_windows_end() -> None:
    """As after a worker has taken over: all remember equally much, and nobody ever pauses."""
    chair = Chair(models(), 12, 1)
    for seat in range(12):
        chair.open(seat, None, None, None)
    rolled = []
    for number, frame in enumerate(frames(250)):
        chair.hear(dict.fromkeys(range(12), frame))
        begun = chair.roll_over(dict.fromkeys(range(12), False))
        if begun is not None:
            rolled.append((number, begun))
    assert sorted(seat for _, seat in rolled) == list(range(12))
    assert rolled[-1][0] + 2 <= 250, "the first column is nobody's"
