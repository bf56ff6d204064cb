"""Learning a scope: it tells near misses, says how surely, and asks for enough examples."""

import numpy as np
import pytest

from copilot.ports import Vectors
from copilot.retrieval.scope import About, Scope
from copilot.retrieval.scoping import (
    NONE,
    Examples,
    calibration_error,
    fit_kernel,
    fit_likelihood,
    lacking,
    learn,
    reliability,
)

from .geometry import DIM, points, unit

PASSAGES, EACH = 24, 12
CENTRES = np.concatenate(
    [points(PASSAGES, 0), unit(points(PASSAGES, 0) + 0.9 * points(PASSAGES, 1))]
)
"""The first half has passages; beside each is one that is asked about and nothing answers."""


def asked(centres: Vectors, each: int, seed: int) -> Vectors:
    random = np.random.default_rng(seed)
    noise = random.standard_normal((len(centres) * each, DIM)) * 0.15
    return unit(np.repeat(centres, each, axis=0) + noise.astype(np.float32))


def words(topics: range, each: int) -> list[str]:
    return [f"how about topic{topic % 30} number {n}" for topic in topics for n in range(each)]


def examples(each: int = EACH) -> Examples:
    columns = np.repeat(np.arange(PASSAGES), each)
    return Examples(words(range(PASSAGES), each), asked(CENTRES[:PASSAGES], each, 1), columns)


def scope(given: Examples) -> Scope:
    made = learn(given)
    ids = tuple(map(str, range(PASSAGES)))
    about = About("p", "points", "", ids, len(given.queries), 0, made.skill)
    return Scope(made.kernel, made.likelihood, made.weights, about)


def test_it_tells_what_passages_answer_from_near_misses() -> None:
    made = scope(examples())
    here = made.judge(asked(CENTRES[:PASSAGES], 4, 5), words(range(PASSAGES), 4))
    near = range(PASSAGES, 2 * PASSAGES)
    there = made.judge(asked(CENTRES[PASSAGES:], 4, 6), words(near, 4))
    assert (here.best == np.repeat(np.arange(PASSAGES), 4)).mean() > 0.95
    pairs = here.answerable[:, None] > there.answerable
    assert pairs.mean() > 0.9
    assert made.about.skill.auroc > made.about.skill.cosine
    assert made.about.skill.calibration_error < 0.1


def test_queries_that_nothing_answers_teach_it() -> None:
    given = examples()
    known = asked(CENTRES[PASSAGES:], 6, 8)
    taught = Examples(
        [*given.queries, *words(range(PASSAGES, 2 * PASSAGES), 6)],
        np.concatenate([given.vectors, known]),
        np.concatenate([given.columns, np.full(len(known), NONE)]),
    )
    near = asked(CENTRES[PASSAGES:], 4, 6)
    said = words(range(PASSAGES, 2 * PASSAGES), 4)
    before = scope(given).judge(near, said).answerable
    after = scope(taught).judge(near, said).answerable
    assert after.mean() < before.mean() - 0.1


def test_one_query_is_judged_as_among_many() -> None:
    made = scope(examples())
    vectors, said = asked(CENTRES[:3], 1, 5), words(range(3), 1)
    alone = [made.answerable(vector, query) for vector, query in zip(vectors, said, strict=True)]
    assert alone == pytest.approx(made.judge(vectors, said).answerable)


def test_a_query_without_a_known_word_is_judged() -> None:
    assert 0 <= scope(examples()).answerable(points(1, 9)[0], "¿?") <= 1


def test_many_examples_are_summed_up() -> None:
    kernel = fit_kernel(examples(each=100))
    assert kernel.tensors["anchors"].shape == (PASSAGES * (2048 // PASSAGES), DIM)
    assert kernel.tensors["anchors"].dtype == np.int8
    _, best = kernel.features(asked(CENTRES[:PASSAGES], 4, 5))
    assert (best == np.repeat(np.arange(PASSAGES), 4)).mean() > 0.9


@pytest.mark.parametrize(
    ("counts", "passages", "said"),
    [
        ([5] * 10, 10, None),
        ([5] * 9, 9, "9 of 9 passages have 5 example questions or more"),
        ([5] * 10 + [4] * 10, 20, "10 of 20 passages"),
        ([1] * 3000, 3000, "3000 passages are more than"),
    ],
)
def test_it_asks_for_enough_examples(counts: list[int], passages: int, said: str | None) -> None:
    lack = lacking(np.repeat(np.arange(len(counts)), counts), passages)
    assert lack is None if said is None else said in str(lack)


def test_words_of_a_passage_speak_for_it() -> None:
    found = fit_likelihood(examples()).of("topic3 how about")
    assert found.argmax() == 3
    assert found[3] > 0 > np.delete(found, 3).max()


def test_reliability_weighs_both_outcomes_alike() -> None:
    random = np.random.default_rng(0)
    sure = random.random(20_000)
    outcome = (random.random(20_000) < sure).astype(float)
    assert calibration_error(sure, outcome) < 0.02
    # three of four unanswerable queries dropped: at even odds nothing has changed
    kept = (outcome == 1) | (random.random(20_000) < 0.25)
    assert calibration_error(sure[kept], outcome[kept]) < 0.03
    assert calibration_error(1 - sure, outcome) > 0.4
    bins = reliability(sure, outcome)
    assert len(bins) == 15
    assert sum(bar.mass for bar in bins) == pytest.approx(1)
    assert [bar.said for bar in bins] == sorted(bar.said for bar in bins)
