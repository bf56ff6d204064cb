"""What two hypotheses in a row agree on."""

from collections.abc import Sequence
from itertools import takewhile


def agreed(now: Sequence[str], before: Sequence[str]) -> list[str]:
    """The words with which both begin: recognisers rewrite the last ones most of the time."""
    pairs = zip(now, before, strict=False)
    return [word for word, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
