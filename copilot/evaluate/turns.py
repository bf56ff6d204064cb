"""Whether knowledge was needed and which passage: the product's decisions over a corpus.

Each moment is played through the real core as a call: its lines are heard one after another, the
last question is searched, and the gate decides. Scored by the official measures of DSTC9 Track 1.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from copilot import __version__
from copilot.core.call import enter
from copilot.core.events import (
    CallEnded,
    CallStarted,
    Entry,
    EvidenceFound,
    Heard,
    Input,
    Search,
    ShowCard,
    Withheld,
)
from copilot.core.policy import Policy
from copilot.core.state import CallState
from copilot.core.vocabulary import Hearing, NeedModel, Party, TurnText, Word
from copilot.evaluate.moments import Moment
from copilot.retrieval.hybrid import HybridRetriever
from copilot.session import PASSAGES

SPEECH = 13
"""Ticks that a line takes: longer than a backchannel, so that each is a turn."""
GAP = 12
"""Ticks of silence after it: the turn is over."""
SETTLED = 30
"""Ticks after the last line within which the gate has decided."""


class Judged(Struct, frozen=True):
    """What the product did at a moment."""

    moment: Moment
    whispers: bool
    need: int
    """Probability of need, percent."""
    support: int
    """Probability that the first passage was needed, percent."""
    passages: tuple[str, ...]
    """The five best, best first."""
    reason: str = ""
    """Why it was silent."""

    @property
    def rank(self) -> int:
        """Rank of the first right passage within five; 0: none of them is right."""
        places = [n for n, one in enumerate(self.passages, 1) if one in self.moment.gold]
        return places[0] if places else 0


def play(
    moment: Moment, retriever: HybridRetriever, policy: Policy, model: NeedModel | None
) -> Judged:
    """Hear the lines, search for the last one, and take the gate's decision."""
    started = CallStarted(moment.id, policy, version=__version__, need=model)
    state, entries = enter(CallState(), started)
    last: Search | None = None
    log: list[Entry] = []
    question = False
    for event, question in _inputs(moment.turns):
        state, entries = enter(state, event)
        log += entries if question else []
        searches = [e.event for e in entries if isinstance(e.event, Search)] if question else []
        for last in searches:
            found = retriever.find(last.query, PASSAGES, last.turns)
            answer = EvidenceFound(last.inquiry, last.revision, found.passages, found.signals)
            state, entries = enter(state, answer)
            log += entries
    return _judged(moment, log)


def _judged(moment: Moment, log: Sequence[Entry]) -> Judged:
    found = [entry.event for entry in log if isinstance(entry.event, EvidenceFound)]
    passages = tuple(passage.id for passage in found[-1].passages) if found else ()
    for entry in reversed(log):
        match entry.event:
            case ShowCard(need=need, support=support):
                return Judged(moment, True, need, support, passages)
            case Withheld(need=need, support=support, reason=reason):
                return Judged(moment, False, need, support, passages, reason)
    return Judged(moment, False, 0, 0, passages, "nothing asked")


def _inputs(turns: Sequence[TurnText]) -> Iterator[tuple[Input, bool]]:
    """The lines as heard, and whether it is the last one's time."""
    tick = 0
    for number, turn in enumerate(turns, 1):
        last = number == len(turns)
        words = turn.text.split()
        start = tick + 1
        said = tuple(Word(word, start, start + SPEECH) for word in words)
        for step in range(SPEECH + (SETTLED if last else GAP)):
            tick += 1
            speaking = step < SPEECH
            hearing = Hearing(95 if speaking else 0, words=said if step == SPEECH - 1 else ())
            heard = (
                Heard(tick, agent=hearing)
                if turn.party is Party.AGENT
                else Heard(tick, customer=hearing)
            )
            yield heard, last
    yield CallEnded("hang_up"), True


class Scores(Struct, frozen=True):
    """The official measures; selection is end to end, 2G / (2TP + FP + FN)."""

    moments: int
    needed: int
    precision: float
    recall: float
    f1: float
    mrr5: float
    r1: float
    r5: float
    given_r1: float
    """R@1 of the moments that were rightly detected."""
    given_r5: float


def score(judged: Sequence[Judged]) -> Scores:
    """Score decisions by the definition of DSTC9 Track 1 (Kim et al. 2020)."""
    hits = [one for one in judged if one.whispers and one.moment.needs]
    told = sum(one.whispers for one in judged)
    needed = sum(one.moment.needs for one in judged)
    both = told + needed
    gains = {
        "mrr5": sum(1 / one.rank for one in hits if one.rank),
        "r1": sum(one.rank == 1 for one in hits),
        "r5": sum(one.rank > 0 for one in hits),
    }

    def share(part: float, whole: int) -> float:
        return part / whole if whole else 0.0

    return Scores(
        len(judged),
        needed,
        share(len(hits), told),
        share(len(hits), needed),
        share(2 * len(hits), both),
        share(2 * gains["mrr5"], both),
        share(2 * gains["r1"], both),
        share(2 * gains["r5"], both),
        share(gains["r1"], len(hits)),
        share(gains["r5"], len(hits)),
    )


def judge_all(
    moments: Sequence[Moment],
    retriever: HybridRetriever,
    policy: Policy,
    model: NeedModel | None,
    progress: Callable[[str, int, int], None],
) -> list[Judged]:
    """Every moment's decision."""
    judged = []
    for done, moment in enumerate(moments, 1):
        judged.append(play(moment, retriever, policy, model))
        progress("deciding", done, len(moments))
    return judged
