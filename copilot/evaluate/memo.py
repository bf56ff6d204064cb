"""An embedder that remembers: offline runs embed their texts at once, and only once ever."""

from collections.abc import Iterable, Sequence

import numpy as np

from copilot.ports import Embedder, Vectors
from copilot.retrieval.vectors import VectorCache, embed


class Memo:
    """An Embedder that asks another one once for each text."""

    def __init__(self, embedder: Embedder, cache: VectorCache | None = None) -> None:
        """`cache` keeps what is prepared between runs."""
        self.cache = cache or VectorCache()
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self.name, self.dim = embedder.name, embedder.dim

    def prepare(self, texts: Iterable[str]) -> None:
        """Embed what is not known yet, and keep it."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, embed(new, self._embedder, self.cache), strict=True))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The texts' vectors; new ones are remembered until the end of the run."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])
