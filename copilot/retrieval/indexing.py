"""Puts packs into the vector index: each version once, each text embedded once."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from msgspec import Struct

from copilot.ports import DenseIndex, Embedder
from copilot.retrieval.facets import FORMAT, facets
from copilot.retrieval.packs import Pack
from copilot.retrieval.vectors import VectorCache, embed

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""
KEPT_VERSIONS = 2
"""Versions of a pack whose vectors are kept in the index: to roll back is then done at once."""


class Indexed(Struct, frozen=True):
    """What indexing a pack did."""

    ref: str
    """``parcel@1f0c9a2e``."""
    title: str
    passages: int
    new: bool
    """False where it had been indexed before."""


@dataclass(frozen=True)
class Indexer:
    """What indexing needs."""

    embedder: Embedder
    index: DenseIndex | None
    """None where another process holds it: then texts are embedded, and it does the rest."""
    cache: VectorCache
    progress: Progress | None = None
    workers: int = 0
    """Batches embedded at once; 0: one a core."""

    def ensure(self, packs: Sequence[Pack]) -> list[Indexed]:
        """Index each pack version that is not in the index yet; others' claims it."""
        report = []
        for pack in packs:
            there = self.index is not None and self.index.claim(collection(pack, self.embedder))
            if not there:
                self._add(pack)
            report.append(Indexed(pack.ref, pack.title, len(pack.passages), not there))
        self.cache.forget()
        return report

    def tidy(
        self,
        packs: Sequence[Pack],
        pinned: Collection[str] = (),
        retired: Collection[str] = (),
    ) -> None:
        """Drop the collections of versions long out of use; not those that calls have pinned.

        `packs` are the versions in use. Their texts' vectors stay in the cache for a while.
        """
        if self.index is None:
            return
        unused = self.index.unused()
        gone = [name for name in unused if _pack_of(name) in retired]
        for pack in packs:
            current = collection(pack, self.embedder)
            old = [name for name in unused if _pack_of(name) == pack.name and name != current]
            gone += old[: len(old) - (KEPT_VERSIONS - 1)]
        for name in gone:
            if name not in pinned:
                self.index.drop(name)

    def _add(self, pack: Pack) -> None:
        rows = facets(pack.passages)
        name = collection(pack, self.embedder)
        work = f"indexing {pack.name}"
        tell = self.progress or (lambda what, done, of: None)
        tell(work, 0, len(rows))
        vectors = embed(
            [row.text for row in rows],
            self.embedder,
            self.cache,
            lambda done: tell(work, done, len(rows)),
            self.workers,
        )
        if self.index is not None:
            self.index.build(
                name,
                [row.id for row in rows],
                vectors,
                lambda done: tell(f"storing {pack.name}", done, len(rows)),
            )


def index_packs(
    packs: Sequence[Pack],
    embedder: Embedder,
    index: DenseIndex,
    progress: Progress | None = None,
    cache: VectorCache | None = None,
) -> list[Indexed]:
    """Index packs that are used as they are, without a publication."""
    indexer = Indexer(embedder, index, cache or VectorCache(), progress)
    report = indexer.ensure(packs)
    indexer.tidy(packs)
    return report


def collection(pack: Pack, embedder: Embedder) -> str:
    """The name of the pack version's collection; other vectors get another name."""
    kind = hashlib.sha256(f"{embedder.name} {FORMAT}".encode()).hexdigest()[:6]
    return f"{pack.name}.{pack.version}.{kind}"


def _pack_of(name: str) -> str:
    return name.split(".")[0]
