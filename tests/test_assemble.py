"""The service as it is assembled: what an admin publishes beside it reaches the next call."""

import asyncio
import sys
from pathlib import Path

import pytest

from copilot.assemble import services, shelves
from copilot.config import Settings
from copilot.config.sections import Knowledge, Provider, Reranking
from copilot.errors import ConfigError
from copilot.retrieval.library import published_in
from tests.crossencoder import crossencoder
from tests.retrieval.conftest import KNOWLEDGE
from tests.retrieval.shop import shop


async def command(settings: Settings, folder: Path, *words: str) -> tuple[int, str]:
    """A command in a process of its own, as an admin types it."""
    config = folder / "copilot.toml"
    config.write_text(
        f"data = '{settings.data}'\n[knowledge]\npath = '{settings.knowledge.path}'\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "copilot", "--config", str(config), *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, " ".join(said.decode().split())


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> Settings:
    script = tmp_path / "script.json"
    script.write_text("{}")
    return Settings(
        data=data,
        knowledge=Knowledge(path=shop(tmp_path)),
        ear=Provider.model_validate({"provider": "scripted", "script": str(script)}),
    )


async def test_packs_are_published_and_rolled_back_beside_a_running_service(
    settings: Settings, tmp_path: Path
) -> None:
    """The service holds the embedded index: the command stores the version, the service indexes."""
    async with services(settings) as made:
        library = made.library
        first = library.packs
        assert published_in(settings).attended()
        shop(tmp_path, "And on Sundays.")
        status, said = await command(settings, tmp_path, "packs", "publish", "shop")
        assert (status, said.endswith("1 passages, published")) == (0, True), said
        async with asyncio.timeout(20):
            while library.packs == first:
                await asyncio.sleep(0.01)
        assert library.packs[0].passages[0].text.endswith("And on Sundays.")
        assert await made.checks["search"]() == ""
        status, said = await command(settings, tmp_path, "packs", "rollback", "shop")
        assert (status, said.startswith(f"new calls get {first[0].ref}")) == (0, True), said
        async with asyncio.timeout(20):
            while library.packs != first:
                await asyncio.sleep(0.01)
    assert not published_in(settings).attended()


async def test_a_reranker_on_disk_takes_part_in_every_search(
    settings: Settings, tmp_path: Path
) -> None:
    plain = settings.model_copy(update={"knowledge": Knowledge(path=KNOWLEDGE, packs=("parcel",))})

    def with_model(folder: Path) -> Settings:
        given = {"provider": "crossencoder", "model": str(folder), "weight": 20, "passages": 4}
        return plain.model_copy(update={"reranker": Reranking.model_validate(given)})

    async def search(chosen: Settings) -> list[str]:
        async with shelves(chosen) as library:
            found = await library.pin().retriever.search("do you deliver on sundays", 6)
        return [passage.id for passage in found.passages]

    before = await search(plain)
    after = await search(with_model(crossencoder(tmp_path / "model")))
    assert (set(after[:4]), after[4:]) == (set(before[:4]), before[4:])
    assert after != before
    with pytest.raises(ConfigError, match="no such folder"):
        await search(with_model(tmp_path / "gone"))
