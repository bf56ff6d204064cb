"""What lies on disk of a checkpoint is told, file by file, without loading it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.engine.checkpoints import CHECKPOINTS, Checkpoint, inspect, known
from copilot.engine.errors import EngineError
from copilot.engine.names import expected
from copilot.engine.presets import LMS, MIMI
from copilot.engine.verify import verify
from tests.engine.disk import placed, sparse
from tests.engine.golden import manifest

STT, PERSONAPLEX = CHECKPOINTS["stt-1b-en_fr"], CHECKPOINTS["personaplex-7b-v1"]
MOSHI = CHECKPOINTS["moshiko-7b"]


def quiet(*_: object) -> None: ...


def config(checkpoint: Checkpoint) -> dict[str, object]:
    if checkpoint is PERSONAPLEX:
        return {"model_type": "personaplex", "version": "7b-v1"}
    told = manifest("stt-1b-en_fr")
    return {**told["config"], "stt_config": told["stt_config"]}


def faults(checkpoint: Checkpoint, folder: Path) -> dict[str, str]:
    return {state.file.name: state.fault for state in inspect(checkpoint, folder) if state.fault}


def found(checkpoint: Checkpoint, folder: Path) -> dict[str, str]:
    checked = verify(checkpoint, folder, quiet, hashes=False)
    return {one.file.name: one.fault for one in checked if one.fault}


@pytest.mark.parametrize("checkpoint", [STT, PERSONAPLEX, MOSHI], ids=lambda one: one.name)
def test_a_checkpoint_that_is_whole(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert set(faults(checkpoint, tmp_path).values()) == {"missing"}
    folder = placed(checkpoint, tmp_path / "here", config(checkpoint))
    assert not faults(checkpoint, folder)
    assert not found(checkpoint, folder)
    for state in inspect(checkpoint, folder):
        if state.file.bytes or state.file.kind == "model":
            assert state.bytes - checkpoint.bytes(state.file) in range(100_000)


def test_published_sizes_are_those_of_the_names_and_shapes(tmp_path: Path) -> None:
    """To the byte, so that names and shapes are complete."""
    for checkpoint in CHECKPOINTS.values():
        path = sparse(tmp_path / "model", expected(checkpoint.lm), "BF16", 2)
        (model,) = (file for file in checkpoint.files if file.kind == "model")
        assert model.bytes in (0, path.stat().st_size)
        (codec,) = (file for file in checkpoint.files if file.kind == "codec")
        path = sparse(tmp_path / "codec", expected(MIMI), "F32", 4)
        assert codec.bytes == path.stat().st_size


def cut(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1000)


def other_model(folder: Path) -> None:
    sparse(folder / "model.safetensors", expected(LMS["moshiko-7b"]), "BF16", 2)


def page(folder: Path) -> None:
    (folder / STT.file("codec")).write_text("<html>log in</html>")


@pytest.mark.parametrize(
    ("change", "name", "seen", "said"),
    [
        (cut, "model.safetensors", "1000 bytes, expected 1978423520", "1000 bytes, expected"),
        (other_model, "model.safetensors", "bytes, expected 1978423520", "bytes, expected"),
        (page, STT.file("codec"), "19 bytes, expected 384644900", "19 bytes"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(
    change: Callable[[Path], None], name: str, seen: str, said: str, tmp_path: Path
) -> None:
    folder = placed(STT, tmp_path / "here", config(STT))
    change(folder)
    assert seen in faults(STT, folder).get(name, "")
    assert list(found(STT, folder)) == [name]
    assert said in found(STT, folder)[name]


def test_where_no_size_is_known_the_header_tells(tmp_path: Path) -> None:
    folder = placed(MOSHI, tmp_path / "here", {})
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(2_000_000_000)
    assert "cut short: 19999" in faults(MOSHI, folder)["model.safetensors"]
    sparse(folder / "model.safetensors", expected(MOSHI.lm), "I16", 2)
    said = found(MOSHI, folder)["model.safetensors"]
    assert "355 of a wrong dtype (emb.0.weight is I16, expected BF16 or F16 or F32" in said
    (folder / MOSHI.file("tokenizer")).write_bytes(b"")
    assert faults(MOSHI, folder)[MOSHI.file("tokenizer")] == "empty"


def test_a_config_that_says_otherwise(tmp_path: Path) -> None:
    folder = placed(STT, tmp_path / "here", {**config(STT), "context": 751})
    assert found(STT, folder) == {"config.json": "context = 751, expected 750"}


def test_pause_heads_are_not_in_the_published_config(tmp_path: Path) -> None:
    candle = CHECKPOINTS["stt-1b-en_fr-candle"]
    assert not found(candle, placed(candle, tmp_path / "here", config(candle)))


def test_voices(tmp_path: Path) -> None:
    folder = placed(PERSONAPLEX, tmp_path / "here", config(PERSONAPLEX))
    (folder / "voices" / "NATF2.pt").write_bytes(b"")
    (folder / "voices" / "VARM4.pt").unlink()
    assert faults(PERSONAPLEX, folder) == {"voices.tgz": "2 of 18 voices missing"}
    for path in (folder / "voices").iterdir():
        path.unlink()
    (folder / "voices").rmdir()
    (folder / "voices.tgz").write_bytes(b"packed")
    assert faults(PERSONAPLEX, folder) == {"voices.tgz": "not unpacked"}


def test_a_damaged_voice(tmp_path: Path) -> None:
    folder = placed(PERSONAPLEX, tmp_path / "here", config(PERSONAPLEX))
    (folder / "voices" / "NATM1.pt").write_bytes(b"<html>")
    assert "NATM1.pt" in found(PERSONAPLEX, folder)["voices.tgz"]


def test_every_byte_is_compared_where_the_sha256_is_known(tmp_path: Path) -> None:
    folder = placed(STT, tmp_path / "here", config(STT))
    small = replace(STT, files=tuple(one for one in STT.files if one.kind == "config"))
    (checked,) = verify(small, folder, quiet)
    digest = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    assert f"its SHA-256 is {digest}, expected {small.files[0].sha256}" in checked.fault
    told: list[tuple[str, int, int]] = []
    right = replace(small, files=(replace(small.files[0], sha256=digest),))
    (checked,) = verify(right, folder, lambda *at: told.append(at))
    assert checked.by == ("size", "sizes of the model", "SHA-256")
    assert not checked.fault
    assert told == [("config.json", 1261, 1261)]


def test_an_unknown_model() -> None:
    with pytest.raises(EngineError, match="model 'moshi': unknown; there are personaplex-7b-v1, "):
        known("moshi")
    with pytest.raises(EngineError, match="moshiko-7b has no config"):
        MOSHI.file("config")
