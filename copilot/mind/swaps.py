"""Whether a number is told of what the passage tells it of: the Gold card's fee is not the Silver
card's, though both stand there. English."""

import re
from collections.abc import Sequence

from msgspec import Struct

from copilot.core.words import content, stem
from copilot.mind.measures import measures
from copilot.mind.wording import SENTENCE, VALUES, plain

_AND = re.compile(r"[,;]?\s(?:and|while|whereas|but)\s|[,;]\s")
_OWN = re.compile(r"\s*(?:the|a|an|our|your|its|all|each|every|for|in|on|at|[A-Z])\b|\s*[A-Z]")
"""How a clause begins that has a subject of its own."""


_NUMBER = re.compile(r"\d[\d.,:]*")
_VALUES = frozenset(map(stem, VALUES))


class Telling(Struct, frozen=True):
    """A clause with its subject, and what it measures."""

    words: frozenset[str]
    """Stems, without numbers."""
    amounts: frozenset[tuple[str, str]]
    """Unit and number."""


def tellings(text: str) -> list[Telling]:
    """The clauses that tell numbers; one without a subject has that of the one before."""
    found = []
    for sentence in SENTENCE.split(plain(text)):
        subject = frozenset[str]()
        for at, part in enumerate(_AND.split(sentence)):
            words = frozenset(content(_NUMBER.sub(" ", part))) - _VALUES
            if at == 0 or _OWN.match(part):
                subject = words
            units = measures(part).units
            amounts = frozenset((unit, number) for number in units for unit in units[number])
            if amounts:
                found.append(Telling(words | subject, amounts))
    return found


def swapped(sentence: str, told: Sequence[Telling]) -> str:
    """The number that the passage tells of something else than the sentence does; empty: none.

    It has a word of the sentence that only the rival has, and lacks one that the rival lacks.
    """
    for said in tellings(sentence):
        for unit, number in sorted(said.amounts):
            own = [one for one in told if (unit, number) in one.amounts]
            rivals = [one for one in told if one not in own and unit in dict(one.amounts)]
            if not own or not rivals:
                continue
            best = max(own, key=lambda one: len(one.words & said.words))
            for rival in rivals:
                only = (rival.words - best.words) & said.words
                missing = (best.words - rival.words) & said.words
                if only and not missing and best.words - rival.words:
                    return f"swapped: {number} {unit}"
    return ""
