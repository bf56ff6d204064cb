"""Builds calls for tests: who says what when, and what search knows."""

from collections.abc import Callable, Sequence

from copilot.core.call import enter
from copilot.core.events import (
    CallEnded,
    CallStarted,
    Effect,
    Entry,
    EvidenceFound,
    Heard,
    Input,
    Search,
)
from copilot.core.policy import Policy
from copilot.core.state import CallState
from copilot.core.vocabulary import GapModel, Hearing, NeedModel, Party, Passage, Signals, Word

WORD_TICKS = 4
"""Ticks per spoken word: 320 ms, unhurried English."""

SILENCE = Hearing()
SEEKS = NeedModel({"seeking": 1}, 0, ((0, 0), (100, 100)), ((0, 900), (60, 200), (90, 100)))
"""Need as the signal of the same name says; with the burden of each probability asked for."""
NO_SIGNALS = Signals()

Knowledge = Callable[[str], Sequence[Passage]]


def passage(
    id: str = "parcel/address#change",
    say: str = "You can change the address in the app until the evening before delivery.",
    score: int = 80,
    valid_until: str = "",
    entity: str = "",
    priority: int = 0,
) -> Passage:
    return Passage(id, id, say, say, score, entity, valid_until, priority)


def nothing(query: str) -> Sequence[Passage]:
    return ()


def knows(*passages: Passage) -> Knowledge:
    """Search that always finds these."""
    return lambda query: passages


class Call:
    """A call that is played tick by tick through the real machine."""

    def __init__(
        self,
        knowledge: Knowledge = nothing,
        policy: Policy | None = None,
        consent: bool = True,
        search_ticks: int = 1,
        date: str = "",
        need: NeedModel | None = None,
        signals: Signals = NO_SIGNALS,
        gap: GapModel | None = None,
    ) -> None:
        self.state = CallState()
        self.log: list[Entry] = []
        self.knowledge = knowledge
        self.signals = signals
        self.search_ticks = search_ticks
        self.pending: list[tuple[int, Search]] = []
        rules = policy or Policy()
        self.give(CallStarted("call", rules, ("test@0",), "test", consent, date, need, gap))

    @property
    def tick(self) -> int:
        return self.state.tick

    @property
    def effects(self) -> list[Effect]:
        """All effects but searches, in order."""
        return [
            entry.event
            for entry in self.log
            if not isinstance(entry.event, Input) and not isinstance(entry.event, Search)
        ]

    def give(self, event: Input) -> list[Effect]:
        self.state, entries = enter(self.state, event)
        self.log += entries
        effects = [one.event for one in entries if not isinstance(one.event, Input)]
        self.pending += [
            (self.tick + self.search_ticks, one) for one in effects if isinstance(one, Search)
        ]
        return effects

    def hear(self, agent: Hearing = SILENCE, customer: Hearing = SILENCE) -> None:
        """One tick, after which searches that are due are answered."""
        self.give(Heard(self.tick + 1, agent, customer))
        due = [search for at, search in self.pending if at <= self.tick]
        self.pending = [(at, search) for at, search in self.pending if at > self.tick]
        for search in due:
            found = tuple(self.knowledge(search.query))
            self.give(EvidenceFound(search.inquiry, search.revision, found, self.signals))

    def quiet(self, ticks: int) -> "Call":
        for _ in range(ticks):
            self.hear()
        return self

    def says(self, party: Party, text: str) -> "Call":
        """The party speaks; each word is final as it ends."""
        for text_word in text.split():
            start = self.tick + 1
            for i in range(WORD_TICKS):
                last = i == WORD_TICKS - 1
                words = (Word(text_word, start, start + WORD_TICKS),) if last else ()
                hearing = Hearing(speech=95, words=words)
                self.hear(**{str(party): hearing})
        return self

    def customer(self, text: str) -> "Call":
        return self.says(Party.CUSTOMER, text)

    def agent(self, text: str) -> "Call":
        return self.says(Party.AGENT, text)

    def end(self, reason: str = "hang_up") -> "Call":
        self.give(CallEnded(reason))
        return self


def of(effects: Sequence[Effect], kind: type) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]
