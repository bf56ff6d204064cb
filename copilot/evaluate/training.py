"""Trains what ships in ``copilot/trained`` from public data, and refits it without some moments.

Sources, by folder of the data: ``turns/dstc9_val`` and ``turns/dstc11_val`` (order, questions,
need), ``dstc9_train_knowledge_seeking`` (adapter, questions), ``natcs`` and ``banking77``
(questions), ``star`` (answers, which ask for nothing), ``clinc150`` (need, over half of its
intents), ``earnings21`` (every other call for need, and the same ones for the burden). What was
written for this project is beside this file, in ``spoken.yaml`` and ``said.yaml``.
"""

import datetime
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from copilot import __version__
from copilot.core.need import Features
from copilot.core.policy import Policy
from copilot.core.vocabulary import NeedModel
from copilot.evaluate import sources
from copilot.evaluate.fitting import Choice, fit_need, fit_ranker, fit_seeking
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import FOLDS, Corpus, Moment, fold_of, original, read_corpus, usage_of
from copilot.evaluate.silence import burden, listen
from copilot.evaluate.tables import (
    Progress,
    Row,
    need_features,
    rows_of,
    searching,
    unanswerable,
)
from copilot.retrieval.facets import FACETS, facets
from copilot.retrieval.hybrid import HybridRetriever
from copilot.retrieval.learning import Lessons, Recipe, learn
from copilot.retrieval.packs import Pack
from copilot.retrieval.ranking import FEATURES, USAGE
from copilot.retrieval.seeking import BUCKETS
from copilot.retrieval.teach import blend
from copilot.trained import Trained, save

CORPORA = ("dstc9_val", "dstc11_val")
HOLDOUT = 0.3
"""Share of the needy moments that are repeated with their answer taken away."""
HOLDOUT_WEIGHT = 0.15
"""Of each: a few of a hundred questions that nothing answers, as the rest of the data has none."""
BACKGROUND_WEIGHT, NEAR_WEIGHT, SAMPLE_WEIGHT = 1.0, 0.05, 4.0
"""Of a line of background talk, of a question of other trades and of the sample packs."""
LINE_WEIGHT, SAID_WEIGHT = 0.25, 2.0
"""Of a public line without its conversation, and of one that was said in a call."""
SAMPLE_TIMES = 8
"""How often the sample packs' questions count in the order of passages: they are few."""
PULL = 250.0
"""Of the shipped adapter towards the identity: strong, for it serves every trade."""
VERSION = "1"
"""Of the shipped models, as logs name it."""
OWN = (sources.OTHER_TRADES, sources.SAMPLE)
"""Sources that have a weight of their own."""
NO_NEED = NeedModel({}, 0, ((0, 100),))


