"""Finds passages by meaning, by words and by what the talk is about, then orders them.

Reciprocal rank fusion only chooses candidates, for a rank forgets by how much a passage leads;
the order is the trained ranker's (``copilot/retrieval/ranking.py``), and a reranker's if there is
one (``copilot/retrieval/reranking.py``).
"""

import asyncio
import copy
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from copilot.core.vocabulary import Passage, Signals, TurnText
from copilot.ports import DenseIndex, Embedder, Found, Vectors
from copilot.retrieval import ranking
from copilot.retrieval.adapter import Adapter, moved
from copilot.retrieval.facets import FACETS, facet_id, passage_id
from copilot.retrieval.focus import Focus, Tracker
from copilot.retrieval.lexical import Lexical, Scores, content_words
from copilot.retrieval.reranking import SecondLook, rescored
from copilot.retrieval.scope import Scope
from copilot.retrieval.seeking import seeking
from copilot.retrieval.usage import Leanings, Usage, leanings
from copilot.trained import Trained

POOL = 20
"""Passages that each of the two searches puts forward."""
FOCUSES, EACH = 6, 16
"""The entities most in focus, and the passages of each that are put forward besides."""
USUAL = 30
"""The nearest passages of what is asked about most that are put forward besides."""
RIVALS = 10
"""Passages among which the first one's rival is looked for."""
RANK_OFFSET = 10
LEXICAL_WEIGHT = 0.5
"""Against 1 for meaning."""


class Shelf(NamedTuple):
    """A pack's passages and the collection that holds their vectors."""

    collection: str
    passages: Sequence[Passage]
    title: str = ""
    adapter: Adapter | None = None
    scope: Scope | None = None
    usage: Usage | None = None
    """What was learned for the pack."""


class Look(NamedTuple):
    """Everything that search saw at one moment."""

    rows: NDArray[np.intp]
    """The passages put forward."""
    features: ranking.Matrix
    """float32 ``[rows, FEATURES]``."""
    likes: ranking.Matrix
    """Cosines of the query as it was said and the facets, float32 ``[rows, FACETS]``."""
    shares: Scores
    focus: Focus
    text: str
    query: Vectors
    fit: int
    """How many of the passages were put forward for what they say; the rest only for their use."""

    def part(self, keep: NDArray[np.bool_]) -> "Look":
        """What there would have been to see with only these passages put forward."""
        return self._replace(
            rows=self.rows[keep],
            features=self.features[keep],
            likes=self.likes[keep],
            shares=self.shares[keep],
            fit=int(keep[: self.fit].sum()),
        )


