"""Fits the model of gaps to timed dialogues and measures it on dialogues that it never saw."""

import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from rich.table import Table
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from copilot import __version__
from copilot.core.gap import FEATURES, Gap, starts_within
from copilot.core.vocabulary import TICKS_PER_SECOND, GapModel
from copilot.evaluate.dialogues import (
    HORIZONS,
    Moments,
    Timed,
    earnings,
    moments,
    synthetic,
    two_channel,
)
from copilot.evaluate.reliability import Reliability, reliability, svg
from copilot.trained import save_gap

PUBLIC, SYNTHETIC, CALL = "earnings21", "synthetic", "call_audio"
FOLDS = 4
"""Of the dialogues, by their number: two to fit, one to calibrate, the last is held out."""
TEST, CALIBRATE = 3, 2
PICTURED = 3
"""The horizon that the picture shows: 2 s, a whisper of five words."""
POINTS = 40
"""Of a calibration table at most."""
VERSION = "1"

Progress = Callable[[str, int, int], None]


class Score(Struct, frozen=True):
    """One horizon on one source's held-out moments."""

    ticks: int
    count: int
    brier: float
    constant: float
    """Brier score of always saying the rate of the moments that were learned from."""
    ece: float
    base_rate: float


class Measured(Struct, frozen=True):
    """The model on what it never saw."""

    scores: dict[str, tuple[Score, ...]]
    """By source."""
    picture: Reliability
    """Of the public dialogues, at 2 s."""


def train(data: Path, out: Path, picture: Path | None, progress: Progress) -> dict[str, object]:
    """Fit, measure and write; gives the recipe. Raises DataError for data that is not there."""
    sources = _sources(data, progress)
    model = fit({name: found for name, found in sources.items() if name != CALL})
    measured = measure(model, sources)
    recipe: dict[str, object] = {
        "made": datetime.date.today().isoformat(),
        "by": f"copilot {__version__} train gap",
        "sources": _hashes(data),
        "moments": {name: len(found.features) for name, found in sources.items()},
        "held_out": measured.scores,
        "picture": {"ece": round(measured.picture.ece, 4), "brier": measured.picture.brier},
    }
    save_gap(model, recipe, out)
    if picture is not None:
        title = "The customer speaks within 2 s: held-out public dialogues"
        picture.write_text(svg(measured.picture, title), encoding="utf-8")
    return recipe


def _sources(data: Path, progress: Progress) -> dict[str, Moments]:
    found: dict[str, Moments] = {}
    makers: tuple[tuple[str, Callable[[], list[Timed]]], ...] = (
        (PUBLIC, lambda: earnings(data / PUBLIC)),
        (SYNTHETIC, lambda: synthetic(data)),
        (CALL, lambda: two_channel(data / CALL)),
    )
    for number, (name, make) in enumerate(makers, 1):
        found[name] = moments(make())
        progress("looking at gaps", number, len(makers))
    return found


def fold(found: Moments) -> NDArray[np.int64]:
    """``[n]``: the fold of each moment; all readings of a talk are in the same."""
    return found.dialogue % FOLDS


def fit(sources: Mapping[str, Moments]) -> GapModel:
    """Each source counts the same, however many moments it has."""
    parts = [(found, fold(found)) for found in sources.values()]
    fitting = [(m, np.flatnonzero((f != TEST) & (f != CALIBRATE))) for m, f in parts]
    calibrating = [(m, np.flatnonzero(f == CALIBRATE)) for m, f in parts]
    rows, started, weight = _together(fitting)
    scale = np.where(rows.std(0) > 0, rows.std(0), 1.0)
    weights, biases, tables = [], [], []
    for horizon in range(len(HORIZONS)):
        slope, bias = _line(rows, scale, started[:, horizon], weight)
        weights.append({n: int(w) for n, w in zip(FEATURES, slope, strict=True) if w})
        biases.append(bias)
        held, came, counts = _together(calibrating)
        scores = held @ slope + biases[-1]
        tables.append(_table(scores, came[:, horizon], counts))
    return GapModel(HORIZONS, tuple(weights), tuple(biases), tuple(tables), VERSION)


