"""How often the copilot whispers into talk that is none of its business."""

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct
from scipy.stats import chi2

from copilot import __version__
from copilot.core.call import enter
from copilot.core.events import (
    CallEnded,
    CallStarted,
    EvidenceFound,
    Input,
    Search,
    ShowCard,
    Withheld,
)
from copilot.core.inquiry import Inquiry
from copilot.core.policy import Policy
from copilot.core.state import CallState
from copilot.core.vocabulary import TICKS_PER_SECOND, NeedModel, Silence
from copilot.evaluate.background import Talk, heard
from copilot.retrieval.hybrid import HybridRetriever
from copilot.session import PASSAGES

BOUND = 0.9
"""Confidence of the burden's upper bound."""


class Whispered(Struct, frozen=True):
    """A card that nobody needed."""

    talk: str
    second: float
    query: str
    title: str
    need: int
    support: int


class Quiet(Struct, frozen=True):
    """What a policy did over some hours of other people's business."""

    hours: float
    whispers: tuple[Whispered, ...]
    silences: dict[Silence, int]
    searches: int
    heights: tuple[int, ...]
    """The highest need that each inquiry reached, percent."""

    @property
    def per_hour(self) -> float:
        return len(self.whispers) / self.hours if self.hours else 0.0


def listen(
    talks: Sequence[Talk],
    retriever: HybridRetriever,
    policy: Policy,
    model: NeedModel | None,
    progress: Callable[[str, int, int], None],
    seconds: float | None = None,
) -> Quiet:
    """Replay the talks as calls, `seconds` of each at most."""
    whispers: list[Whispered] = []
    silences: Counter[Silence] = Counter()
    heights: list[int] = []
    searches, length = 0, 0.0
    for done, talk in enumerate(talks, 1):
        played = _Playing(talk, retriever, policy, model)
        for event in heard(talk, seconds):
            played.take(event)
        played.take(CallEnded("hang_up"))
        whispers += played.whispers
        silences.update(played.silences)
        heights += played.heights.values()
        searches += played.searches
        length += min(talk.seconds, seconds or talk.seconds)
        progress("listening", done, len(talks))
    return Quiet(length / 3600, tuple(whispers), dict(silences), searches, tuple(heights))


def burden(quiet: Quiet) -> tuple[tuple[int, int], ...]:
    """By probability asked for, the unneeded whispers per hour in hundredths, bounded from above.

    The bound is Poisson's at 90 % (Garwood 1936) over the inquiries that reach the probability,
    so that talk like this brings no more than a budget in nine of ten cases.
    """
    table: list[tuple[int, int]] = []
    for percent in range(101):
        count = sum(height >= percent for height in quiet.heights)
        rate = -(-100 * float(chi2.ppf(BOUND, 2 * (count + 1)) / 2) // quiet.hours)
        if not table or rate < table[-1][1]:
            table.append((percent, int(rate)))
    return tuple(table)


def _height(inquiry: Inquiry, policy: Policy) -> int:
    """The need that would bring a card now; 0 where half a question is not enough for one."""
    support = inquiry.passages[0].score if inquiry.passages else 0
    if inquiry.whole:
        return inquiry.need if support >= policy.min_support else 0
    sure = support >= policy.early_support and inquiry.stable >= policy.stable_searches
    return inquiry.need if sure and inquiry.need >= policy.early_need else 0


class _Playing:
    """A call in progress, searched at once."""

    def __init__(
        self, talk: Talk, retriever: HybridRetriever, policy: Policy, model: NeedModel | None
    ) -> None:
        self.whispers: list[Whispered] = []
        self.silences: Counter[Silence] = Counter()
        self.heights: dict[int, int] = {}
        self.searches = 0
        self._talk, self._retriever, self._policy = talk, retriever, policy
        self._state = CallState()
        self.take(CallStarted(talk.id, policy, version=__version__, need=model))

    def take(self, event: Input) -> None:
        self._state, entries = enter(self._state, event)
        inquiry = self._state.inquiry
        if isinstance(event, EvidenceFound) and inquiry is not None:
            height = max(_height(inquiry, self._policy), self.heights.get(inquiry.id, 0))
            self.heights[inquiry.id] = height
        for entry in entries:
            match entry.event:
                case Search() as search:
                    self._answer(search)
                case ShowCard(revision=0) as card:
                    self._note(card)
                case Withheld(reason=reason):
                    self.silences[reason] += 1

    def _answer(self, search: Search) -> None:
        self.searches += 1
        found = self._retriever.find(search.query, PASSAGES, search.turns)
        self.take(EvidenceFound(search.inquiry, search.revision, found.passages, found.signals))

    def _note(self, card: ShowCard) -> None:
        second = self._state.tick / TICKS_PER_SECOND
        made = Whispered(
            self._talk.id, round(second, 1), card.query, card.title, card.need, card.support
        )
        self.whispers.append(made)
