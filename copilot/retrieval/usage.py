"""How often each passage was the right one: what helped before is likelier to help again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from copilot.core.vocabulary import Passage
from copilot.errors import LearnError
from copilot.retrieval.learning import SURE

Column = NDArray[np.float32]


ENTITIES = 24
"""The most used entities of a pack whose passages are put forward whatever the talk names."""


class Usage(Struct, frozen=True):
    """What was right so far, of one pack."""

    counts: dict[str, int]
    """Times that a passage was right, by its id."""

    def of(self, passages: Sequence[Passage]) -> NDArray[np.int64]:
        """The counts of the passages, in their order."""
        return np.array([self.counts.get(passage.id, 0) for passage in passages], np.int64)

    def save(self, file: Path) -> None:
        """Write it to a new file."""
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))


def load(file: Path) -> Usage:
    """Read what `Usage.save` wrote; raises LearnError for anything else."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Usage)
    except (OSError, msgspec.DecodeError) as error:
        remedy = "learn again, or go back with copilot learn --back"
        raise LearnError(f"{file}: cannot be read ({error}); {remedy}") from None


def leaning(counts: NDArray[np.int64]) -> Column:
    """The log of each count against the mean, one added to both: 0 where nothing is known."""
    mean = counts.mean() if len(counts) else 0.0
    found: Column = np.log((counts + 1) / (mean + 1)).astype(np.float32)
    return found


class Leanings(NamedTuple):
    """What is known of the passages of some packs, by row."""

    passage: Column
    """Of each passage, among those of its pack."""
    entity: Column
    """Of its entity, among the entities of its pack; 0 for a passage of none."""
    usual: NDArray[np.intp]
    """Rows of the entities that were asked about most."""


def leanings(packs: Sequence[tuple[Sequence[Passage], Usage | None]]) -> Leanings:
    """The leanings of all packs' passages, one pack after another; 0 in a pack without usage."""
    parts = [_leanings(owned, usage or Usage({})) for owned, usage in packs]
    starts = np.cumsum([0, *(len(owned) for owned, _ in packs)])
    return Leanings(
        np.concatenate([part.passage for part in parts]),
        np.concatenate([part.entity for part in parts]),
        np.concatenate([part.usual + at for part, at in zip(parts, starts, strict=False)]),
    )


def _leanings(passages: Sequence[Passage], usage: Usage) -> Leanings:
    counts = usage.of(passages)
    sums = by_entity(counts, passages)
    things = leaning(np.array([*sums.values()], np.int64))
    by_name = dict(zip(sums, things, strict=True))
    asked = sorted((name for name in sums if sums[name]), key=lambda name: -sums[name])
    often = set(asked[:ENTITIES])
    return Leanings(
        leaning(counts),
        np.array([by_name.get(passage.entity, 0.0) for passage in passages], np.float32),
        np.array([n for n, p in enumerate(passages) if p.entity in often], np.intp),
    )


def by_entity(counts: NDArray[np.int64], passages: Sequence[Passage]) -> Mapping[str, int]:
    """How often any passage of each entity was right; passages of none count for nothing."""
    sums = dict.fromkeys((passage.entity for passage in passages if passage.entity), 0)
    for passage, count in zip(passages, counts, strict=True):
        if passage.entity:
            sums[passage.entity] += int(count)
    return sums


def tells(right: NDArray[np.int64], folds: NDArray[np.int64], passages: Sequence[Passage]) -> bool:
    """Whether what was right in other folds makes the right passage, or its entity, likelier.

    `right` is the row of each label's passage. A t-test of the mean leaning against nothing.
    """
    leanings = np.zeros((2, len(right)))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        counts = np.bincount(right[~held], minlength=len(passages))
        sums = by_entity(counts, passages)
        names = {name: n for n, name in enumerate(sums)}
        things = leaning(np.array(list(sums.values()), np.int64))
        entity = [names.get(passages[row].entity, -1) for row in right[held]]
        leanings[0, held] = leaning(counts)[right[held]]
        leanings[1, held] = [things[n] if n >= 0 else 0.0 for n in entity]
    errors = leanings.std(axis=1) / np.sqrt(len(right))
    return bool((leanings.mean(axis=1) > SURE * errors).any())


def counted(passages: Sequence[str]) -> Usage:
    """The usage that these right passages make."""
    return Usage(dict(sorted(Counter(passages).items())))
