"""Packs in the vector index: each version once, what changed embedded, old versions dropped."""

from pathlib import Path

import numpy as np
import pytest

from copilot.ports import Embedder
from copilot.providers.chroma import ChromaIndex, open_chroma
from copilot.retrieval.facets import facets
from copilot.retrieval.indexing import Indexed, Indexer, collection, index_packs
from copilot.retrieval.library import Library
from copilot.retrieval.packs import Pack, load_packs
from copilot.retrieval.vectors import VectorCache

from .conftest import KNOWLEDGE
from .shop import Counting, shop


@pytest.fixture
def index(tmp_path: Path) -> ChromaIndex:
    return open_chroma("", tmp_path / "index")


def read(folder: Path, extra: str = "") -> Pack:
    (pack,) = load_packs(shop(folder, extra))
    return pack


def test_it_says_what_was_done(embedder: Embedder, index: ChromaIndex, tmp_path: Path) -> None:
    pack = read(tmp_path)
    assert index_packs([pack], embedder, index) == [Indexed(pack.ref, "A shop", 1, new=True)]
    assert index_packs([pack], embedder, index) == [Indexed(pack.ref, "A shop", 1, new=False)]


def test_the_collection_holds_every_facet(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    pack = read(tmp_path)
    index_packs([pack], embedder, index)
    rows = facets(pack.passages)
    found = index.vectors(collection(pack, embedder), [row.id for row in rows])
    assert np.allclose(found, embedder.embed([row.text for row in rows]), atol=1e-5)


def test_only_what_changed_is_embedded(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    counting, cache = Counting(embedder), VectorCache()
    index_packs([read(tmp_path)], counting, index, cache=cache)
    before = len(counting.texts)
    pack = read(tmp_path, "And on Sundays.\n\n## Is there parking?\n\nBehind the house.\n")
    index_packs([pack], counting, index, cache=cache)
    new = counting.texts[before:]
    assert all("Sundays" in text or "parking" in text or "Behind" in text for text in new)
    rows = facets(pack.passages)
    found = index.vectors(collection(pack, embedder), [row.id for row in rows])
    assert np.allclose(found, embedder.embed([row.text for row in rows]), atol=1e-5)


def test_progress_is_told_of_both_parts(embedder: Embedder, index: ChromaIndex) -> None:
    told: list[tuple[str, int, int]] = []
    packs = load_packs(KNOWLEDGE, ["hotel"])
    rows = len(facets(packs[0].passages))
    index_packs(packs, embedder, index, lambda *step: told.append(step))
    assert told[0] == ("indexing hotel", 0, rows)
    assert ("indexing hotel", rows, rows) in told
    assert told[-1] == ("storing hotel", rows, rows)


def test_the_previous_version_is_kept_and_older_ones_go(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    versions = []
    for extra in ("", "And on Sundays.", "And on Mondays."):
        pack = read(tmp_path, extra)
        index_packs([pack], embedder, index)
        versions.append(pack.version)
    kept = [name.split(".")[1] for name in index.collections()]
    assert kept == versions[1:]


def test_what_calls_have_pinned_is_kept(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    indexer = Indexer(embedder, index, VectorCache())
    packs = [read(tmp_path, extra) for extra in ("", "On Sundays.", "On Mondays.")]
    indexer.ensure(packs)
    first = collection(packs[0], embedder)
    indexer.tidy(packs[2:], pinned=[first])
    assert len(index.collections()) == 3
    indexer.tidy(packs[2:])
    assert first not in index.collections()
    indexer.tidy([], retired=["shop"])
    assert index.collections() == []


def test_an_interrupted_index_starts_again(embedder: Embedder, index: ChromaIndex) -> None:
    packs = load_packs(KNOWLEDGE, ["parcel"])
    with pytest.raises(MemoryError):
        index_packs(packs, Counting(embedder, limit=100), index)
    assert index.collections() == []
    assert index_packs(packs, embedder, index)[0].new
    library = Library(embedder, index, packs)
    assert (
        library.retriever()
        .find("where is my parcel", 1)
        .passages[0]
        .id.endswith("where-is-my-parcel")
    )
    library.close()
