"""The sample packs, indexed once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.evaluate.sources import Spoken, read_spoken
from copilot.ports import Embedder
from copilot.providers.chroma import open_chroma
from copilot.retrieval.indexing import index_packs
from copilot.retrieval.library import Library
from copilot.retrieval.packs import load_packs
from copilot.trained import trained_for

KNOWLEDGE = Path(__file__).resolve().parents[2] / "knowledge"


@pytest.fixture(scope="session")
def library(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Both sample packs over a real index."""
    packs = load_packs(KNOWLEDGE)
    index = open_chroma("", tmp_path_factory.mktemp("index"))
    index_packs(packs, embedder, index)
    made = Library(embedder, index, packs, trained_for(embedder.name))
    yield made
    made.close()


@pytest.fixture(scope="session")
def spoken() -> Spoken:
    return read_spoken()
