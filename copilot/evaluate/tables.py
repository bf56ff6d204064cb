"""What the models are trained from: public moments seen through the product's own search."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from copilot.core.need import Features, observe
from copilot.core.vocabulary import TurnText
from copilot.evaluate.fitting import Choice
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import Corpus, Moment
from copilot.evaluate.noise import misheard
from copilot.providers.chroma import open_chroma
from copilot.retrieval.hybrid import HybridRetriever, Look, Shelf
from copilot.retrieval.indexing import collection, index_packs
from copilot.retrieval.packs import Pack
from copilot.retrieval.ranking import FEATURES, USAGE
from copilot.retrieval.usage import Leanings, Usage
from copilot.trained import Trained

Progress = Callable[[str, int, int], None]

WORD_ERRORS = 0.15
"""Of the misheard copy of each moment: about what recognisers of telephone talk leave wrong."""
LIKE_GOLD = 0.75
"""Cosine of two questions from which a passage asks the same as the right one."""
USAGE_COLUMNS = [FEATURES.index(name) for name in USAGE]


class Usual(Struct, frozen=True):
    """The passages as they are put forward where it is known which were right before."""

    rows: NDArray[np.intp]
    choice: Choice

    def given(self, known: Leanings) -> Choice:
        """With the leanings of an evidence that this moment has no part in."""
        features = self.choice.features.copy()
        features[:, USAGE_COLUMNS] = np.stack([known.passage, known.entity], 1)[self.rows]
        return Choice(features, self.choice.right)


class Row(Struct, frozen=True):
    """A moment as search saw it, without knowing which passages were right before."""

    source: str
    moment: Moment
    look: Look
    choice: Choice
    usual: "Usual"
    answerable: bool = True
    """False where the passages that answer were taken away: the base does not know."""

    @property
    def needed(self) -> bool:
        return self.moment.needs and self.answerable


@contextmanager
def searching(
    packs: Sequence[Pack],
    embedder: Memo,
    model: Trained | None,
    progress: Progress,
    usage: Usage | None = None,
) -> Iterator[HybridRetriever]:
    """Search over the packs in a real index that lasts as long as the context."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as executor:
        index = open_chroma("", Path(folder))
        try:
            index_packs(packs, embedder, index, progress, embedder.cache)
            shelves = [
                Shelf(collection(pack, embedder), pack.passages, pack.title, usage=usage)
                for pack in packs
            ]
            yield HybridRetriever(embedder, index, shelves, executor, model)
        finally:
            index.close()


def rows_of(
    corpus: Corpus, retriever: HybridRetriever, embedder: Memo, progress: Progress, seed: int = 1
) -> list[Row]:
    """Each moment as written, and as a recogniser might have heard it."""
    dice = random.Random(seed)
    moments = [m for moment in corpus.moments for m in (moment, _misheard(moment, dice))]
    embedder.prepare(turn.text for moment in moments for turn in moment.turns[-2:])
    rows: list[Row] = []
    for done, moment in enumerate(moments):
        look = retriever.look(moment.query, moment.before)
        if look is not None:
            gold = {retriever.row(passage) for passage in moment.gold}
            right = np.array([row in gold for row in look.rows])
            usual = Usual(look.rows, Choice(look.features, right))
            look = look.part(np.arange(len(look.rows)) < look.fit)
            look.features[:, USAGE_COLUMNS] = 0
            choice = Choice(look.features, right[: look.fit])
            rows.append(Row(corpus.name, moment, look, choice, usual))
        if done % 50 == 0:
            progress(f"looking at {corpus.name}", done, len(moments))
    progress(f"looking at {corpus.name}", len(moments), len(moments))
    return rows


def unanswerable(
    rows: Sequence[Row], retriever: HybridRetriever, share: float, seed: int = 2
) -> list[Row]:
    """A share of the needy moments with every passage that asks the same taken away."""
    dice = random.Random(seed)
    made = []
    for row in rows:
        if not row.moment.needs or dice.random() >= share:
            continue
        keep = retriever.unlike(row.look, row.moment.gold, LIKE_GOLD)
        if keep.sum() < 2:
            continue
        look = row.look.part(keep)
        choice = Choice(look.features, row.choice.right[keep])
        made.append(Row(row.source, row.moment, look, choice, row.usual, answerable=False))
    return made


def need_features(row: Row, retriever: HybridRetriever) -> Features:
    """The row as the gate would see it."""
    signals = retriever.signals(row.look, retriever.belief(row.look))
    return observe(row.moment.query, signals)


def _misheard(moment: Moment, dice: random.Random) -> Moment:
    turns = tuple(
        TurnText(turn.party, misheard(turn.text, WORD_ERRORS, dice)) for turn in moment.turns
    )
    return Moment(f"{moment.id}~", turns, moment.needs, moment.gold)