class Table(Struct, frozen=True):
    """Everything that the fits look at; made once, fitted many times."""

    rows: tuple[Row, ...]
    """Moments of the corpora, with their copies, and with answers taken away."""
    idle: tuple[Row, ...]
    """Background talk, looked up like a question."""
    near: tuple[Row, ...]
    """Questions of many trades, answerable by half of the intents."""
    sample: tuple[Row, ...]
    """Questions to the sample packs, and other talk."""
    searches: dict[str, HybridRetriever]
    """By source of a row."""
    lines: sources.Lines
    adapter: NDArray[np.float32]
    embedder: Memo

    @property
    def every(self) -> list[Row]:
        """All rows."""
        return [*self.rows, *self.idle, *self.near, *self.sample]

    def fit(self, without: Collection[str] = (), version: str = "") -> Trained:
        """All models, from every moment but these; a misheard copy goes with its moment."""
        rows = [row for row in self.rows if original(row.moment.id) not in without]
        asked = [*rows, *self.sample * SAMPLE_TIMES]
        choices = [row.choice for row in asked if row.needed and sources.answers(row.moment)]
        ranker = fit_ranker(choices)
        others = {name: weight for name, weight in ranker.items() if name not in USAGE}
        model = Trained(
            self.embedder.name,
            fit_ranker(self._usual(rows), others),
            NO_NEED,
            self._fit_seeking([*rows, *self.sample]),
            self.adapter,
        )
        return replace(model, need=self._fit_need(rows, model, version))

    def _usual(self, rows: Sequence[Row]) -> list[Choice]:
        """Moments with what was right at others of their corpus, one fold after another."""
        made = []
        for name in CORPORA:
            needy = [row for row in rows if row.source == name and row.needed]
            for fold in range(FOLDS):
                others = (row.moment for row in needy if fold_of(row.moment.id) != fold)
                known = self.searches[name].known(usage_of(others))
                held = (row for row in needy if fold_of(row.moment.id) == fold)
                made += [row.usual.given(known) for row in held if sources.answers(row.moment)]
        return made

    def _fit_seeking(
        self, rows: Sequence[Row], without: Collection[str] = ()
    ) -> NDArray[np.float32]:
        """The detector of questions, from these rows and from lines without a knowledge base, but
        those of these words."""
        whole = [row for row in rows if row.answerable]
        meanings = [row.look.query for row in whole]
        texts = [row.look.text for row in whole]
        asking = [_asks(row.moment) for row in whole]
        weights = [np.ones(len(whole), np.float32)]
        for lines, weight in ((self.lines, LINE_WEIGHT), (sources.read_said().lines, SAID_WEIGHT)):
            ask = [line for line in lines.asking if line not in without]
            idle = [line for line in lines.idle if line not in without]
            self.embedder.prepare([*ask, *idle])
            meanings += list(self.embedder.embed([*ask, *idle]))
            texts += [*ask, *idle]
            asking += [True] * len(ask) + [False] * len(idle)
            weights.append(np.full(len(ask) + len(idle), weight, np.float32))
        return fit_seeking(np.stack(meanings), texts, np.array(asking), np.concatenate(weights))

    def _fit_need(self, rows: Sequence[Row], model: Trained, version: str) -> NeedModel:
        parts = [(rows, 1.0), (self.sample, SAMPLE_WEIGHT)]
        parts += [(self.idle, BACKGROUND_WEIGHT), (self.near, NEAR_WEIGHT)]
        weights = [
            weight * (1.0 if row.answerable else HOLDOUT_WEIGHT)
            for part, weight in parts
            for row in part
        ]
        features = [
            *self._as_unseen([*rows, *self.sample], model),
            *self._as_seen([*self.idle, *self.near], model),
        ]
        needed = [row.needed for part, _ in parts for row in part]
        return fit_need(features, np.array(needed), np.array(weights, np.float32), version)

    def _as_unseen(self, rows: Sequence[Row], model: Trained) -> list[Features]:
        """What the gate would see of each row had the detector of questions not learned from it:
        what that has learned it knows by heart, and need would trust it too much."""
        folds = [fold_of(row.moment.id) for row in rows]
        features: dict[int, Features] = {}
        for fold in set(folds):
            taught = [row for row, own in zip(rows, folds, strict=True) if own != fold]
            places = [at for at, own in enumerate(folds) if own == fold]
            held = [rows[at] for at in places]
            words = {row.moment.query for row in held}
            apart = replace(model, seeking=self._fit_seeking(taught, words))
            features |= zip(places, self._as_seen(held, apart), strict=True)
        return [features[at] for at in range(len(rows))]

    def _as_seen(self, rows: Sequence[Row], model: Trained) -> list[Features]:
        """What the gate sees of each row with these models."""
        search = {name: made.using(model) for name, made in self.searches.items()}
        return [need_features(row, search[row.source]) for row in rows]


