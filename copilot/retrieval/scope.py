"""Scope: how likely a pack can answer a query at all, learned from questions its passages answer.

A kernel ridge over example questions says how much the query belongs to its best passage, naive
Bayes over words and pairs of words whether that passage's askers talk like this. A logistic
regression weighs the two; it is trained on passages that were left out, whose questions are then
near misses: asked by the same people about the same trade, with no answer in the pack.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from copilot.errors import LearnError
from copilot.ports import Vectors

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Tensors = dict[str, NDArray[Any]]

FORMAT = "copilot scope 1"
SHARPNESS = 4.0
"""The kernel is ``exp(SHARPNESS * (cosine - 1))``."""
RIDGE = 4.0
"""Trust in examples: a lone one counts as much as this many are needed for half its passage."""
SMOOTHING = 0.1
MIN_SPREAD = 0.02
BYTE = np.float32(127)
"""Anchors are stored in one byte a number, their largest being this."""
FEATURES = ("belonging", "usual", "lead", "words", "best words")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class Skill(Struct, frozen=True):
    """How well it tells answerable queries, on passages and queries that it has not seen."""

    auroc: float
    cosine: float
    """The AUROC of the best cosine with an example, which it must beat."""
    calibration_error: float
    """Expected, over 15 bins of equal mass, at even odds."""


class About(Struct, frozen=True):
    """What a scope was learned from, and what it is worth."""

    pack: str
    embedder: str
    created: str
    """UTC, ISO 8601."""
    passages: tuple[str, ...]
    """Ids, in the order of its columns."""
    examples: int
    unanswerable: int
    """Labelled queries that nothing answers."""
    skill: Skill


class Judgement(NamedTuple):
    """What a scope makes of queries."""

    answerable: Floats
    """Probability that the pack holds an answer, ``[n]``, were as many queries so as not so."""
    best: Rows
    """The column of the likeliest passage."""


class Likelihood:
    """Naive Bayes over the terms of queries, one column a passage."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        text = tensors["terms"].tobytes().decode()
        self._terms = {term: n for n, term in enumerate(text.split("\n"))} if text else {}
        self._starts, self._columns = tensors["starts"], tensors["columns"]
        self._lifts = np.log1p(tensors["counts"] / SMOOTHING)
        examples = tensors["examples"].astype(np.float64)
        queries = float(tensors["queries"][0])
        self._unasked = examples == 0
        self._floor = np.log(SMOOTHING / (examples + 2 * SMOOTHING))
        share = (tensors["seen"] + SMOOTHING) / (queries + 2 * SMOOTHING)
        self._common = np.log(share)

    def of(self, query: str) -> Floats:
        """How much likelier its terms are from those who ask for each passage than from anyone."""
        known = [self._terms[term] for term in terms(query) if term in self._terms]
        total = self._floor * len(known)
        for term in known:
            span = slice(self._starts[term], self._starts[term + 1])
            total[self._columns[span]] += self._lifts[span]
            total -= self._common[term]
        found: Floats = total / np.sqrt(max(len(known), 1))
        found[self._unasked] = -np.inf
        return found


class Kernel:
    """Kernel ridge regression from a query's vector to the passages, and their usual values."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        anchors = tensors["anchors"].astype(np.float32)
        self._anchors: Vectors = anchors / np.float32(BYTE * tensors["scale"][0])
        self._duals: Vectors = tensors["duals"].astype(np.float32)
        self._usual = tensors["usual"].astype(np.float64)
        self._spread = np.maximum(tensors["spread"].astype(np.float64), MIN_SPREAD)

    def features(self, vectors: Vectors) -> tuple[Floats, Rows]:
        """``[n, 3]``: the best passage's value, how usual that is for it, its lead; and which."""
        values = closeness(vectors @ self._anchors.T) @ self._duals
        best = values.argmax(axis=1)
        top = values.max(axis=1).astype(np.float64)
        second = np.partition(values, -2, axis=1)[:, -2]
        usual = (top - self._usual[best]) / self._spread[best]
        return np.stack([top, usual, top - second], axis=1), best


class Scope:
    """Judges queries."""

    def __init__(
        self, kernel: Kernel, likelihood: Likelihood, weights: Floats, about: About
    ) -> None:
        """`weights` are those of FEATURES and the bias."""
        self.about = about
        self._kernel = kernel
        self._likelihood = likelihood
        self._weights = weights

    def judge(self, vectors: Vectors, queries: Sequence[str]) -> Judgement:
        """Judge queries by their vectors ``[n, dim]`` and words."""
        found, best = features(self._kernel, self._likelihood, vectors, queries)
        return Judgement(chance(found, self._weights), best)

    def answerable(self, vector: Vectors, query: str) -> float:
        """The probability for one query and its vector ``[dim]``."""
        return float(self.judge(vector[None], [query]).answerable[0])

    def save(self, file: Path) -> None:
        """Write it to a new file."""
        about = {"format": FORMAT, "about": msgspec.json.encode(self.about).decode()}
        parts = {"weights": self._weights, **self._kernel.tensors, **self._likelihood.tensors}
        save_file({name: np.ascontiguousarray(part) for name, part in parts.items()}, file, about)


def load(file: Path, embedder: str) -> Scope:
    """The scope in `file`; raises LearnError if it is none, or made for another embedder."""
    remedy = "go back with copilot learn --back, or learn again"
    try:
        with safe_open(file, "numpy") as stored:
            told = stored.metadata() or {}
            if told.get("format") != FORMAT:
                raise LearnError(f"{file}: is no {FORMAT}; {remedy}")
            about = msgspec.json.decode(told["about"], type=About)
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            made = Scope(Kernel(tensors), Likelihood(tensors), tensors.pop("weights"), about)
    except (OSError, SafetensorError, KeyError, msgspec.DecodeError) as error:
        raise LearnError(f"{file}: cannot be read ({error}); {remedy}") from None
    if about.embedder != embedder:
        raise LearnError(
            f"{file}: was learned for the embedder {about.embedder}, not {embedder}; {remedy}"
        )
    return made


def terms(query: str) -> list[str]:
    """The distinct words of a query and its pairs of neighbours."""
    words = _WORD.findall(query.casefold().replace("’", "'"))
    pairs = [f"{one} {two}" for one, two in pairwise(words)]
    return list(dict.fromkeys([*words, *pairs]))


def closeness(cosines: Vectors) -> Vectors:
    near: Vectors = np.exp(np.float32(SHARPNESS) * (cosines - 1))
    return near


def features(
    kernel: Kernel, likelihood: Likelihood, vectors: Vectors, queries: Sequence[str]
) -> tuple[Floats, Rows]:
    """FEATURES of each query, ``[n, 5]``, and the column of its likeliest passage."""
    by_meaning, best = kernel.features(vectors)
    words = [likelihood.of(query) for query in queries]
    by_words = [(found[column], found.max()) for found, column in zip(words, best, strict=True)]
    return np.hstack([by_meaning, np.array(by_words)]), best


def chance(found: Floats, weights: Floats) -> Floats:
    """The logistic regression."""
    made: Floats = 1 / (1 + np.exp(-(found @ weights[:-1] + weights[-1])))
    return made
