"""Vectors of texts: each text is embedded once, kept on disk, and found again by what it says."""

import datetime
import hashlib
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from copilot.errors import VectorError
from copilot.ports import Embedder, Vectors

TEXTS = 64
"""Texts of one batch, durable as soon as it is made: what a kill costs at most, for each core."""
WORKERS = 8
"""Batches made at once, at most; no more than there are cores."""
KEPT_DAYS = 90
"""Days without use after which a vector is forgotten."""
_LOOKED_UP = 500
"""Keys in one question to SQLite, which takes 999 everywhere."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vector (key BLOB PRIMARY KEY, day INTEGER NOT NULL, value BLOB NOT NULL)
"""


class VectorCache:
    """Vectors by embedder and text, in one SQLite file; several processes may use it at once."""

    def __init__(self, file: Path | None = None) -> None:
        """Use `file`, made anew if it is none of ours; without one keep them in memory."""
        self._file = file
        self._today = datetime.date.today().toordinal()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            try:
                self._database = _open(file)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # damaged, and a cache can be made again
                assert file is not None
                file.unlink()
                self._database = _open(file)

    def close(self) -> None:
        self._database.close()

    def find(self, keys: Sequence[bytes], dim: int) -> dict[bytes, Vectors]:
        """The vectors that are there; they count as used today."""
        found: dict[bytes, Vectors] = {}
        stale = []
        with self._told(), self._database:
            for start in range(0, len(keys), _LOOKED_UP):
                part = keys[start : start + _LOOKED_UP]
                marks = ",".join("?" * len(part))
                asked = f"SELECT key, day, value FROM vector WHERE key IN ({marks})"
                for key, day, value in self._database.execute(asked, part):
                    if len(value) == 4 * dim:
                        found[key] = np.frombuffer(value, np.float32)
                        if day != self._today:
                            stale.append((self._today, key))
            self._database.executemany("UPDATE vector SET day = ? WHERE key = ?", stale)
        return found

    def add(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Keep the vectors; they survive a kill from here on."""
        rows = zip(keys, (vector.tobytes() for vector in vectors), strict=True)
        with self._told(), self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO vector VALUES (?, ?, ?)",
                ((key, self._today, value) for key, value in rows),
            )

    def forget(self) -> None:
        """Drop what has not been used for a long time."""
        with self._told(), self._database:
            self._database.execute("DELETE FROM vector WHERE day < ?", [self._today - KEPT_DAYS])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise VectorError(
                f"{self._file}: vectors cannot be kept there ({error}); see that the disk has room"
                " and the folder is writable"
            ) from None


def embed(
    texts: Sequence[str],
    embedder: Embedder,
    cache: VectorCache,
    told: Callable[[int], None] = lambda done: None,
    workers: int = 0,
) -> Vectors:
    """A vector for each text, ``[len(texts), dim]``; only texts that are new are embedded.

    `told` hears how many are done. `workers` batches are made at once, by default one a core.
    """
    keys = [_key(embedder.name, text) for text in texts]
    by_key = dict(zip(keys, texts, strict=True))
    made = cache.find(list(by_key), embedder.dim)
    missing = [key for key in by_key if key not in made]
    done = len(texts) - len(missing)
    told(done)
    with closing(_batches(missing, by_key, embedder, workers or _cores())) as batches:
        for batch, vectors in batches:
            cache.add(batch, vectors)
            made.update(zip(batch, vectors, strict=True))
            done += len(batch)
            told(done)
    rows = np.empty((len(texts), embedder.dim), np.float32)
    for row, key in zip(rows, keys, strict=True):
        row[:] = made[key]
    return rows


def _batches(
    keys: Iterable[bytes], texts: dict[bytes, str], embedder: Embedder, workers: int
) -> Generator[tuple[list[bytes], Vectors], None, None]:
    """Batches of like length, for the shorter are padded; the longest first, so that time left is
    not underrated."""
    order = sorted(keys, key=lambda key: -len(texts[key]))
    batches = [order[start : start + TEXTS] for start in range(0, len(order), TEXTS)]

    def make(batch: list[bytes]) -> tuple[list[bytes], Vectors]:
        return batch, embedder.embed([texts[key] for key in batch])

    with ThreadPoolExecutor(workers, "embed") as executor:
        yield from executor.map(make, batches)


def _key(model: str, text: str) -> bytes:
    return hashlib.blake2b(f"{model}\0{text}".encode(), digest_size=16).digest()


def _cores() -> int:
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(there or 1, WORKERS)


def _open(file: Path | None) -> sqlite3.Connection:
    database = sqlite3.connect(file or ":memory:", timeout=30, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # survives a kill, which is what is asked
        database.execute(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
