"""The packs that calls get: opened, and changed while calls run."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from copilot.config import Settings
from copilot.config.sections import Knowledge
from copilot.errors import ConfigError, PackError
from copilot.ports import Embedder, Vectors
from copilot.providers.chroma import ChromaIndex, open_chroma
from copilot.retrieval import library as module
from copilot.retrieval.facets import facets
from copilot.retrieval.indexing import Indexer, collection
from copilot.retrieval.library import Closed, Follower, Library, open_library, published_in
from copilot.retrieval.packs import PackFaults, load_packs
from copilot.retrieval.published import Published
from copilot.retrieval.publishing import publish, retire, roll_back
from copilot.retrieval.vectors import VectorCache

from .conftest import KNOWLEDGE
from .shop import FILE, Counting, shop


@pytest.fixture
def index(tmp_path: Path) -> ChromaIndex:
    return open_chroma("", tmp_path / "index")


def settings(data: Path, folder: Path, packs: tuple[str, ...] = ()) -> Settings:
    return Settings(data=data, knowledge=Knowledge(path=folder, packs=packs))


async def test_the_sample_packs_open(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    opened = await open_library(
        settings(tmp_path, KNOWLEDGE), embedder, index, lambda *step: told.append(step)
    )
    opened.close()
    assert [pack.name for pack in opened.packs] == ["hotel", "parcel"]
    assert opened.refs() == tuple(pack.ref for pack in opened.packs)
    assert min(len(pack.passages) for pack in opened.packs) >= 40
    assert [step[0] for step in (told[0], told[-1])] == ["indexing hotel", "storing parcel"]


async def test_a_second_start_indexes_nothing(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    folder = settings(tmp_path, KNOWLEDGE, ("parcel",))
    first = await open_library(folder, embedder, index)
    first.close()
    again = await open_library(folder, embedder, index, lambda *step: pytest.fail(str(step)))
    found = (await again.retriever().search("do you deliver on sundays", 1)).passages
    again.close()
    assert found[0].id == "parcel/delivery#do-you-deliver-on-saturdays-and-sundays"


async def test_a_faulty_pack_indexes_nothing(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    packs = shop(tmp_path)
    shutil.copytree(KNOWLEDGE / "parcel", packs / "parcel")
    (packs / "shop" / "hours.md").write_text(FILE + "\n## When are you open\n\nx\n")
    with pytest.raises(PackFaults, match="duplicate heading"):
        await open_library(settings(tmp_path, packs), embedder, index)
    assert index.collections() == []


async def test_a_pack_whose_draft_is_faulty_opens_as_published(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = settings(tmp_path, shop(tmp_path))
    first = await open_library(chosen, embedder, index)
    first.close()
    (tmp_path / "knowledge" / "shop" / "hours.md").write_text("no front matter")
    again = await open_library(chosen, embedder, index)
    again.close()
    assert again.refs() == first.refs()
    assert "hours.md: has no front matter" in caplog.text
    assert "The published version stays in use" in caplog.text


async def test_without_folders_the_published_packs_open(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, shop(tmp_path))
    first = await open_library(chosen, embedder, index)
    first.close()
    shutil.rmtree(tmp_path / "knowledge" / "shop")
    again = await open_library(chosen, embedder, index)
    assert again.retriever().find("when are you open", 1).passages
    again.close()
    assert again.packs == first.packs
    retire("shop", published_in(chosen))
    with pytest.raises(PackFaults, match="knowledge: holds no pack"):
        await open_library(chosen, embedder, index)


async def test_with_every_pack_retired_nothing_opens(
    embedder: Embedder, index: ChromaIndex, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, shop(tmp_path))
    (await open_library(chosen, embedder, index)).close()
    retire("shop", published_in(chosen))
    with pytest.raises(PackError, match="every pack is retired"):
        await open_library(chosen, embedder, index)


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


# ---- changed while calls run -------------------------------------------------------------------


class Live:
    """A library of a small pack that a service follows, and an admin beside it."""

    def __init__(self, folder: Path, embedder: Embedder, index: ChromaIndex) -> None:
        self.folder = folder
        self.embedder, self.index = embedder, index
        self.published = Published(folder / "packs")
        self.admin = Indexer(embedder, index, VectorCache())
        self.publish("")
        packs = load_packs(folder / "knowledge")
        self.library = Library(embedder, index, packs)
        self.follower = Follower(self.library, self.published, (), self.admin)

    def publish(self, extra: str) -> None:
        publish(load_packs(shop(self.folder, extra)), self.published, self.admin, asked=True)

    def collections(self) -> list[str]:
        return [name.split(".")[1] for name in self.index.collections()]

    def close(self) -> None:
        self.follower.close()
        self.library.close()


@pytest.fixture
async def live(embedder: Embedder, index: ChromaIndex, tmp_path: Path) -> AsyncIterator[Live]:
    made = Live(tmp_path, embedder, index)
    yield made
    made.close()


async def test_new_calls_get_what_is_published_and_running_ones_keep_theirs(live: Live) -> None:
    running = live.library.pin(["shop"])
    assert not await live.follower.refresh(), "it is what was opened"
    live.publish("And on Sundays.")
    assert live.library.pin(["shop"]).refs == running.refs, "nothing changes unseen"
    assert await live.follower.refresh()
    new = live.library.pin(["shop"])
    assert new.refs != running.refs
    assert new.refs == live.library.refs() == (live.library.packs[0].ref,)
    found = {
        one: (await one.retriever.search("when are you open", 1)).passages for one in (running, new)
    }
    assert found[running][0].text == "From nine. Until five."
    assert found[new][0].text == "From nine. Until five. And on Sundays."
    source = live.library.source(found[new][0].id)
    assert source is not None
    assert source.passage.text.endswith("And on Sundays.")
    assert not await live.follower.refresh()


async def test_old_collections_go_when_no_call_searches_them(live: Live) -> None:
    running = live.library.pin()
    first = live.library.packs[0].version
    for extra in ("On Sundays.", "On Mondays.", "On Tuesdays."):
        live.publish(extra)
        assert await live.follower.refresh()
    assert first in live.collections()
    assert (await running.retriever.search("when are you open", 1)).passages
    assert len(live.collections()) == 3, "what nobody pinned is gone"
    del running
    live.publish("On Fridays.")
    assert await live.follower.refresh()
    assert first not in live.collections()


async def test_a_roll_back_and_a_retirement_are_followed(live: Live) -> None:
    first = live.library.refs()
    live.publish("And on Sundays.")
    await live.follower.refresh()
    roll_back("shop", None, live.published, live.admin)
    assert await live.follower.refresh()
    assert live.library.refs() == first
    retire("shop", live.published)
    assert await live.follower.refresh()
    assert live.library.refs() == ()
    assert (await live.library.pin().retriever.search("when are you open", 1)).passages == ()
    with pytest.raises(ConfigError, match="'shop' is not in use; there are none"):
        live.library.pin(["shop"])


async def test_what_another_process_could_not_index_is_indexed_here(live: Live) -> None:
    """An embedded index belongs to the service: the admin's process only stores the version."""
    away = Indexer(live.embedder, None, VectorCache())
    publish(load_packs(shop(live.folder, "And on Sundays.")), live.published, away, asked=True)
    assert await live.follower.refresh()
    (found,) = (await live.library.pin().retriever.search("when are you open", 1)).passages
    assert found.text.endswith("And on Sundays.")


