"""The packs in use: loads them, indexes what is new, and makes their retrievers."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from msgspec import Struct

from copilot.config import Settings
from copilot.core.events import Passage
from copilot.errors import ConfigError
from copilot.ports import DenseIndex, Embedder
from copilot.retrieval.facets import FORMAT, facets, sentences
from copilot.retrieval.hybrid import HybridRetriever, Shelf
from copilot.retrieval.packs import Pack, load_packs

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""
EMBED_ROWS = 96
KEPT_VERSIONS = 2
"""Versions of a pack whose vectors are kept: calls that began before a change end with the old."""


class Source(Struct, frozen=True):
    """A passage and where it is from."""

    passage: Passage
    pack: Pack


class Indexed(Struct, frozen=True):
    """What indexing a pack did."""

    ref: str
    """``parcel@1f0c9a2e``."""
    title: str
    passages: int
    new: bool
    """False where it had been indexed before."""


class Library:
    """The packs in use and the search over them; one for all calls of a process."""

    def __init__(self, embedder: Embedder, index: DenseIndex, packs: Sequence[Pack]) -> None:
        """Take packs that are indexed."""
        self.packs = tuple(packs)
        self._embedder = embedder
        self._index = index
        self._executor = ThreadPoolExecutor(1, "search")
        self._sources = {p.id: Source(p, pack) for pack in packs for p in pack.passages}
        self._retrievers: dict[tuple[str, ...], HybridRetriever] = {}

    def refs(self, packs: Sequence[str] = ()) -> tuple[str, ...]:
        """``parcel@1f0c9a2e`` for each named pack, for all when none is named."""
        return tuple(pack.ref for pack in self.packs if not packs or pack.name in packs)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every question, spoken line and sentence of the packs, for a recogniser's language."""
        return tuple(
            sentence
            for pack in self.packs
            for passage in pack.passages
            for sentence in (passage.title, passage.say, *sentences(passage.text))
            if sentence
        )

    def source(self, passage: str) -> Source | None:
        """The passage with this id and its pack; None if no pack in use has it."""
        return self._sources.get(passage)

    def retriever(self, packs: Sequence[str] = ()) -> HybridRetriever:
        """Search over the named packs, all of them when none is named; the same for every call."""
        known = {pack.name: pack for pack in self.packs}
        for name in packs:
            if name not in known:
                raise ConfigError(f"pack {name!r} is not in use; there are {', '.join(known)}")
        wanted = tuple(packs) or tuple(known)
        if wanted not in self._retrievers:
            shelves = [
                Shelf(collection(known[name], self._embedder), known[name].passages)
                for name in wanted
            ]
            self._retrievers[wanted] = HybridRetriever(
                self._embedder, self._index, shelves, self._executor
            )
        return self._retrievers[wanted]

    def close(self) -> None:
        """Let go of the search thread; searches that have not begun are cancelled."""
        self._executor.shutdown(wait=True, cancel_futures=True)


async def open_library(
    settings: Settings, embedder: Embedder, index: DenseIndex, progress: Progress | None = None
) -> Library:
    """Load the packs in use and index what is not indexed yet, all off the event loop.

    Raises PackFaults if a pack has a fault: then nothing is indexed.
    """

    def prepare() -> Library:
        packs = load_packs(settings.knowledge.path, settings.knowledge.packs)
        index_packs(packs, embedder, index, progress)
        library = Library(embedder, index, packs)
        library.retriever()
        return library

    with ThreadPoolExecutor(1, "index") as executor:
        return await asyncio.get_running_loop().run_in_executor(executor, prepare)


def index_packs(
    packs: Sequence[Pack], embedder: Embedder, index: DenseIndex, progress: Progress | None = None
) -> list[Indexed]:
    """Index each pack version that is not there yet, and drop versions long out of use."""
    done = set(index.collections())
    report = []
    for pack in packs:
        name = collection(pack, embedder)
        if name not in done:
            _index_pack(name, pack, embedder, index, progress)
        report.append(Indexed(pack.ref, pack.title, len(pack.passages), name not in done))
        _drop_old(pack, name, index)
    return report


def report(rows: Sequence[Indexed]) -> str:
    """One line a pack: version, passages, and whether there was anything to do."""
    return "\n".join(
        f"{row.ref}: {row.title}, {row.passages} passages, {'indexed' if row.new else 'up to date'}"
        for row in rows
    )


def collection(pack: Pack, embedder: Embedder) -> str:
    """The name of the pack version's collection; other vectors get another name."""
    kind = hashlib.sha256(f"{embedder.name} {FORMAT}".encode()).hexdigest()[:6]
    return f"{pack.name}.{pack.version}.{kind}"


def _index_pack(
    name: str, pack: Pack, embedder: Embedder, index: DenseIndex, progress: Progress | None
) -> None:
    rows = facets(pack.passages)
    vectors = np.empty((len(rows), embedder.dim), np.float32)
    for start in range(0, len(rows), EMBED_ROWS):
        if progress:
            progress(f"indexing {pack.name}", start, len(rows))
        part = slice(start, start + EMBED_ROWS)
        vectors[part] = embedder.embed([row.text for row in rows[part]])
    index.build(name, [row.id for row in rows], vectors)
    if progress:
        progress(f"indexing {pack.name}", len(rows), len(rows))


def _drop_old(pack: Pack, current: str, index: DenseIndex) -> None:
    versions = [
        found
        for found in index.collections()
        if found.split(".")[0] == pack.name and found != current
    ]
    for found in versions[: len(versions) - (KEPT_VERSIONS - 1)]:
        index.drop(found)