class HybridRetriever:
    """Searches some shelves; a Retriever whose blocking work runs in `executor`."""

    def __init__(
        self,
        embedder: Embedder,
        index: DenseIndex,
        shelves: Sequence[Shelf],
        executor: Executor,
        model: Trained | None = None,
        second: SecondLook | None = None,
    ) -> None:
        """`model` None: without a trained order, by likeness alone."""
        self._embedder, self._index, self._executor = embedder, index, executor
        self._shelves = [shelf for shelf in shelves if shelf.passages]
        self.passages = [passage for shelf in self._shelves for passage in shelf.passages]
        self._place = {passage.id: n for n, passage in enumerate(self.passages)}
        self._lexical = Lexical([f"{p.title} {p.text} {p.say}" for p in self.passages])
        self._model, self._second = model, second
        self._weights = ranking.weights(model.ranker) if model else ranking.PLAIN
        if self._shelves:
            self._vectors = np.concatenate([self._load(shelf) for shelf in self._shelves])
            packs = [(shelf.title, shelf.passages) for shelf in self._shelves]
            text, say = FACETS.index("text"), FACETS.index("say")
            self._tracker = Tracker(packs, self._vectors[:, text], self._vectors[:, say], embedder)
            self._leanings = leanings([(shelf.passages, shelf.usage) for shelf in self._shelves])

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        """The `k` best passages after the lines before; none for a query without content."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self.find, query, k, turns)

    def find(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        """`search` on the calling thread."""
        look = self.look(query, turns)
        if look is None:
            return Found(())
        shares = self.belief(look)
        order = ranking.best(shares, k)
        found = tuple(
            msgspec.structs.replace(
                self.passages[look.rows[place]], score=round(100 * float(shares[place]))
            )
            for place in order
        )
        return Found(found, self.signals(look, shares))

    def forget(self) -> None:
        """Let go of the lines of calls that are remembered for speed."""
        if self._tracker is not None:
            self._tracker.forget()

    def look(self, query: str, turns: Sequence[TurnText] = ()) -> Look | None:
        """What there is to decide on; None for a query without content, or without passages."""
        if not self.passages or not content_words(query):
            return None
        said = _embed(self._embedder, query)
        adapted = self._adapted(said)
        shares = self._lexical.shares(query)
        focus = self._tracker.look(query, said, turns)
        chosen = fuse(self._by_meaning(adapted), self._by_words(shares))
        fit = dict.fromkeys([*chosen, *self._in_focus(focus, adapted)])
        rows = np.array([*dict.fromkeys([*fit, *self._usual(adapted)])], np.intp)
        entity, pack = self._tracker.entity[rows], self._tracker.pack[rows]
        usage = (self._leanings.passage[rows], self._leanings.entity[rows])
        likes = self._likes(rows, adapted)
        features = ranking.features(likes, shares[rows], focus, entity, pack, usage)
        nearness = self._vectors[rows] @ said
        return Look(rows, features, nearness, shares[rows], focus, query, said, len(fit))

    def belief(self, look: Look) -> Scores:
        """The share of belief of each passage put forward."""
        scores: Scores = look.features @ self._weights
        if self._second is not None:
            passages = [self.passages[row] for row in look.rows]
            scores = rescored(scores, look.text, passages, self._second)
        return ranking.shares_of(scores)

    def using(self, model: Trained, usage: Usage | None = None) -> "HybridRetriever":
        """The same shelves searched with another model, and what is known of all of them."""
        other = copy.copy(self)
        other._model = model
        other._weights = ranking.weights(model.ranker)
        other._leanings = self.known(usage)
        return other

    def known(self, usage: Usage | None) -> Leanings:
        """The leanings of all passages, by row, that this usage would give them."""
        return leanings([(shelf.passages, usage) for shelf in self._shelves])

    def unlike(self, look: Look, passages: Sequence[str], cosine: float) -> NDArray[np.bool_]:
        """Which of the passages put forward ask something else than these."""
        title = FACETS.index("title")
        asked = self._vectors[[self._place[passage] for passage in passages], title]
        near: NDArray[np.bool_] = (self._vectors[look.rows, title] @ asked.T).max(1) < cosine
        return near

    def row(self, passage: str) -> int | None:
        """Where the passage stands; None if it is not on these shelves."""
        return self._place.get(passage)

    def signals(self, look: Look, shares: Scores) -> Signals:
        """What the moment tells of need, the passages' shares of belief given."""
        order = ranking.best(shares, RIVALS)
        first = order[0]
        rival = next((n for n in order[1:] if self._differs(look.rows[first], look.rows[n])), None)
        entity = self._tracker.entity[look.rows[first]]
        asks = seeking(self._model.seeking, look.query, look.text) if self._model else 1.0
        return Signals(
            seeking=round(100 * asks),
            title=_percent(look.likes[:, 0].max()),
            text=_percent(look.likes[:, 1].max()),
            words=_percent(look.shares.max()),
            lead=_percent(shares[first] - (shares[rival] if rival is not None else 0)),
            answerable=_percent(self._answerable(look)),
            focus=_percent(look.focus.best[entity]) if entity >= 0 else 0,
        )

    def _differs(self, one: int, other: int) -> bool:
        """Whether the two answer differently, not the same question of another thing."""
        return self.passages[one].title != self.passages[other].title

    def _adapted(self, said: Vectors) -> Vectors:
        """The query's vector as each shelf is searched with it, ``[shelves, dim]``."""
        general = said if self._model is None else moved(said, self._model.adapter)
        return np.stack(
            [shelf.adapter.apply(general) if shelf.adapter else general for shelf in self._shelves]
        )

    def _likes(self, rows: NDArray[np.intp], adapted: Vectors) -> ranking.Matrix:
        likes: ranking.Matrix = np.einsum(
            "rfd,rd->rf", self._vectors[rows], adapted[self._tracker.pack[rows]]
        )
        return likes

    def _answerable(self, look: Look) -> float:
        """What the packs have learned of whether they can answer; 1 if one has learned nothing."""
        return max(
            shelf.scope.answerable(look.query, look.text) if shelf.scope else 1.0
            for shelf in self._shelves
        )

    def _load(self, shelf: Shelf) -> Vectors:
        """float32 ``[passages, facets, dim]``, as the index has them."""
        ids = [facet_id(passage.id, facet) for passage in shelf.passages for facet in FACETS]
        vectors = self._index.vectors(shelf.collection, ids)
        made: Vectors = vectors.reshape(len(shelf.passages), len(FACETS), -1)
        return made

    def _by_meaning(self, adapted: Vectors) -> list[int]:
        """Rows whose best facet is nearest, nearest first."""
        near: dict[int, float] = {}
        for shelf, vector in zip(self._shelves, adapted, strict=True):
            wanted = min(POOL, len(shelf.passages)) * len(FACETS)
            for row, cosine in self._index.query(shelf.collection, vector, wanted):
                place = self._place[passage_id(row)]
                near[place] = max(cosine, near.get(place, -1.0))
        return sorted(near, key=lambda row: -near[row])[:POOL]

    def _by_words(self, shares: Scores) -> list[int]:
        """Rows that hold most of the query's words, best first."""
        best = np.argpartition(-shares, min(POOL, len(shares)) - 1)[:POOL]
        return [int(row) for row in best[np.argsort(-shares[best])] if shares[row] > 0]

    def _usual(self, adapted: Vectors) -> Iterable[int]:
        """The nearest passages of what is asked about most."""
        rows = self._leanings.usual
        if len(rows):
            likes = self._likes(rows, adapted).max(1)
            yield from (int(rows[place]) for place in ranking.best(likes, USUAL))

    def _in_focus(self, focus: Focus, adapted: Vectors) -> Iterable[int]:
        """The nearest passages of the things that the talk has named, or sounds like."""
        if not self._tracker.entities:
            return
        nearest = [
            *ranking.best(focus.best, FOCUSES),
            *ranking.best(focus.echoed, FOCUSES // 2),
        ]
        for entity in dict.fromkeys(nearest):
            members = self._tracker.members(entity)
            likes = self._likes(members, adapted).max(1)
            yield from (int(members[place]) for place in ranking.best(likes, EACH))


def fuse(meaning: Iterable[int], words: Iterable[int]) -> list[int]:
    """Both rankings as one, by weighted reciprocal ranks."""
    merit: dict[int, float] = {}
    for weight, ranked in ((1.0, meaning), (LEXICAL_WEIGHT, words)):
        for rank, row in enumerate(ranked):
            merit[row] = merit.get(row, 0.0) + weight / (RANK_OFFSET + rank)
    return sorted(merit, key=lambda row: (-merit[row], row))


def _embed(embedder: Embedder, text: str) -> Vectors:
    vector: Vectors = embedder.embed([text])[0]
    return vector


def _percent(value: float) -> int:
    return round(100 * max(0.0, min(1.0, float(value))))
