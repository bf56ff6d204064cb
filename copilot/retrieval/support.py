"""Support: how likely a passage answers a query, in percent, from a few similarities.

Fitted by logistic regression on 624 spoken questions over the two sample packs
(``tests/retrieval/spoken.yaml``: clean, after small talk, cut short, and with 20 and 40 % word
errors), 900 written ones of the DSTC9 validation set (one pack an entity), and as lines without an
answer: small talk, other trades, near misses, the other pack's questions, and windows of earnings
calls; half of the weight on questions. Across packs (fitted on one, measured on the other):
AUC .90, Brier score .107.
"""

import math

from msgspec import Struct

TITLE, TEXT, SAY, WORDS = 8.0, 13.5, 4.5, 10.0
MATCH, LEAD, LENGTH, BIAS = 0.298, 0.437, 2.185, -6.857
ENOUGH_WORDS = 6
"""Content words from which a query's length says no more."""


class Likeness(Struct, frozen=True):
    """How like a query and a passage are."""

    title: float
    """Cosine of the query and the passage's question."""
    text: float
    """Cosine of the query and question and answer together."""
    say: float
    """Cosine of the query and the spoken line, or the answer's first sentence."""
    words: float
    """Share of the query's information in the passage's words."""

    @property
    def match(self) -> float:
        """One figure to order passages by."""
        return TITLE * self.title + TEXT * self.text + SAY * self.say + WORDS * self.words


def support(match: float, rival: float | None, words: int) -> int:
    """Percent, rising with `match`; `rival` is the best other passage's, `words` how many count."""
    lead = 0.0 if rival is None else match - rival
    length = min(words, ENOUGH_WORDS) / ENOUGH_WORDS
    return round(100 / (1 + math.exp(-(MATCH * match + LEAD * lead + LENGTH * length + BIAS))))
