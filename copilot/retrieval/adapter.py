"""The query adapter: a linear map that moves a query's vector towards the passages it asks for."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from copilot.errors import LearnError
from copilot.ports import Vectors

FORMAT = "copilot adapter 1"
TINY = 1e-9


class Quality(Struct, frozen=True):
    """How well search by meaning finds the right passages, from 0 to 1."""

    first: float
    """Share of queries whose right passage comes first (R@1)."""
    five: float
    """Share that has it among the first five (R@5)."""
    reciprocal: float
    """Mean of 1 / its rank, 0 beyond the fifth (MRR@5)."""


class Lesson(Struct, frozen=True):
    """What an adapter was learned from, and what it is worth."""

    pack: str
    embedder: str
    created: str
    """UTC, ISO 8601."""
    parent: int | None
    """The version that was in use before it."""
    queries: int
    """Labelled queries with a right passage."""
    wrong: int
    """Passages that the labels call wrong."""
    folds: int
    """Held-out folds that the two figures come from."""
    before: Quality
    """Without an adapter of the pack's own."""
    after: Quality
    """With one learned from the other folds."""


class Adapter:
    """``q' = normalise(q + A q)``; `matrix` is A, ``[dim, dim]``."""

    def __init__(self, matrix: Vectors, lesson: Lesson) -> None:
        self.lesson = lesson
        # what is applied is what is stored, before and after a reload alike
        self._matrix = matrix.astype(np.float16).astype(np.float32)

    def apply(self, vectors: Vectors) -> Vectors:
        """Query vectors ``[dim]`` or ``[n, dim]`` to compare with passages' stored vectors."""
        return moved(vectors, self._matrix)

    def save(self, file: Path) -> None:
        """Write it to a new file."""
        about = {"format": FORMAT, "lesson": msgspec.json.encode(self.lesson).decode()}
        save_file({"matrix": self._matrix.astype(np.float16)}, file, about)


def load(file: Path, embedder: str) -> Adapter:
    """The adapter in `file`; raises LearnError if it is none, or made for another embedder."""
    remedy = "go back with copilot learn --back, or learn again"
    try:
        with safe_open(file, "numpy") as stored:
            about = stored.metadata() or {}
            if about.get("format") != FORMAT:
                raise LearnError(f"{file}: is no {FORMAT}; {remedy}")
            lesson = msgspec.json.decode(about["lesson"], type=Lesson)
            matrix: NDArray[Any] = stored.get_tensor("matrix")
    except (OSError, SafetensorError, KeyError, msgspec.DecodeError) as error:
        raise LearnError(f"{file}: cannot be read ({error}); {remedy}") from None
    if lesson.embedder != embedder:
        raise LearnError(
            f"{file}: was learned for the embedder {lesson.embedder}, not {embedder}; {remedy}"
        )
    return Adapter(matrix.astype(np.float32), lesson)


def moved(vectors: Vectors, matrix: Vectors) -> Vectors:
    """Unit vectors after the map."""
    sums = vectors + vectors @ matrix.T
    unit: Vectors = sums / np.maximum(np.linalg.norm(sums, axis=-1, keepdims=True), TINY)
    return unit
