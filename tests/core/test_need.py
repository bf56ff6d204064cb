"""The model of need: the same percent everywhere, and a threshold that a budget sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.events import CallStarted, decode_event, encode
from copilot.core.need import Features, calibrated, need, observe, threshold
from copilot.core.policy import Policy
from copilot.core.vocabulary import NeedModel, Signals

MODEL = NeedModel(
    {"odds": 9, "title": 20, "length": 5},
    -3000,
    ((-2000, 1), (0, 50), (2000, 99)),
    ((0, 2000), (40, 300), (70, 120), (95, 10)),
)

percents = st.integers(0, 100)
features = st.builds(
    Features,
    st.builds(Signals, percents, percents, percents, percents, percents, percents),
    percents,
    percents,
    percents,
)


@given(features)
def test_need_is_a_percent_and_never_more_than_can_be_answered(given: Features) -> None:
    assert 0 <= need(MODEL, given) <= given.signals.answerable
    assert need(None, given) == given.signals.answerable


@given(features, st.integers(1, 99))
def test_more_seeking_never_lowers_need(given: Features, more: int) -> None:
    from msgspec.structs import replace

    raised = min(100, given.signals.seeking + more)
    other = replace(given, signals=replace(given.signals, seeking=raised))
    assert need(MODEL, other) >= need(MODEL, given)


@given(st.integers(-5000, 5000))
def test_calibration_stays_between_its_points(score: int) -> None:
    assert 1 <= calibrated(MODEL.calibration, score) <= 99
    assert calibrated(MODEL.calibration, score + 1) >= calibrated(MODEL.calibration, score)


@pytest.mark.parametrize(
    ("budget", "percent"), [(5000, 0), (300, 40), (299, 70), (120, 70), (11, 95), (9, 101)]
)
def test_a_budget_asks_for_the_least_probability_that_keeps_it(budget: int, percent: int) -> None:
    assert threshold(MODEL, budget) == percent


def test_without_a_model_or_a_burden_any_probability_will_do() -> None:
    assert threshold(None, 0) == 0
    assert threshold(NeedModel({}, 0, ((0, 100),)), 0) == 0


def test_a_model_survives_the_log() -> None:
    started = CallStarted("c", Policy(), need=MODEL)
    assert decode_event(encode(started)) == started


def test_a_feature_that_is_none_is_a_bug() -> None:
    with pytest.raises(AttributeError):
        need(NeedModel({"mood": 1}, 0, ((0, 100),)), observe("", Signals()))
