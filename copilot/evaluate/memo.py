"""An embedder that remembers: offline runs embed their texts at once, in large batches."""

from collections.abc import Iterable, Sequence

import numpy as np

from copilot.ports import Embedder, Vectors


class Memo:
    """An Embedder that asks another one once for each text."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self.name, self.dim = embedder.name, embedder.dim

    def prepare(self, texts: Iterable[str]) -> None:
        """Embed what is not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embedder.embed(new), strict=True))

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.prepare(texts)
        return np.stack([self._known[text] for text in texts])