@contextmanager
def table(
    data: Path,
    packs: Sequence[Pack],
    embedder: Memo,
    adapter: NDArray[np.float32],
    progress: Progress,
) -> Iterator[Table]:
    """Read the sources and see them through search; the indexes last as long as the context."""
    zeros = np.zeros(embedder.dim + BUCKETS + 2, np.float32)
    plain = Trained(embedder.name, dict.fromkeys(FEATURES, 0.0), NO_NEED, zeros, adapter)
    rows: list[Row] = []
    searches: dict[str, HybridRetriever] = {}
    pack, questions = sources.other_trades(data)
    base = sources.background(data, CORPORA[0])
    corpora = [read_corpus(data / "turns" / name) for name in CORPORA]
    corpora.append(Corpus(sources.OTHER_TRADES, (pack,), questions, ""))
    corpora.append(sources.sample(packs))
    with ExitStack() as stack:
        for corpus in corpora:
            usage = usage_of(corpus.moments) if corpus.name in CORPORA else None
            made = stack.enter_context(searching(corpus.packs, embedder, plain, progress, usage))
            searches[corpus.name] = made
            seen = rows_of(corpus, made, embedder, progress)
            rows += [*seen, *unanswerable(seen, made, HOLDOUT)]
        idle = rows_of(base, searches[CORPORA[0]], embedder, progress)
        parts: dict[str, list[Row]] = {}
        for row in rows:
            parts.setdefault(row.source if row.source in OWN else "", []).append(row)
        near, own = (tuple(parts.get(name, ())) for name in OWN)
        talk = tuple(parts[""])
        yield Table(talk, tuple(idle), near, own, searches, sources.lines(data), adapter, embedder)


def train(
    data: Path,
    packs: Sequence[Pack],
    folder: Path,
    embedder: Memo,
    hours: float,
    progress: Progress,
) -> dict[str, object]:
    """Learn everything from the data and the sample packs, and write it to the folder."""
    adapter = learn_adapter(data, embedder)
    with table(data, packs, embedder, adapter, progress) as made:
        model = made.fit(version=VERSION)
        search = made.searches[CORPORA[0]].using(model)
        talks = sources.training_talks(data)
        quiet = listen(
            talks, search, Policy(min_need=100), model.need, progress, 3600 * hours / len(talks)
        )
        model = replace(model, need=replace(model.need, burden=burden(quiet)))
        figures: dict[str, object] = {
            "rows": Counter(
                row.source for row in [*made.rows, *made.idle, *made.near, *made.sample]
            ),
            "lines": {"asking": len(made.lines.asking), "idle": len(made.lines.idle)},
            "background": {"hours": round(quiet.hours, 2), "searches": quiet.searches},
        }
    recipe = {
        "made": datetime.date.today().isoformat(),
        "by": f"copilot {__version__} train gate",
        "sources": sources.digests(data),
        "moments": {name: read_corpus(data / "turns" / name).digest for name in CORPORA},
        **figures,
    }
    save(model, recipe, folder)
    return recipe


def _asks(moment: Moment) -> bool:
    """Whether the customer asks for something; the sample packs' moments say so by their ids."""
    return moment.needs or moment.id.startswith(sources.ASKED)


def learn_adapter(data: Path, embedder: Memo) -> NDArray[np.float32]:
    """The query adapter, from questions of the DSTC9 training set and their passages.

    Questions of many other trades are rehearsed beside them, so that it serves those no worse.
    """
    corpus = read_corpus(data / "turns" / CORPORA[0])
    passages = [passage for pack in corpus.packs for passage in pack.passages]
    questions, right = sources.answered(data, [passage.id for passage in passages])
    pack, moments = sources.other_trades(data)
    first = {passage.id: n for n, passage in enumerate(pack.passages, len(passages))}
    known = [moment for moment in moments if moment.needs]
    passages += pack.passages
    questions += [moment.query for moment in known]
    right = np.append(right, [first[moment.gold[0]] for moment in known])
    embedder.prepare([facet.text for facet in facets(passages)] + questions)
    vectors = embedder.embed([facet.text for facet in facets(passages)])
    lessons = Lessons(
        questions,
        embedder.embed(questions),
        right,
        [()] * len(questions),
        blend(vectors.reshape(len(passages), len(FACETS), -1)),
    )
    return learn(lessons, replace(Recipe(), pull=PULL)).astype(np.float32)