async def test_a_version_that_cannot_be_used_leaves_calls_what_they_had(live: Live) -> None:
    before = live.library.pin()
    live.publish("And on Sundays.")
    version = live.published.history("shop")[-1].version
    stored = live.folder / "packs" / "shop" / f"{version}.json"
    whole = stored.read_bytes()
    stored.write_bytes(b"{")
    with pytest.raises(PackError, match="the published version cannot be read"):
        await live.follower.refresh()
    assert live.library.pin() == before
    stored.write_bytes(whole)
    assert await live.follower.refresh(), "it is looked at again"
    assert live.library.pin().refs == (f"shop@{version}",)


async def test_it_follows_by_itself_and_outlives_a_failure(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(module, "CLAIM_SECONDS", 0.0)
    history = live.folder / "packs" / "shop" / "history.jsonl"
    whole = history.read_bytes()
    history.write_bytes(b"garbage\n")
    task = asyncio.create_task(live.follower.follow())
    async with asyncio.timeout(20):
        while "Calls go on with the packs as they are" not in caplog.text:
            await asyncio.sleep(0.01)
        history.write_bytes(whole)
        live.publish("And on Sundays.")
        wanted = load_packs(live.folder / "knowledge")[0].ref
        while live.library.refs() != (wanted,):
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


async def test_closing_stops_what_is_being_taken_over(live: Live) -> None:
    before, there = live.library.refs(), live.collections()
    away = Indexer(live.embedder, None, VectorCache())
    publish(load_packs(shop(live.folder, "And on Sundays.")), live.published, away, asked=True)

    class Closing(Counting):
        def embed(self, texts: Sequence[str]) -> Vectors:
            follower._closing.set()
            return super().embed(texts)

    slow = Indexer(Closing(live.embedder), live.index, VectorCache())
    follower = Follower(live.library, live.published, (), slow)
    with pytest.raises(Closed):
        await follower.refresh()
    follower.close()
    assert live.library.refs() == before
    assert live.collections() == there


async def test_searches_that_calls_used_are_ready_before_the_change(live: Live) -> None:
    """A call that begins must not wait until the words of a large pack are counted."""
    publish(load_packs(shop(live.folder, name="other")), live.published, live.admin)
    await live.follower.refresh()
    live.library.pin(["other"])
    live.publish("And on Sundays.")
    await live.follower.refresh()
    assert set(live.library._edition.retrievers) == {("other", "shop"), ("other",)}


def test_claims_are_renewed(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    live.library.pin()
    live.library.claim()
    assert caplog.text == ""
    live.index.drop(collection(live.library.packs[0], live.embedder))
    live.library.claim()
    assert "is not in the index any more" in caplog.text
