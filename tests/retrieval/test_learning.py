"""Learning an adapter: it undoes a shift that queries share, and a few labels do no harm."""

import msgspec
import numpy as np
import pytest

from copilot.retrieval.adapter import moved
from copilot.retrieval.learning import FOLDS, Recipe, fold_of, learn, quality, ranks, trial

from .geometry import shifted


def test_a_shift_that_queries_share_is_undone_for_those_held_out() -> None:
    told = trial(shifted(400, shift=0.6))
    assert told.better
    assert told.after.first > told.before.first + 0.2
    assert told.after.reciprocal > told.before.reciprocal + 0.15


@pytest.mark.parametrize("labels", [2, 5, 20])
def test_a_few_labels_do_no_harm_where_there_is_nothing_to_learn(labels: int) -> None:
    others = shifted(400, noise=1.8, seed=7)
    few = shifted(labels, noise=1.8, seed=3)
    good = [[int(row)] for row in others.right]
    before = quality(ranks(others.vectors, others.passages, good))
    after = quality(ranks(moved(others.vectors, learn(few)), others.passages, good))
    assert before.first < 0.95
    assert after.first > before.first - 0.02


def test_labels_without_sense_are_found_out() -> None:
    lessons = shifted(300)
    random = np.random.default_rng(5).permutation(lessons.right)
    assert not trial(msgspec.structs.replace(lessons, right=random)).better


def test_the_same_labels_make_the_same_adapter() -> None:
    lessons = shifted(50, shift=0.5)
    assert np.array_equal(learn(lessons), learn(lessons))


def test_a_passage_called_wrong_falls_behind_the_right_one() -> None:
    lessons = shifted(40)
    # one passage is a near copy of another: only labels that call it wrong can tell
    passages = lessons.passages.copy()
    right = int(lessons.right[0])
    copy = (right + 1) % len(passages)
    passages[copy] = passages[right]
    passages[copy, :4] += 0.04
    passages[copy] /= np.linalg.norm(passages[copy])
    assert passages[copy] @ passages[right] > 0.99
    untold = msgspec.structs.replace(lessons, passages=passages)
    told = msgspec.structs.replace(
        untold, wrong=[[copy] if r == right else [] for r in untold.right]
    )

    def lead(matrix: np.ndarray) -> float:
        query = moved(untold.vectors[0], matrix)
        return float(query @ passages[right] - query @ passages[copy])

    assert lead(learn(told)) > lead(learn(untold)) + 1e-4


def test_equal_queries_are_in_the_same_fold() -> None:
    folds = fold_of(["Where is it", "where  is IT", *map(str, range(20))])
    assert folds[0] == folds[1]
    assert set(folds.tolist()) == set(range(FOLDS))


def test_two_passages_may_answer_one_query() -> None:
    lessons = shifted(30)
    queries = [*lessons.queries, lessons.queries[0]]
    other = (lessons.right[0] + 1) % len(lessons.passages)
    both = msgspec.structs.replace(
        lessons,
        queries=queries,
        vectors=np.concatenate([lessons.vectors, lessons.vectors[:1]]),
        right=np.append(lessons.right, other),
        wrong=[()] * len(queries),
    )
    query = moved(lessons.vectors[0], learn(both))
    assert query @ lessons.passages[other] > lessons.vectors[0] @ lessons.passages[other]


def test_passages_that_no_label_speaks_of_do_not_fall_behind() -> None:
    lessons = shifted(600, noise=1.8)
    half = len(lessons.passages) // 2
    part = lessons.part(np.flatnonzero(lessons.right < half))
    matrix = learn(part, Recipe(only_labelled=True))
    rows = np.flatnonzero(lessons.right >= half)
    good = [[int(row)] for row in lessons.right[rows]]
    before = quality(ranks(lessons.vectors[rows], lessons.passages, good))
    after = quality(ranks(moved(lessons.vectors[rows], matrix), lessons.passages, good))
    assert after.first > before.first - 0.005
