"""What was trained and ships as data: the ranker, the detector of questions, the gate's models.

``copilot train`` writes these files and ``RECIPE.json``, which says from what and how well.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as save_tensors

from copilot.core.vocabulary import GapModel, NeedModel

FOLDER = Path(__file__).parent
MODELS, RECIPE = "models.json", "RECIPE.json"
GAP, GAP_RECIPE = "gap.json", "GAP_RECIPE.json"
VECTORS = "vectors.safetensors"
"""``seeking`` float32 ``[dim + 32770]``: the detector of questions (``retrieval/seeking.py``);
``adapter`` float16 ``[dim, dim]``: what is added to a query's vector, q + qA."""


class Trained(Struct, frozen=True):
    """All of it, for one embedding model."""

    embedder: str
    """The embedding model that the vectors belong to."""
    ranker: dict[str, float]
    """Weight of each feature of a passage, in log-odds."""
    need: NeedModel
    seeking: NDArray[np.float32]
    adapter: NDArray[np.float32]


class Models(Struct, frozen=True):
    """The part of it that is no tensor, as the file has it."""

    embedder: str
    ranker: dict[str, float]
    need: NeedModel


def save(model: Trained, recipe: Mapping[str, object], folder: Path) -> None:
    """Write it, with the recipe that made it, each file whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    models = Models(model.embedder, model.ranker, model.need)
    tensors: dict[str, NDArray[Any]] = {
        "seeking": model.seeking,
        "adapter": model.adapter.astype(np.float16),
    }
    _write(folder / MODELS, msgspec.json.format(msgspec.json.encode(models), indent=1))
    _write(folder / VECTORS, save_tensors(tensors))
    _write(folder / RECIPE, msgspec.json.format(msgspec.json.encode(recipe), indent=1))


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(file.name + ".part")
    part.write_bytes(content)
    part.replace(file)


def save_gap(model: GapModel, recipe: Mapping[str, object], folder: Path) -> None:
    """Write the model of gaps with the recipe that made it."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / GAP, msgspec.json.encode(model))
    _write(folder / GAP_RECIPE, msgspec.json.format(msgspec.json.encode(recipe), indent=1))


@cache
def gap_model(folder: Path = FOLDER) -> GapModel:
    """The model of gaps in the folder."""
    return msgspec.json.decode((folder / GAP).read_bytes(), type=GapModel)


@cache
def trained(folder: Path = FOLDER) -> Trained:
    """What is in the folder."""
    models = msgspec.json.decode((folder / MODELS).read_bytes(), type=Models)
    tensors = load_file(os.fspath(folder / VECTORS))
    return Trained(
        models.embedder,
        models.ranker,
        models.need,
        tensors["seeking"].astype(np.float32),
        tensors["adapter"].astype(np.float32),
    )


class Recipe(Struct, frozen=True):
    """How it was made, as far as programs ask."""

    moments: dict[str, str]
    """SHA-256 of the moments of each corpus that it was trained on."""


@cache
def recipe(folder: Path = FOLDER) -> Recipe:
    """The recipe of what is in the folder."""
    return msgspec.json.decode((folder / RECIPE).read_bytes(), type=Recipe)


def trained_for(embedder: str) -> Trained | None:
    """What ships, if it was trained for this embedding model."""
    shipped = trained()
    return shipped if shipped.embedder == embedder else None
