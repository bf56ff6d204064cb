"""The vector index in real Chroma."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import chromadb
import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import DuplicateIDError

from copilot.errors import ConfigError, VectorError
from copilot.ports import Vectors
from copilot.providers.chroma import ABANDONED_NS, CLAIM_NS, OWNER, ChromaIndex, open_chroma
from tests.chroma import chroma_server


def units(count: int, dim: int = 8, seed: int = 1) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    made: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return made


@pytest.fixture
def index(tmp_path: Path) -> ChromaIndex:
    return open_chroma("", tmp_path / "index")


def test_the_nearest_come_first_with_their_cosine(index: ChromaIndex) -> None:
    vectors = units(1500)
    index.build("shop.1", [f"a#b{n}@text" for n in range(1500)], vectors)
    found = index.query("shop.1", vectors[7], 5)
    exact = np.sort(vectors @ vectors[7])[::-1][:5]
    assert found[0][0] == "a#b7@text"
    assert np.allclose([cosine for _, cosine in found], exact, atol=1e-4)


def test_asking_for_more_than_there_is(index: ChromaIndex) -> None:
    index.build("shop.1", ["x", "y"], units(2))
    assert len(index.query("shop.1", units(1)[0], 10)) == 2


def test_vectors_come_back_in_the_order_asked_for(index: ChromaIndex) -> None:
    vectors = units(3)
    index.build("shop.1", ["x", "y", "z"], vectors)
    assert np.allclose(index.vectors("shop.1", ["z", "x"]), vectors[[2, 0]])
    with pytest.raises(KeyError):
        index.vectors("shop.1", ["w"])


def test_collections_are_listed_oldest_first_and_dropped(index: ChromaIndex) -> None:
    for name in ("shop.2", "shop.1", "other.1"):
        index.build(name, ["x"], units(1))
    assert index.collections() == ["shop.2", "shop.1", "other.1"]
    index.drop("shop.1")
    index.drop("never.was")
    assert index.collections() == ["shop.2", "other.1"]


def test_a_build_that_fails_leaves_nothing(index: ChromaIndex) -> None:
    with pytest.raises(DuplicateIDError):
        index.build("shop.1", ["x", "x"], units(2))
    assert index.collections() == []
    index.build("shop.1", ["x"], units(1))
    assert index.collections() == ["shop.1"]


def test_what_is_whole_stays_as_it_is(index: ChromaIndex) -> None:
    """Another process may have finished the same version first, and be searching it."""
    index.build("shop.1", ["x"], units(1))
    index.build("shop.1", ["y"], units(1))
    assert [row for row, _ in index.query("shop.1", units(1)[0], 3)] == ["x"]
    assert all_names(index) == ["shop.1"]


def all_names(index: ChromaIndex) -> list[str]:
    """Unfinished ones too."""
    return sorted(found.name for found in index._mine())


def leave_unfinished(index: ChromaIndex, built: int) -> None:
    metadata = {"owner": OWNER, "built": built}
    index._client.create_collection("building-0-shop.1", metadata=metadata, embedding_function=None)


def test_what_was_abandoned_is_cleared(index: ChromaIndex) -> None:
    """The folder is this process's own: whoever began it is dead."""
    leave_unfinished(index, time.time_ns())
    assert index.collections() == []
    index.build("shop.2", ["x"], units(1))
    assert all_names(index) == ["shop.2"]


def test_a_build_tells_how_far_it_is(index: ChromaIndex) -> None:
    told: list[int] = []
    index.build("shop.1", [str(n) for n in range(1500)], units(1500), told.append)
    assert told == [1000, 1500]


def test_a_claim(index: ChromaIndex) -> None:
    assert not index.claim("shop.1")
    index.build("shop.1", ["x"], units(1))
    assert index.claim("shop.1")
    assert index.collections() == ["shop.1"]
    assert index.unused() == ["shop.1"], "no other process can use it"


