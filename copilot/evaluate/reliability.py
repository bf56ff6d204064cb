"""Whether probabilities mean what they say: calibration error, Brier score, and their picture."""

from collections.abc import Sequence
from functools import cache
from math import sqrt

import numpy as np
from jinja2 import Environment, PackageLoader, Template
from msgspec import Struct
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

BINS = 15
"""As many as in Guo et al., On Calibration of Modern Neural Networks (ICML 2017)."""
RESAMPLES = 200
Z95 = 1.96
"""Standard deviations that hold 95 % of a normal distribution."""
BAR = 20
"""Characters of a whole bar in the terminal."""


class Bin(Struct, frozen=True):
    """Neighbouring probabilities and what came of them."""

    low: float
    """The lowest probability in it."""
    high: float
    """The highest."""
    count: int
    said: float
    """Mean probability."""
    came: float
    """Share of outcomes that came true."""
    came_low: float
    """Wilson's 95 % interval of that share."""
    came_high: float


class Reliability(Struct, frozen=True):
    """How far probabilities are from what came.

    The expected calibration error is that of Guo et al. (2017), the mean distance of `said` and
    `came` weighted by the bins' counts, over bins of equal mass (Nguyen and O'Connor, EMNLP 2015):
    bins of equal width leave most of them empty where supports crowd. Equal probabilities share a
    bin, so that the order of cases does not matter.
    """

    count: int
    ece: float
    ece_low: float
    """Bounds of 95 % of bootstrap resamples; few cases make the error look large."""
    ece_high: float
    brier: float
    """Mean squared distance of probability and outcome."""
    base_rate: float
    """Share of all outcomes that came true."""
    bins: tuple[Bin, ...]


def reliability(
    probabilities: Sequence[float], outcomes: Sequence[bool], bins: int = BINS
) -> Reliability:
    """Compare probabilities (0 to 1) with what came; raises ValueError where that makes no sense.

    Without any case every figure is 0 and there are no bins.
    """
    said = np.asarray(probabilities, np.float64)
    came = np.asarray(outcomes, np.float64)
    if said.shape != came.shape or said.ndim != 1:
        raise ValueError(f"{said.shape} probabilities and {came.shape} outcomes do not match")
    if not np.all((said >= 0) & (said <= 1)):  # NaN is refused as well
        raise ValueError("probabilities must lie from 0 to 1")
    if not len(said):
        return Reliability(0, 0.0, 0.0, 0.0, 0.0, 0.0, ())
    order = np.argsort(said, kind="stable")
    said, came = said[order], came[order]
    found = tuple(_bin(said[part], came[part]) for part in _parts(said, bins))
    low, high = _bootstrap(said, came, bins)
    return Reliability(
        len(said),
        _error(said, came, bins),
        low,
        high,
        float(np.mean((said - came) ** 2)),
        float(came.mean()),
        found,
    )


def _parts(said: NDArray[np.float64], bins: int) -> list[slice]:
    """Runs of the sorted probabilities, as equal in mass as ties allow."""
    wanted = np.arange(1, bins) * len(said) // bins
    edges = np.unique(np.searchsorted(said, said[wanted], side="left"))
    inner = edges[(edges > 0) & (edges < len(said))].tolist()
    return [slice(a, b) for a, b in zip([0, *inner], [*inner, len(said)], strict=True)]


def _error(said: NDArray[np.float64], came: NDArray[np.float64], bins: int) -> float:
    gaps = (abs(float(np.sum(said[part] - came[part]))) for part in _parts(said, bins))
    return sum(gaps) / len(said)


def _bootstrap(
    said: NDArray[np.float64], came: NDArray[np.float64], bins: int
) -> tuple[float, float]:
    dice = np.random.default_rng(1)  # the same cases give the same bounds
    errors = []
    for _ in range(RESAMPLES):
        drawn = np.sort(dice.integers(0, len(said), len(said)))
        errors.append(_error(said[drawn], came[drawn], bins))
    low, high = np.percentile(errors, (2.5, 97.5))
    return float(low), float(high)


def _bin(said: NDArray[np.float64], came: NDArray[np.float64]) -> Bin:
    count, share = len(said), float(came.mean())
    low, high = wilson(share, count)
    return Bin(float(said[0]), float(said[-1]), count, float(said.mean()), share, low, high)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `count` cases, at least one."""
    z2 = Z95 * Z95 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = Z95 * sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def summary(found: Reliability) -> str:
    """The figures as one line."""
    return (
        f"calibration error {found.ece:.3f} (95 %: {found.ece_low:.3f} to {found.ece_high:.3f}) · "
        f"Brier score {found.brier:.3f} · {found.count} case{'s' * (found.count != 1)}, "
        f"{100 * found.base_rate:.0f} % came true"
    )


def picture(found: Reliability) -> RenderableType:
    """The reliability diagram for a terminal: a row a bin, `said` marked on the bar of `came`."""
    if not found.count:
        return Text("Calibration: no case with a known outcome yet.")
    table = Table("said", "came", "cases", "0 % to 100 %: came, | said", title="Reliability")
    for column in table.columns[:3]:
        column.justify, column.no_wrap = "right", True
    table.columns[3].no_wrap = True
    for one in found.bins:
        table.add_row(f"{one.said:.0%}", f"{one.came:.0%}", str(one.count), _bar(one))
    return Group(table, Text(summary(found)))


def _bar(one: Bin) -> Text:
    filled, mark = round(one.came * BAR), min(BAR - 1, int(one.said * BAR))
    cells = ["█" if place < filled else "·" for place in range(BAR)]
    cells[mark] = "|"
    fair = one.came_low <= one.said <= one.came_high
    return Text("".join(cells), style="green" if fair else "yellow")


SIZE = 480
"""Side of the diagram, in units of the picture."""
COUNTS = 56
"""Height of the highest column of the counts under it."""


class _Mark(Struct, frozen=True):
    """A bin in the picture's coordinates: a point of the diagram and a column of the counts."""

    x: float
    y: float
    low: float
    high: float
    left: float
    width: float
    height: float
    count: str
    said: str
    fair: bool
    """Whether the interval of `came` holds `said`."""
    told: str


def svg(found: Reliability, title: str) -> str:
    """The reliability diagram with the bins' counts as an SVG document, for light and dark."""
    lines = summary(found).split(" · ", 1)
    marks = [_mark(found, place) for place in range(len(found.bins))]
    return _template().render(title=title, lines=lines, size=SIZE, counts=COUNTS, marks=marks)


def _mark(found: Reliability, place: int) -> _Mark:
    one, column = found.bins[place], SIZE / len(found.bins)
    low, high = round(100 * one.low), round(100 * one.high)
    span = f"{low}–{high}" if high > low else f"{low}"
    return _Mark(
        x=round(one.said * SIZE, 1),
        y=round((1 - one.came) * SIZE, 1),
        low=round((1 - one.came_low) * SIZE, 1),
        high=round((1 - one.came_high) * SIZE, 1),
        left=round(place * column + 1, 1),
        width=round(column - 2, 1),
        height=round(one.count / max(other.count for other in found.bins) * COUNTS, 1),
        count=f"{one.count / 1000:.3g}k" if one.count >= 10_000 else str(one.count),
        said=f"{100 * one.said:.0f}",
        fair=one.came_low <= one.said <= one.came_high,
        told=f"said {span} %, {one.said:.1%} in the mean; came true {one.came:.1%} of {one.count}",
    )


@cache
def _template() -> Template:
    loader = PackageLoader("copilot.evaluate")
    made = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("reliability.svg")
