"""Learns a scope from example questions, leaving passages out to learn what a near miss is like."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from copilot.ports import Vectors
from copilot.retrieval.learning import FOLDS, fold_of
from copilot.retrieval.scope import (
    BYTE,
    RIDGE,
    Floats,
    Kernel,
    Likelihood,
    Rows,
    Skill,
    Tensors,
    chance,
    closeness,
    features,
    terms,
)

ANCHORS = 2048
"""Examples kept; where there are more, each passage's are summed up in as many means as fit."""
UNANSWERABLE_SHARE = 4
"""At most one anchor in so many is of a query that nothing answers."""
MIN_EXAMPLES = 5
"""Questions that a passage needs to count as known."""
MIN_PASSAGES = 10
MIN_KNOWN = 0.8
"""Share of a pack's passages that must be known: to a scope, the unknown ones are unanswerable."""
BINS = 15
NONE = -1
"""The column of a query that nothing answers."""


class Examples(Struct, frozen=True):
    """Questions with the column of the passage that answers each, or NONE."""

    queries: Sequence[str]
    vectors: Vectors
    columns: Rows

    def part(self, chosen: Rows) -> "Examples":
        return Examples(
            [self.queries[n] for n in chosen], self.vectors[chosen], self.columns[chosen]
        )


class Made(Struct, frozen=True):
    """The parts of a scope and what it is worth on what it has not seen."""

    kernel: Kernel
    likelihood: Likelihood
    weights: Floats
    skill: Skill


def lacking(columns: Rows, passages: int) -> str | None:
    """Why examples are too few for a scope over so many passages; None where they are not."""
    counts = np.bincount(columns[columns != NONE], minlength=passages)
    known = int((counts >= MIN_EXAMPLES).sum())
    wanted = max(MIN_PASSAGES, int(np.ceil(MIN_KNOWN * passages)))
    if passages > ANCHORS:
        return f"{passages} passages are more than the {ANCHORS} that a scope can tell apart"
    if known < wanted:
        return (
            f"{known} of {passages} passages have {MIN_EXAMPLES} example questions or more, "
            f"their headings among them; {wanted} are needed"
        )
    return None


def learn(examples: Examples, seed: int = 0) -> Made:
    """A scope's parts; the same for the same examples. Ask `lacking` first."""
    found, answerable, cosines, folds = _left_out(examples, seed)
    weights = _fit(found, answerable)
    return Made(
        fit_kernel(examples, seed),
        fit_likelihood(examples),
        weights,
        _skill(found, answerable, cosines, folds),
    )


def fit_kernel(examples: Examples, seed: int = 0) -> Kernel:
    """The ridge; usual values are of examples left out one at a time, in closed form."""
    columns = np.unique(examples.columns[examples.columns != NONE])
    anchors, owners, mass = _anchors(examples, seed)
    goals = (owners[:, None] == columns).astype(np.float32)
    kernel = closeness(anchors @ anchors.T)
    kernel[np.diag_indices(len(kernel))] += np.float32(RIDGE) / mass
    inverse = np.linalg.inv(kernel)
    duals = inverse @ goals
    left_out = goals - duals / np.diag(inverse)[:, None]
    weight = goals * mass[:, None]
    usual = (weight * left_out).sum(axis=0) / weight.sum(axis=0)
    variance = (weight * left_out**2).sum(axis=0) / weight.sum(axis=0) - usual**2
    width = int(examples.columns.max()) + 1
    scale = np.float32(1 / np.abs(anchors).max())
    tensors: Tensors = {
        "anchors": np.rint(anchors * scale * BYTE).astype(np.int8),
        "scale": np.array([scale]),
        "duals": np.zeros((len(anchors), width), np.float16),
        "usual": np.zeros(width, np.float32),
        "spread": np.zeros(width, np.float32),
    }
    tensors["duals"][:, columns] = duals
    tensors["usual"][columns] = usual
    tensors["spread"][columns] = np.sqrt(np.maximum(variance, 0))
    return Kernel(tensors)


def fit_likelihood(examples: Examples) -> Likelihood:
    """Counts of terms; a pair of words counts from its second query on."""
    seen: Counter[str] = Counter()
    counts: dict[str, Counter[int]] = {}
    for query, column in zip(examples.queries, examples.columns, strict=True):
        for term in terms(query):
            seen[term] += 1
            if column != NONE:
                counts.setdefault(term, Counter())[int(column)] += 1
    kept = sorted(term for term, count in seen.items() if count > 1 or " " not in term)
    owners = [sorted(counts.get(term, Counter()).items()) for term in kept]
    width = int(examples.columns.max()) + 1
    sizes = np.bincount(examples.columns[examples.columns != NONE], minlength=width)
    return Likelihood(
        {
            "terms": np.frombuffer("\n".join(kept).encode(), np.uint8),
            "starts": np.cumsum([0, *map(len, owners)]).astype(np.int32),
            "columns": np.array([c for row in owners for c, _ in row], np.int32),
            "counts": np.array([n for row in owners for _, n in row], np.int32),
            "seen": np.array([seen[term] for term in kept], np.int32),
            "examples": sizes.astype(np.int32),
            "queries": np.array([len(examples.queries)], np.int32),
        }
    )


