"""The shipped detector of questions, on lines that nothing was fitted on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from copilot.ports import Embedder
from copilot.retrieval.seeking import BUCKETS, runs, seeking
from copilot.trained import trained

ASKS = (
    "sorry where do i find that number on the letter",
    "and could my neighbour pick it up for me",
    "you have taken the money twice from my account",
    "a colleague said that you close at noon on fridays is that so",
)
IDLE = (
    "it is four seven nine two double one",
    "yes please go ahead",
    "oh that is kind of you thank you",
    "anna close the window it is raining in",
)


def test_what_is_asked_is_told_from_what_asks_for_nothing(embedder: Embedder) -> None:
    """Two of the eight may be wrong: to a linear model asking for a number sounds like one."""
    texts = [*ASKS, *IDLE]
    told = [
        seeking(trained().seeking, vector, text) > 0.5
        for vector, text in zip(embedder.embed(texts), texts, strict=True)
    ]
    right = [one == (n < len(ASKS)) for n, one in enumerate(told)]
    assert sum(right) >= len(texts) - 2, told


def test_the_form_counts_beside_the_meaning() -> None:
    model = np.zeros(2 + BUCKETS + 2, np.float32)
    model[[0, 1, -2, -1]] = -1, 1, 2, -1
    meaning = np.ones(2, np.float32)
    assert seeking(model, meaning, "where is it") > 0.7
    assert seeking(model, meaning, "it is there") < 0.3


def test_the_order_of_words_counts() -> None:
    model = np.zeros(2 + BUCKETS + 2, np.float32)
    model[2 + np.setdiff1d(runs("is it open"), runs("it is open"))] = 9
    meaning = np.ones(2, np.float32)
    assert seeking(model, meaning, "Is it OPEN?") > 0.9
    assert seeking(model, meaning, "it is open") == 0.5


@given(st.text())
def test_any_text_has_runs(text: str) -> None:
    found = runs(text)
    assert set(found) <= set(range(BUCKETS))
    assert list(found) == sorted(set(found))
    assert len(found)
