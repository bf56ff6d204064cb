"""Whether words ask for something at all: a logistic regression on their embedding.

It looks at the customer's words and at the agent's line before them, for "yes please" after
"shall I book it?" asks for nothing, and "how about parking?" after an answer does.
"""

import math

import numpy as np
from numpy.typing import NDArray

from copilot.ports import Vectors


def seeking(model: NDArray[np.float32], query: Vectors, agent: Vectors | None) -> float:
    """Probability, 0 to 1; `model` float32 ``[2 * dim + 1]``, vectors ``[dim]``."""
    dim = len(query)
    score = float(model[:dim] @ query) + float(model[-1])
    if agent is not None:
        score += float(model[dim:-1] @ agent)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
