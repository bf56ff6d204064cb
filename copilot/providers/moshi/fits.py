"""How many calls a GPU holds: memory of weights, windows and codec, by arithmetic alone.

Time is another matter: what a tick takes has to be measured, see ``copilot bench calls``.
"""

import math
from typing import NamedTuple

import torch

from copilot.engine.memory import RESERVE, slot_bytes
from copilot.engine.names import expected, running
from copilot.engine.presets import LmConfig, lm_preset, mimi_preset
from copilot.engine.weights import is_quantised
from copilot.providers.moshi.models import DTYPES

WINDOWS_S = (240, 120, 60, 30)
WHISPERS = 2
VARIANTS = (("bf16", "bf16"), ("int8", "bf16"), ("bf16", "fp8"), ("int8", "fp8"))
"""Of weights, and of keys and values."""

CODEC_ROW = 4 << 20
"""Bytes that a row of the codec remembers at most: its rings, 250 positions of 512 floats, keys and
values of 8 layers and both directions, and the convolutions' past."""


class Fit(NamedTuple):
    """What fits at one precision."""

    weights: str
    kv: str
    calls: tuple[int, ...]
    """By window, as `WINDOWS_S`."""


def fits(lm: str, stt: str, memory: int, reserve: bool = True) -> list[Fit]:
    """`memory` in bytes; with `reserve` the weights are there twice, in two workers.

    Raises EngineError for a model that is not known.
    """
    return [
        Fit(
            weights,
            kv,
            tuple(_calls(lm, stt, memory, reserve, weights, kv, seconds) for seconds in WINDOWS_S),
        )
        for weights, kv in VARIANTS
    ]


def gpu_memory() -> tuple[str, int] | None:
    """Name and bytes of the GPU that is here; None without one."""
    if not torch.cuda.is_available():
        return None
    found = torch.cuda.get_device_properties(0)
    return str(found.name), int(found.total_memory)


def weight_bytes(config: LmConfig, weights: str) -> int:
    """int8 matrices have a float32 scale per row."""
    total = 0
    for name, shape in expected(running(config)).items():
        size = math.prod(shape)
        quantised = weights == "int8" and is_quantised(name)
        total += size + 4 * shape[0] if quantised else 2 * size
    return total


def _calls(
    lm: str, stt: str, memory: int, reserve: bool, weights: str, kv: str, seconds: int
) -> int:
    duplex, recogniser = lm_preset(lm), lm_preset(stt)
    window = min(duplex.context, round(seconds * 12.5))
    codec = 4 * sum(math.prod(shape) for shape in expected(mimi_preset("mimi")).values())
    fixed = weight_bytes(duplex, weights) + weight_bytes(recogniser, weights) + codec
    one = slot_bytes(duplex, window, DTYPES[kv])
    call = one + 2 * (slot_bytes(recogniser, recogniser.context, torch.bfloat16) + CODEC_ROW)
    spare = (WHISPERS + 1) * one
    return max(0, (memory - RESERVE - fixed * (2 if reserve else 1) - spare) // call)
