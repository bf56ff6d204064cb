"""The line on a card: authored, extracted, or drafted and then held against its passages."""

import re
from collections.abc import Sequence

from copilot.core.vocabulary import Passage
from copilot.core.words import content, share, stems, tokens

MAX_WORDS = 25
"""The longest line: about eight seconds of reading aloud."""
_GROUNDED = 70
"""Percent of a sentence's content that must stand in its passages."""
_CHECKED = 25
"""The same where a composer has compared meanings already."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def line(passage: Passage, query: str) -> str:
    """The passage's spoken line, or its sentence nearest to the query, at most 25 words."""
    if passage.say:
        return passage.say
    asked = frozenset(content(query))
    sentences = [part.strip() for part in _SENTENCE.split(passage.text) if part.strip()]
    if not sentences:
        return passage.title
    return _clip(max(sentences, key=lambda sentence: len(asked & set(content(sentence)))))


def title(passage: Passage) -> str:
    """The question that it answers, and what it is about where the question does not say."""
    named = set(tokens(passage.entity)) <= set(tokens(passage.title))
    return passage.title if named else f"{passage.entity}: {passage.title}"


def grounded(draft: str, passages: Sequence[Passage], checked: bool = False) -> bool:
    """Whether each sentence of the draft, and each number in it, stands in the passages.

    `checked`: sentences that say the same in other words have been found to do so.
    """
    least = _CHECKED if checked else _GROUNDED
    texts = [text for passage in passages for text in (passage.title, passage.text, passage.say)]
    known = stems(texts)
    numbers = {token for text in texts for token in re.findall(r"\d+", text)}
    spoken = {word for text in texts for word in tokens(text)}
    for sentence in _SENTENCE.split(draft):
        if any(
            n not in numbers and not set(tokens(n)) <= spoken for n in re.findall(r"\d+", sentence)
        ):
            return False
        if content(sentence) and share(sentence, known) < least:
            return False
    return bool(content(draft))


def _clip(text: str) -> str:
    words = text.split()
    return text if len(words) <= MAX_WORDS else " ".join(words[: MAX_WORDS - 1]) + " …"
