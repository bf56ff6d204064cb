"""The fits themselves: the order of passages, the detector of questions, the model of need."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from copilot.core.need import Features
from copilot.core.vocabulary import NeedModel
from copilot.evaluate.moments import FOLDS
from copilot.retrieval.asking import asks
from copilot.retrieval.ranking import FEATURES, USAGE
from copilot.retrieval.seeking import BUCKETS, runs

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

NEED_FEATURES = ("odds", "seeking", "nearest", "words", "lead", "focus", "length")
"""What the shipped model of need looks at; a team's own labels may teach it `wish` and
`dismissed` as well, of which no public data tells."""
EITHER = ("general",)
"""Features of a passage that may speak against it; of all others more is never worse."""
NO_USAGE = dict.fromkeys(USAGE, 0.0)
RIDGE = 1e-3
"""Of both, on standardised features."""
RUNS = 2.0
"""How freely runs of words get their weights, beside the embedding."""


class Choice(Struct, frozen=True):
    """A moment's passages as they were put forward, and which of them are right."""

    features: Floats
    right: Bools


def fit_ranker(
    choices: Sequence[Choice], fixed: Mapping[str, float] = NO_USAGE
) -> dict[str, float]:
    """A conditional logit: the log-likelihood of any right passage among those put forward.

    The weights that are `fixed` stay as they are.
    """
    usable = [choice for choice in choices if choice.right.any() and not choice.right.all()]
    rows = np.concatenate([choice.features for choice in usable]).astype(np.float64)
    right = np.concatenate([choice.right for choice in usable])
    starts = np.cumsum([0, *(len(choice.right) for choice in usable[:-1])])
    lengths = np.diff([*starts, len(rows)])
    scale = np.where(rows.std(0) > 0, rows.std(0), 1.0)
    rows /= scale

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = rows @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), lengths)
        raised = np.exp(scores)
        whole = np.add.reduceat(raised, starts)
        held = np.add.reduceat(raised * right, starts)
        shares = raised / np.repeat(whole, lengths)
        wanted = raised * right / np.repeat(np.maximum(held, 1e-300), lengths)
        value = -np.mean(np.log(np.maximum(held, 1e-300) / whole)) + RIDGE * weights @ weights
        slope = (shares - wanted) @ rows / len(starts) + 2 * RIDGE * weights
        return float(value), slope

    bounds: list[tuple[float | None, float | None]] = []
    for name, unit in zip(FEATURES, scale, strict=True):
        held = fixed.get(name)
        free = (None if name in EITHER else 0.0, None)
        bounds.append(free if held is None else (held * unit, held * unit))
    start = np.array([low or 0.0 for low, _ in bounds])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    weights = found.x / scale
    return {name: round(float(w), 4) for name, w in zip(FEATURES, weights, strict=True)}


def fit_seeking(meanings: Floats, texts: Sequence[str], asking: Bools, weights: Floats) -> Floats:
    """Logistic regression over the texts and their embeddings ``[rows, dim]``, as
    ``copilot.retrieval.seeking.seeking`` reads it: ``[dim + BUCKETS + 2]``.
    """
    found = [runs(text) for text in texts]
    shares = np.concatenate([np.full(len(one), RUNS / np.sqrt(len(one))) for one in found])
    starts = np.cumsum([0, *map(len, found)])
    heard = csr_matrix((shares, np.concatenate(found), starts), (len(texts), BUCKETS))
    form = np.array([[asks(text)] for text in texts], np.float32)
    rows = hstack([csr_matrix(meanings), heard, csr_matrix(form)]).tocsr()
    model = LogisticRegression(C=3.0, solver="liblinear", max_iter=300, random_state=0)
    model.fit(rows, asking, sample_weight=weights)
    fitted = np.append(model.coef_[0], model.intercept_[0]).astype(np.float32)
    fitted[meanings.shape[1] : -2] *= RUNS
    return fitted


def fit_need(
    rows: Sequence[Features],
    needed: Bools,
    weights: Floats,
    version: str,
    names: Sequence[str] = NEED_FEATURES,
) -> NeedModel:
    """A rising logistic regression in integers, calibrated by isotonic regression out of fold."""
    matrix = np.array([[row.value(name) for name in names] for row in rows], np.float64)
    folds = np.random.default_rng(0).integers(0, FOLDS, len(rows))
    scores = np.zeros(len(rows))
    for fold in range(FOLDS):
        held = folds == fold
        slope, bias = _rising(matrix[~held], needed[~held], weights[~held])
        scores[held] = matrix[held] @ slope + bias
    slope, bias = _rising(matrix, needed, weights)
    thousandths = {name: round(1000 * w) for name, w in zip(names, slope, strict=True)}
    table = calibration(scores, needed, weights)
    return NeedModel(thousandths, round(1000 * bias), table, version=version)


def _rising(
    matrix: NDArray[np.float64], needed: Bools, weights: Floats
) -> tuple[NDArray[np.float64], float]:
    """Logistic regression without a negative weight: more evidence never means less need."""
    scale = np.where(matrix.std(0) > 0, matrix.std(0), 1.0)
    rows = np.c_[matrix / scale, np.ones(len(matrix))]
    signs = np.where(needed, 1.0, -1.0)
    shares = weights / weights.sum()

    def loss(given: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (rows @ given)
        value = float(shares @ np.logaddexp(0, -margins)) + RIDGE * float(given[:-1] @ given[:-1])
        slope = -(shares * signs / (1 + np.exp(margins))) @ rows
        slope[:-1] += 2 * RIDGE * given[:-1]
        return value, slope

    bounds = [(0.0, None)] * matrix.shape[1] + [(None, None)]
    start = np.zeros(rows.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:-1] / scale, float(found[-1])


def calibration(
    scores: NDArray[np.float64], needed: Bools, weights: Floats
) -> tuple[tuple[int, int], ...]:
    """Isotonic regression as points ``(score in thousandths, percent)``, one for each percent."""
    isotonic = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip")
    isotonic.fit(scores, needed, sample_weight=weights)
    table: dict[int, int] = {}
    for score, chance in zip(isotonic.X_thresholds_, isotonic.y_thresholds_, strict=True):
        table.setdefault(round(100 * float(chance)), round(1000 * float(score)))
        last = (round(1000 * float(score)), round(100 * float(chance)))
    points = sorted({(score, percent) for percent, score in table.items()} | {last})
    return tuple(points)
