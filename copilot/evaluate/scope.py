"""Whether the product can tell what a knowledge base cannot answer, on public questions by intent.

An intent becomes a passage, its training questions the labels that `copilot learn` would get; the
scope that learning makes of them judges the measured questions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table

from copilot.errors import DataError
from copilot.evaluate.intents import Intents
from copilot.evaluate.memo import Memo
from copilot.evaluate.reliability import BAR
from copilot.evaluate.tables import Progress
from copilot.retrieval import scoping
from copilot.retrieval.scope import Floats, Rows, Skill
from copilot.retrieval.scoping import NONE, Bin, Examples
from copilot.retrieval.teach import make_scope

KEPT = 95
"""Percent of in-scope questions that must still be answered where rejection is measured."""
CHUNK = 512


class Separation(Struct, frozen=True):
    """How well uncovered questions are told from covered ones."""

    questions: int
    auroc: float
    rejected: float
    """Share of them refused where 95 % of the covered ones are still answered."""
    calibration_error: float | None
    """At even odds, over 15 bins of equal mass; None: it gives no probability."""


class Row(Struct, frozen=True):
    """One way to tell."""

    name: str
    accuracy: float
    """Share of covered questions whose intent it puts first."""
    near: Separation | None
    """Of near misses; None where the folder has none."""
    other: Separation | None
    """Of questions from other trades."""
    held_out: Skill | None
    """Within the training questions: intents and questions left out."""


class Result(Struct, frozen=True):
    """What came of a folder."""

    name: str
    part: str
    intents: int
    examples: int
    asked: int
    rows: tuple[Row, ...]
    picture: tuple[Bin, ...]
    """Reliability of the scope's probability, covered questions against all uncovered ones."""


class _Judged(NamedTuple):
    """Scores of the covered, near and other questions, and the intents of the covered ones."""

    scores: tuple[Floats, Floats, Floats]
    best: Sequence[int]


def run(intents: Intents, memo: Memo, progress: Progress) -> Result:
    """Learn and judge; raises DataError where there are too few examples for a scope."""
    names = sorted({intent for _, intent in intents.examples})
    column = {name: n for n, name in enumerate(names)}
    titles = [name.replace("_", " ") for name in names]
    questions = [question for question, _ in intents.examples]
    groups = ([question for question, _ in intents.asked], [*intents.near], [*intents.other])
    _embed(
        memo,
        [*titles, *questions, *intents.told, *(q for group in groups for q in group)],
        progress,
    )
    columns = np.array([*range(len(names)), *(column[intent] for _, intent in intents.examples)])
    told = np.full(len(intents.told), NONE)
    known = [*titles, *questions]
    lack = scoping.lacking(columns, len(names))
    if lack:
        raise DataError(f"{intents.name}: {lack}")

    def judged(examples: Examples) -> tuple[_Judged, Skill]:
        made = scoping.learn(examples)
        scope = make_scope(intents.name, tuple(names), examples, made, memo)
        found = [scope.judge(memo.embed(group), group) for group in groups if group]
        by_group = iter(found)
        scores = [next(by_group).answerable if group else np.empty(0) for group in groups]
        return _Judged((scores[0], scores[1], scores[2]), found[0].best.tolist()), made.skill

    wanted = [column[intent] for _, intent in intents.asked]
    plain = _nearest(memo, known, columns, groups)
    rows = [_row("best cosine with an example", plain, wanted, None)]
    learned, skill = judged(Examples(known, memo.embed(known), columns))
    rows.append(_row("scope", learned, wanted, skill))
    if intents.told:
        all_known = [*known, *intents.told]
        more = Examples(all_known, memo.embed(all_known), np.concatenate([columns, told]))
        better, skill = judged(more)
        rows.append(_row(f"scope, told {len(told)} unanswerable", better, wanted, skill))
    picture = tuple(scoping.reliability(*_joined(learned.scores)))
    return Result(
        intents.name, intents.part, len(names), len(questions), len(wanted), tuple(rows), picture
    )


def render(result: Result) -> RenderableType:
    table = Table(
        "told by",
        "right intent",
        "against",
        "AUROC",
        "rejected",
        "ECE",
        title=f"Questions that {result.name} cannot answer ({result.part})",
        caption=f"{result.intents} intents, {result.examples} examples, {result.asked} covered "
        "questions; rejected: where 95 % of the covered are answered; ECE at even odds",
    )
    for row in result.rows:
        name, right = row.name, f"{row.accuracy:.3f}"
        for kind, found in (("near misses", row.near), ("other trades", row.other)):
            if found is not None:
                table.add_row(name, right, kind, *_cells(found))
                name = right = ""
    held = Table("held-out folds of the training questions", "AUROC", "best cosine", "ECE")
    for row in result.rows:
        if row.held_out:
            skill = row.held_out
            figures = (skill.auroc, skill.cosine, skill.calibration_error)
            held.add_row(row.name, *(f"{figure:.3f}" for figure in figures))
    bars = Table("said", "came true", "", title="Reliability of the scope, at even odds")
    for bar in result.picture:
        bars.add_row(f"{bar.said:.2f}", f"{bar.was:.2f}", "█" * round(bar.was * BAR))
    return Group(table, held, bars)


def separation(covered: Floats, uncovered: Floats, probability: bool) -> Separation | None:
    """How well higher scores mean covered; None where nothing is uncovered."""
    from sklearn.metrics import roc_auc_score

    if not len(uncovered):
        return None
    scores = np.concatenate([covered, uncovered])
    outcomes = np.repeat([1.0, 0.0], [len(covered), len(uncovered)])
    floor = np.sort(covered)[len(covered) * (100 - KEPT) // 100]  # so many are at or above it
    return Separation(
        len(uncovered),
        float(roc_auc_score(outcomes, scores)),
        float((uncovered < floor).mean()),
        scoping.calibration_error(scores, outcomes) if probability else None,
    )


def _row(name: str, judged: _Judged, wanted: Sequence[int], skill: Skill | None) -> Row:
    covered, near, other = judged.scores
    right = float(np.mean(np.array(judged.best) == np.array(wanted)))
    sure = skill is not None
    return Row(
        name, right, separation(covered, near, sure), separation(covered, other, sure), skill
    )


def _nearest(
    memo: Memo, known: Sequence[str], columns: Rows, groups: Sequence[Sequence[str]]
) -> _Judged:
    """By the nearest example alone."""
    anchors = memo.embed(known)
    found = [memo.embed(group) @ anchors.T if group else np.empty((0, 1)) for group in groups]
    scores = [cosines.max(axis=1).astype(np.float64) for cosines in found]
    best = columns[found[0].argmax(axis=1)].tolist()
    return _Judged((scores[0], scores[1], scores[2]), best)


def _joined(scores: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats]:
    covered, near, other = scores
    outcomes = np.repeat([1.0, 0.0], [len(covered), len(near) + len(other)])
    return np.concatenate(scores), outcomes


def _cells(found: Separation) -> tuple[str, str, str]:
    error = found.calibration_error
    return f"{found.auroc:.3f}", f"{found.rejected:.1%}", "" if error is None else f"{error:.3f}"


def _embed(memo: Memo, texts: Sequence[str], progress: Progress) -> None:
    distinct = list(dict.fromkeys(texts))
    for start in range(0, len(distinct), CHUNK):
        progress("embedding", start, len(distinct))
        memo.prepare(distinct[start : start + CHUNK])
    progress("embedding", len(distinct), len(distinct))
