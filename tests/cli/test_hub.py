"""Fetching from a hub on this machine: whole, broken off, refused, forged, and with no room."""

import errno
import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE
from safetensors.torch import save

from copilot.cli.hub import PARTS, fetch
from copilot.engine.checkpoints import (
    CHECKPOINTS,
    CONFIG,
    MODEL,
    TOKENIZER,
    VOICE_NAMES,
    VOICES,
    Checkpoint,
    File,
    inspect,
)
from copilot.errors import UserError
from tests.cli.hubserver import Hub, serving

MODEL_BYTES = save({"a": torch.arange(1_600_000)})
CONFIG_BYTES = b'{"dim": 64}'
REPO = "someone/tiny"
TINY = Checkpoint(
    name="tiny",
    about="for tests",
    repo=REPO,
    revision="",
    licence="CC-BY 4.0",
    files=(
        File("config.json", CONFIG),
        File("model.safetensors", MODEL, len(MODEL_BYTES), hashlib.sha256(MODEL_BYTES).hexdigest()),
    ),
)
GATED = replace(TINY, gated=True, licence="Some Licence")


def quiet(*_: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    with serving() as made:
        made.files = {
            f"{REPO}/config.json": CONFIG_BYTES,
            f"{REPO}/model.safetensors": MODEL_BYTES,
        }
        yield made


def downloads(hub: Hub) -> list[tuple[str, str]]:
    return [(name, part) for method, name, part in hub.asked if method == "GET"]


def test_what_is_missing_comes_and_then_nothing_more(hub: Hub, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = tmp_path / "tiny"
    came = fetch(TINY, folder, lambda *at: told.append(at), endpoint=hub.address)
    assert came == ["config.json", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == MODEL_BYTES
    assert not any(state.fault for state in inspect(TINY, folder))
    size = len(MODEL_BYTES)
    assert ("model.safetensors", size, size) in told
    assert ("checking model.safetensors", size, size) in told
    (folder / "config.json").write_bytes(b"")
    hub.asked.clear()
    assert fetch(TINY, folder, quiet, endpoint=hub.address) == ["config.json"]
    assert downloads(hub) == [("config.json", "")]
    hub.asked.clear()
    assert fetch(TINY, folder, quiet, endpoint=hub.address) == []
    assert not hub.asked


def test_a_line_that_breaks_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = DOWNLOAD_CHUNK_SIZE + 100_000
    fetch(TINY, tmp_path, quiet, endpoint=hub.address)
    assert (tmp_path / "model.safetensors").read_bytes() == MODEL_BYTES
    assert ("model.safetensors", f"bytes={DOWNLOAD_CHUNK_SIZE}-") in downloads(hub)


def test_a_fetch_that_was_killed_goes_on_and_is_never_taken_for_whole(
    hub: Hub, tmp_path: Path
) -> None:
    part = tmp_path / PARTS / f"model.safetensors.{TINY.files[1].sha256[:16]}"
    part.parent.mkdir()
    part.write_bytes(MODEL_BYTES[:70_000])
    (tmp_path / "config.json").write_bytes(CONFIG_BYTES)
    assert [state.fault for state in inspect(TINY, tmp_path)] == ["", "missing"]
    assert fetch(TINY, tmp_path, quiet, endpoint=hub.address) == ["model.safetensors"]
    assert downloads(hub) == [("model.safetensors", "bytes=70000-")]
    assert (tmp_path / "model.safetensors").read_bytes() == MODEL_BYTES
    part.write_bytes(MODEL_BYTES + b"too long")
    (tmp_path / "model.safetensors").unlink()
    fetch(TINY, tmp_path, quiet, endpoint=hub.address)
    assert (tmp_path / "model.safetensors").read_bytes() == MODEL_BYTES


def test_a_damaged_file_stays_until_the_new_one_is_whole(hub: Hub, tmp_path: Path) -> None:
    damaged = tmp_path / "model.safetensors"
    damaged.write_bytes(MODEL_BYTES[:-1])
    hub.refusal = (503, "")
    with pytest.raises(UserError, match="the hub answers 503"):
        fetch(TINY, tmp_path, quiet, endpoint=hub.address)
    assert damaged.read_bytes() == MODEL_BYTES[:-1]
    hub.refusal = None
    fetch(TINY, tmp_path, quiet, endpoint=hub.address)
    assert damaged.read_bytes() == MODEL_BYTES


def test_forged_bytes_are_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.lies = True
    with pytest.raises(UserError, match=r"config\.json: what came .* has another SHA-256"):
        fetch(TINY, tmp_path, quiet, endpoint=hub.address)
    assert not (tmp_path / "config.json").exists()
    assert [path.name for path in (tmp_path / PARTS).iterdir()] == ["lock"]


def test_less_than_was_announced(hub: Hub, tmp_path: Path) -> None:
    hub.short = True
    with pytest.raises(UserError, match=r"file should be of size 11 but has size 10 .* Run it aga"):
        fetch(TINY, tmp_path, quiet, endpoint=hub.address)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("refusal", [(401, "GatedRepo"), (403, "GatedRepo"), (401, "")])
def test_a_gated_model_without_a_token(hub: Hub, tmp_path: Path, refusal: tuple[int, str]) -> None:
    hub.refusal = refusal
    with pytest.raises(UserError) as caught:
        fetch(GATED, tmp_path, quiet, endpoint=hub.address)
    assert str(caught.value) == (
        "someone/tiny is given only to those who accepted its licence (Some Licence): log in at "
        "https://huggingface.co/someone/tiny and accept it, make a token at "
        "https://huggingface.co/settings/tokens, set HF_TOKEN to it, and run "
        "`copilot models fetch tiny` again"
    )
    assert set(hub.tokens) == {""}


def test_a_gated_model_with_a_token_that_may_not(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_own")
    hub.refusal = (403, "GatedRepo")
    with pytest.raises(UserError, match="accept it, with the account that HF_TOKEN belongs to, "):
        fetch(GATED, tmp_path, quiet, endpoint=hub.address)
    assert set(hub.tokens) == {"Bearer hf_own"}
    hub.refusal = None
    fetch(GATED, tmp_path, quiet, endpoint=hub.address)
    assert set(hub.tokens) == {"Bearer hf_own"}


def test_a_token_that_is_none(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    hub.refusal = (401, "")
    with pytest.raises(UserError, match=r"refuses the token \(401\); set HF_TOKEN to a valid one"):
        fetch(TINY, tmp_path, quiet, endpoint=hub.address)


def test_a_file_that_the_hub_has_not(hub: Hub, tmp_path: Path) -> None:
    del hub.files[f"{REPO}/config.json"]
    with pytest.raises(UserError, match=r"the hub has no config\.json there \(revision main\)"):
        fetch(TINY, tmp_path, quiet, endpoint=hub.address)


def test_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch(TINY, tmp_path, quiet, endpoint="http://127.0.0.1:9")
    said = str(caught.value)
    assert said.startswith("config.json: the hub cannot be reached (")
    assert f"copy the files of https://huggingface.co/someone/tiny to {tmp_path}" in said


def test_no_room_on_the_disk(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = replace(TINY, files=(replace(TINY.files[1], bytes=10**18),))
    with pytest.raises(UserError, match=r"are free and 1000000000\.0 GB are to come; make room"):
        fetch(huge, tmp_path, quiet, endpoint=hub.address)
    assert not hub.asked

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="the disk is full; make room and run it again"):
        fetch(TINY, tmp_path, full, endpoint=hub.address)


def test_a_folder_that_cannot_be_made(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/tiny: cannot be written \(Not a directory\)"):
        fetch(TINY, tmp_path / "file" / "tiny", quiet, endpoint=hub.address)


def test_one_fetch_at_a_time(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / PARTS).mkdir()
    with (
        FileLock(tmp_path / PARTS / "lock"),
        pytest.raises(UserError, match="another fetch is at work here"),
    ):
        fetch(TINY, tmp_path, quiet, endpoint=hub.address)


def archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            made.addfile(member, io.BytesIO(b"data"))
    return packed.getvalue()


def with_voices(hub: Hub, content: bytes) -> Checkpoint:
    hub.files[f"{REPO}/voices.tgz"] = content
    return replace(TINY, files=(File("voices.tgz", VOICES),))


def test_voices_are_unpacked_and_nothing_else_is(hub: Hub, tmp_path: Path) -> None:
    names = [f"voices/{name}" for name in VOICE_NAMES]
    tiny = with_voices(hub, archive(*names, "../../evil.pt", "/evil.pt", "voices/evil.sh"))
    folder = tmp_path / "deep" / "tiny"
    assert fetch(tiny, folder, quiet, endpoint=hub.address) == ["voices.tgz"]
    assert {path.name for path in (folder / "voices").iterdir()} == set(VOICE_NAMES)
    assert not list(tmp_path.rglob("*evil*"))
    assert not (folder / "voices.tgz").exists()
    assert fetch(tiny, folder, quiet, endpoint=hub.address) == []


def test_an_archive_that_lies_here_is_unpacked_without_a_network(tmp_path: Path) -> None:
    tiny = replace(TINY, files=(File("voices.tgz", VOICES),))
    (tmp_path / "voices.tgz").write_bytes(archive(*(f"voices/{name}" for name in VOICE_NAMES)))
    assert fetch(tiny, tmp_path, quiet, endpoint="http://127.0.0.1:9") == ["voices.tgz"]
    assert len(list((tmp_path / "voices").iterdir())) == len(VOICE_NAMES)


def test_a_damaged_archive(hub: Hub, tmp_path: Path) -> None:
    for content in (b"<html>", archive("voices/NATF0.pt")[:-20]):
        tiny = with_voices(hub, content)
        with pytest.raises(UserError, match=r"voices\.tgz: damaged .* thrown away; try again"):
            fetch(tiny, tmp_path, quiet, endpoint=hub.address)
        assert not (tmp_path / "voices").exists()
        assert not (tmp_path / "voices.tgz").exists()


def test_the_public_checkpoints_name_files_that_can_be_asked_for() -> None:
    for one in CHECKPOINTS.values():
        assert {MODEL, TOKENIZER} < {file.kind for file in one.files}
        assert all(len(file.sha256) in (0, 64) for file in one.files)
        assert len(one.revision) in (0, 40)
