"""The passages of the packs in use, by their ids."""

from collections.abc import Iterable

from msgspec import Struct

from copilot.core.events import Passage
from copilot.retrieval.packs import Pack


class Source(Struct, frozen=True):
    """A passage and where it is from."""

    passage: Passage
    pack: Pack


class Library:
    """Finds what a card cites."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._sources = {p.id: Source(p, pack) for pack in packs for p in pack.passages}

    def source(self, passage_id: str) -> Source | None:
        return self._sources.get(passage_id)