def calibration_error(probabilities: Floats, outcomes: Floats, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass, at even odds."""
    return float(
        sum(
            bin.mass * abs(bin.said - bin.was) for bin in reliability(probabilities, outcomes, bins)
        )
    )


class Bin(Struct, frozen=True):
    """One bar of a reliability picture."""

    mass: float
    """Its share of all, of which outcomes of 1 and 0 have half each."""
    said: float
    """Mean probability."""
    was: float
    """Share of outcomes that are 1."""


def reliability(probabilities: Floats, outcomes: Floats, bins: int = BINS) -> list[Bin]:
    """Bins of equal mass, least probable first; both outcomes must occur."""
    share = outcomes.mean()
    weights = np.where(outcomes > 0, 0.5 / share, 0.5 / (1 - share)) / len(outcomes)
    order = np.argsort(probabilities, kind="stable")
    place = np.minimum((np.cumsum(weights[order]) - weights[order] / 2) * bins, bins - 1).astype(
        int
    )
    made = []
    for number in np.unique(place):
        part = order[place == number]
        mass = weights[part].sum()
        said, was = (float(v[part] @ weights[part] / mass) for v in (probabilities, outcomes))
        made.append(Bin(float(mass), said, was))
    return made


def _left_out(examples: Examples, seed: int) -> tuple[Floats, Floats, Floats, Rows]:
    """Features, answerable or not, best cosine and fold of every held-out query.

    A fold leaves out some passages, whose queries become unanswerable, and a share of the other
    queries, which stay answerable; and as large a share of those that nothing answers.
    """
    columns = np.unique(examples.columns[examples.columns != NONE])
    dealt = np.random.default_rng(seed).permutation(len(columns)) % FOLDS
    home = np.full(int(examples.columns.max()) + 2, -1, np.int64)
    home[columns] = dealt
    passage_fold = home[examples.columns]  # NONE reads the last place: in no fold
    query_fold = fold_of(examples.queries, seed)
    rows: list[tuple[Floats, Floats, Floats, Rows]] = []
    for fold in range(FOLDS):
        gone = passage_fold == fold
        nothing = examples.columns == NONE
        held = np.flatnonzero(gone | (query_fold == fold))
        rest = examples.part(np.flatnonzero(~gone & (query_fold != fold)))
        asked = examples.part(held)
        kernel, likelihood = fit_kernel(rest, seed), fit_likelihood(rest)
        found, _ = features(kernel, likelihood, asked.vectors, asked.queries)
        cosines = (asked.vectors @ rest.vectors[rest.columns != NONE].T).max(axis=1)
        answerable = (~gone & ~nothing)[held].astype(np.float64)
        rows.append((found, answerable, cosines.astype(np.float64), np.full(len(held), fold)))
    found, answerable, cosines, folds = (np.concatenate(part) for part in zip(*rows, strict=True))
    return found, answerable, cosines, folds


def _fit(found: Floats, answerable: Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression

    middle, spread = found.mean(axis=0), found.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.3, class_weight="balanced", max_iter=1000).fit(
        (found - middle) / spread, answerable
    )
    slopes = model.coef_[0] / spread
    return np.append(slopes, model.intercept_[0] - slopes @ middle)


def _skill(found: Floats, answerable: Floats, cosines: Floats, folds: Rows) -> Skill:
    """Each fold judged by weights from the others; the AUROCs are the folds' means."""
    from sklearn.metrics import roc_auc_score

    judged = np.empty(len(found))
    for fold in range(FOLDS):
        held = folds == fold
        judged[held] = chance(found[held], _fit(found[~held], answerable[~held]))
    own, plain = (
        np.mean([roc_auc_score(answerable[folds == f], s[folds == f]) for f in range(FOLDS)])
        for s in (judged, cosines)
    )
    return Skill(float(own), float(plain), calibration_error(judged, answerable))


def _anchors(examples: Examples, seed: int) -> tuple[Vectors, Rows, Vectors]:
    """Vectors that stand for the examples, the column of each, and how many it stands for."""
    columns = np.unique(examples.columns)
    if len(examples.columns) <= ANCHORS:
        return examples.vectors, examples.columns, np.ones(len(examples.columns), np.float32)
    nothing = bool(columns[0] == NONE)
    spare = ANCHORS // UNANSWERABLE_SHARE if nothing else 0
    each = max(1, (ANCHORS - spare) // max(1, len(columns) - nothing))
    made = [
        _means(
            examples.vectors[examples.columns == column], spare if column == NONE else each, seed
        )
        for column in columns
    ]
    owners = np.repeat(columns, [len(mass) for _, mass in made])
    return (
        np.concatenate([vectors for vectors, _ in made]),
        owners,
        np.concatenate([mass for _, mass in made]),
    )


def _means(vectors: Vectors, count: int, seed: int) -> tuple[Vectors, Vectors]:
    """At most `count` unit vectors in place of `vectors`, and how many each stands for."""
    from sklearn.cluster import KMeans

    if len(vectors) <= count:
        return vectors, np.ones(len(vectors), np.float32)
    found = KMeans(count, n_init=1, max_iter=20, random_state=seed).fit(vectors)
    mass = np.bincount(found.labels_, minlength=count)
    means = found.cluster_centers_[mass > 0]
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit.astype(np.float32), mass[mass > 0].astype(np.float32)
