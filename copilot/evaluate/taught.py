"""What calls teach search about a pack: labels of inquiries turned into labels of queries."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from msgspec import Struct

from copilot.evaluate.corpus import Stored
from copilot.evaluate.labels import Labelled, Use
from copilot.retrieval.labels import QueryLabel, group
from copilot.store.label import Verdict


class Taught(Struct, frozen=True):
    """What some calls teach, and what was left out."""

    calls: int
    labels: tuple[QueryLabel, ...]
    gone: int
    """Queries whose passage the pack does not have any more."""
    wrong_only: int
    """Queries of which only a passage is known that did not help: nothing to learn from alone."""
    ids: tuple[str, ...] = ()
    """The calls."""


class _Sides(NamedTuple):
    """Passages that answer a query, and passages that do not."""

    right: set[str]
    wrong: set[str]


class Teaching:
    """Gathers what calls teach about a pack, one call after another."""

    def __init__(self, pack: str, passages: Collection[str]) -> None:
        self._pack, self._passages = pack, frozenset(passages)
        self._calls: list[str] = []
        self._asked: dict[str, _Asked] = {}
        """By what equal queries share."""

    def add(self, call: Stored) -> None:
        """Take one call that used the pack."""
        self._calls.append(call.name)
        for one in call.labelled():
            if one.query.strip():
                self._asked.setdefault(group(one.query), _Asked(one.query)).take(one)

    def taught(self, decided: Sequence[QueryLabel] = ()) -> Taught:
        """What the calls so far teach; queries that `decided` has are left to it."""
        known = {group(label.query) for label in decided}
        labels: list[QueryLabel] = []
        gone = wrong_only = 0
        for key, asked in self._asked.items():
            if key in known:
                continue
            right, wrong = (self._own(passages) for passages in asked.settled())
            there = [passage for passage in right if passage in self._passages]
            told = tuple(passage for passage in wrong if passage in self._passages)
            answers = [None] if asked.unanswerable else there
            labels += [QueryLabel(asked.query, answer, told) for answer in answers]
            gone += bool(right) and not there
            wrong_only += bool(wrong) and not right and not answers
        return Taught(len(self._calls), tuple(labels), gone, wrong_only, tuple(sorted(self._calls)))

    def _own(self, passages: Collection[str]) -> list[str]:
        """Those that are, or were, the pack's."""
        return sorted(one for one in passages if one.startswith(f"{self._pack}/"))


class _Asked:
    """A query, and what agents and reviewers have shown to be right and wrong for it."""

    def __init__(self, query: str) -> None:
        self.query = query
        self._nothing = False
        self._judged = _Sides(set(), set())
        self._used = _Sides(set(), set())

    @property
    def unanswerable(self) -> bool:
        """Whether a reviewer says that nothing answers, and none names what does."""
        return self._nothing and not self._judged.right

    def take(self, one: Labelled) -> None:
        sides = self._used if one.verdict is None else self._judged
        self._nothing |= one.nothing
        if one.right:
            sides.right.add(one.right)
        dismissed = one.verdict is None and one.use is Use.DISMISSED
        if one.verdict is Verdict.WRONG or dismissed:
            sides.wrong.add(one.passage)

    def settled(self) -> _Sides:
        """The right passages and the wrong ones: people outweigh use, and right outweighs wrong."""
        used = set() if self.unanswerable else self._used.right - self._judged.wrong
        right = self._judged.right | used
        return _Sides(right, (self._judged.wrong | self._used.wrong) - right)
