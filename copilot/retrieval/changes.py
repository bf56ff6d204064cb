"""What differs between two versions of a pack, passage by passage."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs import Pack


class Edit(Struct, frozen=True):
    """A field that says something else."""

    field: str
    old: str
    new: str


class Changed(Struct, frozen=True):
    """A passage that is in both versions, and how it differs."""

    passage: Passage
    edits: tuple[Edit, ...]


class Changes(Struct, frozen=True):
    """From one version to another."""

    added: tuple[Passage, ...]
    removed: tuple[Passage, ...]
    changed: tuple[Changed, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(old: Pack, new: Pack) -> Changes:
    """What an editor changed; passages are the same by their ids, in the order of `new`."""
    before = {passage.id: passage for passage in old.passages}
    after = {passage.id: passage for passage in new.passages}
    changed = [
        Changed(passage, edits)
        for id, passage in after.items()
        if id in before and (edits := tuple(_edits(before[id], passage)))
    ]
    return Changes(
        tuple(passage for id, passage in after.items() if id not in before),
        tuple(passage for id, passage in before.items() if id not in after),
        tuple(changed),
    )


def _edits(old: Passage, new: Passage) -> Iterator[Edit]:
    for field in msgspec.structs.fields(Passage):
        was, now = (str(getattr(passage, field.name)) for passage in (old, new))
        if was != now:
            yield Edit(field.name, was, now)
