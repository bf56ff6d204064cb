"""Passages that get in each other's way: asked twice in other words, or answered two ways."""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from copilot.core.vocabulary import Passage
from copilot.core.words import content, tokens
from copilot.ports import Embedder, Vectors
from copilot.retrieval.claims import claims, clash
from copilot.retrieval.packs.sections import PATH, section_of

EQUAL_QUESTION = 0.90
"""Cosine from which two questions are the same whatever their words."""
SAME_QUESTION = 0.85
"""Cosine from which they are if neither asks of something that only its own answer speaks of."""
LIKE_QUESTION = 0.75
"""Cosine from which they are the same if they share half of their words."""
NEAR_QUESTION = 0.70
"""Cosine from which they are the same if they share a third, and answers are like."""
LIKE_TEXT = 0.78
"""Cosine, of question and answer together, from which answers are like."""
SAME_TEXT = 0.90
"""Cosine from which two passages say the same if their questions are somewhat alike."""
COPIED = 0.95
"""Cosine from which two passages say the same whatever their headings."""
COPIED_WORDS = 8
"""Words from which the same text under two headings was copied; many an answer is "Yes."."""
NEIGHBOURS = 12
"""Pairs that are looked at for each passage."""
ROWS = 512
"""Passages compared with all others at once: bounds memory."""

_NUMBER = re.compile(r"\d+")
_OPPOSITES = tuple(
    tuple(pair.split("/"))
    for pair in (
        "in/out on/off up/down open/close opening/closing start/end first/last early/late "
        "earliest/latest minimum/maximum send/receive buy/sell before/after with/without "
        "arrive/leave arrival/departure increase/decrease activate/deactivate enable/disable "
        "adult/child adults/children"
    ).split()
)
"""Words that make two questions differ however like they sound: check-in and check-out."""


class Kind(StrEnum):
    """How two passages get in each other's way."""

    CONTRADICTION = "contradiction"
    DUPLICATE = "duplicate"


class Conflict(Struct, frozen=True, order=True):
    """Two passages of which one should go or change."""

    kind: Kind
    first: str
    """Id of a passage."""
    second: str
    why: str


class Pair(NamedTuple):
    """Two passages and how like they are."""

    one: Passage
    other: Passage
    question: float
    """Cosine of their titles."""
    text: float
    """Cosine of their titles and texts together."""


def find_conflicts(
    passages: Sequence[Passage], questions: Vectors, texts: Vectors
) -> tuple[Conflict, ...]:
    """The conflicts among passages, contradictions first.

    `questions` embeds each passage's title, `texts` title and text together. Passages about
    different entities are never compared.
    """
    claimed = cache(lambda n: claims(passages[n].text))
    found = []
    for one, other in _pairs(passages, questions, texts):
        pair = Pair(
            passages[one],
            passages[other],
            float(questions[one] @ questions[other]),
            float(texts[one] @ texts[other]),
        )
        if not _same(pair):
            continue
        against = clash(claimed(one), claimed(other))
        if against:
            found.append(_conflict(Kind.CONTRADICTION, pair, against))
        elif max(pair.text, pair.question) >= LIKE_TEXT or _copied(pair.one, pair.other):
            found.append(_conflict(Kind.DUPLICATE, pair, _likeness(pair)))
    return tuple(sorted(found))


def embedded(
    passages: Sequence[Passage],
    embedder: Embedder,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Vectors, Vectors]:
    """The vectors that `find_conflicts` takes."""
    wanted = [passage.title for passage in passages]
    wanted += [f"{passage.title}\n{passage.text}" for passage in passages]
    vectors = np.empty((len(wanted), embedder.dim), np.float32)
    for start in range(0, len(wanted), ROWS):
        if progress:
            progress("comparing", start, len(wanted))
        part = slice(start, start + ROWS)
        vectors[part] = embedder.embed(wanted[part])
    if progress:
        progress("comparing", len(wanted), len(wanted))
    return vectors[: len(passages)], vectors[len(passages) :]