def test_it_is_durable(tmp_path: Path) -> None:
    open_chroma("", tmp_path).build("shop.1", ["x", "y"], units(2))
    SharedSystemClient.clear_system_cache()
    again = open_chroma("", tmp_path)
    assert again.collections() == ["shop.1"]
    assert again.query("shop.1", units(2)[1], 1)[0][0] == "y"


HOLD = """
import sys
from pathlib import Path
from copilot.providers.chroma import open_chroma
held = open_chroma("", Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_belongs_to_one_process_for_as_long_as_it_lives(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"{tmp_path}: .* another process; .* --data"):
            open_chroma("", tmp_path)
        process.kill()
    assert open_chroma("", tmp_path).collections() == []


def test_a_closed_index_gives_its_folder_back(tmp_path: Path) -> None:
    open_chroma("", tmp_path).close()
    done = subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], input=b"", timeout=60)
    assert done.returncode == 0


def test_others_collections_are_left_alone(tmp_path: Path) -> None:
    index = open_chroma("", tmp_path)
    client = chromadb.PersistentClient(tmp_path, ChromaSettings(anonymized_telemetry=False))
    client.create_collection("theirs", embedding_function=None)
    assert index.collections() == []


def test_a_dead_server_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"chroma.url = '{url}': no Chroma server answers"):
            open_chroma(url, Path())


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host:99999"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="write http://host:port"):
        open_chroma(url, Path())


def _a_file(path: Path) -> None:
    path.write_text("not a folder")


def _garbage(path: Path) -> None:
    path.mkdir()
    (path / "chroma.sqlite3").write_text("garbage" * 1000)


@pytest.mark.parametrize("spoil", [_a_file, _garbage])
def test_a_folder_that_cannot_be_used(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / "index")
    with pytest.raises(ConfigError, match="index: the vector index cannot be opened"):
        open_chroma("", tmp_path / "index")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with chroma_server(tmp_path / "server") as url:
        yield url


def test_a_server_does_the_same(server: str) -> None:
    index = open_chroma(server, Path())
    vectors = units(3)
    index.build("shop.1", ["x", "y", "z"], vectors)
    assert index.collections() == ["shop.1"]
    assert index.query("shop.1", vectors[2], 1)[0][0] == "z"
    assert np.allclose(index.vectors("shop.1", ["z", "x"]), vectors[[2, 0]], atol=1e-6)
    index.build("shop.1", ["w"], units(1))
    assert index.query("shop.1", vectors[2], 1)[0][0] == "z", "what is whole stays as it is"
    assert all_names(index) == ["shop.1"]


def test_on_a_server_only_what_is_surely_out_of_use_goes(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_chroma(server, Path())
    now = time.time_ns()
    leave_unfinished(index, now - ABANDONED_NS // 2)
    index.build("shop.2", ["x"], units(1))
    assert all_names(index) == ["building-0-shop.1", "shop.2"], "another machine may be at it"
    assert index.unused() == []
    monkeypatch.setattr("time.time_ns", lambda: now + CLAIM_NS - ABANDONED_NS)
    index.build("shop.3", ["x"], units(1))
    assert all_names(index) == ["shop.2", "shop.3"]
    assert index.claim("shop.2")
    monkeypatch.setattr("time.time_ns", lambda: now + CLAIM_NS + ABANDONED_NS // 2)
    assert index.unused() == [], "shop.2 was claimed again"
    monkeypatch.setattr("time.time_ns", lambda: now + 2 * CLAIM_NS)
    assert index.unused() == ["shop.2", "shop.3"]


def test_a_server_that_goes_away_is_told(tmp_path: Path) -> None:
    with chroma_server(tmp_path / "server") as url:
        index = open_chroma(url, Path())
        index.build("shop.1", ["x"], units(1))
    for work in (index.collections, lambda: index.build("shop.2", ["x"], units(1))):
        with pytest.raises(VectorError, match="the Chroma server runs"):
            work()
