"""The packs that calls get: makes their retrievers, and changes them when others are published."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from weakref import WeakKeyDictionary

from msgspec import Struct

from copilot.config import Settings
from copilot.core.vocabulary import Passage
from copilot.errors import ConfigError, PackError, UserError
from copilot.ports import DenseIndex, Embedder, Pinned, Reranker
from copilot.retrieval.adapter import Adapter
from copilot.retrieval.drafts import Drafts
from copilot.retrieval.facets import sentences
from copilot.retrieval.hybrid import HybridRetriever, Shelf
from copilot.retrieval.indexing import Indexer, Progress, collection
from copilot.retrieval.learned import Learned
from copilot.retrieval.lexical import content_words
from copilot.retrieval.packs import Pack
from copilot.retrieval.published import Published, State
from copilot.retrieval.publishing import bring_up, in_use
from copilot.retrieval.reranking import SecondLook
from copilot.retrieval.scope import Scope
from copilot.retrieval.usage import Usage
from copilot.retrieval.vectors import VectorCache
from copilot.trained import Trained, trained_for

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at what is published; each costs a stat a pack."""
AGAIN_SECONDS = 60.0
"""Until a version that could not be taken over is tried again."""
CLAIM_SECONDS = 3600.0
"""Between two renewals of the claim on the collections in use."""


Lore = tuple[Adapter | None, Scope | None, Usage | None]
Taught = Callable[[str], Lore]
"""What was learned for a pack."""


def nothing(pack: str) -> Lore:
    """No pack has learned anything."""
    return None, None, None


class Source(Struct, frozen=True):
    """A passage and where it is from."""

    passage: Passage
    pack: Pack


class Closed(Exception):
    """The library is closed while it takes over what was published."""


class Library:
    """The packs in use and the search over them; one for all calls of a process."""

    def __init__(
        self,
        embedder: Embedder,
        index: DenseIndex,
        packs: Sequence[Pack],
        model: Trained | None = None,
        learned: Taught = nothing,
        second: SecondLook | None = None,
    ) -> None:
        """Take packs that are indexed; `model` orders their passages, if it is trained for them."""
        self._model, self._learned, self._second = model, learned, second
        self._embedder = embedder
        self._index = index
        self._search = ThreadPoolExecutor(1, "search")
        self._alive: WeakKeyDictionary[HybridRetriever, frozenset[str]] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._edition = Edition(packs)

    @property
    def packs(self) -> tuple[Pack, ...]:
        return self._edition.packs

    def refs(self, packs: Sequence[str] = ()) -> tuple[str, ...]:
        """``parcel@1f0c9a2e`` for each named pack, for all when none is named."""
        return self._edition.refs(packs)

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

    def names(self) -> frozenset[str]:
        """What passages are about, as people name it."""
        return self._edition.names

    def words(self) -> frozenset[str]:
        """Every word of the packs, as `copilot.retrieval.lexical` compares them; blocking, once for
        each edition."""
        return self._edition.words

    def source(self, passage: str) -> Source | None:
        """The passage with this id and its pack; None if no pack in use has it."""
        return self._edition.sources.get(passage)

    def pin(self, packs: Sequence[str] = ()) -> Pinned:
        """The named packs as they are now; whoever has it keeps those versions."""
        edition = self._edition  # another thread may change it
        need = self._model.need if self._model else None
        return Pinned(edition.refs(packs), self._retriever(edition, packs), need)

    def retriever(self, packs: Sequence[str] = ()) -> HybridRetriever:
        """Search over the named packs, all of them when none is named; the same for every call."""
        return self._retriever(self._edition, packs)

    @property
    def pinned(self) -> frozenset[str]:
        """The collections that anyone still searches."""
        with self._lock:
            return frozenset[str]().union(*self._alive.values())

    def change(self, packs: Sequence[Pack]) -> None:
        """Give new calls these packs, which are indexed; what calls have pinned stays as it was.

        Blocking, for the search over them is made first: the change itself is one assignment.
        """
        edition, before = Edition(packs), self._edition
        names = {pack.name for pack in packs}
        for wanted in [(), *before.retrievers]:
            if names.issuperset(wanted):
                self._retriever(edition, wanted)
        self._edition = edition

    def claim(self) -> None:
        """Tell other processes that share the index which collections are in use; blocking."""
        for name in self.pinned:
            if not self._index.claim(name):
                log.error("%s is not in the index any more: restart to index it again", name)

    def forget(self) -> None:
        """Let go of the words of calls that searches remember for speed."""
        with self._lock:
            alive = list(self._alive)
        for retriever in alive:
            retriever.forget()

    def close(self) -> None:
        """Let go of the search thread; searches that have not begun are cancelled."""
        self._search.shutdown(wait=True, cancel_futures=True)

    def _retriever(self, edition: "Edition", packs: Sequence[str]) -> HybridRetriever:
        known = {pack.name: pack for pack in edition.packs}
        for name in packs:
            if name not in known:
                there = ", ".join(known) or "none"
                raise ConfigError(f"pack {name!r} is not in use; there are {there}")
        wanted = tuple(packs) or tuple(known)
        if wanted not in edition.retrievers:
            shelves = [self._shelf(known[name]) for name in wanted]
            made = HybridRetriever(
                self._embedder, self._index, shelves, self._search, self._model, self._second
            )
            with self._lock:
                self._alive[made] = frozenset(shelf.collection for shelf in shelves)
            edition.retrievers[wanted] = made
        return edition.retrievers[wanted]

    def _shelf(self, pack: Pack) -> Shelf:
        name = collection(pack, self._embedder)
        return Shelf(name, pack.passages, pack.title, *self._learned(pack.name))


