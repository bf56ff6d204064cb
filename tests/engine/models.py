"""Small models with random weights, and slots of them that hear random frames."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from copilot.engine.edge import SlotInput, SlotOutput
from copilot.engine.lm import LanguageModel
from copilot.engine.names import expected, running
from copilot.engine.presets import LmConfig, lm_preset
from copilot.engine.sampling import Sampling
from copilot.engine.slots import Slots


def random_weights(
    name: str = "tiny", seed: int = 0, **changes: object
) -> tuple[LmConfig, dict[str, Tensor]]:
    """Large enough that every token depends on the columns before it."""
    config = replace(lm_preset(name), **changes)  # type: ignore[arg-type]
    dice = torch.Generator().manual_seed(seed)
    weights = {}
    for tensor, shape in expected(running(config)).items():
        scale = 0.5 if "emb" in tensor else 2 / shape[-1] ** 0.5
        noise = torch.randn(shape, generator=dice)
        weights[tensor] = 1 + 0.1 * noise if "alpha" in tensor else noise * scale
    return config, weights


@cache
def random_model(name: str = "tiny", seed: int = 0, **changes: object) -> LanguageModel:
    return LanguageModel(*random_weights(name, seed, **changes))


class Frames:
    """What one slot hears and says, frame by frame, from a seed."""

    def __init__(self, config: LmConfig, seed: int) -> None:
        self.config = config
        self.dice = np.random.default_rng(seed)
        self.spoke = False

    def user(self) -> NDArray[np.int64]:
        return self.dice.integers(0, self.config.card, self.config.rows - self.config.user_row)

    def own(self) -> NDArray[np.int64]:
        return self.dice.integers(0, self.config.card, self.config.steps)

    def input(self) -> SlotInput:
        """Listening to a voice or to silence, or speaking, with and without text."""
        kind, spoke = int(self.dice.integers(5)), self.spoke
        self.spoke = kind > 1
        text = int(self.dice.integers(self.config.text_card)) if self.dice.random() < 0.3 else None
        if kind == 0:
            return SlotInput(self.user(), own=self.own(), text=text)
        if kind == 1:
            quiet = self.config.silence_tokens
            return SlotInput(self.user(), own=quiet, onset=quiet[0], text=text)
        own = None if spoke else self.own()
        return SlotInput(self.user(), own=own, speaks=True, text=text)


def small_model() -> LanguageModel:
    """One layer of depth, and a window that is soon full."""
    return random_model(context=12, depformer_num_layers=1)


def alone(seed: int, ticks: int, sampling: Sampling) -> list[SlotOutput]:
    """What a slot says that hears the frames of `seed` with nobody else there."""
    model = small_model()
    slots, frames = Slots(model, 1), Frames(model.config, seed)
    slot = slots.admit(sampling=sampling)
    return [slots.step({slot: frames.input()})[slot] for _ in range(ticks)]
