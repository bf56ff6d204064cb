"""Word error rates after one stated normalisation, and percentiles by nearest rank."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.evaluate.metrics import (
    WordErrors,
    normalise,
    percentile,
    word_errors,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Don't – re-send A-42!", "don't re send a 42"),
        ("  Straße,\n£5.00 ", "strasse 5 00"),
        ("it’s 'quoted'", "it's quoted"),
        ("…", ""),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal


def test_each_kind_of_error_is_counted() -> None:
    found = word_errors("my parcel has not arrived yet", "My puzzle has arrived yet today.")
    assert found == WordErrors(words=6, substituted=1, deleted=1, inserted=1)
    assert found.rate == 0.5


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [("", "", 0.0), ("a b", "", 1.0), ("", "a", math.inf), ("a", "b c", 2.0), ("A.", "a", 0.0)],
)
def test_word_error_rate_at_its_edges(reference: str, hypothesis: str, rate: float) -> None:
    assert word_errors(reference, hypothesis).rate == rate


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_errors_lie_between_the_lengths(said: list[str], heard: list[str]) -> None:
    found = word_errors(" ".join(said), " ".join(heard))
    errors = found.substituted + found.deleted + found.inserted
    assert abs(len(said) - len(heard)) <= errors <= max(len(said), len(heard))
    assert found.inserted - found.deleted == len(heard) - len(said)


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (25, 1), (50, 2), (51, 3), (75, 3), (95, 4), (100, 4)]
)
def test_percentiles_are_values_that_occurred(percent: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == value


def test_percentiles_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="percent = 101"):
        percentile([1], 101)
