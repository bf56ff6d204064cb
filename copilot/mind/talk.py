"""What was said in a call, line by line with speaker and time; what of it speaks of a question."""

import re
from collections.abc import Iterable

from msgspec import Struct

from copilot.core.events import Entry, Heard
from copilot.core.vocabulary import TICK_MS, Party
from copilot.core.words import content
from copilot.mind.grounding import Embed
from copilot.mind.wording import numbers

GAP_TICKS = 20
"""A party that pauses so long begins a new line."""
LINE_WORDS = 60
_ASKS_NUMBER = re.compile(
    r"\b(?:number|how (?:many|much|old)|when|date|time|code|amount|cost)\b", re.I
)
_OF_CUSTOMER = re.compile(r"\b(?:she|he|her|his|they|customer|caller)\b", re.I)
_OF_AGENT = re.compile(r"\b(?:i|we|me|agent)\b", re.I)
_DIGITS = re.compile(
    r"\d|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b(?:\W+\w+){0,1}\W+"
    r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double)\b", re.I,
)  # fmt: skip


LEAST = 0.3
"""A line worth less has nothing to do with the question."""
_COMPARED = 12
"""Lines whose meaning is compared: that is what takes time."""


class Line(Struct, frozen=True):
    """One party without a pause."""

    party: Party
    tick: int
    text: str

    @property
    def at(self) -> str:
        """Minutes and seconds into the call."""
        seconds = self.tick * TICK_MS // 1000
        return f"{seconds // 60}:{seconds % 60:02d}"


def lines(entries: Iterable[Entry]) -> list[Line]:
    """The lines of a log, by their beginnings."""
    done: list[Line] = []
    open_: dict[Party, tuple[int, int, list[str]]] = {}

    def close(party: Party) -> None:
        if party in open_:
            start, _, words = open_.pop(party)
            done.append(Line(party, start, " ".join(words)))

    for entry in entries:
        if not isinstance(entry.event, Heard):
            continue
        heard = {Party.AGENT: entry.event.agent, Party.CUSTOMER: entry.event.customer}
        for party, hearing in heard.items():
            for word in hearing.words:
                start, end, words = open_.get(party, (word.start, word.end, []))
                if word.start - end > GAP_TICKS or len(words) >= LINE_WORDS:
                    close(party)
                    start, words = word.start, []
                open_[party] = (start, word.end, [*words, word.text])
    for party in list(open_):
        close(party)
    return sorted(done, key=lambda line: line.tick)


def _extra(question: str, line: Line) -> float:
    """What a line is worth for its number, where one is asked for, and for its speaker."""
    value = 0.0
    if _ASKS_NUMBER.search(question) and (_DIGITS.search(line.text) or numbers(line.text)):
        value += 0.3
    if _OF_CUSTOMER.search(question) and not _OF_AGENT.search(question):
        value += 0.1 if line.party is Party.CUSTOMER else 0.0
    return value


def nearest(
    question: str, said: list[Line], embed: Embed, most: int = 3
) -> list[tuple[Line, float]]:
    """The lines that speak of it, best first, each with its worth; blocking.

    A line counts together with the one before it: a number often follows its name.
    """
    if not said:
        return []
    before = ["", *(line.text for line in said[:-1])]
    paired = [f"{last[-120:]} {line.text}".strip() for last, line in zip(before, said, strict=True)]
    asked = set(content(question))
    shares = [len(asked & set(content(pair))) / max(len(asked), 1) for pair in paired]
    extra = [_extra(question, line) for line in said]
    if len(said) > _COMPARED:  # in a long call only those that promise most, later ones first
        order = sorted(range(len(said)), key=lambda at: (-shares[at] - extra[at], -at))
        places = order[:_COMPARED]
        said, paired = [said[at] for at in places], [paired[at] for at in places]
        shares, extra = [shares[at] for at in places], [extra[at] for at in places]
    vectors = embed([question, *paired])
    both = vectors[1:] @ vectors[0]
    worth = []
    for at, line in enumerate(said):
        own = len(asked & set(content(line.text))) / max(len(asked), 1)
        value = 0.5 * float(both[at]) + 0.3 * shares[at] + 0.2 * own + extra[at]
        worth.append((line, value))
    worth.sort(key=lambda pair: -pair[1])
    return [(line, value) for line, value in worth[:most] if value >= LEAST]
