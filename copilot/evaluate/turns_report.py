"""The product on a corpus of moments, beside the published results."""

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
from copilot.core.vocabulary import NeedModel
from copilot.errors import DataError
from copilot.evaluate import reliability as calibrating
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import FOLDS, Corpus, Moment, fold_of, read_corpus, usage_of
from copilot.evaluate.reliability import Reliability
from copilot.evaluate.tables import Progress, searching
from copilot.evaluate.training import CORPORA, table
from copilot.evaluate.turns import Judged, Scores, judge_all, score
from copilot.retrieval.hybrid import HybridRetriever
from copilot.retrieval.packs import Pack
from copilot.trained import Trained, recipe

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


class Measured(Struct, frozen=True):
    """What came of a corpus, one way."""

    scores: Scores
    calibration: Reliability
    """Of the probability of need."""
    reasons: dict[str, int]
    """Silences, by reason."""
    kept: float
    """Share of the needed moments that reach the need that the budget asks for."""


class Result(Struct, frozen=True):
    """What came of a corpus."""

    name: str
    passages: int
    folds: int
    """0: decided by the shipped models."""
    budget: int
    """The policy's budget, in hundredths of an unneeded whisper per hour."""
    new: Measured
    """Where nobody has used the knowledge yet."""
    used: Measured | None
    """Where it is known which passages were right at the moments of the other folds, as `copilot
    learn` counts it; None without models."""


class _Run:
    """Decides moments as if nothing had been learned, and as if the other folds had."""

    def __init__(self, corpus: Corpus, policy: Policy, progress: Progress) -> None:
        self.new: list[Judged] = []
        self.used: list[Judged] = []
        self._corpus, self._policy, self._progress = corpus, policy, progress

    def decide(
        self,
        moments: Sequence[Moment],
        fold: int,
        search: HybridRetriever,
        model: Trained | None,
        need: NeedModel | None,
    ) -> None:
        """Decide those of the moments that are in the fold."""
        held = [moment for moment in moments if fold_of(moment.id) == fold]
        self.new += judge_all(held, search, self._policy, need, self._progress)
        if model is not None:
            known = usage_of(one for one in self._corpus.moments if fold_of(one.id) != fold)
            taught = search.using(model, known)
            self.used += judge_all(held, taught, self._policy, need, self._progress)


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
    corpus = read_corpus(folder)
    moments = corpus.moments
    if limit is not None:
        moments = moments[:: -(-len(moments) // limit)]
    deciding = _Run(corpus, msgspec.structs.replace(policy, budget=UNLIMITED), progress)
    learned = corpus.digest in recipe().moments.values()
    if learned:
        data = corpora or folder.resolve().parents[1]
        if not (data / "turns" / CORPORA[0]).is_dir():
            raise DataError(
                f"{folder}: the shipped models were trained on it; name the folder of the training"
                " data by --corpora, so that they can be fitted without each moment"
            )
        _in_folds(deciding, corpus, moments, data, packs, embedder, model, progress)
    else:
        _as_shipped(deciding, corpus, moments, embedder, model, progress)
    least = max(policy.min_need, threshold(model.need if model else None, policy.budget))
    return Result(
        corpus.name,
        sum(len(pack.passages) for pack in corpus.packs),
        FOLDS if learned else 0,
        policy.budget,
        _measured(deciding.new, least),
        _measured(deciding.used, least) if deciding.used else None,
    )


def _measured(judged: Sequence[Judged], least: int) -> Measured:
    needs = [one.need / 100 for one in judged]
    needed = [one.moment.needs for one in judged]
    kept = sum(one.need >= least and one.moment.needs for one in judged)
    return Measured(
        score(judged),
        calibrating.reliability(needs, needed),
        _reasons(judged),
        kept / max(1, sum(needed)),
    )


def _as_shipped(
    deciding: _Run,
    corpus: Corpus,
    moments: Sequence[Moment],
    embedder: Memo,
    model: Trained | None,
    progress: Progress,
) -> None:
    embedder.prepare(text for one in moments for text in (one.query, *_last(one)))
    with searching(corpus.packs, embedder, model, progress) as search:
        for fold in range(FOLDS):
            deciding.decide(moments, fold, search, model, model.need if model else None)


def _in_folds(
    deciding: _Run,
    corpus: Corpus,
    moments: Sequence[Moment],
    data: Path,
    packs: Sequence[Pack],
    embedder: Memo,
    shipped: Trained | None,
    progress: Progress,
) -> None:
    """Each moment by models fitted without its fold; the burden stays the shipped one's."""
    assert shipped is not None, "what was trained on ships"
    with table(data, packs, embedder, shipped.adapter, progress) as made:
        for fold in range(FOLDS):
            model = made.fit({m.id for m in corpus.moments if fold_of(m.id) == fold})
            need = msgspec.structs.replace(model.need, burden=shipped.need.burden)
            search = made.searches[corpus.name].using(model)
            deciding.decide(moments, fold, search, model, need)


def _last(moment: Moment) -> list[str]:
    """The line before the question, which search embeds too."""
    return [turn.text for turn in moment.before[-1:]]


def _reasons(judged: Sequence[Judged]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for one in judged:
        if not one.whispers:
            reasons[str(one.reason)] = reasons.get(str(one.reason), 0) + 1
    return reasons


def render(result: Result) -> RenderableType:
    """The measures beside the published ones."""
    how = f"in {result.folds} folds" if result.folds else "by the shipped models"
    scores = result.new.scores
    head = Text(
        f"{result.name}: {scores.moments} moments, {scores.needed} of them need one of "
        f"{result.passages} passages; decided {how}",
        "bold",
    )
    view = Table("", "P", "R", "F1", "MRR@5", "R@1", "R@5", box=box.SIMPLE)
    for column in view.columns[1:]:  # where it is narrow the names wrap, never a figure
        column.justify, column.no_wrap = "right", True
    ways = {"a new knowledge base": result.new}
    if result.used:
        ways["learned from four fifths"] = result.used
    for name, way in ways.items():
        view.add_row(name, *_official(way.scores), style="bold")
    for row in PUBLISHED:
        view.add_row(row.name, *_official(row), style="dim")
    notes = [Text("Selection (MRR@5, R@1, R@5) is end to end: 2G / (2TP + FP + FN).")]
    notes += [
        Text.assemble((f"\n{name}\n", "bold"), _notes(way, result)) for name, way in ways.items()
    ]
    return Group(head, view, *notes)


def _official(row: Scores | Published) -> list[str]:
    values = (row.precision, row.recall, row.f1, row.mrr5, row.r1, row.r5)
    return [f"{value:.3f}" for value in values]


def _notes(way: Measured, result: Result) -> str:
    silences = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in way.reasons.items())
    return (
        f"Of rightly detected moments: R@1 {way.scores.given_r1:.3f}, "
        f"R@5 {way.scores.given_r5:.3f}\n"
        f"Expected calibration error of need: {way.calibration.ece:.3f}\n"
        f"A budget of {result.budget / 100:g} unneeded whispers per hour keeps {way.kept:.1%} of"
        f" the needed moments\nSilences: {silences or 'none'}"
    )


def figures(result: Result) -> dict[str, object]:
    """The same for programs."""
    made: dict[str, object] = msgspec.to_builtins(result)
    made["published"] = msgspec.to_builtins(PUBLISHED)
    return made
