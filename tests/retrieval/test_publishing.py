"""Publishing, rolling back and retiring; kills, a full disk and two indexers at once."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from copilot import assemble
from copilot.config import Settings
from copilot.config.sections import Chroma, Knowledge
from copilot.errors import ConfigError, PackError
from copilot.ports import Embedder
from copilot.providers.chroma import ChromaIndex, open_chroma
from copilot.retrieval import publishing
from copilot.retrieval.facets import facets
from copilot.retrieval.indexing import Indexer, collection
from copilot.retrieval.library import Library, published_in, vectors_in
from copilot.retrieval.packs import Pack, PackFaults, load_packs
from copilot.retrieval.published import Published, What, current
from copilot.retrieval.publishing import bring_up, in_use, publish, retire, roll_back
from copilot.retrieval.vectors import TEXTS, VectorCache
from tests.chroma import chroma_server

from .conftest import KNOWLEDGE
from .shop import FILE, Counting, shop


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path / "data" / "packs")


@pytest.fixture
def indexer(embedder: Embedder, tmp_path: Path) -> Iterator[Indexer]:
    index = open_chroma("", tmp_path / "data" / "chroma")
    yield Indexer(embedder, index, VectorCache())
    index.close()


def up(folder: Path, published: Published, indexer: Indexer) -> list[str]:
    """What `copilot index` says of each pack."""
    outcomes = bring_up(folder / "knowledge", (), published, indexer)
    return [str(outcome).split(", ", 2)[2] for outcome in outcomes]


def version(published: Published) -> str | None:
    return current(published.history("shop"))


def test_a_folder_is_published_when_it_changes(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    shop(tmp_path)
    assert up(tmp_path, published, indexer) == ["published"]
    first = version(published)
    assert up(tmp_path, published, indexer) == ["up to date"]
    shop(tmp_path, "And on Sundays.")
    assert up(tmp_path, published, indexer) == ["published"]
    assert version(published) != first
    shop(tmp_path)
    assert up(tmp_path, published, indexer) == ["published"], "its author took the change back"
    assert version(published) == first


def test_a_pack_that_was_rolled_back_stays_so_until_its_folder_changes(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    shop(tmp_path)
    up(tmp_path, published, indexer)
    first = version(published)
    shop(tmp_path, "And on Sundays.")
    up(tmp_path, published, indexer)
    second = version(published)
    assert roll_back("shop", None, published, indexer).version == first
    kept = f"kept: its folder holds {second}, which was rolled back"
    assert up(tmp_path, published, indexer) == [kept]
    assert [pack.version for pack in in_use(published)] == [first]
    shop(tmp_path, "And on Mondays.")
    assert up(tmp_path, published, indexer) == ["published"]
    assert version(published) not in (first, second)


def test_what_was_rolled_back_is_published_again_when_asked_for(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    for extra in ("", "And on Sundays."):
        packs = load_packs(shop(tmp_path, extra))
        publish(packs, published, indexer)
    roll_back("shop", None, published, indexer)
    assert [one.what for one in publish(packs, published, indexer, asked=True)] == ["published"]
    assert version(published) == packs[0].version
    whats = [line.what for line in published.history("shop")]
    assert whats == [What.PUBLISHED, What.PUBLISHED, What.ROLLED_BACK, What.PUBLISHED]


def test_an_old_version_comes_back_without_its_folder_or_its_vectors(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    """It is indexed anew from its stored file, before anything is switched."""
    for extra in ("", "And on Sundays.", "And on Mondays."):
        shop(tmp_path, extra)
        up(tmp_path, published, indexer)
    first = published.history("shop")[0].version
    shutil.rmtree(tmp_path / "knowledge" / "shop")
    assert indexer.index is not None
    assert first not in [name.split(".")[1] for name in indexer.index.collections()]
    back = roll_back("shop", first[:4], published, indexer)
    library = Library(indexer.embedder, indexer.index, in_use(published))
    found = library.retriever().find("when are you open", 1).passages
    library.close()
    assert found[0].text == back.passages[0].text == "From nine. Until five."


def test_a_folder_that_is_gone_leaves_its_pack_published_until_it_is_retired(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    folder = shop(tmp_path)
    shop(tmp_path, name="other")
    up(tmp_path, published, indexer)
    shutil.rmtree(folder / "shop")
    said = "kept: its folder is gone; `copilot packs retire shop` takes it out of use"
    assert up(tmp_path, published, indexer) == ["up to date", said]
    assert {pack.name for pack in in_use(published)} == {"other", "shop"}
    named = bring_up(folder, ["shop"], published, indexer)
    assert [one.what for one in named] == [said]
    retire("shop", published)
    assert up(tmp_path, published, indexer) == ["up to date"]
    assert {pack.name for pack in in_use(published)} == {"other"}
    with pytest.raises(PackFaults, match="shop: no such pack"):
        bring_up(folder, ["shop"], published, indexer)


def test_a_retired_pack_comes_back_when_asked_for(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    shop(tmp_path)
    up(tmp_path, published, indexer)
    first = retire("shop", published)
    said = ["retired; `copilot packs publish shop` brings it back"]
    assert up(tmp_path, published, indexer) == said
    assert indexer.index is not None
    assert indexer.index.collections() == []
    with pytest.raises(PackError, match="'shop' is retired already"):
        retire("shop", published)
    with pytest.raises(PackError, match="'shop' is retired; name the version"):
        roll_back("shop", None, published, indexer)
    assert roll_back("shop", first, published, indexer).version == first


def test_a_new_title_needs_no_new_version(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    folder = shop(tmp_path)
    up(tmp_path, published, indexer)
    (folder / "shop" / "pack.toml").write_text('name = "shop"\ntitle = "The shop"\n')
    assert up(tmp_path, published, indexer) == ["up to date"]
    assert [pack.title for pack in in_use(published)] == ["The shop"]
    assert len(published.history("shop")) == 1


def test_a_damaged_version_is_mended_from_its_folder(
    published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    shop(tmp_path)
    up(tmp_path, published, indexer)
    (tmp_path / "data" / "packs" / "shop" / f"{version(published)}.json").write_bytes(b"{")
    up(tmp_path, published, indexer)
    assert len(in_use(published)) == 1


def test_mistakes(published: Published, indexer: Indexer, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="'bank' was never published; begin with"):
        roll_back("bank", None, published, indexer)
    shop(tmp_path)
    up(tmp_path, published, indexer)
    for name in ("bank", "../packs/shop", ""):
        with pytest.raises(PackError, match="was never published; there are shop"):
            roll_back(name, None, published, indexer)
    with pytest.raises(PackError, match="is the first version that stands"):
        roll_back("shop", None, published, indexer)
    for wrong, said in (("zzz", "no version"), ("", "more than one version like")):
        with pytest.raises(PackError, match=f"shop has {said} '{wrong}'"):
            roll_back("shop", wrong, published, indexer)
    with pytest.raises(PackError, match="is published already"):
        roll_back("shop", version(published), published, indexer)
    with pytest.raises(PackError, match="'bank' has no folder"):
        publishing.draft(tmp_path / "knowledge", "bank")


def test_a_fault_publishes_nothing(published: Published, indexer: Indexer, tmp_path: Path) -> None:
    folder = shop(tmp_path)
    shop(tmp_path, name="other")
    up(tmp_path, published, indexer)
    shop(tmp_path, "And on Sundays.", name="other")
    (folder / "shop" / "hours.md").write_text(FILE + "\n## When are you open\n\nx\n")
    before = in_use(published)
    with pytest.raises(PackFaults, match="duplicate heading"):
        up(tmp_path, published, indexer)
    assert in_use(published) == before


def test_an_embedder_that_fails_leaves_every_pack_as_it_was(
    embedder: Embedder, published: Published, indexer: Indexer, tmp_path: Path
) -> None:
    for name in ("shop", "other"):
        shop(tmp_path, name=name)
    up(tmp_path, published, indexer)
    before = in_use(published)
    for name in ("shop", "other"):
        shop(tmp_path, f"And on Sundays, in the {name}.", name=name)
    failing = Indexer(Counting(embedder, limit=2), indexer.index, VectorCache())
    with pytest.raises(MemoryError):
        up(tmp_path, published, failing)
    assert in_use(published) == before, "the pack that was indexed first is not switched alone"


# ---- other processes ---------------------------------------------------------------------------


class Child:
    """``child.py``, which has come to where it was to stop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.said = []
        for line in process.stdout:
            self.said.append(line.strip())
            if line == "stopped\n":
                break

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def go_on(self) -> int:
        """To the end; returns the exit status."""
        out, _ = self._process.communicate("\n", timeout=60)
        self.said += out.splitlines()
        return self._process.returncode


