"""Whether words ask for something at all: a logistic regression on what they mean, on their runs of
one to three words, and on their form.

The embedding knows what is talked about and hardly how: "it is four seven nine" lies beside "what
is my number". Runs of words know how, hashed into buckets as of Weinberger et al., "Feature Hashing
for Large Scale Multitask Learning" (2009). What the agent has said before is not looked at: "ah,
where do I find that number?" asks, though the agent has just asked for it.
"""

import math
import re
import zlib

import numpy as np
from numpy.typing import NDArray

from copilot.ports import Vectors
from copilot.retrieval.asking import asks

BUCKETS = 2**15
LONGEST_RUN = 3
_EDGE = "|"
"""Stands before the first word and after the last."""


def runs(text: str) -> NDArray[np.intp]:
    """The buckets of the text's runs of words, each once, rising."""
    words = [_EDGE, *re.findall(r"[\w']+", text.lower()), _EDGE]
    found = {
        zlib.crc32(" ".join(words[at : at + length]).encode()) % BUCKETS
        for length in range(1, LONGEST_RUN + 1)
        for at in range(len(words) - length + 1)
    }
    return np.array(sorted(found), np.intp)


def seeking(model: NDArray[np.float32], query: Vectors, text: str) -> float:
    """Probability, 0 to 1, that `text`, whose embedding is `query` ``[dim]``, asks for something.

    `model` float32 ``[dim + BUCKETS + 2]``: weights of the embedding, of the runs of words, whose
    sum counts over the root of their number, and of the form; and a bias.
    """
    found = runs(text)
    of_form, bias = model[-2:]
    score = float(model[: len(query)] @ query + of_form * asks(text) + bias)
    score += float(model[len(query) + found].sum()) / math.sqrt(len(found))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
