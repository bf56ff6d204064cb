"""The fits themselves: the order of passages, the detector of questions, the model of need."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from copilot.core.events import NeedModel
from copilot.core.need import Features
from copilot.retrieval.ranking import FEATURES

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

NEED_FEATURES = ("odds", "seeking", "title", "text", "words", "lead", "focus", "length")
"""What the shipped model of need looks at; a team's own labels may teach it `wish` and
`dismissed` as well, of which no public data tells."""
RIDGE = 1e-3
"""Of the ranker, on standardised features."""


class Choice(Struct, frozen=True):
    """A moment's passages as they were put forward, and which of them are right."""

    features: Floats
    right: Bools


def fit_ranker(choices: Sequence[Choice]) -> dict[str, float]:
    """A conditional logit: the log-likelihood of any right passage among those put forward."""
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

    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B")
    weights = found.x / scale
    return {name: round(float(w), 4) for name, w in zip(FEATURES, weights, strict=True)}


def fit_seeking(rows: Floats, asks: Bools, weights: Floats) -> Floats:
    """Logistic regression over ``[rows, 2 * dim]``; its weights and bias, ``[2 * dim + 1]``."""
    model = LogisticRegression(C=4.0, max_iter=400).fit(rows, asks, sample_weight=weights)
    return np.append(model.coef_[0], model.intercept_[0]).astype(np.float32)


def fit_need(
    rows: Sequence[Features],
    needed: Bools,
    weights: Floats,
    version: str,
    names: Sequence[str] = NEED_FEATURES,
) -> NeedModel:
    """Logistic regression in integers, calibrated by isotonic regression on held-out folds."""
    matrix = np.array([[row.value(name) for name in names] for row in rows], np.float64)
    scale = np.where(matrix.std(0) > 0, matrix.std(0), 1.0)
    model = LogisticRegression(C=1.0, max_iter=1000)
    fit = {"sample_weight": weights}
    scores = cross_val_predict(
        model, matrix / scale, needed, cv=5, method="decision_function", params=fit
    )
    model.fit(matrix / scale, needed, sample_weight=weights)
    return NeedModel(
        {name: round(1000 * w) for name, w in zip(names, model.coef_[0] / scale, strict=True)},
        round(1000 * float(model.intercept_[0])),
        calibration(scores, needed, weights),
        version=version,
    )


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
