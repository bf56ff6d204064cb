"""Calibration error by its definition, whatever the order of the cases, and its picture."""

import io
import random
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from copilot.evaluate.reliability import picture, reliability, svg, wilson

CASES = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60)


def test_the_error_is_the_mean_gap_weighted_by_the_counts() -> None:
    found = reliability([0.2] * 4 + [0.9] * 6, [True] + [False] * 3 + [True] * 3 + [False] * 3)
    assert [(one.count, one.came) for one in found.bins] == [(4, 0.25), (6, 0.5)]
    assert [one.said for one in found.bins] == pytest.approx([0.2, 0.9])
    assert found.ece == pytest.approx(0.4 * 0.05 + 0.6 * 0.4)
    assert found.brier == pytest.approx((0.8**2 + 3 * 0.2**2 + 3 * 0.1**2 + 3 * 0.9**2) / 10)
    assert found.base_rate == 0.4
    assert found.ece_low <= found.ece <= found.ece_high


def test_bins_are_of_equal_mass() -> None:
    dice = np.random.default_rng(2)
    said = dice.beta(0.3, 4, 3000)  # crowded near 0
    found = reliability(said.tolist(), (dice.random(3000) < said).tolist())
    assert [one.count for one in found.bins] == [200] * 15
    assert found.ece < 0.03


def test_probabilities_that_mean_what_they_say_and_such_that_do_not() -> None:
    dice = np.random.default_rng(2)
    said = dice.random(20_000)
    came = dice.random(20_000) < said
    assert reliability(said.tolist(), came.tolist()).ece < 0.015
    boast = 1 - (1 - said) ** 2
    assert reliability(boast.tolist(), came.tolist()).ece == pytest.approx(1 / 6, abs=0.02)


@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_the_cases_does_not_matter(
    cases: list[tuple[int, bool]], dice: random.Random
) -> None:
    mixed = list(cases)
    dice.shuffle(mixed)
    one, other = (
        reliability([said / 100 for said, _ in some], [came for _, came in some])
        for some in (cases, mixed)
    )
    assert one.ece == pytest.approx(other.ece)
    assert [(b.low, b.high, b.count) for b in one.bins] == [
        (b.low, b.high, b.count) for b in other.bins
    ]


@given(CASES)
def test_every_case_is_in_one_bin_and_the_error_a_share(cases: list[tuple[int, bool]]) -> None:
    found = reliability([said / 100 for said, _ in cases], [came for _, came in cases])
    assert sum(one.count for one in found.bins) == len(cases)
    assert all(a.high < b.low for a, b in zip(found.bins, found.bins[1:], strict=False))
    assert 0 <= found.ece <= 1
    assert all(one.came_low <= one.came <= one.came_high for one in found.bins)


def test_wilsons_interval() -> None:
    low, high = wilson(0.5, 10)
    assert (round(low, 3), round(high, 3)) == (0.237, 0.763)
    assert wilson(0.0, 5)[0] == 0.0


@pytest.mark.parametrize("wrong", [([0.5], []), ([1.5], [True]), ([float("nan")], [True])])
def test_what_makes_no_sense(wrong: tuple[list[float], list[bool]]) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        reliability(*wrong)


def test_the_picture_holds_every_bin_with_its_count() -> None:
    found = reliability([0.1] * 7 + [0.8] * 12_345, [False] * 7 + [True] * 12_345)
    root = ElementTree.fromstring(svg(found, "Calls <of> today & tomorrow"))
    texts = [
        "".join(one.itertext()).strip() for one in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert texts[0] == "Calls <of> today & tomorrow"
    assert {"7", "12.3k", "10", "80"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 2


def test_without_a_case_it_says_so() -> None:
    nothing = reliability([], [])
    assert (nothing.count, nothing.ece, nothing.bins) == (0, 0.0, ())
    console = Console(file=io.StringIO())
    console.print(picture(nothing))
    assert "no case" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "no case with a known outcome yet" in svg(nothing, "Nothing")


def test_in_the_terminal_it_fits_a_narrow_window() -> None:
    console = Console(file=io.StringIO(), width=60)
    console.print(picture(reliability([0.1, 0.8, 0.8], [False, True, False])))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 60
    assert "█████" in text
    assert "3 cases" in text.replace("\n", " ")
