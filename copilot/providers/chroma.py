"""The vector index in Chroma: embedded in a folder of one process, or a server by its URL."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError, NotFoundError
from filelock import FileLock, Timeout

from copilot.errors import ConfigError
from copilot.ports import Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

OWNER = "call-copilot"
"""Marks our collections, for a server may hold others'."""
UNFINISHED = "building-"
ADD_ROWS = 1000
LOCK = "copilot.lock"
"""Locked in the folder of an embedded index; the system frees it with the process."""


class ChromaIndex:
    """A DenseIndex: one collection with cosine distance for each name; blocking."""

    def __init__(self, client: "ClientAPI", lock: FileLock | None = None) -> None:
        self._client = client
        self._lock = lock
        self._opened: dict[str, Collection] = {}

    def collections(self) -> list[str]:
        """The collections that are whole, oldest first."""
        mine = [found for found in self._mine() if not found.name.startswith(UNFINISHED)]
        return [found.name for found in sorted(mine, key=_age)]

    def build(self, collection: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Make the collection under another name and rename it when it is whole."""
        for found in self._mine():
            if found.name.startswith(UNFINISHED):
                self._client.delete_collection(found.name)
        made = self._client.create_collection(
            UNFINISHED + collection,
            configuration={"hnsw": {"space": "cosine"}},
            metadata={"owner": OWNER, "built": time.time_ns()},
            embedding_function=None,
        )
        rows = min(ADD_ROWS, self._client.get_max_batch_size())
        for start in range(0, len(ids), rows):
            made.add(list(ids[start : start + rows]), embeddings=vectors[start : start + rows])
        self.drop(collection)
        made.modify(name=collection)

    def query(self, collection: str, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """``(id, cosine)`` best first, for one vector ``[dim]``."""
        opened = self._open(collection)
        found = opened.query(query_embeddings=vector[None], n_results=k, include=["distances"])
        assert found["distances"] is not None
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(row, 1.0 - distance) for row, distance in pairs]

    def vectors(self, collection: str, ids: Sequence[str]) -> Vectors:
        """The stored vectors of `ids`, in their order; raises KeyError if one is not there."""
        found = self._open(collection).get(list(ids), include=["embeddings"])
        assert found["embeddings"] is not None
        rows = dict(zip(found["ids"], found["embeddings"], strict=True))
        return np.asarray([rows[row] for row in ids], np.float32)

    def drop(self, collection: str) -> None:
        """Remove the collection if there is one."""
        self._opened.pop(collection, None)
        try:
            self._client.delete_collection(collection)
        except NotFoundError:
            return

    def close(self) -> None:
        """Give the folder of an embedded index back; it is not used after that."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _open(self, collection: str) -> "Collection":
        opened = self._opened.get(collection)
        if opened is None:
            opened = self._client.get_collection(collection, embedding_function=None)
            self._opened[collection] = opened
        return opened

    def _mine(self) -> "Iterator[Collection]":
        for found in self._client.list_collections():
            if (found.metadata or {}).get("owner") == OWNER:
                yield found


def open_chroma(url: str, folder: Path) -> ChromaIndex:
    """The index on the server at `url`, or embedded in `folder` when `url` is empty.

    Raises ConfigError that names the server or the folder if it cannot be used. The embedded index
    belongs to one process, for another one would read stale vectors: the folder is locked until the
    index is closed or the process ends.
    """
    return ChromaIndex(_connect(url)) if url else _embed(folder)


def _connect(url: str) -> "ClientAPI":
    try:
        parts = urlsplit(url)
        ssl = parts.scheme == "https"
        port = parts.port or (443 if ssl else 8000)
    except ValueError as error:
        raise ConfigError(f"chroma.url = {url!r}: {error}; write http://host:port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"chroma.url = {url!r}: write http://host:port")
    try:
        client = chromadb.HttpClient(parts.hostname, port, ssl, settings=_quiet())
        client.heartbeat()
    except (ChromaError, httpx.HTTPError, ValueError) as error:
        raise ConfigError(
            f"chroma.url = {url!r}: no Chroma server answers there ({error}); start it, or leave"
            " the setting empty to use the embedded one"
        ) from None
    return client


def _embed(folder: Path) -> ChromaIndex:
    # a singleton may be taken again by the same process, as Chroma's own client may
    lock = FileLock(folder / LOCK, thread_local=False, is_singleton=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        return ChromaIndex(chromadb.PersistentClient(folder, settings=_quiet()), lock)
    except Timeout:
        raise ConfigError(
            f"{folder}: the vector index is in use by another process; stop that one, give another"
            " data folder with --data, or share a Chroma server by chroma.url"
        ) from None
    except (ChromaError, OSError, ValueError) as error:
        lock.release()
        raise ConfigError(
            f"{folder}: the vector index cannot be opened ({error}); see that the folder is"
            " writable, or remove it and run `copilot index`"
        ) from None


def _quiet() -> ChromaSettings:
    return ChromaSettings(anonymized_telemetry=False)


def _age(collection: "Collection") -> int:
    return int((collection.metadata or {})["built"])
