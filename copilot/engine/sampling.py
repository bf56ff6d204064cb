"""Choosing a token: greedy, or by temperature among the most probable, with a dice of its own.

The noise of a draw is computed from the row's seed, its position, the stream and the token, so
that what a row draws depends on nothing else: not on its place in the batch, who else is in it, or
how often a graph was replayed.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from copilot.engine.errors import EngineError
from copilot.engine.fused import fused

MAX_TOP_K = 256
"""The reference draws from 250 codes and 25 pieces; more would cost every row of the batch."""

TEXT = -1
"""Of the streams, which are numbered by codebook."""

MAX_SEED = 0xFFFFFFFF


@dataclass(frozen=True)
class Sampling:
    """How a slot chooses; as it stands, the defaults of both references."""

    text_temperature: float = 0.7
    """0 takes the most probable."""
    audio_temperature: float = 0.8
    text_top_k: int = 25
    audio_top_k: int = 250
    seed: int = 0
    """0 to 2**32 - 1."""
    pad_bias: float = 0.0
    """Added to the logit of the text PAD: more than 0 makes words rarer."""

    def __post_init__(self) -> None:
        for name in ("text_temperature", "audio_temperature"):
            value = getattr(self, name)
            if not 0 <= value <= 100:
                raise EngineError(f"{name} = {value!r}: expected 0 (greedy) to 100")
        for name in ("text_top_k", "audio_top_k"):
            value = getattr(self, name)
            if not 1 <= value <= MAX_TOP_K:
                raise EngineError(f"{name} = {value!r}: expected 1 to {MAX_TOP_K}")
        if not 0 <= self.seed <= MAX_SEED:
            raise EngineError(f"seed = {self.seed!r}: expected 0 to 2**32 - 1")
        if not abs(self.pad_bias) <= 100:
            raise EngineError(f"pad_bias = {self.pad_bias!r}: expected -100 to 100")


GREEDY = Sampling(text_temperature=0, audio_temperature=0)


class Dice(NamedTuple):
    """What the rows of a batch draw with, each [B]."""

    temperature: Tensor
    top_k: Tensor
    seed: Tensor
    position: Tensor


def pick(logits: Tensor, dice: Dice, stream: int) -> Tensor:
    """Tokens [B] from float32 logits [B, n].

    By Gumbel's trick: the largest of logit / temperature + noise is a draw from the softmax.
    """
    best, token = logits.topk(min(MAX_TOP_K, logits.shape[1]), dim=1)
    greedy = logits.argmax(1)
    if fused(logits.device):
        from copilot.engine.chains import drawn

        return drawn(best, token, greedy, dice, stream)
    return draw(best, token, greedy, dice, stream)


def draw(best: Tensor, token: Tensor, greedy: Tensor, dice: Dice, stream: int) -> Tensor:
    """Tokens [B] from the `best` logits [B, k], the highest first, and their tokens; or the
    `greedy` one [B] of a row without temperature."""
    rank = torch.arange(best.shape[1], device=best.device)
    score = best / dice.temperature.clamp(min=1e-6)[:, None] + gumbel(dice, stream, token)
    score = score.masked_fill(rank >= dice.top_k[:, None], float("-inf"))
    drawn = token.gather(1, score.argmax(1, keepdim=True))[:, 0]
    return torch.where(dice.temperature > 0, drawn, greedy)


def gumbel(dice: Dice, stream: int, token: Tensor) -> Tensor:
    """float32 of the shape of `token` [B, k]."""
    key = _mix(_mix(dice.seed) ^ dice.position)
    bits = _mix(_mix(key ^ (stream & MAX_SEED))[:, None] ^ token)
    return -torch.log(-torch.log(uniform(bits)))


def uniform(bits: Tensor) -> Tensor:
    """float32 between 0 and 1, both excluded, of 32 bits: with a bit more, the highest would be
    rounded to 1, whose noise is infinite."""
    return ((bits >> 9).float() + 0.5) / 2**23


def _mix(x: Tensor) -> Tensor:
    """A 32-bit hash with good avalanche (C. Wellons, hash-prospector), in int64 without overflow:
    both multipliers are below 2**31."""
    x = (x + 0x9E3779B9) & MAX_SEED
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & MAX_SEED
    x = ((x ^ (x >> 15)) * 0x735A2D97) & MAX_SEED
    return x ^ (x >> 15)
