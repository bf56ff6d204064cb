"""Orders passages: the features of a passage at a moment, and a linear model over them.

The model is a conditional logit (softmax over the passages put forward), so that its shares are
the probability that a passage is the right one if any is.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from copilot.retrieval.focus import Focus

Rows = NDArray[np.intp]
Matrix = NDArray[np.float32]

FEATURES = (
    "title",  # cosine of the query and the passage's question
    "text",  # … and question with answer
    "say",  # … and the spoken line
    "words",  # share of the query's information in the passage's words
    "named",
    "answered",
    "earlier",
    "best",
    "sure",  # best, to the third power: a half-found name tells little
    "sounded",
    "focused",
    "echoed",
    "general",  # the passage is about no entity
    "used",  # how often it was right before, against the others
    "entity_used",
    "pack_like",
    "pack_talk",
    "pack_named",
    "pack_answered",
    "pack_earlier",
)
ENTITY = ("named", "answered", "earlier", "best", "sounded", "focused", "echoed")
USAGE = ("used", "entity_used")
PACK = ("pack_like", "pack_talk", "pack_named", "pack_answered", "pack_earlier")


LIKENESS = {"title": 8.0, "text": 13.5, "say": 4.5, "words": 10.0}
"""Weights of likeness alone, fitted on the sample packs' spoken questions and DSTC9's written ones:
for an embedding model that nothing was trained for."""
PLAIN = np.array([LIKENESS.get(name, 0.0) for name in FEATURES], np.float32)


def features(
    likes: Matrix,
    shares: NDArray[np.float32],
    focus: Focus,
    entity: Rows,
    pack: Rows,
    usage: Sequence[NDArray[np.float32]],
) -> Matrix:
    """float32 ``[rows, FEATURES]`` from cosines ``[rows, facets]``, each row's entity and pack, and
    the leanings of it and its entity."""
    known = (entity >= 0).astype(np.float32)
    columns = {"title": likes[:, 0], "text": likes[:, 1], "say": likes[:, 2], "words": shares}
    for name in ENTITY:
        values: NDArray[np.float32] = getattr(focus, name)
        columns[name] = values[entity] * known if len(values) else known * 0
    columns["sure"] = columns["best"] ** 3
    columns["general"] = 1 - known
    columns |= zip(USAGE, usage, strict=True)
    for name in PACK:
        columns[name] = getattr(focus, name)[pack]
    return np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32)


def weights(model: Mapping[str, float]) -> NDArray[np.float32]:
    """The model's weights in the order of FEATURES."""
    return np.array([model[name] for name in FEATURES], np.float32)


def shares_of(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax: each passage's share of the belief."""
    raised = np.exp(scores - scores.max())
    made: NDArray[np.float32] = raised / raised.sum()
    return made


def best(values: Sequence[float] | NDArray[np.float32], count: int) -> list[int]:
    """Places of the `count` largest, largest first; ties in their order."""
    order = np.argsort(-np.asarray(values), kind="stable")[:count]
    return [int(place) for place in order]
