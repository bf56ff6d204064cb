"""How likely a moment needs a whisper: a small integer model, so that every machine agrees.

Logistic regression over a few features in percent, its score calibrated by isotonic regression;
both are fitted by ``copilot train gate`` and travel in the log with `CallStarted`.
"""

import math
from bisect import bisect_right

from msgspec import Struct

from copilot.core.policy import Policy
from copilot.core.vocabulary import NeedModel, Signals
from copilot.core.words import content

LOG_ODDS = (0, *(round(100 * math.log(p / (100 - p))) for p in range(1, 100)))
"""By percent from 1 to 99, in hundredths."""


class Features(Struct, frozen=True):
    """What the model may look at, each in percent; a model weighs those that it names."""

    signals: Signals
    length: int
    """Content words of the query, as a share of six."""
    wish: int
    """The duplex model's wish to speak."""
    dismissed: int
    """Cards that the agent has dismissed in this call, 10 each, at most 100."""
    anticipation: int = 0
    """How much of the first passage's line the duplex model takes the agent to be saying next."""

    @property
    def odds(self) -> int:
        """The log-odds of `seeking`, in hundredths, within 1 and 99 percent."""
        return LOG_ODDS[max(1, min(99, self.signals.seeking))]

    @property
    def nearest(self) -> int:
        """The nearest passage, by its question or whole: long answers are far from any words."""
        return max(self.signals.title, self.signals.text)

    def value(self, name: str) -> int:
        """The feature of this name; raises AttributeError for one that is none."""
        return int(getattr(self if hasattr(self, name) else self.signals, name))


def observe(
    query: str, signals: Signals, wish: int = 0, dismissed: int = 0, anticipation: int = 0
) -> Features:
    """What the model sees of a query: what search told, and the words themselves."""
    length = min(len(content(query)), 6) * 100 // 6
    return Features(signals, length, wish, dismissed, anticipation)


def need(model: NeedModel | None, features: Features) -> int:
    """Probability of need in percent; without a model whatever can be answered is needed."""
    if model is None:
        return features.signals.answerable
    score = model.bias + sum(
        weight * features.value(name) for name, weight in model.weights.items()
    )
    return min(calibrated(model.calibration, score), features.signals.answerable)


def calibrated(table: tuple[tuple[int, int], ...], score: int) -> int:
    """The percent of a score between the table's points, in a straight line; flat beyond them."""
    place = bisect_right(table, (score, 101))
    if place == 0:
        return table[0][1]
    if place == len(table):
        return table[-1][1]
    (low, at_low), (high, at_high) = table[place - 1], table[place]
    return at_low + (at_high - at_low) * (score - low) // (high - low)


def threshold(model: NeedModel | None, budget: int) -> int:
    """The least probability at which talk that needs nothing brings no more than `budget`.

    `budget` is in hundredths of an unneeded whisper per hour; 101 where no probability is enough.
    """
    if model is None or not model.burden:
        return 0
    return next((percent for percent, cost in model.burden if cost <= budget), 101)


def least_need(model: NeedModel | None, policy: Policy) -> int:
    """The probability of need that the policy and its budget ask of a card, percent."""
    return max(policy.min_need, threshold(model, policy.budget))
