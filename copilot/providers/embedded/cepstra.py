"""The cepstral mean of a voice on a line, found quicker than PocketSphinx finds it."""

from collections.abc import Sequence

Means = tuple[float, ...]

_WINDOW = 500
"""Frames that PocketSphinx takes a given mean to rest on (``CMN_WIN`` of its ``cmn.h``)."""
_PRIOR = 150
"""Frames that the starting mean counts for here."""
SURE = 1000
"""Frames of speech after which PocketSphinx's own running mean is left alone."""

TYPICAL: Means = (47, 6, -3, 10, -7, 3, -5, -7, 0, -4, 3, -3, 3)
"""Where speech lies at usual levels: the average of 15 people's read sentences. PocketSphinx's own
start, ``40,3,-1`` and zeros, costs the first seconds of every call."""


class Tracker:
    """Estimates the mean from what each utterance did to PocketSphinx's own."""

    def __init__(self) -> None:
        self._sum = [mean * _PRIOR for mean in TYPICAL]
        self._weight = _PRIOR

    @property
    def sure(self) -> bool:
        return self._weight >= _PRIOR + SURE

    @property
    def means(self) -> Means:
        return tuple(total / self._weight for total in self._sum)

    def learn(self, before: Means, after: Means, frames: int) -> None:
        """Take in an utterance of `frames` that moved the decoder's mean, set freshly, so far."""
        moved = zip(self._sum, before, after, strict=True)
        self._sum = [t + new * (_WINDOW + frames) - old * _WINDOW for t, old, new in moved]
        self._weight += frames


def read(text: str) -> Means:
    """Means as PocketSphinx writes them."""
    return tuple(float(value) for value in text.split(","))


def write(means: Sequence[float]) -> str:
    """Means as PocketSphinx reads them."""
    return ",".join(f"{mean:.3f}" for mean in means)
