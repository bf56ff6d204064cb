"""Finds the names of things in talk, misspelled and misheard ones too.

A name counts by its telling words: one that many names share, or that is said of many things,
weighs little ("restaurant", "the"). A word is found if some word of the talk, or two neighbours
written as one, is spelled nearly like it; a name is also looked for as a run of letters, for
recognisers break names at other places than their owners do. On the DSTC9 validation set, of the
moments that are about a thing, the right one leads in .64 as written (the others mostly do not
name it), .59 and .55 with 15 and 30 % of the words misheard.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

Scores = NDArray[np.float32]

SAME, NEAR = 100.0, 80.0
"""Likeness of two words, percent, that counts in full, and from which it counts at all."""
NEAR_COUNTS = 0.9
SHORT = 4
"""Letters under which a word must be spelled alike: "two" is not "to"."""
LEAST_RUN, LEAST_SOUND = 6, 4
"""Letters of a name that may be found as a run, and of a word's sound that tells anything."""
RUN_FROM = 60.0
"""Likeness of a run of letters at which it begins to count; it rises to 1 at 100."""
COMMON = 2
"""Things whose texts must hold a word for it to be no misspelling of a name: "price" of "Rice"."""
REMEMBERED = 256
"""Lines of talk whose names are kept: a search comes with the same lines before it many times."""
_WORD = re.compile(r"[a-z0-9]+")


_SOUNDS = str.maketrans("bdgcqzxvm", "ptkkkssfn")


def sound(word: str) -> str:
    """How a word sounds, roughly: voiced as unvoiced consonants, all vowels alike, none doubled."""
    plain = word.replace("ph", "f").replace("ck", "k").translate(_SOUNDS)
    return re.sub(r"(.)\1+", r"\1", re.sub("[aeiouyhw]+", "a", plain))


def words(text: str) -> list[str]:
    """Lower-case letters and digits, apostrophes closed up."""
    return _WORD.findall(text.casefold().replace("'", "").replace("’", ""))


class Names:
    """Looks for a fixed list of names; safe to ask from several threads."""

    def __init__(self, names: Sequence[str], about: Sequence[str]) -> None:
        """`about`: for each name, what is written of it."""
        split = [words(name) for name in names]
        self._runs = ["".join(parts) for parts in split]
        self._vocabulary = sorted({word for parts in split for word in parts})
        place = {word: n for n, word in enumerate(self._vocabulary)}
        used = Counter(
            word
            for parts, text in zip(split, about, strict=True)
            for word in set(words(text)) - set(parts)
        )
        self._common = {word for word, things in used.items() if things >= COMMON}
        worth = self._worth(split, used)
        self._weights = np.zeros((len(names), len(self._vocabulary)), np.float32)
        for row, parts in enumerate(split):
            for word in parts:
                self._weights[row, place[word]] = worth[word]
        self._weights /= np.maximum(self._weights.sum(1, keepdims=True), 1e-6)
        self._lengths = np.array([len(run) for run in self._runs])
        self._telling = [max(parts, key=lambda word: worth[word], default="") for parts in split]
        self._short = np.array([len(word) < SHORT for word in self._vocabulary])
        self._sounds = [sound(word) for word in self._vocabulary]
        self.match = lru_cache(REMEMBERED)(self._match)
        self.hear = lru_cache(REMEMBERED)(self._hear)

    def forget(self) -> None:
        """Let go of the lines that were compared."""
        self.match.cache_clear()
        self.hear.cache_clear()

    @staticmethod
    def _worth(names: Sequence[Sequence[str]], used: Mapping[str, int]) -> dict[str, float]:
        """How much a word tells: little if many names hold it or many things' texts use it."""
        count = len(names)
        named = Counter(word for parts in names for word in set(parts))
        return {
            word: max(
                min(math.log((count + 1) / held), math.log((count + 1) / (1 + used.get(word, 0)))),
                0.05,
            )
            for word, held in named.items()
        }

    def _match(self, text: str) -> Scores:
        """How plainly each name stands in the text, float32 ``[names]``, 0 to 1."""
        said = words(text)
        if not said or not self._runs:
            return np.zeros(len(self._runs), np.float32)
        pieces = sorted({*said, *(a + b for a, b in pairwise(said))})
        like = process.cdist(
            self._vocabulary, pieces, scorer=fuzz.ratio, score_cutoff=NEAR, dtype=np.float32
        )
        usual = {*self._common, *(a + b for a, b in pairwise(said) if {a, b} <= self._common)}
        like[np.ix_(like.max(1) < SAME, [piece in usual for piece in pieces])] = 0
        like = like.max(1)
        near = np.where(self._short, 0.0, like / 100 * NEAR_COUNTS)
        held = np.where(like >= SAME, 1.0, near).astype(np.float32)
        run = "".join(said)
        runs = process.cdist(
            self._runs, [run], scorer=fuzz.partial_ratio, score_cutoff=RUN_FROM, dtype=np.float32
        )[:, 0]
        # a name that is longer than the talk would be measured by the talk's length
        fits = (self._lengths <= len(run)) & (self._lengths >= LEAST_RUN)
        runs = np.where(fits, (runs - RUN_FROM) / (100 - RUN_FROM), 0)
        runs = np.minimum(runs, self._told(said, run))
        found: Scores = np.maximum(self._weights @ held, np.maximum(runs, 0)).astype(np.float32)
        return found

    def _told(self, said: Sequence[str], run: str) -> Scores:
        """How well each name's most telling word is found, for the rest of a name is no name."""
        found = process.cdist(
            self._telling, [run], scorer=fuzz.partial_ratio, score_cutoff=RUN_FROM, dtype=np.float32
        )[:, 0]
        short = [len(word) < SHORT for word in self._telling]
        there = [word in said for word in self._telling]
        told: Scores = np.where(short, there, (found - RUN_FROM) / (100 - RUN_FROM))
        return told

    def _hear(self, text: str) -> Scores:
        """How much of each name sounds like something in the text, float32 ``[names]``, 0 to 1."""
        said = words(text)
        heard = {sound(piece) for piece in [*said, *(a + b for a, b in pairwise(said))]}
        alike = [len(one) >= LEAST_SOUND and one in heard for one in self._sounds]
        found: Scores = (self._weights @ np.array(alike, np.float32)).astype(np.float32)
        return found
