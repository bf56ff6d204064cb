"""What does not fit a running batch is refused, and every slot stays as it was."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from copilot.engine.edge import SlotInput
from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.engine.sampling import GREEDY
from copilot.engine.slots import Slots
from copilot.engine.voices import Voice
from tests.engine.models import Frames, alone, random_model, small_model

QUIET = SlotInput(user=[0] * 8, own=[1] * 8)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (QUIET._replace(user=[0] * 7), r"slot 0: user is int64 \[7\]: expected 8 codes"),
        (QUIET._replace(user=np.full(8, 0.5)), r"slot 0: user is float64 \[8\]"),
        (QUIET._replace(user=np.zeros((1, 8), np.int64)), r"slot 0: user is int64 \[1, 8\]"),
        (QUIET._replace(user=[64] * 8), r"slot 0: user has codes 64 to 64: expected -1 to 63"),
        (QUIET._replace(user=[-2] * 8), r"slot 0: user has codes -2 to -2"),
        (QUIET._replace(own=[99] * 8), r"slot 0: own has codes 99 to 99"),
        (QUIET._replace(own=[-1] * 8), r"slot 0: own has codes -1 to -1: expected 0 to 63"),
        (QUIET._replace(own=None), r"slot 0: own is missing"),
        (QUIET._replace(own=None, speaks=True), r"slot 0: own is missing"),
        (QUIET._replace(onset=64), r"slot 0: onset = 64: expected 0 to 63"),
        (QUIET._replace(text=48), r"slot 0: text = 48: expected 0 to 47"),
        (QUIET._replace(text=(None, -1, 2)), r"slot 0: text = -1"),
    ],
)
def test_an_input_that_does_not_fit(what: SlotInput, complaint: str) -> None:
    """All slots stay where they were, also those that were named before it."""
    model = small_model()
    slots, frames = Slots(model, 2), Frames(model.config, 1)
    bad, good = slots.admit(sampling=GREEDY), slots.admit(sampling=GREEDY)
    with pytest.raises(EngineError, match=complaint):
        slots.step({good: QUIET, bad: what})
    said = [slots.step({good: frames.input()})[good] for _ in range(20)]
    assert said == alone(1, 20, GREEDY)


def test_slots_that_are_not_there() -> None:
    slots = Slots(small_model(), 1)
    slot = slots.admit()
    refused(slots.admit, "all 1 slots are taken: free one")
    refused(lambda: slots.fork(slot), "all 1 slots are taken")
    refused(lambda: slots.roll_over(slot, None, 9), "all 1 slots are taken")
    slots.free(slot)
    refused(lambda: slots.free(slot), r"slot 0: not open .* open: none")
    refused(lambda: slots.fork(slot), "slot 0: not open")
    refused(lambda: slots.step({slot: QUIET}), "slot 0: not open")
    assert slots.admit() == 1


def refused(attempt: Callable[[], object], complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint):
        attempt()


def test_keys_and_values_of_a_kind_that_is_not_built() -> None:
    with pytest.raises(EngineError, match=r"keys and values in torch\.int32: expected torch"):
        Slots(small_model(), 1, kv=torch.int32)


def test_a_persona_of_other_slots() -> None:
    slots, others = Slots(random_model(), 1), Slots(random_model(seed=1), 1)
    refused(lambda: slots.admit(others.prepare(None)), "prepared for other slots")
    short = Slots(random_model(), 1, window=8)
    persona = slots.prepare(Prompt(role=(1, 2)))
    refused(lambda: short.admit(persona), "a persona of 14 frames: the window .* is 8")


def test_more_slots_than_memory() -> None:
    model = random_model()
    window = 3000
    one = 2 * 2 * 64 * 4 * 3008 + 4 * 17 * window
    with pytest.raises(
        EngineError, match=rf"{one / 1e6:,.4g} MB each with a window of 3000 in float32"
    ):
        Slots(model, 10_000_000, window=window)


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [
        (
            Prompt(role=(1,) * 30),
            r"a prompt of 42 frames \(30 of them the role\): the window is 24",
        ),
        (Prompt(role=(48,)), "the role: token 48: expected 0 to 47"),
        (Prompt(torch.zeros((8, 0), dtype=torch.int64)), "an empty voice"),
        (Prompt(torch.zeros((7, 3), dtype=torch.int64)), r"a voice of torch.int64 \[7, 3\]"),
        (Prompt(torch.full((8, 3), 64)), "a voice with codes 64 to 64: expected 0 to 63"),
        (Prompt(gap=0), "gap = 0"),
        (Prompt(Voice(torch.zeros(3, 32), torch.zeros(17, 4).long())), "a voice of width 32"),
        (Prompt(Voice(torch.full((3, 64), torch.nan), torch.zeros(17, 4).long())), "no numbers"),
    ],
)
def test_a_prompt_that_does_not_fit(prompt: Prompt, complaint: str) -> None:
    slots = Slots(random_model(), 1)
    with pytest.raises(EngineError, match=complaint):
        slots.admit(prompt)
    assert not slots.open