@contextmanager
def child(data: Path, knowledge: Path, stop: str, url: str = "") -> Iterator[Child]:
    command = [sys.executable, "-m", "tests.retrieval.child"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [*command, str(data), str(knowledge), url, stop],
        text=True,
        cwd=Path(__file__).parents[2],
        **pipes,  # type: ignore[call-overload]
    ) as process:
        yield Child(process)
        process.kill()


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A knowledge folder with two packs."""
    shop(tmp_path, name="other")
    return shop(tmp_path)


def settings(data: Path, knowledge: Path, url: str = "") -> Settings:
    return Settings(data=data, knowledge=Knowledge(path=knowledge), chroma=Chroma(url=url))


def published_of(data: Path) -> Published:
    return published_in(settings(data, Path()))


def unfinished(index: ChromaIndex) -> list[str]:
    return [found.name for found in index._mine() if found.name.startswith("building")]


def finds(pack: Pack, embedder: Embedder, index: ChromaIndex) -> bool:
    """Whether the version can be searched."""
    library = Library(embedder, index, [pack])
    found = library.retriever().find("when are you open", 1).passages
    library.close()
    return found[0].text == pack.passages[0].text


def test_a_killed_index_goes_on_where_it_stopped(data: Path, embedder: Embedder) -> None:
    with child(data, KNOWLEDGE, f"indexing hotel {TEXTS} ") as killed:
        killed.kill()
    assert published_of(data).names() == []
    counting = Counting(embedder)
    with closing(open_chroma("", data / "chroma")) as index:
        with closing(vectors_in(settings(data, KNOWLEDGE))) as cache:
            indexer = Indexer(counting, index, cache)
            outcomes = bring_up(KNOWLEDGE, (), published_of(data), indexer)
        assert [one.what for one in outcomes] == ["published"] * 2
        library = Library(embedder, index, in_use(published_of(data)))
        found = library.retriever().find("where is my parcel", 1).passages
        library.close()
    assert found[0].id == "parcel/tracking#where-is-my-parcel"
    texts = {row.text for pack in load_packs(KNOWLEDGE) for row in facets(pack.passages)}
    assert 0 < len(counting.texts) <= len(texts) - TEXTS


@pytest.mark.parametrize("stop", ["storing other", "indexing shop 0", "storing shop"])
def test_a_kill_publishes_nothing_by_halves(
    data: Path, two: Path, embedder: Embedder, stop: str
) -> None:
    with child(data, two, stop) as killed:
        killed.kill()
    assert published_of(data).names() == []
    assert "published" in assemble.index(settings(data, two))
    with closing(open_chroma("", data / "chroma")) as index:
        assert unfinished(index) == []
        assert len(index.collections()) == 2
        assert all(finds(pack, embedder, index) for pack in in_use(published_of(data)))


def test_a_full_disk_leaves_the_old_version_in_use(
    data: Path, embedder: Embedder, tmp_path: Path
) -> None:
    knowledge = shop(tmp_path)
    assemble.index(settings(data, knowledge))
    (before,) = in_use(published_of(data))
    shop(tmp_path, "And on Sundays.")
    with child(data, knowledge, "full") as full:
        assert full.go_on() == 2
    assert full.said[-1].startswith("VectorError: shop.")
    assert full.said[-1].endswith("see that the disk has room, or that the Chroma server runs")
    assert in_use(published_of(data)) == (before,)
    with closing(open_chroma("", data / "chroma")) as index:
        assert finds(before, embedder, index)
    assert assemble.index(settings(data, knowledge)).endswith("published")


def test_two_indexers_of_one_folder(data: Path, two: Path) -> None:
    with child(data, two, "indexing other 0") as first:
        with pytest.raises(ConfigError, match="chroma: the vector index is in use"):
            assemble.index(settings(data, two))
        assert published_of(data).names() == []
        assert first.go_on() == 0
    assert len(in_use(published_of(data))) == 2
    assert "up to date" in assemble.index(settings(data, two))


def test_two_machines_that_share_a_server(
    data: Path, two: Path, embedder: Embedder, tmp_path: Path
) -> None:
    """One finishes while the other stands between its vectors and its collection's name."""
    other = tmp_path / "data of another"
    shutil.copytree(data, other, symlinks=True)
    with chroma_server(tmp_path / "server") as url:
        with child(other, two, "storing other", url) as slow:
            assert "published" in assemble.index(settings(data, two, url))
            assert slow.go_on() == 0
        index = open_chroma(url, Path())
        assert unfinished(index) == []
        packs = load_packs(two)
        assert sorted(index.collections()) == [collection(pack, embedder) for pack in packs]
        for machine in (data, other):
            assert in_use(published_of(machine)) == packs
        assert all(finds(pack, embedder, index) for pack in packs)


def test_two_indexers_of_other_contents_on_a_server(
    data: Path, embedder: Embedder, tmp_path: Path
) -> None:
    """In one data folder: whoever switches last is the one that calls get."""
    mine, theirs = shop(tmp_path / "mine"), shop(tmp_path / "theirs", "And on Sundays.")
    (first,), (last,) = load_packs(mine), load_packs(theirs)
    with chroma_server(tmp_path / "server") as url:
        with child(data, theirs, "storing shop", url) as slow:
            assemble.index(settings(data, mine, url))
            assert in_use(published_of(data)) == (first,)
            assert slow.go_on() == 0
        assert in_use(published_of(data)) == (last,)
        index = open_chroma(url, Path())
        assert all(finds(pack, embedder, index) for pack in (first, last))