def _line(
    rows: NDArray[np.float64],
    scale: NDArray[np.float64],
    came: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.int64], int]:
    """Weights and bias in thousandths; none where all came out the same."""
    if came.all() or not came.any():
        return np.zeros(rows.shape[1], np.int64), 0
    line = LogisticRegression(C=1.0, max_iter=2000).fit(rows / scale, came, weight)
    slope = np.round(1000 * line.coef_[0] / scale).astype(np.int64)
    return slope, round(1000 * float(line.intercept_[0]))


def _together(
    parts: Sequence[tuple[Moments, NDArray[np.intp]]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Rows, outcomes and weights that make the sources equal."""
    return (
        np.concatenate([m.features[rows] for m, rows in parts]).astype(np.float64),
        np.concatenate([m.started[rows] for m, rows in parts]),
        np.concatenate([np.full(len(rows), 1 / max(1, len(rows))) for _, rows in parts]) * 10_000,
    )


def _table(
    scores: NDArray[np.float64], came: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[tuple[int, int], ...]:
    """Score in thousandths and percent, at the turns of an isotonic regression."""
    iso = IsotonicRegression(y_min=0.0, y_max=1.0).fit(scores, came, weight)
    places = np.unique(np.quantile(scores, np.linspace(0, 1, POINTS)).astype(int))
    percents = np.round(100 * iso.predict(places)).astype(int)
    return tuple((int(s), int(p)) for s, p in zip(places, percents, strict=True))


def measure(model: GapModel, sources: Mapping[str, Moments]) -> Measured:
    """The held-out fold of each source; all of the two-channel call: nothing was learned of it."""
    rates = {name: _rate(found) for name, found in sources.items()}
    scores = {}
    picture: Reliability | None = None
    for name, found in sources.items():
        keep = np.ones(len(found.features), bool) if name == CALL else fold(found) == TEST
        said = chances(model, found.features[keep])
        came = found.started[keep]
        constant = rates[PUBLIC] if name == CALL else rates[name]
        scores[name] = tuple(
            _score(ticks, said[:, n], came[:, n], constant[n]) for n, ticks in enumerate(HORIZONS)
        )
        if name == PUBLIC:
            picture = reliability((said[:, PICTURED] / 100).tolist(), came[:, PICTURED].tolist())
    assert picture is not None, "the public dialogues are measured"
    return Measured(scores, picture)


def _rate(found: Moments) -> NDArray[np.float64]:
    learned = fold(found) != TEST
    rate: NDArray[np.float64] = found.started[learned].mean(0)
    return rate


def chances(model: GapModel, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the core says of each row at each horizon, percent: ``[n, len(HORIZONS)]``."""
    gaps = [Gap(*(int(value) for value in row)) for row in rows]
    said = [[starts_within(model, gap, ticks) for ticks in HORIZONS] for gap in gaps]
    return np.array(said, np.float64).reshape(-1, len(HORIZONS))


def _score(
    ticks: int, said: NDArray[np.float64], came: NDArray[np.bool_], constant: float
) -> Score:
    found = reliability((said / 100).tolist(), came.tolist())
    return Score(
        ticks,
        len(came),
        round(found.brier, 4),
        round(float(np.mean((came - constant) ** 2)), 4),
        round(found.ece, 4),
        round(found.base_rate, 4),
    )


def _hashes(data: Path) -> dict[str, str]:
    files = [*sorted((data / PUBLIC).glob("*.json.gz")), data / CALL / "manifest.json"]
    files += sorted((data / "turns" / "dstc11_val").glob("*.gz"))
    return {
        str(file.relative_to(data)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }


def table(recipe: Mapping[str, object]) -> Table:
    """The held-out figures for a terminal."""
    view = Table("held out", "within, s", "moments", "rate", "Brier", "constant rate", "ECE")
    for column in view.columns[1:]:
        column.justify = "right"
    held_out = recipe["held_out"]
    assert isinstance(held_out, dict)
    for name, scores in held_out.items():
        for one in scores:
            view.add_row(
                name,
                f"{one.ticks / TICKS_PER_SECOND:.2f}",
                str(one.count),
                f"{one.base_rate:.3f}",
                f"{one.brier:.4f}",
                f"{one.constant:.4f}",
                f"{one.ece:.3f}",
            )
    return view
