"""A second look: a reranker reads the passages that come first, and their scores change by that."""

from collections.abc import Sequence
from typing import NamedTuple

from copilot.core.vocabulary import Passage
from copilot.ports import Reranker
from copilot.retrieval import ranking
from copilot.retrieval.lexical import Scores


class SecondLook(NamedTuple):
    """Who reads again, how much, and what it counts."""

    reranker: Reranker
    weight: float = 1.0
    """Of the reranker's log-odds, against 1 for the ranker's."""
    passages: int = 8
    """Those that come first are read."""


def rescored(scores: Scores, query: str, passages: Sequence[Passage], second: SecondLook) -> Scores:
    """The passages' scores with what the reranker says of the first ones.

    The one of these that it likes least keeps its score, as do those that are not read: so none
    of the latter overtakes any that was read, however little the reranker likes them all.
    """
    first = ranking.best(scores, second.passages)
    odds = second.reranker.score(query, [read_as(passages[place]) for place in first])
    made = scores.copy()
    made[first] += second.weight * (odds - odds.min())
    return made


def read_as(passage: Passage) -> str:
    """What the reranker reads of a passage."""
    return "\n".join(filter(None, (passage.entity, passage.title, passage.text)))
