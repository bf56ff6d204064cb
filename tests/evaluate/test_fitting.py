"""The fits find what was put into made data."""

import numpy as np
import pytest

from copilot.core.need import Features, need, observe
from copilot.core.vocabulary import Signals
from copilot.evaluate.fitting import Choice, fit_need, fit_ranker, fit_seeking
from copilot.evaluate.reliability import reliability
from copilot.retrieval.ranking import FEATURES
from copilot.retrieval.seeking import seeking

random = np.random.default_rng(3)


def choices(count: int) -> list[Choice]:
    """The right passage of eight is drawn by a softmax over two of the features."""
    made = []
    for _ in range(count):
        features = random.normal(size=(8, len(FEATURES))).astype(np.float32)
        scores = 2 * features[:, FEATURES.index("title")] + features[:, FEATURES.index("named")]
        chances = np.exp(scores) / np.exp(scores).sum()
        right = np.zeros(8, bool)
        right[random.choice(8, p=chances)] = True
        made.append(Choice(features, right))
    return made


def test_the_ranker_finds_the_weights_that_made_the_choices() -> None:
    found = fit_ranker(choices(3000))
    assert found["title"] == pytest.approx(2, abs=0.25)
    assert found["named"] == pytest.approx(1, abs=0.2)
    assert abs(found["echoed"]) < 0.15


def test_the_detector_tells_meanings_and_the_order_of_words_apart() -> None:
    meanings = random.normal(size=(400, 8)).astype(np.float32)
    likely = meanings[:, 0] > 0
    texts = ["does that help" if likes else "that does help" for likes in random.random(400) < 0.5]
    for asking in (likely, np.array([text == texts[0] for text in texts])):
        model = fit_seeking(meanings, texts, asking, np.ones(400, np.float32))
        told = [seeking(model, *row) > 0.5 for row in zip(meanings, texts, strict=True)]
        assert (np.array(told) == asking).mean() > 0.95


def test_need_is_calibrated_on_rows_that_it_has_not_seen() -> None:
    def rows(count: int) -> tuple[list[Features], np.ndarray]:
        seeking, title = random.integers(0, 101, count), random.integers(0, 101, count)
        chances = 1 / (1 + np.exp(-(seeking + title - 110) / 12))
        made = [
            observe("", Signals(seeking=int(s), title=int(t)))
            for s, t in zip(seeking, title, strict=True)
        ]
        return made, random.random(count) < chances

    seen, needed = rows(4000)
    model = fit_need(seen, needed, np.ones(4000, np.float32), "test")
    other, came = rows(3000)
    chances = [need(model, one) / 100 for one in other]
    assert reliability(chances, list(came)).ece < 0.05
    assert ((np.array(chances) > 0.5) == came).mean() > 0.85
