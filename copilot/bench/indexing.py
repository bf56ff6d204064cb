"""How long it takes to index a pack: all of it, none of it, and what changed of it."""

import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter

import psutil
from rich.table import Table

from copilot.bench.search import sentence, vocabulary
from copilot.config.sections import Provider
from copilot.machine import machine
from copilot.providers import registry
from copilot.providers.chroma import open_chroma
from copilot.providers.registry import Host
from copilot.retrieval.indexing import Indexer
from copilot.retrieval.published import Published
from copilot.retrieval.publishing import bring_up
from copilot.retrieval.vectors import VectorCache

TARGET_S = 300
"""The issue's: 10,000 passages on two cores."""
CHANGED = 0.01
SECTIONS = 50
"""A file."""
WORDS = (10, 50, 15)
"""Of a passage's question, answer and spoken line."""
Progress = Callable[[str, int, int], None]


def run(
    passages: int = 10_000,
    cache: Path = Path("var/cache"),
    progress: Progress | None = None,
    seed: int = 1,
) -> dict[str, object]:
    """Index an invented pack thrice: new, unchanged, and with one passage in a hundred changed.

    From its files to the published version, as ``copilot index`` does. Half of the invented words
    are no English ones and cost the embedder more than real text would. `cache` holds its export.
    """
    dice = random.Random(seed)
    words = vocabulary(dice)
    texts = [_section(words, dice) for _ in range(passages)]
    changed = dice.sample(range(passages), max(1, round(passages * CHANGED)))
    embedder = registry.embedder(Provider(provider="minilm"), Host(cache))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        drafts, data = Path(folder) / "knowledge", Path(folder) / "data"
        vectors = stack.enter_context(closing(VectorCache(data / "vectors.sqlite")))
        index = open_chroma("", data / "chroma")
        stack.callback(index.close)
        parts = _Parts(progress)
        indexer = Indexer(embedder, index, vectors, parts)
        published = Published(data / "packs")

        def measure() -> dict[str, float]:
            _write(drafts / "bench", texts)
            return parts.measure(lambda: bring_up(drafts, (), published, indexer))

        runs = {"new": measure(), "nothing_changed": measure()}
        for number in changed:
            texts[number] = _section(words, dice)
        runs["changed"] = measure()
    return {
        "bench": "index",
        "machine": machine(),
        "passages": passages,
        "changed_passages": len(changed),
        "runs": runs,
        "passages_per_s": round(passages / runs["new"]["seconds"], 1),
        "target_s": TARGET_S,
    }


def table(result: dict[str, object]) -> Table:
    """The figures for a terminal."""
    view = Table("run", "whole s", "embedding", "storing", "reading", "processor")
    runs = result["runs"]
    assert isinstance(runs, dict)
    labels = {
        "new": f"{result['passages']} passages, all new",
        "nothing_changed": "the same again",
        "changed": f"{result['changed_passages']} of them changed",
    }
    for name, label in labels.items():
        part = runs[name]
        view.add_row(label, *(str(part[key]) for key in part))
    view.caption = f"{result['passages_per_s']} passages/s; target {result['target_s']} s for 10000"
    return view


class _Parts:
    """Tells the two parts of indexing apart by the progress that is reported."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = 0.0
        self._seconds = {"indexing": 0.0, "storing": 0.0}

    def __call__(self, what: str, done: int, of: int) -> None:
        """Time since the last report belongs to this work, unless it only begins."""
        now = perf_counter()
        if done:
            self._seconds[what.split()[0]] += now - self._last
        self._last = now
        if self._progress:
            self._progress(what, done, of)

    def measure(self, work: Callable[[], object]) -> dict[str, float]:
        process = psutil.Process()
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        used = sum(process.cpu_times()[:2])
        began = self._last = perf_counter()
        work()
        whole = perf_counter() - began
        embedding, storing = self._seconds.values()
        figures = {
            "seconds": whole,
            "embedding_s": embedding,
            "storing_s": storing,
            "reading_and_rest_s": whole - embedding - storing,
            "processor_s": sum(process.cpu_times()[:2]) - used,
        }
        return {name: round(value, 2) for name, value in figures.items()}


def _section(words: Sequence[str], dice: random.Random) -> str:
    title, text, say = (sentence(words, length, dice) for length in WORDS)
    return f"## {title}\n\nsay: {say}\n\n{text}\n"


def _write(folder: Path, texts: Sequence[str]) -> None:
    """The pack as its author would have it, some sections a file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.toml").write_text('name = "bench"\ntitle = "Invented"\n')
    for start in range(0, len(texts), SECTIONS):
        body = "\n".join(texts[start : start + SECTIONS])
        (folder / f"file{start}.md").write_text(f"---\ntitle: Part {start}\n---\n\n{body}")
