"""What an engine is made of, as the settings have it; plain values, so that a process can be told.

Nothing here imports torch: the process that serves the calls never needs it.
"""

from pathlib import Path

from msgspec import Struct

TINY = "tiny-random"
"""The preset that needs no weights and no GPU, and knows nothing: for tests and rehearsals."""

KINDS = ("auto", "bf16", "fp32", "int8")
KV_KINDS = ("auto", "bf16", "fp32", "fp8")


KEPT = 4
"""The share of the window that a call keeps when it rolls over, or goes on with another worker, is
one in so many."""


def kept(window: int) -> int:
    """Frames of it."""
    return window // KEPT


class Plan(Struct, frozen=True):
    """Everything that a worker needs to begin."""

    preset: str = ""
    """`TINY`, or nothing: weights from `models`."""
    models: str = ""
    """Folder with one folder a checkpoint."""
    lm: str = "personaplex-7b-v1"
    stt: str = "stt-1b-en_fr-candle"
    device: str = ""
    """Empty: the GPU where there is one."""
    calls: int = 16
    """Seats."""
    whispers: int = 2
    """Forks that may speak at once."""
    window: int = 0
    """Columns that the duplex model has in mind; 0: as many as it was made for."""
    weights: str = "auto"
    """One of `KINDS`; auto: bf16 on a GPU, fp32 on a CPU."""
    kv: str = "auto"
    """One of `KV_KINDS`."""
    lockstep: bool = False
    """Offline: nothing is left out and nobody refused, however long ticks take."""
    random: bool = False
    """Weights of the real size that say nothing, for a bench."""

    @property
    def tiny(self) -> bool:
        return self.preset == TINY

    def folder(self, name: str) -> Path:
        return Path(self.models) / name


class Role(Struct, frozen=True):
    """What the model is told of itself before a call."""

    text: str = ""
    """Who the agent is, the company, its rules; empty: nothing."""
    voice: str = ""
    """A file: a voice archive of the checkpoint, or a recording; empty: no voice prompt."""
    stamp: str = ""
    """Of the file's content, so that another one under the same name is another role."""
