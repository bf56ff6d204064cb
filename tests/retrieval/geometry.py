"""Passages and queries as points, where what is right is known by construction."""

import numpy as np

from copilot.ports import Vectors
from copilot.retrieval.learning import Lessons

DIM = 32


def unit(vectors: Vectors) -> Vectors:
    made: Vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return made.astype(np.float32)


def points(count: int, seed: int) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32))


def shifted(count: int, noise: float = 0.5, shift: float = 0.0, seed: int = 1) -> Lessons:
    """Queries near their passage but for noise, and for a linear shift that all of them share."""
    random = np.random.default_rng(seed)
    passages = points(60, 0)
    right = random.integers(0, len(passages), count)
    turn = np.linalg.qr(random.standard_normal((DIM, DIM)))[0]
    queries = passages[right] + noise * points(count, seed + 1)
    queries = (1 - shift) * queries + shift * queries @ turn.T
    names = [f"query {n}" for n in range(count)]
    return Lessons(names, unit(queries), right, [()] * count, passages)
