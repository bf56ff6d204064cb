"""The packs in use: indexed once, whole or not at all, ids stable, old versions dropped."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from copilot.config import Knowledge, Settings
from copilot.errors import ConfigError
from copilot.ports import Embedder, Vectors
from copilot.providers.chroma import ChromaIndex, open_chroma
from copilot.retrieval.facets import facets
from copilot.retrieval.library import Indexed, Library, index_packs, open_library, report
from copilot.retrieval.packs import PackFaults, load_packs

from .conftest import KNOWLEDGE

PACK = 'name = "shop"\ntitle = "A shop"\n'
FILE = "---\ntitle: Opening\n---\n\n## When are you open?\n\nFrom nine. Until five.\n"


@pytest.fixture
def index(tmp_path: Path) -> ChromaIndex:
    return open_chroma("", tmp_path / "index")


def shop(folder: Path, extra: str = "") -> Path:
    (folder / "packs" / "shop").mkdir(parents=True, exist_ok=True)
    (folder / "packs" / "shop" / "pack.toml").write_text(PACK)
    (folder / "packs" / "shop" / "hours.md").write_text(FILE + extra)
    return folder / "packs"


def settings(folder: Path, packs: tuple[str, ...] = ()) -> Settings:
    return Settings(knowledge=Knowledge(path=folder, packs=packs))


async def test_the_sample_packs_open(embedder: Embedder, index: ChromaIndex) -> None:
    told: list[tuple[str, int, int]] = []
    opened = await open_library(
        settings(KNOWLEDGE), embedder, index, lambda *step: told.append(step)
    )
    opened.close()
    assert [pack.name for pack in opened.packs] == ["hotel", "parcel"]
    assert opened.refs() == tuple(pack.ref for pack in opened.packs)
    assert min(len(pack.passages) for pack in opened.packs) >= 40
    assert told[0] == ("indexing hotel", 0, 156)
    assert told[-1] == ("indexing parcel", 156, 156)


async def test_a_second_start_indexes_nothing(embedder: Embedder, index: ChromaIndex) -> None:
    folder = settings(KNOWLEDGE, ("parcel",))
    first = await open_library(folder, embedder, index)
    first.close()
    again = await open_library(folder, embedder, index, lambda *step: pytest.fail(str(step)))
    found = await again.retriever().search("do you deliver on sundays", 1)
    again.close()
    assert found[0].id == "parcel/delivery#do-you-deliver-on-saturdays-and-sundays"


def test_a_report_says_what_was_done(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    packs = load_packs(shop(tmp_path))
    done = index_packs(packs, embedder, index)
    assert done == [Indexed(packs[0].ref, "A shop", 1, new=True)]
    assert report(done) == f"{packs[0].ref}: A shop, 1 passages, indexed"
    assert report(index_packs(packs, embedder, index)).endswith("up to date")


def test_the_previous_version_is_kept_and_older_ones_go(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    versions = []
    for extra in ("", "And on Sundays.", "And on Mondays."):
        (pack,) = load_packs(shop(tmp_path, extra))
        index_packs([pack], embedder, index)
        versions.append(pack.version)
    kept = [name.split(".")[1] for name in index.collections()]
    assert kept == versions[1:]


class Failing:
    """The real embedder until its second batch."""

    def __init__(self, inner: Embedder) -> None:
        self._inner, self._left = inner, 1
        self.name, self.dim = inner.name, inner.dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not self._left:
            raise MemoryError
        self._left -= 1
        return self._inner.embed(texts)


def test_an_interrupted_index_starts_again(embedder: Embedder, index: ChromaIndex) -> None:
    packs = load_packs(KNOWLEDGE, ["parcel"])
    with pytest.raises(MemoryError):
        index_packs(packs, Failing(embedder), index)
    assert index.collections() == []
    assert index_packs(packs, embedder, index)[0].new
    library = Library(embedder, index, packs)
    assert library.retriever().find("where is my parcel", 1)[0].id.endswith("where-is-my-parcel")
    library.close()


async def test_a_faulty_pack_indexes_nothing(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    packs = shop(tmp_path)
    shutil.copytree(KNOWLEDGE / "parcel", packs / "parcel")
    (packs / "shop" / "hours.md").write_text(FILE + "\n## When are you open\n\nx\n")
    with pytest.raises(PackFaults, match="duplicate heading"):
        await open_library(settings(packs), embedder, index)
    assert index.collections() == []


def test_sentences_for_a_recogniser(embedder: Embedder, index: ChromaIndex, tmp_path: Path) -> None:
    packs = load_packs(shop(tmp_path))
    library = Library(embedder, index, packs)
    library.close()
    assert library.sentences == ("When are you open?", "From nine.", "Until five.")


def test_a_source_names_its_pack(library: Library) -> None:
    source = library.source("hotel/rooms#is-the-wifi-free")
    assert source is not None
    assert (source.pack.title, source.passage.title) == ("Aldermere Hotels", "Is the wifi free?")
    assert library.source("hotel/rooms#nothing") is None


def test_a_pack_that_is_not_in_use(library: Library) -> None:
    with pytest.raises(ConfigError, match="'bank' is not in use; there are hotel, parcel"):
        library.retriever(["bank"])


def test_every_passage_has_three_facets(library: Library, embedder: Embedder) -> None:
    passage = library.packs[0].passages[0]
    title, text, say = facets([passage])
    assert title.text == passage.title
    assert text.text.startswith(passage.title)
    assert say.text == passage.say
    assert np.allclose(np.linalg.norm(embedder.embed([say.text]), axis=1), 1)
