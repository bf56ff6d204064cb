"""Small files of a model's tensors, whole and damaged in one way."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from copilot.engine.names import expected
from copilot.engine.presets import LmConfig, MimiConfig

Change = Callable[[dict[str, Tensor]], object]


def tensors(config: LmConfig | MimiConfig, seed: int = 0) -> dict[str, Tensor]:
    """Noise under the published names."""
    dice = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=dice) for name, shape in expected(config).items()}


def written(path: Path, config: LmConfig | MimiConfig, change: Change | None = None) -> Path:
    """A file of noise, after `change` was made to its tensors."""
    made = tensors(config)
    if change is not None:
        change(made)
    save_file(made, path)
    return path
