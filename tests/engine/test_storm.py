"""Whatever happens to the others, in whatever order, a slot says what it says alone."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.engine.edge import SlotInput, SlotOutput
from copilot.engine.lm import LanguageModel
from copilot.engine.prompt import Prompt
from copilot.engine.sampling import GREEDY, Sampling
from copilot.engine.slots import Slots
from tests.engine.models import Frames, random_model

CAPACITY, TICKS = 5, 30
WINDOWS = (2, 12, 65)
"""One that holds nothing but the last column, one that is soon full, one of more than a block."""
DICE = (GREEDY, Sampling(seed=3), Sampling(seed=4, text_top_k=2, audio_top_k=9, pad_bias=-1.0))
PROMPTS = (None, Prompt(gap=1), Prompt(torch.arange(16).view(8, 2), role=(5, 9), gap=2))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


class Alone:
    """The same life of one slot with nobody beside it; a fork lives its origin's once more."""

    def __init__(self, model: LanguageModel, prompt: Prompt | None, dice: Sampling) -> None:
        self.slots = Slots(model, 3)
        self.slot = self.slots.admit(prompt, dice)
        self.frames = Frames(model.config, random.getrandbits(16))
        self.again: Callable[[], Alone] = lambda: Alone(model, prompt, dice)
        self.life: list[tuple[str, tuple[Any, ...]]] = []

    def live(self, what: str, *args: Any) -> SlotOutput | None:
        self.life.append((what, args))
        match what:
            case "step":
                return self.slots.step({self.slot: args[0]})[self.slot]
            case "roll over":
                self.slots.roll_over(self.slot, *args)
            case "fork":
                origin = self.slot
                self.slot = self.slots.fork(origin, *args)
                self.slots.free(origin)
        return None

    def forked(self, dice: Sampling | None) -> "Alone":
        other = self.again()
        for what, args in self.life:
            other.live(what, *args)
        other.live("fork", dice)
        other.frames = copy.deepcopy(self.frames)
        other.frames.spoke = self.frames.spoke
        return other


class Storm:
    """A batch, and beside it each of its slots alone."""

    def __init__(self, window: int, dice: random.Random) -> None:
        self.model = random_model(context=window, depformer_num_layers=1)
        self.slots, self.dice = Slots(self.model, CAPACITY), dice
        self.prompts = [None] if window < 12 else PROMPTS
        self.alone: dict[int, Alone] = {}

    def happen(self) -> None:
        kinds: list[Callable[[], None]] = [self.join] if not self.slots.full else []
        if self.alone:
            kinds += [self.leave] if self.slots.full else [self.fork, self.roll_over, self.leave]
        self.dice.choice(kinds)()

    def join(self) -> None:
        prompt, dice = self.dice.choice(self.prompts), self.dice.choice(DICE)
        self.alone[self.slots.admit(prompt, dice)] = Alone(self.model, prompt, dice)

    def leave(self) -> None:
        slot = self.dice.choice(list(self.alone))
        self.slots.free(slot)
        del self.alone[slot]

    def fork(self) -> None:
        slot, dice = self.dice.choice(list(self.alone)), self.dice.choice([None, *DICE])
        self.alone[self.slots.fork(slot, dice)] = self.alone[slot].forked(dice)

    def roll_over(self) -> None:
        slot, frames = self.dice.choice(list(self.alone)), self.dice.choice([1, 3, 40])
        prompt = self.dice.choice(self.prompts)
        self.slots.roll_over(slot, prompt, frames)
        self.alone[slot].live("roll over", prompt, frames)

    def tick(self) -> None:
        """Of some, in any order."""
        named = [slot for slot in self.alone if self.dice.random() < 0.8]
        self.dice.shuffle(named)
        given: dict[int, SlotInput] = {slot: self.alone[slot].frames.input() for slot in named}
        said = self.slots.step(given)
        assert list(said) == named
        for slot, what in given.items():
            assert said[slot] == self.alone[slot].live("step", what)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(WINDOWS), st.randoms(use_true_random=False))
def test_joins_forks_roll_overs_and_leaves(window: int, dice: random.Random) -> None:
    storm = Storm(window, dice)
    for _ in range(TICKS):
        for _ in range(dice.randrange(3)):
            storm.happen()
        storm.tick()
    assert storm.slots.open == set(storm.alone)
