"""Spoken forms of a pack's sentences: the sentences themselves, and other ways to ask the same."""

import re
from collections.abc import Iterable, Iterator, Sequence

from copilot.core.words import tokens

Weighted = tuple[tuple[str, ...], float]
"""The words of a sentence, and how much it counts."""

_QUESTION = 3.0
_VARIANT = 0.3

_DOING = re.compile(
    r"^(?:and |so )?(?:how|where|when|can|could|may|do|should|must|what|why|which \w+)"
    r"(?: \w+)? (?:i|we) (?:have to |need to |get to )?(?P<rest>\w+ .+)$"
)
_THING = re.compile(
    r"^(?:what|where|when|how much|how long|how|is|are)(?: is| are| does| do)?(?: there)? "
    r"(?P<rest>(?:the|a|an|my|your|our|any) .+?)(?: cost| work| take| last| open| included)?$"
)
_HAVING = re.compile(
    r"^(?:do|does|have) (?:you|the \w+) (?:have|offer|got|accept|take) (?P<rest>.+)$"
)

_TO_DO = (
    "how do i", "how can i", "can i", "could i", "may i", "can we", "could we", "how can we",
    "where can i", "where do i", "when can i", "what do i need to", "what do i have to do to",
    "is it possible to", "i would like to", "i'd like to", "i want to", "i need to", "do i have to",
    "i wanted to ask how i can", "could you tell me how to", "i was wondering if i can",
    "what happens if i", "we would like to", "am i allowed to", "how much does it cost to",
)  # fmt: skip
_TO_HAVE = (
    "what is", "what about", "how much is", "how long is", "where is", "when is", "is there",
    "do you have", "could i have", "can i get", "i have a question about", "can you tell me about",
    "could you tell me about", "i would like to know about", "i am calling about", "it is about",
    "how does it work with", "what do i do about", "i need", "tell me more about",
)  # fmt: skip
_IF = ("what if", "what happens if", "what should i do if", "i think", "i'm afraid", "and")
_OPENINGS = ("", "hi", "hello", "yes", "okay", "and", "so", "well", "now")


def spoken(sentences: Sequence[str]) -> list[Weighted]:
    """`sentences` as words, questions counting more, with variants of each question."""
    found: list[Weighted] = []
    for sentence in sentences:
        words = tokens(sentence)
        if not words:
            continue
        question = sentence.rstrip().endswith("?")
        found.append((words, _QUESTION if question else 1.0))
        if question or len(words) <= 8:
            found.extend((variant, _VARIANT) for variant in _variants(" ".join(words), question))
    return found


def _variants(text: str, question: bool) -> Iterator[tuple[str, ...]]:
    leads: Iterable[str] = () if question else _IF
    rest = text
    if match := _DOING.match(text):
        leads, rest = _TO_DO, match["rest"]
    elif match := _HAVING.match(text) or _THING.match(text):
        leads, rest = _TO_HAVE, match["rest"]
    for opening in _OPENINGS:
        yield tuple(f"{opening} {text}".split())
    for lead in leads:
        yield tuple(f"{lead} {rest}".split())
