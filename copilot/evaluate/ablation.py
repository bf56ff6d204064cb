"""What each part is worth: everything refitted without it, on one fold that is held out."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as View
from rich.text import Text
from sklearn.metrics import roc_auc_score

from copilot.core.need import need
from copilot.errors import DataError
from copilot.evaluate.fitting import NEED_FEATURES, Choice, Floats, fit_need, fit_ranker
from copilot.evaluate.moments import fold_of, original, usage_of
from copilot.evaluate.reliability import reliability
from copilot.evaluate.tables import Row, need_features
from copilot.evaluate.training import Table
from copilot.retrieval import ranking
from copilot.retrieval.hybrid import RANK_OFFSET, HybridRetriever
from copilot.retrieval.ranking import FEATURES
from copilot.trained import Trained

HELD = 0
"""The fold that is measured on."""
PARTS = {
    "question and answer (title, text, say)": ("title", "text", "say"),
    "shared words": ("words",),
    "names in the customer's words": ("named",),
    "names in the agent's last line": ("answered",),
    "names in earlier lines": ("earlier",),
    "all names": ("named", "answered", "earlier", "best", "sure", "sounded", "focused"),
    "names by sound": ("sounded",),
    "likeness of the agent's last line": ("echoed",),
    "what the pack is about": ranking.PACK,
}


class Worth(Struct, frozen=True):
    """Rightly ordered passages of needed moments, without a part, written and misheard."""

    without: str
    r1: float
    r5: float
    misheard_r1: float
    misheard_r5: float


class Sense(Struct, frozen=True):
    """Need, without a feature."""

    without: str
    f1: float
    auc: float
    ece: float


class Ablation(Struct, frozen=True):
    """All of it, for one corpus."""

    corpus: str
    order: tuple[Worth, ...]
    need: tuple[Sense, ...]


def ablate(table: Table, corpus: str) -> Ablation:
    """Refit without each part on all but one fold, and measure on that fold of the corpus."""
    train = [row for row in table.rows if fold_of(row.moment.id) != HELD]
    there = [row for row in table.rows if fold_of(row.moment.id) == HELD]
    held = [row for row in there if row.source == corpus]
    needy = [row for row in held if row.needed]
    if not needy:
        raise DataError(f"{corpus}: no needed moment is in the fold that is held out; give more")
    order = [_baseline(name, needy) for name in ("dense", "words (BM25)", "fusion of both")]
    fit = [row.choice for row in train if row.needed]
    order.append(_worth("nothing", fit, needy, ()))
    order.append(_worth("the query adapter", [_plain(r) for r in train if r.needed], needy, None))
    order += [_worth(name, fit, needy, names) for name, names in PARTS.items()]
    model = table.fit({original(row.moment.id) for row in held})
    order.append(_used(model, table.searches[corpus], train, needy))
    return Ablation(corpus, tuple(order), tuple(_senses(table, model, train, held)))


def _worth(
    name: str, fit: Sequence[Choice], held: Sequence[Row], names: Sequence[str] | None
) -> Worth:
    """`names` None: with the query as it was said, not adapted."""
    gone = [FEATURES.index(one) for one in names or ()]
    weights = ranking.weights(fit_ranker([_masked(choice, gone) for choice in fit]))
    ranks: dict[bool, list[int]] = {False: [], True: []}
    for row in held:
        choice = _plain(row) if names is None else _masked(row.choice, gone)
        ranks[row.moment.id.endswith("~")].append(_rank(choice.features @ weights, choice))
    return _summed(name, ranks)


def _used(
    model: Trained, search: HybridRetriever, train: Sequence[Row], held: Sequence[Row]
) -> Worth:
    """All of it, and what was right at the moments that were learned from."""
    of_corpus = (row.moment for row in train if row.source == held[0].source and row.needed)
    known, weights = search.known(usage_of(of_corpus)), ranking.weights(model.ranker)
    ranks: dict[bool, list[int]] = {False: [], True: []}
    for row in held:
        choice = row.usual.given(known)
        ranks[row.moment.id.endswith("~")].append(_rank(choice.features @ weights, choice))
    return _summed("(and with what was right before)", ranks)


def _baseline(name: str, held: Sequence[Row]) -> Worth:
    """Likeness alone, as the query was said."""
    ranks: dict[bool, list[int]] = {False: [], True: []}
    for row in held:
        dense, words = row.look.likes.max(1), row.look.shares
        by_rank = [1 / (RANK_OFFSET + np.argsort(np.argsort(-one))) for one in (dense, words)]
        scores = {"dense": dense, "words (BM25)": words}.get(name, by_rank[0] + by_rank[1])
        ranks[row.moment.id.endswith("~")].append(_rank(scores, row.choice))
    return _summed(f"(only {name})", ranks)


def _rank(scores: Floats, choice: Choice) -> int:
    """How many passages come before the first right one; many where none was put forward."""
    if not choice.right.any():
        return len(scores)
    return int((scores > scores[choice.right].max()).sum())


def _summed(name: str, ranks: dict[bool, list[int]]) -> Worth:
    written, misheard = (np.array(ranks[kind]) for kind in (False, True))
    figures = [float((some < n).mean()) for some in (written, misheard) for n in (1, 5)]
    return Worth(name, *figures)


def _masked(choice: Choice, gone: Sequence[int]) -> Choice:
    if not gone:
        return choice
    features = choice.features.copy()
    features[:, gone] = 0
    return Choice(features, choice.right)


def _plain(row: Row) -> Choice:
    features = row.choice.features.copy()
    features[:, :3] = row.look.likes
    return Choice(features, row.choice.right)


def _senses(table: Table, model: Trained, train: Sequence[Row], held: Sequence[Row]) -> list[Sense]:
    search = {name: made.using(model) for name, made in table.searches.items()}
    seen = [need_features(row, search[row.source]) for row in train]
    asked = [need_features(row, search[row.source]) for row in held]
    needed = np.array([row.needed for row in held])
    senses = []
    for gone in ("", *NEED_FEATURES):
        names = [name for name in NEED_FEATURES if name != gone]
        ones = np.ones(len(seen), np.float32)
        made = fit_need(seen, np.array([row.needed for row in train]), ones, "", names)
        chances = np.array([need(made, features) for features in asked]) / 100
        told = chances >= 0.5
        f1 = 2 * (told & needed).sum() / (told.sum() + needed.sum())
        ece = reliability(list(chances), list(needed)).ece
        auc = float(roc_auc_score(needed, chances))
        senses.append(Sense(gone or "nothing", float(f1), auc, ece))
    return senses


def render(result: Ablation) -> RenderableType:
    """Two tables, what was left out by row."""
    order = View("order, without", "R@1", "R@5", "R@1 misheard", "R@5 misheard", box=box.SIMPLE)
    for one in result.order:
        figures = (one.r1, one.r5, one.misheard_r1, one.misheard_r5)
        order.add_row(one.without, *(f"{figure:.3f}" for figure in figures))
    sense = View("need, without", "F1", "AUC", "ECE", box=box.SIMPLE)
    for other in result.need:
        sense.add_row(other.without, *(f"{x:.3f}" for x in (other.f1, other.auc, other.ece)))
    return Group(Text(f"{result.corpus}, one fold of five held out", "bold"), order, sense)
