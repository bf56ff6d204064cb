"""Whether words ask for something at all: a logistic regression on their embedding and their form.

What the agent has said before is not looked at: "ah, where do I find that number?" asks, though
the agent has just asked for it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from copilot.ports import Vectors
from copilot.retrieval.asking import asks


def seen(query: Vectors, text: str) -> NDArray[np.float32]:
    """What the regression looks at, float32 ``[dim + 1]``; `query` is the embedding of `text`."""
    return np.append(query, np.float32(asks(text)))


def seeking(model: NDArray[np.float32], query: Vectors, text: str) -> float:
    """Probability, 0 to 1; `model` float32 ``[dim + 2]``, `query` ``[dim]``."""
    score = float(model[:-1] @ seen(query, text)) + float(model[-1])
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
