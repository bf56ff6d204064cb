"""How long a search takes, whole and in its parts, on one core."""

import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.table import Table

from copilot.config.sections import Provider
from copilot.core.vocabulary import Party, Passage, TurnText
from copilot.machine import machine
from copilot.ports import Embedder, Vectors
from copilot.providers import registry
from copilot.providers.chroma import ChromaIndex, open_chroma
from copilot.providers.registry import Host
from copilot.retrieval.facets import facets
from copilot.retrieval.hybrid import POOL, HybridRetriever, Shelf
from copilot.retrieval.lexical import Lexical
from copilot.trained import trained_for

TARGET_MS = 30
"""The design's budget for the 95th percentile of a whole search at 10,000 passages."""
TOPICS = 200
"""Groups of passages that are about the same."""
SPREAD = 0.04
"""Deviation of a passage's vector from its topic's, per dimension: a cosine of about 0.8."""
PERCENTILES = (50, 95, 99)
VOCABULARY = 5000
_COMMON = (
    "the i to my is a it can you and when do have that for on what in of we be not how with at but"
    " there this was if they would get just from did should time day parcel room number address"
    " one because money week card send call back where come need order pay before house box after"
    " morning door tomorrow still driver price shop message book night account letter ticket phone"
    " change wait friday return weight insurance office breakfast hotel key window street city"
    " label refund customer post signature garden train delivery station flight luggage doctor"
).split()
"""Frequent words first, as talk has them."""


def run(
    passages: int = 10_000, queries: int = 200, cache: Path = Path("var/cache"), seed: int = 1
) -> dict[str, object]:
    """Time `queries` searches at a tenth of the passages and at all of them, one core.

    Texts are invented and the passages' vectors drawn around those of topics, because embedding
    30,000 texts takes minutes; the queries are embedded as in a call. `cache` holds the embedder's.
    """
    sizes = sorted({max(1, passages // 10), passages})
    with tempfile.TemporaryDirectory() as folder, _one_core():
        embedder = registry.embedder(Provider(provider="minilm"), Host(cache))
        index = open_chroma("", Path(folder))
        measured = [_measure(size, queries, embedder, index, random.Random(seed)) for size in sizes]
    return {
        "bench": "search",
        "machine": machine(),
        "queries": queries,
        "sizes": measured,
        "target_p95_ms": TARGET_MS,
    }


def table(result: dict[str, object]) -> Table:
    """The figures for a terminal."""
    parts = ("embed", "dense", "lexical", "whole")
    heads = [f"{part} ms p50 / p95 / p99" for part in parts]
    view = Table("passages", *heads, f"target p95 {result['target_p95_ms']}", "index s")
    sizes = result["sizes"]
    assert isinstance(sizes, list)
    for size in sizes:
        times = [" / ".join(str(size[part][f"p{p}"]) for p in PERCENTILES) for part in parts]
        met = "met" if size["whole"]["p95"] <= TARGET_MS else "missed"
        view.add_row(str(size["passages"]), *times, met, str(size["index_s"]))
    return view


def _measure(
    size: int, queries: int, embedder: Embedder, index: ChromaIndex, dice: random.Random
) -> dict[str, object]:
    words = vocabulary(dice)
    passages = [_passage(n, words, dice) for n in range(size)]
    began = perf_counter()
    rows = facets(passages)
    name = f"bench.{size}"
    index.build(name, [row.id for row in rows], _vectors(len(rows), embedder, words, dice))
    index_s = perf_counter() - began
    texts = [f"{p.title} {p.text} {p.say}" for p in passages]
    lexical = Lexical(texts)
    model = trained_for(embedder.name)
    with ThreadPoolExecutor(1) as executor:
        whole = HybridRetriever(embedder, index, [Shelf(name, passages)], executor, model)
    turns = [TurnText(Party.AGENT, sentence(words, 12, dice))]
    asked = [sentence(words, dice.randint(4, 16), dice) for _ in range(queries)]
    vectors = embedder.embed(asked)
    return {
        "passages": size,
        "index_s": round(index_s, 1),
        "embed": _times(lambda n: embedder.embed([asked[n]]), queries),
        "dense": _times(lambda n: index.query(name, vectors[n], 3 * min(POOL, size)), queries),
        "lexical": _times(lambda n: lexical.shares(asked[n]), queries),
        "whole": _times(lambda n: whole.find(asked[n], 5, turns), queries),
    }


def _times(work: Callable[[int], object], count: int) -> dict[str, float]:
    """Milliseconds of each call, as percentiles; the first call warms up and does not count."""
    work(0)
    taken = []
    for n in range(count):
        began = perf_counter()
        work(n)
        taken.append((perf_counter() - began) * 1000)
    return {f"p{p}": round(float(np.percentile(taken, p)), 2) for p in PERCENTILES}


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread, and the threads that it starts, on one core where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _vectors(count: int, embedder: Embedder, words: Sequence[str], dice: random.Random) -> Vectors:
    topics = embedder.embed([sentence(words, 8, dice) for _ in range(min(TOPICS, count))])
    noise = np.random.default_rng(dice.randrange(2**32))
    vectors = topics[noise.integers(0, len(topics), count)]
    vectors = vectors + SPREAD * noise.standard_normal(vectors.shape, np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _passage(number: int, words: Sequence[str], dice: random.Random) -> Passage:
    title, text, say = (sentence(words, length, dice) for length in (8, 60, 12))
    return Passage(f"bench/f{number // 50}#q{number}", title, text, say, 0, _entity(number))


def vocabulary(dice: random.Random) -> list[str]:
    """Common words and then pronounceable inventions for rare ones."""
    made = dict.fromkeys(_COMMON)
    while len(made) < VOCABULARY:
        syllables = dice.randint(2, 3)
        parts = (dice.choice("bdfgklmnprstvw") + dice.choice("aeiou") for _ in range(syllables))
        made["".join(parts) + dice.choice(["", "n", "r", "s", "t"])] = None
    return list(made)


def sentence(words: Sequence[str], length: int, dice: random.Random) -> str:
    """Words drawn by Zipf's law: the first ones far more often."""
    last = len(words) - 1
    return " ".join(words[int(len(words) ** dice.random()) % last] for _ in range(length))


def _entity(number: int) -> str:
    """What a passage is about: a thing has 30 passages, as in the DSTC9 knowledge."""
    return f"branch {number // 30}"
