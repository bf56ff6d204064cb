"""Support: a percent that rises with the evidence."""

from hypothesis import given
from hypothesis import strategies as st

from copilot.retrieval.support import Likeness, support

cosines = st.floats(-1, 1)
shares = st.floats(0, 1)
matches = st.floats(-40, 40)
likenesses = st.builds(Likeness, cosines, cosines, cosines, shares)


@given(likenesses, likenesses, st.integers(1, 30))
def test_it_is_a_percent(best: Likeness, other: Likeness, words: int) -> None:
    assert 0 <= support(best.match, other.match, words) <= 100


@given(matches, matches, st.floats(0, 10), st.integers(1, 30))
def test_more_likeness_never_lowers_it(match: float, rival: float, more: float, words: int) -> None:
    assert support(match + more, rival, words) >= support(match, rival, words)
    assert support(match, rival - more, words) >= support(match, rival, words)


@given(matches, matches, st.integers(1, 29))
def test_more_words_never_lower_it(match: float, rival: float, words: int) -> None:
    assert support(match, rival, words + 1) >= support(match, rival, words)


def test_without_a_rival_the_lead_says_nothing() -> None:
    assert support(9.0, None, 4) == support(9.0, 9.0, 4)
