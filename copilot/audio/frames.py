"""Micro-turns: both parties' samples on one 80 ms grid."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.float32]
"""Mono samples in -1 … 1, float32 ``[n]``."""


class MicroTurn(NamedTuple):
    """Both parties in one tick."""

    tick: int
    agent: Pcm
    """``rate * 0.08`` samples at the listener's rate: 1,920 at 24 kHz, 1,280 at 16 kHz."""
    customer: Pcm
