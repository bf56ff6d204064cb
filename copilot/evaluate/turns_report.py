"""The product on a corpus of moments, beside the published results."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.core.need import threshold
from copilot.core.policy import Policy
from copilot.errors import DataError
from copilot.evaluate import reliability as calibrating
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import Corpus, Moment, read_corpus
from copilot.evaluate.reliability import Reliability
from copilot.evaluate.tables import Progress, searching
from copilot.evaluate.training import CORPORA, table
from copilot.evaluate.turns import Judged, Scores, judge_all, score
from copilot.retrieval.packs import Pack
from copilot.trained import Trained, recipe

FOLDS = 5
UNLIMITED = 1_000_000
"""Moments out of their calls have no hours: the budget per hour is set aside for them."""


class Published(Struct, frozen=True):
    """A row of the challenge's results: overview papers of DSTC9 Track 1 and DSTC10 Track 2."""

    name: str
    precision: float
    recall: float
    f1: float
    mrr5: float
    r1: float
    r5: float


PUBLISHED = (
    Published("DSTC9 test: baseline (GPT-2)", 0.993, 0.902, 0.9455, 0.726, 0.620, 0.877),
    Published("DSTC9 test: median team", 0.993, 0.935, 0.964, 0.884, 0.848, 0.940),
    Published("DSTC9 test: best selection (team 19)", 0.995, 0.982, 0.989, 0.950, 0.924, 0.981),
    Published("DSTC10 test, spoken: DSTC9 baseline", 0.902, 0.712, 0.795, 0.523, 0.458, 0.625),
    Published("DSTC10 test, spoken: median team", 0.877, 0.887, 0.886, 0.635, 0.612, 0.725),
    Published("DSTC10 test, spoken: best selection", 0.879, 0.971, 0.923, 0.833, 0.793, 0.887),
)


class Result(Struct, frozen=True):
    """What came of a corpus."""

    name: str
    passages: int
    scores: Scores
    calibration: Reliability
    """Of the probability of need."""
    folds: int
    """0: decided by the shipped models."""
    reasons: dict[str, int]
    """Silences, by reason."""
    budget: int
    """The policy's budget, in hundredths of an unneeded whisper per hour."""
    kept: float
    """Share of the needed moments that reach the need that the budget asks for."""


def run(
    folder: Path,
    embedder: Memo,
    model: Trained | None,
    policy: Policy,
    packs: Sequence[Pack],
    progress: Progress,
    corpora: Path | None = None,
    limit: int | None = None,
) -> Result:
    """Decide every moment of the folder; raises DataError."""
    budget = policy.budget
    policy = msgspec.structs.replace(policy, budget=UNLIMITED)
    corpus = read_corpus(folder)
    moments = corpus.moments
    if limit is not None:
        moments = moments[:: -(-len(moments) // limit)]
    learned = corpus.digest in recipe().moments.values()
    if learned:
        data = corpora or folder.resolve().parents[1]
        if not (data / "turns" / CORPORA[0]).is_dir():
            raise DataError(
                f"{folder}: the shipped models were trained on it; name the folder of the training"
                " data by --corpora, so that they can be fitted without each moment"
            )
        judged = _in_folds(corpus, moments, data, packs, embedder, model, policy, progress)
    else:
        judged = _decide(corpus, moments, embedder, model, policy, progress)
    needs = [one.need / 100 for one in judged]
    least = max(policy.min_need, threshold(model.need if model else None, budget))
    needed = sum(one.moment.needs for one in judged)
    return Result(
        corpus.name,
        sum(len(pack.passages) for pack in corpus.packs),
        score(judged),
        calibrating.reliability(needs, [one.moment.needs for one in judged]),
        FOLDS if learned else 0,
        _reasons(judged),
        budget,
        sum(one.need >= least and one.moment.needs for one in judged) / max(1, needed),
    )


def _decide(
    corpus: Corpus,
    moments: Sequence[Moment],
    embedder: Memo,
    model: Trained | None,
    policy: Policy,
    progress: Progress,
) -> list[Judged]:
    embedder.prepare(text for one in moments for text in (one.query, *_last(one)))
    with searching(corpus.packs, embedder, model, progress) as retriever:
        return judge_all(moments, retriever, policy, model.need if model else None, progress)


def _in_folds(
    corpus: Corpus,
    moments: Sequence[Moment],
    data: Path,
    packs: Sequence[Pack],
    embedder: Memo,
    shipped: Trained | None,
    policy: Policy,
    progress: Progress,
) -> list[Judged]:
    """Each moment by models fitted without its fold; the burden stays the shipped one's."""
    assert shipped is not None, "what was trained on ships"
    judged: list[Judged] = []
    with table(data, packs, embedder, shipped.adapter, progress) as made:
        for fold in range(FOLDS):
            held = [moment for moment in moments if fold_of(moment.id) == fold]
            out = {m.id for m in corpus.moments if fold_of(m.id) == fold}
            model = made.fit(out)
            need = msgspec.structs.replace(model.need, burden=shipped.need.burden)
            search = made.searches[corpus.name].using(model)
            judged += judge_all(held, search, policy, need, progress)
    return judged


def _last(moment: Moment) -> list[str]:
    """The line before the question, which search embeds too."""
    return [turn.text for turn in moment.before[-1:]]


def fold_of(moment: str) -> int:
    """The fold of a moment, by its id."""
    return zlib.crc32(moment.encode()) % FOLDS


def _reasons(judged: Sequence[Judged]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for one in judged:
        if not one.whispers:
            reasons[str(one.reason)] = reasons.get(str(one.reason), 0) + 1
    return reasons


def render(result: Result) -> RenderableType:
    """The measures beside the published ones."""
    how = f"in {result.folds} folds" if result.folds else "by the shipped models"
    scores = result.scores
    head = Text(
        f"{result.name}: {scores.moments} moments, {scores.needed} of them need one of "
        f"{result.passages} passages; decided {how}",
        "bold",
    )
    view = Table("", "P", "R", "F1", "MRR@5", "R@1", "R@5", box=box.SIMPLE)
    own = [scores.precision, scores.recall, scores.f1, scores.mrr5, scores.r1, scores.r5]
    view.add_row("this run", *(f"{value:.3f}" for value in own), style="bold")
    for row in PUBLISHED:
        values = (row.precision, row.recall, row.f1, row.mrr5, row.r1, row.r5)
        view.add_row(row.name, *(f"{value:.3f}" for value in values), style="dim")
    notes = Text(
        "Selection (MRR@5, R@1, R@5) is end to end: 2G / (2TP + FP + FN).\n"
        f"Of rightly detected moments: R@1 {scores.given_r1:.3f}, R@5 {scores.given_r5:.3f}\n"
        f"Expected calibration error of need: {result.calibration.ece:.3f}\n"
        f"A budget of {result.budget / 100:g} unneeded whispers per hour keeps {result.kept:.1%} of"
        " the needed moments\n"
        "Silences: " + ", ".join(f"{k.replace('_', ' ')} {n}" for k, n in result.reasons.items())
    )
    return Group(head, view, notes)


def figures(result: Result) -> dict[str, object]:
    """The same for programs."""
    made: dict[str, object] = msgspec.to_builtins(result)
    made["published"] = msgspec.to_builtins(PUBLISHED)
    return made
