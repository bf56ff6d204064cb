"""A small pack that tests edit, and an embedder that counts."""

from collections.abc import Sequence
from pathlib import Path

from copilot.ports import Embedder, Vectors

PACK = 'name = "shop"\ntitle = "A shop"\n'
FILE = "---\ntitle: Opening\n---\n\n## When are you open?\n\nFrom nine. Until five.\n"


def shop(folder: Path, extra: str = "", name: str = "shop") -> Path:
    """The knowledge folder with the pack in it; `extra` ends its one answer."""
    pack = folder / "knowledge" / name
    pack.mkdir(parents=True, exist_ok=True)
    (pack / "pack.toml").write_text(PACK.replace('"shop"', f'"{name}"'))
    (pack / "hours.md").write_text(FILE + extra)
    return pack.parent


class Counting:
    """The real embedder; knows what it was given, and fails after `limit` texts."""

    def __init__(self, inner: Embedder, limit: int | None = None) -> None:
        self._inner = inner
        self._limit = limit
        self.name, self.dim = inner.name, inner.dim
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self._limit is not None and len(self.texts) + len(texts) > self._limit:
            raise MemoryError
        self.texts += texts
        return self._inner.embed(texts)