class Edition:
    """The packs between two changes."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self.packs = tuple(packs)
        self.sources = {p.id: Source(p, pack) for pack in packs for p in pack.passages}
        self.names = frozenset(p.entity for pack in packs for p in pack.passages if p.entity)
        self.retrievers: dict[tuple[str, ...], HybridRetriever] = {}

    @cached_property
    def words(self) -> frozenset[str]:
        passages = [one for pack in self.packs for one in pack.passages]
        texts = (f"{one.entity} {one.title} {one.text} {one.say}" for one in passages)
        return frozenset(word for text in texts for word in content_words(text))

    def refs(self, packs: Sequence[str]) -> tuple[str, ...]:
        return tuple(pack.ref for pack in self.packs if not packs or pack.name in packs)


class Follower:
    """Takes over into a library what is published while it is in use."""

    def __init__(
        self,
        library: Library,
        published: Published,
        names: Sequence[str],
        indexer: Indexer,
        aside: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`indexer` is for work beside calls; `aside` names the packs that the console keeps."""
        self._library = library
        self._published = published
        self._names = names
        self._aside = aside
        self._closing = threading.Event()
        self._executor = ThreadPoolExecutor(1, "publish")
        self._indexer = replace(indexer, progress=self._go_on)
        self._seen: State = ()

    async def follow(self) -> None:
        """Look for what is published, for as long as the service runs."""
        loop = asyncio.get_running_loop()
        claimed = loop.time()
        while True:
            try:
                await asyncio.sleep(LOOK_SECONDS)
                await self.refresh()
                if loop.time() > claimed + CLAIM_SECONDS:
                    claimed = loop.time()
                    await loop.run_in_executor(self._executor, self._library.claim)
            except UserError as error:
                log.error("%s. Calls go on with the packs as they are", error)
                self._seen = ()
                await asyncio.sleep(AGAIN_SECONDS)

    async def refresh(self) -> bool:
        """Take over what was published since the last look; False if that changes nothing.

        Raises UserError if it cannot be used: then calls go on getting what they got.
        """
        state = self._published.state()
        if state == self._seen:
            return False
        loop = asyncio.get_running_loop()
        changed = await loop.run_in_executor(self._executor, self._take_over)
        self._seen = state
        return changed

    def close(self) -> None:
        """Stop in the middle of what is being taken over; it is taken over at the next start."""
        self._closing.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _take_over(self) -> bool:
        names = (*self._names, *self._aside()) if self._names else ()
        packs = in_use(self._published, names)
        if packs == self._library.packs:
            return False
        self._indexer.ensure(packs)
        self._library.change(packs)
        self._indexer.tidy(packs, self._library.pinned)
        log.info("calls now get %s", ", ".join(pack.ref for pack in packs) or "no pack")
        return True

    def _go_on(self, what: str, done: int, of: int) -> None:
        if self._closing.is_set():
            raise Closed


async def open_library(
    settings: Settings,
    embedder: Embedder,
    index: DenseIndex,
    progress: Progress | None = None,
    reranker: Reranker | None = None,
) -> Library:
    """The packs in use: published if they are due, and indexed, all off the event loop.

    Raises PackFaults if a pack that was never published has a fault: then nothing is published.
    """

    chosen = settings.reranker
    second = SecondLook(reranker, chosen.weight, chosen.passages) if reranker else None

    def learned(pack: str) -> Lore:
        kept = Learned(settings.data, pack)
        return kept.adapter(embedder.name), kept.scope(embedder.name), kept.usage()

    def prepare() -> Library:
        published = published_in(settings)
        names, aside = settings.knowledge.packs, drafts_in(settings).names()
        with closing(vectors_in(settings)) as cache:
            indexer = Indexer(embedder, index, cache, progress)
            folder = settings.knowledge.path
            bring_up(folder, names, published, indexer, strict=False, aside=aside)
        packs = in_use(published, (*names, *aside) if names else ())
        if not packs:
            raise PackError("every pack is retired; `copilot packs publish` brings one back")
        library = Library(embedder, index, packs, trained_for(embedder.name), learned, second)
        library.retriever()
        return library

    with ThreadPoolExecutor(1, "index") as executor:
        return await asyncio.get_running_loop().run_in_executor(executor, prepare)


def published_in(settings: Settings) -> Published:
    """What is published in the data folder."""
    return Published(settings.data / "packs")


def drafts_in(settings: Settings) -> Drafts:
    """The packs that are edited in the console."""
    return Drafts(settings.data / "drafts")


def vectors_in(settings: Settings) -> VectorCache:
    """The data folder's vectors of texts; to be closed."""
    return VectorCache(settings.data / "cache" / "vectors.sqlite")