def _conflict(kind: Kind, pair: Pair, why: str) -> Conflict:
    return Conflict(kind, pair.one.id, pair.other.id, why)


def _likeness(pair: Pair) -> str:
    if pair.one.text == pair.other.text:
        return "the same answer, word for word"
    return "nearly the same answer" if pair.text >= SAME_TEXT else "the same question"


def _same(pair: Pair) -> bool:
    """Whether two passages answer the same question."""
    one, other = pair.one, pair.other
    if section_of(one.id) == section_of(other.id) or _opposite(one.title, other.title):
        return False
    if _NUMBER.findall(one.title) != _NUMBER.findall(other.title) or _in_one_book(one, other):
        return _copied(one, other)
    if _copied(one, other):
        return True
    if pair.text >= COPIED or (pair.text >= SAME_TEXT and pair.question >= SAME_TEXT - 0.3):
        return True
    if pair.question < EQUAL_QUESTION and (_own(one, other) or _own(other, one)):
        return False
    first, second = set(content(one.title)), set(content(other.title))
    shared = len(first & second) / max(len(first | second), 1)
    return (
        pair.question >= SAME_QUESTION
        or (pair.question >= LIKE_QUESTION and shared >= 1 / 2)
        or (pair.question >= NEAR_QUESTION and pair.text >= LIKE_TEXT and shared >= 1 / 3)
    )


def _copied(one: Passage, other: Passage) -> bool:
    """Whether two passages have one text, long enough not to be so by chance."""
    return one.text == other.text and len(one.text.split()) >= COPIED_WORDS


def _in_one_book(one: Passage, other: Passage) -> bool:
    """Whether their headings tell them apart: two chapters of one document, alike as they are."""
    same = one.id.partition("#")[0] == other.id.partition("#")[0]
    return same and one.title != other.title and PATH in one.title + other.title


def _own(one: Passage, other: Passage) -> set[str]:
    """What `one` asks and answers and `other` nowhere speaks of: accessible, of parking."""
    elsewhere = f"{other.title} {other.text} {one.entity}"
    return set(content(one.title)) & set(content(one.text)) - set(content(elsewhere))


def _opposite(one: str, other: str) -> bool:
    first, second = (
        set(tokens(title.lower().replace("checkin", "check in").replace("checkout", "check out")))
        for title in (one, other)
    )
    return any(({a, b} & first, {a, b} & second) in (({a}, {b}), ({b}, {a})) for a, b in _OPPOSITES)


def _pairs(
    passages: Sequence[Passage], questions: Vectors, texts: Vectors
) -> list[tuple[int, int]]:
    """Pairs of like passages about the same entity, each once, the first before the second."""
    names = [passage.entity.casefold() for passage in passages]
    numbers = {name: n for n, name in enumerate(dict.fromkeys(names))}
    entities = np.array([numbers[name] for name in names], np.int32)
    found = set(_twins(passages, names))
    for start in range(0, len(passages), ROWS):
        rows = slice(start, start + ROWS)
        apart = entities[rows, None] != entities[None, start:]
        for vectors, least in ((questions, NEAR_QUESTION), (texts, SAME_TEXT)):
            near = _nearest(vectors[rows] @ vectors[start:].T, apart, least)
            found.update((start + one, start + other) for one, other in near)
    return sorted(found)


def _twins(passages: Sequence[Passage], entities: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Each passage with the last before it that has the same text."""
    last: dict[tuple[str, str], int] = {}
    for n, passage in enumerate(passages):
        key = entities[n], passage.text
        if key in last:
            yield last[key], n
        last[key] = n


def _nearest(
    cosines: NDArray[np.float32], apart: NDArray[np.bool_], least: float
) -> set[tuple[int, int]]:
    """Each row's nearest columns behind it, of a cosine of `least` or more."""
    cosines[apart] = -1
    rows, columns = cosines.shape
    cosines[np.tril(np.ones((rows, columns), bool))] = -1
    most = min(NEIGHBOURS, columns)
    best = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
    return {
        (row, int(column))
        for row in range(rows)
        for column in best[row]
        if cosines[row, column] >= least
    }
