"""Measures of speech recognition and of time: word error rate and percentiles."""

import math
import re
import unicodedata
from collections.abc import Sequence

import jiwer
from msgspec import Struct

PERCENT = 100


class WordErrors(Struct, frozen=True):
    """How a transcript differs from its reference, in words after normalisation."""

    words: int
    """Words of the reference."""
    substituted: int
    deleted: int
    inserted: int

    @property
    def rate(self) -> float:
        """Errors per word of the reference; over 1 is possible, and inf where nothing was said."""
        errors = self.substituted + self.deleted + self.inserted
        if not self.words:
            return math.inf if errors else 0.0
        return errors / self.words


def normalise(text: str) -> str:
    """Lower case letters, digits and inner apostrophes, single spaces; numbers are not spelt out.

    Everything else separates words: ``Don't – re-send A-42!`` becomes ``don't re send a 42``.
    """
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)*", plain))


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """The fewest word edits from `reference` to `hypothesis`, both normalised."""
    said, heard = normalise(reference), normalise(hypothesis)
    if not said:
        return WordErrors(0, 0, 0, len(heard.split()))
    found = jiwer.process_words(said, heard)
    return WordErrors(len(said.split()), found.substitutions, found.deletions, found.insertions)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank).

    Raises ValueError where there are no values or `percent` lies outside 0 to 100.
    """
    if not values:
        raise ValueError("no values to take a percentile of")
    if not 0 <= percent <= PERCENT:
        raise ValueError(f"percent = {percent}: must lie from 0 to {PERCENT}")
    rank = math.ceil(len(values) * percent / PERCENT)
    return sorted(values)[max(rank, 1) - 1]
