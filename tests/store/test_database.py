"""A database that cannot be used is named, without its password, with the remedy."""

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from advanced_alchemy.alembic.commands import AlembicCommands

from copilot.errors import StoreError
from copilot.store import database
from copilot.store.log import open_store
from tests.postgres import Cluster

NOBODY = 65534


async def refused(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        await open_store(url)
    return str(caught.value)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may enter."""
    path = Path(tempfile.mkdtemp(prefix="copilot-store-"))
    path.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


@pytest.fixture
def no_root() -> Iterator[None]:
    """Root may write everywhere, so the test is nobody for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a database URL"),
        ("copilot.sqlite", "not a database URL"),
        ("postgresql://user:secret@host:port/x", "not a database URL"),
        ("mysql://user:secret@host/x", "'mysql' is not supported"),
        ("sqlite://", "a file"),
        ("sqlite:///:memory:", "a file"),
    ],
)
async def test_a_url_that_names_no_database(url: str, says: str) -> None:
    message = await refused(url)
    assert says in message
    assert "sqlite:///path" in message
    assert "secret" not in message


async def test_a_file_that_is_not_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.write_text("Dear diary, " * 1000, encoding="utf-8")
    message = await refused(f"sqlite:///{path}")
    assert "not an SQLite database" in message
    assert str(path) in message


async def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    store = await open_store(f"sqlite:///{path}")
    await store.close()
    damaged = bytearray(path.read_bytes())
    damaged[100:] = b"\xff" * (len(damaged) - 100)
    path.write_bytes(damaged)
    assert "damaged" in await refused(f"sqlite:///{path}")


async def test_a_locked_file(tmp_path: Path, patience: None) -> None:
    path = tmp_path / "x.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    assert "another process has locked it" in await refused(f"sqlite:///{path}")
    other.close()
    store = await open_store(f"sqlite:///{path}")
    await store.close()


async def test_a_read_only_file(folder: Path, no_root: None) -> None:
    path = folder / "x.sqlite"
    message = await refused(f"sqlite:///{path}")
    assert "cannot be opened; make its folder writable" in message


async def test_a_read_only_database(folder: Path, request: pytest.FixtureRequest) -> None:
    path = folder / "x.sqlite"
    store = await open_store(f"sqlite:///{path}")
    await store.close()
    await asyncio.to_thread(path.chmod, 0o444)
    await asyncio.to_thread(folder.chmod, 0o555)
    request.getfixturevalue("no_root")
    assert "it is read-only" in await refused(f"sqlite:///{path}")


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    message = await refused(f"sqlite:///{tmp_path / 'file' / 'x.sqlite'}")
    assert "name a folder that this user may write to" in message


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "cannot be opened" in await refused(f"sqlite:///{tmp_path}")


async def test_a_newer_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    store = await open_store(f"sqlite:///{path}")
    await store.close()
    before = path.read_bytes()
    with sqlite3.connect(path) as connection:
        connection.execute(f"update {database.VERSION_TABLE} set version_num = '9999'")
    message = await refused(f"sqlite:///{path}")
    assert "a newer copilot made this database (schema 9999); upgrade copilot" in message
    assert len(path.read_bytes()) == len(before)


async def test_a_server_that_is_not_there(patience: None) -> None:
    message = await refused("postgresql://user:s3cr%40t@127.0.0.1:1/calls")
    assert "postgresql+asyncpg://user:***@127.0.0.1:1/calls" in message
    assert "check that PostgreSQL runs there" in message


@pytest.mark.postgres
async def test_a_database_that_the_server_has_not(cluster: Cluster) -> None:
    url = cluster.new_url().replace("store_", "missing_")
    message = await refused(url)
    assert "does not exist" in message
    assert "check that PostgreSQL runs there" in message


async def test_migrations_make_what_the_models_describe(url: str) -> None:
    store = await open_store(url)
    await store.close()
    config = database.configure(database.parse(url))
    await asyncio.to_thread(AlembicCommands(config).check)


async def test_migrations_can_be_undone(url: str) -> None:
    store = await open_store(url)
    await store.close()
    config = database.configure(database.parse(url))
    await asyncio.to_thread(AlembicCommands(config).downgrade, "base")
    store = await open_store(url)
    assert await store.calls(5) == []
    await store.close()


async def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    opens = "import asyncio, sys; from copilot.store.log import open_store\n"
    opens += "async def main(): await (await open_store(sys.argv[1])).close()\n"
    opens += "asyncio.run(main())"
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", opens, url) for _ in range(2)
    ]
    assert await asyncio.gather(*(child.wait() for child in children)) == [0, 0]


async def test_openers_of_a_new_file_wait_for_each_other(tmp_path: Path) -> None:
    opens = (
        "import sys, time; from pathlib import Path; from copilot.store.database import probe\n"
        "for at in range(40):\n"
        "    time.sleep(max(0, float(sys.argv[2]) + at / 50 - time.time()))\n"
        "    probe(Path(sys.argv[1]) / f'{at}.sqlite')\n"
    )
    start = str(time.time() + 3)
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", opens, str(tmp_path), start)
        for _ in range(6)
    ]
    assert await asyncio.gather(*(child.wait() for child in children)) == [0] * 6


async def test_the_files_of_dead_writers_are_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    stale = tmp_path / "x.sqlite.writer-1f"
    stale.touch()
    first = await open_store(f"sqlite:///{path}")
    second = await open_store(f"sqlite:///{path}")
    leases = [name for name in names(tmp_path) if ".writer-" in name]
    assert len(leases) == 2
    assert stale.name not in leases
    await first.close()
    await second.close()
    assert names(tmp_path) == ["x.sqlite"]
