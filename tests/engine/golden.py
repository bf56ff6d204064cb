"""What the reference computed at small sizes: the fixtures of ``../shared/data/golden``.

``COPILOT_GOLDEN=DIR`` names another folder of the same form.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MANIFESTS = DATA / "manifests"

LOGITS, HIDDEN, HEADS, LATENT, PCM = 1e-4, 5e-5, 1e-5, 2e-5, 1e-5
"""Absolute differences that its README allows another float32 engine on a CPU."""


@dataclass(frozen=True)
class Golden:
    """A fixture: a folder of files."""

    path: Path
    raw: dict[str, Any]
    """Its config.json."""

    @property
    def about(self) -> dict[str, Any]:
        """Sizes and events of the run."""
        told: dict[str, Any] = self.raw["fixture"]
        return told

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Those of ``name.safetensors``."""
        return load_file(self.path / f"{name}.safetensors")

    @property
    def inputs(self) -> dict[str, Tensor]:
        return self.tensors("inputs")

    @property
    def outputs(self) -> dict[str, Tensor]:
        return self.tensors("outputs")

    def json(self, name: str) -> Any:
        return json.loads((self.path / name).read_text())


def golden(name: str) -> Golden:
    """Skips the test where the fixture is not here."""
    folder = Path(os.environ.get("COPILOT_GOLDEN", DATA / "golden")) / name
    if not (folder / "config.json").exists():
        pytest.skip(f"shared/data is not here: no fixture {name}")
    return Golden(folder, json.loads((folder / "config.json").read_text()))


def manifest(name: str) -> dict[str, Any]:
    """The tensors and the config of a public checkpoint; skips the test where it is not here."""
    file = MANIFESTS / f"{name}.json"
    if not file.exists():
        pytest.skip(f"shared/data is not here: no manifest {name}")
    told: dict[str, Any] = json.loads(file.read_text())
    return told
