"""Would the agent use a suggestion, and which, on STAR: learned without a trade, tried on it."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table

from copilot.errors import DataError
from copilot.evaluate import adoption, choosing
from copilot.evaluate.memo import Memo
from copilot.evaluate.scripts import Moment
from copilot.evaluate.tables import Progress
from copilot.ports import Vectors

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

FOLDS = 5
CHUNK = 512
LIKENESS = 2
"""Of a line's features, the first two: likeness to the customer's turn and the lookup's answer."""


class Trade(Struct, frozen=True):
    """One trade, by what was learned on dialogues that have nothing of it."""

    name: str
    moments: int
    own: float
    """Share in which the agent spoke in own words."""
    will_use: float
    """AUROC of own words against a line taken."""
    alone: float | None
    """The same in dialogues of this trade alone; None where there are none to tell."""
    first: float
    """Share of lines taken that come first among the dialogue's lines (R@1)."""
    five: float
    """That are among the first five (R@5)."""
    plain_first: float
    """By likeness alone."""
    plain_five: float


class Result(Struct, frozen=True):
    """What came of a folder."""

    name: str
    dialogues: int
    moments: int
    trades: tuple[Trade, ...]
    unseen_mean: float
    """Mean of the trades' AUROCs."""
    unseen_pooled: float
    """Over all trades' moments together."""
    first: float
    """Mean of the trades' R@1."""
    five: float
    seen: float | None
    """AUROC on seen tasks, in folds of whole dialogues; None where it was learned elsewhere."""


def run(
    name: str,
    moments: Sequence[Moment],
    memo: Memo,
    progress: Progress,
    learned: Sequence[Moment] = (),
) -> Result:
    """Learn without a trade and try it on that, for every trade; or learn on `learned` alone.

    Raises DataError where there is no other trade to learn from.
    """
    trades = sorted({trade for moment in moments for trade in moment.trades})
    if len(trades) < 2 and not learned:
        raise DataError(f"{name}: has but one trade; give --train a folder with others")
    every = [*moments, *learned]
    vectors = _vectors(every, memo, progress)
    seen = adoption.see(every, vectors)
    found = choosing.choices(every, vectors, *choosing.spread_of(every))
    own = np.array([moment.own for moment in every])
    right = [moment.right for moment in every]
    told, scores, outcomes = [], [], []
    for number, trade in enumerate(trades):
        progress("trades", number, len(trades))
        has = np.array([trade in moment.trades for moment in every])
        asked = np.flatnonzero(has[: len(moments)])
        others = np.flatnonzero(~has)
        rows = others[others >= len(moments)] if learned else others
        chances = adoption.own_words(seen, own, rows, asked)
        weights = choosing.learn(found, right, rows)
        placed = choosing.ranks(found, right, asked, weights)
        plain = np.zeros(found.features.shape[1])
        plain[:LIKENESS] = 1
        likely = choosing.ranks(found, right, asked, plain)
        alone = np.array([len(every[row].trades) == 1 for row in asked])
        told.append(
            Trade(
                trade,
                len(asked),
                float(own[asked].mean()),
                _auroc(own[asked], chances) or 0.5,
                _auroc(own[asked][alone], chances[alone]),
                *_recalls(placed),
                *_recalls(likely),
            )
        )
        scores.append(chances)
        outcomes.append(own[asked])
    progress("trades", len(trades), len(trades))
    return Result(
        name,
        len({moment.dialogue for moment in moments}),
        len(moments),
        tuple(told),
        float(np.mean([trade.will_use for trade in told])),
        _auroc(np.concatenate(outcomes), np.concatenate(scores)) or 0.5,
        float(np.mean([trade.first for trade in told])),
        float(np.mean([trade.five for trade in told])),
        None if learned else _seen_tasks(seen, own, moments),
    )


def render(result: Result) -> RenderableType:
    table = Table(
        "trade", "moments", "own words", "will use", "alone", "R@1", "R@5", "likeness R@5",
        title=f"Taking a suggested line, or writing own words: {result.name}",
        caption="will use: AUROC, learned without the trade; alone: in dialogues of only that one",
    )  # fmt: skip
    for trade in result.trades:
        table.add_row(
            trade.name,
            f"{trade.moments:,}",
            f"{trade.own:.1%}",
            f"{trade.will_use:.3f}",
            "" if trade.alone is None else f"{trade.alone:.3f}",
            f"{trade.first:.3f}",
            f"{trade.five:.3f}",
            f"{trade.plain_five:.3f}",
        )
    table.add_section()
    alone = [trade.alone for trade in result.trades if trade.alone is not None]
    table.add_row(
        "mean",
        f"{result.moments:,}",
        "",
        f"{result.unseen_mean:.3f}",
        f"{np.mean(alone):.3f}" if alone else "",
        f"{result.first:.3f}",
        f"{result.five:.3f}",
        f"{np.mean([trade.plain_five for trade in result.trades]):.3f}",
    )
    table.add_row("pooled", "", "", f"{result.unseen_pooled:.3f}")
    if result.seen is not None:
        table.add_row("seen", "", "", f"{result.seen:.3f}")
    return Group(table)


def _vectors(moments: Sequence[Moment], memo: Memo, progress: Progress) -> dict[str, Vectors]:
    texts: dict[str, None] = {}
    for moment in moments:
        for text in (*moment.customer[-1:], moment.agent, moment.found):
            texts[text] = None
        texts.update(dict.fromkeys(line.text for line in moment.lines))
    texts.pop("", None)
    wanted = list(texts)
    for start in range(0, len(wanted), CHUNK):
        progress("embedding", start, len(wanted))
        memo.prepare(wanted[start : start + CHUNK])
    progress("embedding", len(wanted), len(wanted))
    vectors = dict(zip(wanted, memo.embed(wanted), strict=True))
    return {"": np.zeros(memo.dim, np.float32), **vectors}


def _seen_tasks(seen: adoption.Seen, own: NDArray[np.bool_], moments: Sequence[Moment]) -> float:
    dialogues = np.array([moment.dialogue for moment in moments])
    order = np.unique(dialogues)
    dealt = np.random.default_rng(0).permutation(len(order)) % FOLDS
    folds = dealt[np.searchsorted(order, dialogues)]
    chances = np.empty(len(moments))
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        chances[held] = adoption.own_words(seen, own, np.flatnonzero(folds != fold), held)
    return _auroc(own, chances) or 0.5


def _auroc(outcomes: NDArray[np.bool_], chances: Floats) -> float | None:
    """None where all outcomes are the same."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(outcomes)) < 2:
        return None
    return float(roc_auc_score(outcomes, chances))


def _recalls(placed: Rows) -> tuple[float, float]:
    """R@1 and R@5; 0 where no line is known."""
    if not len(placed):
        return 0.0, 0.0
    return float((placed == 1).mean()), float((placed <= 5).mean())
