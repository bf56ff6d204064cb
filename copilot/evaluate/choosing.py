"""Which line an agent will take, from the talk before: likeness, the script's order, what was said.

One weight a feature, the same for every trade, learned on other trades as a choice among lines
(conditional logit): a trade that was never seen needs nothing but its lines.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.evaluate.scripts import Moment
from copilot.ports import Vectors

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

SAMPLE = 8000
"""Moments that are learned from at most."""
DECAY = 1e-4
STEPS = 60
FAR = 99
"""The step to a line of another script."""


class Choices(NamedTuple):
    """The lines of moments as numbers, one moment after the other."""

    features: Floats
    ends: Rows
    """Where each moment's lines end."""

    def span(self, moment: int) -> slice:
        return slice(int(self.ends[moment - 1]) if moment else 0, int(self.ends[moment]))


def choices(
    moments: Sequence[Moment], vectors: Mapping[str, Vectors], tasks: int, spread: Mapping[str, int]
) -> Choices:
    """Every moment's lines; `spread` says in how many of all `tasks` a label occurs."""
    tables = [_table(moment, vectors, tasks, spread) for moment in moments]
    return Choices(np.concatenate(tables), np.cumsum([len(table) for table in tables]))


def spread_of(moments: Sequence[Moment]) -> tuple[int, dict[str, int]]:
    """How many tasks there are, and in how many of them each label occurs."""
    seen = {(line.task, line.label) for moment in moments for line in moment.lines}
    return len({task for task, _ in seen}), Counter(label for _, label in seen)


def _table(
    moment: Moment, vectors: Mapping[str, Vectors], tasks: int, spread: Mapping[str, int]
) -> Floats:
    lines = moment.lines
    texts = np.stack([vectors[line.text] for line in lines])
    turn = texts @ vectors[moment.customer[-1] if moment.customer else ""]
    found = texts @ vectors[moment.found]
    agent = texts @ vectors[moment.agent]
    steps = _steps(moment)
    said = np.bincount(moment.taken, minlength=len(lines)) if moment.taken else np.zeros(len(lines))
    first, answered, late = not moment.wrote, bool(moment.found), min(len(moment.wrote), 10) / 10
    asks = np.array([float(line.asks) for line in lines])
    slots = np.array([float(line.slots) for line in lines])
    general = np.array([spread[line.label] / tasks for line in lines])
    place = np.array([line.place / line.last for line in lines])
    looked = np.array([bool(moment.apis) and line.task == moment.apis[-1] for line in lines])
    return np.column_stack([
        turn, found, agent, turn - turn.max(), found - found.max(), turn * asks, found * slots,
        said > 0, said, said * answered, np.minimum(said, 1) * general,
        steps != FAR, steps == 1, steps == 2, steps == 0, steps < 0, (steps > 2) & (steps != FAR),
        looked, looked * answered,
        slots * answered, slots * (not answered), asks, asks * answered,
        general, general * first, general * answered, general * late, general**2,
        place, place * first, place * answered, place * late, place**2,
    ]).astype(np.float64)  # fmt: skip


def _steps(moment: Moment) -> Rows:
    """How far each line is in the script from the last one taken."""
    if not moment.taken:
        return np.full(len(moment.lines), FAR)
    last = moment.lines[moment.taken[-1]]
    return np.array(
        [line.place - last.place if line.task == last.task else FAR for line in moment.lines]
    )


def learn(given: Choices, right: Sequence[Sequence[int]], rows: Rows, seed: int = 0) -> Floats:
    """Weights of the features, from the moments `rows` in which a known line was taken."""
    from scipy.optimize import minimize

    known = np.array([row for row in rows if right[row]])
    if len(known) > SAMPLE:
        known = np.random.default_rng(seed).choice(known, SAMPLE, replace=False)
    parts = [given.features[given.span(row)] for row in known]
    sizes = np.array([len(part) for part in parts])
    features, starts = np.concatenate(parts), np.cumsum(sizes) - sizes
    goal = np.zeros(len(features))
    for start, row in zip(starts, known, strict=True):
        goal[start + np.array(right[row])] = 1 / len(right[row])
    scale = features.std(axis=0) + 1e-9
    features = features / scale

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = features @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), sizes)
        chance = np.exp(scores)
        totals = np.add.reduceat(chance, starts)
        chance /= np.repeat(totals, sizes)
        value = (np.log(totals).sum() - goal @ scores) / len(known) + DECAY * weights @ weights
        slope: Floats = features.T @ (chance - goal) / len(known) + 2 * DECAY * weights
        return float(value), slope

    start = np.zeros(features.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights: Floats = found.x / scale
    return weights


def ranks(
    found: Choices, right: Sequence[Sequence[int]], rows: Rows, weights: Floats
) -> NDArray[np.int64]:
    """The rank, from 1, of the line taken, where it is known; a tie counts against it."""
    placed = []
    for row in rows:
        if right[row]:
            scores = found.features[found.span(row)] @ weights
            best = scores[list(right[row])].max()
            others = np.delete(scores, list(right[row]))
            placed.append(1 + np.count_nonzero(others >= best))
    return np.array(placed, np.int64)
