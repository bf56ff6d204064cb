"""A knowledge-seeking turn and its rolling query: when to open, refresh, settle and close it."""

from msgspec import Struct
from msgspec.structs import replace

from copilot.core.events import EvidenceFound, Search
from copilot.core.policy import Policy
from copilot.core.vocabulary import Passage, Signals, Silence, TurnText
from copilot.core.words import content, is_backchannel

SLACK = 4
"""Ticks by which a recogniser may date a word before the floor noticed the turn."""
CONTEXT = 10
"""Lines before the customer's turn that its words may refer to."""


class Span(Struct, frozen=True):
    """The customer's latest turn."""

    start: int
    end: int | None = None
    """Tick after its last speech; None while it is open."""


class Inquiry(Struct, frozen=True):
    """A need, from the first words worth a search until a card, a silence or its age ends it."""

    id: int
    turn: Span
    queries: tuple[str, ...] = ()
    """What was searched for, by revision from 1."""
    asked: tuple[str, ...] = ()
    """Content of the newest search."""
    searched: int = 0
    """Tick of the newest search."""
    answered: int = 0
    """The newest search that has been answered or has failed."""
    evidence: int = 0
    """The search that found the passages."""
    passages: tuple[Passage, ...] = ()
    """Best first, scored by the probability that each was needed."""
    need: int = 100
    """Probability that anything is needed, percent."""
    signals: Signals = Signals()
    """What search told of the customer's own words."""
    rewriting: int = 0
    """The newest search whose words the background model was asked to put better."""
    rewritten: str = ""
    """Its question, where the passages were found for that."""
    stable: int = 0
    """Answers in a row with the same first passage."""
    withheld: Silence | None = None
    """The silence that has been told last."""
    open: bool = True
    """False once it has had its card or has been given up."""

    @property
    def revision(self) -> int:
        """The newest search."""
        return len(self.queries)

    @property
    def query(self) -> str:
        """What was searched for last."""
        return self.queries[-1] if self.queries else ""

    @property
    def answers(self) -> str:
        """The query that the passages were found for."""
        return self.queries[self.evidence - 1] if self.evidence else self.query

    @property
    def whole(self) -> bool:
        """Whether the passages were found for all that the turn has said."""
        return self.turn.end is not None and self.evidence == self.revision

    def age(self, tick: int) -> int:
        """Ticks since the end of its turn; 0 while the turn is open."""
        return 0 if self.turn.end is None else max(0, tick - self.turn.end)

    def settled(self, tick: int, policy: Policy) -> bool:
        """Whether nothing better is to be expected: turn over, late words in, search answered."""
        waited = self.turn.end is not None and tick - self.turn.end >= policy.final_ticks
        return waited and self.answered == self.revision


def worth_asking(text: str, policy: Policy) -> bool:
    """Whether the words say enough to be looked up."""
    return not is_backchannel(text) and len(content(text)) >= policy.min_query_words


def refresh(
    inquiry: Inquiry, text: str, turns: tuple[TurnText, ...], tick: int, policy: Policy
) -> tuple[Inquiry, Search | None]:
    """Search again when the meaning has moved: enough new words, or any once the turn is over."""
    query = " ".join(text.split()[-policy.query_words :])
    asked = content(query)
    moved = len(set(asked) ^ set(inquiry.asked))
    wanted = 1 if inquiry.turn.end is not None else policy.refresh_words
    soon = inquiry.revision > 0 and tick - inquiry.searched < policy.refresh_ticks
    if moved < wanted or soon:
        return inquiry, None
    queries = (*inquiry.queries, query)
    inquiry = replace(inquiry, queries=queries, asked=asked, searched=tick)
    return inquiry, Search(inquiry.id, len(queries), query, turns)


def answer(inquiry: Inquiry, found: EvidenceFound, need: int) -> Inquiry:
    """Take evidence in, unless a newer search has been answered before it.

    A passage was needed if anything was, `need` percent, and if it is the one.
    """
    if not inquiry.answered < found.revision <= inquiry.revision:
        return inquiry
    same = bool(
        found.passages and inquiry.passages and found.passages[0].id == inquiry.passages[0].id
    )
    return replace(
        inquiry,
        answered=found.revision,
        evidence=found.revision,
        passages=tuple(replace(one, score=need * one.score // 100) for one in found.passages),
        need=need,
        signals=found.signals,
        rewritten="",
        stable=inquiry.stable + 1 if same else 1,
    )
