"""Vectors of texts: the embedder's own, each text embedded once, kept through kills and garbage."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from copilot.errors import VectorError
from copilot.ports import Embedder
from copilot.retrieval.vectors import KEPT_DAYS, TEXTS, VectorCache, embed

from .shop import Counting

MANY = [f"question number {n} {'and more ' * (n % 7)}" for n in range(3 * TEXTS)]


def test_the_vectors_are_the_embedders_in_the_order_asked_for(embedder: Embedder) -> None:
    texts = ["where is my parcel", "a much longer text about a room with a view", "hello"]
    made = embed(texts, embedder, VectorCache())
    assert made.dtype == np.float32
    assert np.allclose(made, embedder.embed(texts), atol=1e-5)


def test_equal_texts_are_embedded_once(embedder: Embedder) -> None:
    counting = Counting(embedder)
    told: list[int] = []
    made = embed(["a b", "c d", "a b"], counting, VectorCache(), told.append)
    assert sorted(counting.texts) == ["a b", "c d"]
    assert np.array_equal(made[0], made[2])
    assert told == [1, 3], "the repetition costs nothing"


def test_only_what_is_new_is_embedded(embedder: Embedder, tmp_path: Path) -> None:
    file = tmp_path / "cache" / "vectors.sqlite"
    with closing(VectorCache(file)) as cache:
        first = embed(["a b", "c d"], embedder, cache)
    counting = Counting(embedder)
    told: list[int] = []
    with closing(VectorCache(file)) as cache:
        again = embed(["c d", "e f", "a b"], counting, cache, told.append)
    assert counting.texts == ["e f"]
    assert np.array_equal(again[[2, 0]], first)
    assert told == [2, 3]


def test_another_model_has_other_vectors(embedder: Embedder) -> None:
    cache = VectorCache()
    embed(["a b"], embedder, cache)
    other = Counting(embedder)
    other.name = "another"
    embed(["a b"], other, cache)
    assert other.texts == ["a b"]


def test_a_failure_keeps_what_was_made(embedder: Embedder, tmp_path: Path) -> None:
    with closing(VectorCache(tmp_path / "v")) as cache:
        with pytest.raises(MemoryError):
            embed(MANY, Counting(embedder, limit=2 * TEXTS), cache, workers=1)
        rest = Counting(embedder)
        embed(MANY, rest, cache)
    assert len(rest.texts) == TEXTS


def test_two_processes_may_use_it(embedder: Embedder, tmp_path: Path) -> None:
    with closing(VectorCache(tmp_path / "v")) as one, closing(VectorCache(tmp_path / "v")) as two:
        embed(["a b"], embedder, one)
        counting = Counting(embedder)
        embed(["a b", "c d"], counting, two)
        embed(["c d"], embedder, one)
    assert counting.texts == ["c d"]


def test_garbage_is_made_anew(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"garbage" * 1000)
    with closing(VectorCache(tmp_path / "v")) as cache:
        assert embed(["a b"], embedder, cache).shape == (1, embedder.dim)


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    with pytest.raises(VectorError, match="v: vectors cannot be kept there"):
        VectorCache(tmp_path / "v")


def test_what_is_long_unused_is_forgotten(embedder: Embedder, tmp_path: Path) -> None:
    with closing(VectorCache(tmp_path / "v")) as cache:
        embed(["a b", "c d"], embedder, cache)
    with closing(sqlite3.connect(tmp_path / "v")) as database, database:
        database.execute("UPDATE vector SET day = day - ?", [KEPT_DAYS + 1])
    with closing(VectorCache(tmp_path / "v")) as cache:
        embed(["a b"], embedder, cache)
        cache.forget()
        counting = Counting(embedder)
        embed(["a b", "c d"], counting, cache)
    assert counting.texts == ["c d"]
