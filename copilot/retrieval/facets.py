"""What of a passage is embedded: its question, question with answer, and its spoken line."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from copilot.core.vocabulary import Passage

FACETS = ("title", "text", "say")
FORMAT = 1
"""Raised when facets or their texts change, so that packs are indexed anew."""


class Facet(NamedTuple):
    """One text to embed and the id of its vector."""

    id: str
    text: str


def facets(passages: Iterable[Passage]) -> list[Facet]:
    """Every passage's facets, in the order of FACETS."""
    return [
        Facet(facet_id(passage.id, facet), text)
        for passage in passages
        for facet, text in zip(FACETS, _texts(passage), strict=True)
    ]


def facet_id(passage: str, facet: str) -> str:
    return f"{passage}@{facet}"


def passage_id(facet: str) -> str:
    """The passage that a facet's id belongs to."""
    return facet.rpartition("@")[0]


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


def _texts(passage: Passage) -> tuple[str, str, str]:
    say = passage.say or sentences(passage.text)[0]
    return passage.title, f"{passage.title}\n{passage.text}", say
