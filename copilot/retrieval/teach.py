"""Learns a pack's adapter, scope and usage from labels; keeps what held-out labels speak for."""

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.errors import LearnError
from copilot.ports import Embedder, Vectors
from copilot.retrieval import learning, scoping
from copilot.retrieval.adapter import Adapter, Lesson, moved
from copilot.retrieval.facets import FACETS, facets
from copilot.retrieval.indexing import Progress
from copilot.retrieval.labels import QueryLabel
from copilot.retrieval.learned import NOTHING, Learned, Version, now
from copilot.retrieval.learning import Lessons, Recipe, Trial, fold_of
from copilot.retrieval.ranking import LIKENESS
from copilot.retrieval.scope import About, Scope, Skill
from copilot.retrieval.scoping import NONE, Examples
from copilot.retrieval.usage import counted, tells
from copilot.trained import Trained

EMBED_ROWS = 96
"""Texts embedded between two steps of the progress bar."""
MIN_QUERIES = 10
"""Fewer different queries with a right passage are too few to hold some out."""


RECIPE = Recipe(only_labelled=True)


class Outcome(Struct, frozen=True):
    """What learning came to."""

    pack: str
    queries: int
    """Labels with a right passage."""
    unanswerable: int
    """Labels that say that nothing answers."""
    trial: Trial
    skill: Skill | None
    no_scope: str
    """Why no scope was learned; empty where one was."""
    kept: Version | None
    """None: neither is better than what there was, and nothing has changed."""


def teach(
    pack: str,
    passages: Sequence[Passage],
    labels: Sequence[QueryLabel],
    embedder: Embedder,
    learned: Learned,
    progress: Progress | None = None,
    model: Trained | None = None,
    calls: Collection[str] = (),
) -> Outcome:
    """Learn from all labels there are, and use what is better on queries that were held out;
    `calls`: those that labels are from.

    Search moves a query's vector by the `model` that ships, if there is one for the embedder, and
    then by the pack's adapter: that learns from, and is tried on, queries as they are after it.
    Raises LearnError where there are too few, or far fewer than the version in use learned from.
    """
    answered = [label for label in labels if label.passage is not None]
    nothing = [label for label in labels if label.passage is None]
    _check(pack, labels, answered, learned)
    rows = {passage.id: row for row, passage in enumerate(passages)}
    texts = [facet.text for facet in facets(passages)]
    found = _embed([*texts, *(label.query for label in [*answered, *nothing])], embedder, progress)
    by_facet = found[: len(texts)].reshape(len(passages), len(FACETS), -1)
    asked = found[len(texts) :]
    right = np.array([rows[label.passage] for label in answered if label.passage], np.int64)

    heard = asked[: len(answered)]
    lessons = Lessons(
        [label.query for label in answered],
        heard if model is None else moved(heard, model.adapter),
        right,
        [[rows[passage] for passage in label.wrong] for label in answered],
        blend(by_facet),
    )
    if progress:
        progress("learning an adapter", 0, 2)
    trial = learning.trial(lessons, RECIPE)
    adapter = _adapter(pack, lessons, trial, embedder, learned.current()) if trial.better else None
    if progress:
        progress("learning an adapter", 2, 2)
    examples = Examples(
        [*(p.title for p in passages), *(label.query for label in [*answered, *nothing])],
        np.concatenate([by_facet[:, 0], asked]),
        np.concatenate([np.arange(len(passages)), right, np.full(len(nothing), NONE)]),
    )
    lack = scoping.lacking(examples.columns, len(passages))
    made = None if lack else scoping.learn(examples)
    ids = tuple(passage.id for passage in passages)
    scope = make_scope(pack, ids, examples, made, embedder) if made and _tells(made.skill) else None
    usual = counted([label.passage for label in answered if label.passage])
    usage = usual if tells(right, fold_of(lessons.queries), passages) else None
    kept = (
        learned.keep(adapter, scope, usage, len(labels), calls)
        if adapter or scope or usage
        else None
    )
    skill = made.skill if made else None
    return Outcome(pack, len(answered), len(nothing), trial, skill, lack or "", kept)


def blend(by_facet: Vectors) -> Vectors:
    """A unit vector a passage from its facets ``[n, 3, dim]``, weighed as in `LIKENESS`."""
    weights = np.array([LIKENESS[facet] for facet in FACETS], np.float32)
    sums = np.einsum("f,nfd->nd", weights, by_facet)
    unit: Vectors = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


def _check(
    pack: str, labels: Sequence[QueryLabel], answered: Sequence[QueryLabel], learned: Learned
) -> None:
    different = len({label.query for label in answered})
    if different < MIN_QUERIES:
        raise LearnError(
            f"{pack}: {different} labelled queries have a right passage; "
            f"at least {MIN_QUERIES} different ones are needed; label more of them"
        )
    number = learned.current()
    before = next((v.labels for v in learned.versions() if v.number == number), 0)
    if 2 * len(labels) < before:
        raise LearnError(
            f"{pack}: {len(labels)} labels, but version {number} in use learned from {before}; "
            "give all there are, or go back first with copilot learn --back"
        )


def _embed(texts: Sequence[str], embedder: Embedder, progress: Progress | None) -> Vectors:
    distinct = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    ordered = list(distinct)
    vectors = np.empty((len(ordered), embedder.dim), np.float32)
    for start in range(0, len(ordered), EMBED_ROWS):
        if progress:
            progress("embedding", start, len(ordered))
        vectors[start : start + EMBED_ROWS] = embedder.embed(ordered[start : start + EMBED_ROWS])
    if progress:
        progress("embedding", len(ordered), len(ordered))
    return vectors[[distinct[text] for text in texts]]


def _adapter(pack: str, lessons: Lessons, trial: Trial, embedder: Embedder, parent: int) -> Adapter:
    lesson = Lesson(
        pack=pack,
        embedder=embedder.name,
        created=now(),
        parent=None if parent == NOTHING else parent,
        queries=len(lessons.queries),
        wrong=sum(map(len, lessons.wrong)),
        folds=trial.folds,
        before=trial.before,
        after=trial.after,
    )
    return Adapter(learning.learn(lessons, RECIPE), lesson)


def _tells(skill: Skill) -> bool:
    return skill.auroc > skill.cosine


def make_scope(
    pack: str, ids: tuple[str, ...], examples: Examples, made: scoping.Made, embedder: Embedder
) -> Scope:
    """A scope with its description; `ids` are the passages in the order of the columns."""
    unanswerable = int((examples.columns == NONE).sum())
    about = About(
        pack=pack,
        embedder=embedder.name,
        created=now(),
        passages=ids,
        examples=len(examples.queries) - unanswerable,
        unanswerable=unanswerable,
        skill=made.skill,
    )
    return Scope(made.kernel, made.likelihood, made.weights, about)
