"""The vector index in Chroma: embedded in a folder of one process, or a server by its URL."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError, InternalError, NotFoundError
from filelock import FileLock, Timeout

from copilot.errors import ConfigError, VectorError
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
DAY_NS = 24 * 3600 * 10**9
ABANDONED_NS = DAY_NS
"""Age after which another machine's unfinished collection is abandoned: it is made in minutes."""
CLAIM_NS = 7 * DAY_NS
"""How long a claim on a server's collection holds; who uses it renews that hourly."""

_building: set[str] = set()
"""What this process is building; in a folder of its own all else unfinished is abandoned."""


class InUse(ConfigError):
    """The folder of the embedded index belongs to another process."""


class ChromaIndex:
    """A DenseIndex: one collection with cosine distance for each name; blocking."""

    def __init__(self, client: "ClientAPI", lock: FileLock | None = None) -> None:
        """`lock` is held on the folder of an embedded index; without one others use it too."""
        self._client = client
        self._lock = lock
        self._shared = lock is None
        self._opened: dict[str, Collection] = {}

    def collections(self) -> list[str]:
        """The collections that are whole, oldest first."""
        return [found.name for found in self._whole()]

    def unused(self) -> list[str]:
        """On a server those whose claim is over, for other machines may be using the rest."""
        since = time.time_ns() - CLAIM_NS
        return [
            found.name for found in self._whole() if not self._shared or _last_use(found) < since
        ]

    def build(
        self,
        collection: str,
        ids: Sequence[str],
        vectors: Vectors,
        told: Callable[[int], None] | None = None,
    ) -> None:
        """Make the collection under a name of its own and rename it when it is whole."""
        self._clear_abandoned()
        name = f"{UNFINISHED}{secrets.token_hex(4)}-{collection}"
        _building.add(name)
        try:
            with _failing(f"{collection}: the vectors cannot be written"):
                made = self._fill(name, ids, vectors, told)
                self._finish(made, collection)
        except BaseException:
            with suppress(ChromaError, httpx.HTTPError):
                self._client.delete_collection(name)
            raise
        finally:
            _building.discard(name)

    def claim(self, collection: str) -> bool:
        """Renew the claim on it; False if it is not there."""
        with _failing(f"{collection}: the index cannot be written"):
            try:
                found = self._client.get_collection(collection, embedding_function=None)
                found.modify(metadata={**(found.metadata or {}), "used": time.time_ns()})
            except NotFoundError:
                return False
        self._opened[collection] = found
        return True

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
        with _failing(f"{collection}: cannot be dropped"), suppress(NotFoundError):
            self._client.delete_collection(collection)

    def close(self) -> None:
        """Give the folder of an embedded index back; it is not used after that."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _fill(
        self,
        name: str,
        ids: Sequence[str],
        vectors: Vectors,
        told: Callable[[int], None] | None,
    ) -> "Collection":
        now = time.time_ns()
        made = self._client.create_collection(
            name,
            configuration={"hnsw": {"space": "cosine"}},
            metadata={"owner": OWNER, "built": now, "used": now},
            embedding_function=None,
        )
        rows = min(ADD_ROWS, self._client.get_max_batch_size())
        for start in range(0, len(ids), rows):
            made.add(list(ids[start : start + rows]), embeddings=vectors[start : start + rows])
            if told:
                told(min(start + rows, len(ids)))
        return made

    def _finish(self, made: "Collection", collection: str) -> None:
        """Give it its name, unless another process has finished the same one meanwhile."""
        unfinished = made.name
        try:
            made.modify(name=collection)
        except ChromaError:
            if collection not in self.collections():
                raise
            self._client.delete_collection(unfinished)

    def _clear_abandoned(self) -> None:
        before = time.time_ns() - ABANDONED_NS
        with _failing("the index cannot be cleared of what was abandoned"):
            for found in self._mine():
                ours = found.name.startswith(UNFINISHED) and found.name not in _building
                if ours and (not self._shared or _built(found) < before):
                    with suppress(NotFoundError):
                        self._client.delete_collection(found.name)

    def _open(self, collection: str) -> "Collection":
        opened = self._opened.get(collection)
        if opened is None:
            opened = self._client.get_collection(collection, embedding_function=None)
            self._opened[collection] = opened
        return opened

    def _whole(self) -> "list[Collection]":
        with _failing("the index cannot be read"):
            mine = [found for found in self._mine() if not found.name.startswith(UNFINISHED)]
        return sorted(mine, key=_built)

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
        raise InUse(
            f"{folder}: the vector index is in use by another process; stop that one, give another"
            " data folder with --data, or share a Chroma server by chroma.url"
        ) from None
    except (ChromaError, OSError, ValueError) as error:
        lock.release()
        raise ConfigError(
            f"{folder}: the vector index cannot be opened ({error}); see that the folder is"
            " writable, or remove it and run `copilot index`"
        ) from None


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Tell a full disk or a server that is gone as what the user can put right."""
    try:
        yield
    except (InternalError, httpx.HTTPError, OSError) as error:
        raise VectorError(
            f"{what} ({error}); see that the disk has room, or that the Chroma server runs"
        ) from error


def _quiet() -> ChromaSettings:
    return ChromaSettings(anonymized_telemetry=False)


def _built(collection: "Collection") -> int:
    return int((collection.metadata or {})["built"])


def _last_use(collection: "Collection") -> int:
    used = (collection.metadata or {}).get("used")
    return _built(collection) if used is None else int(used)
