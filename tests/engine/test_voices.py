"""Voice prompts and tokenizers are read, and those of another model, or damaged, are told."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from copilot.engine.errors import EngineError
from copilot.engine.presets import LMS, MIMI, LmConfig
from copilot.engine.voices import load_tokenizer, load_voice, voice_frames
from tests.engine.golden import golden

TINY = LMS["tiny"]


def archive(**changes: Tensor | None) -> dict[str, Tensor]:
    """A prompt of 5 frames, with its entries changed; None drops one."""
    whole = {
        "embeddings": torch.zeros(4, 1, 1, TINY.dim),
        "cache": torch.zeros(1, TINY.rows, TINY.max_delay + 3, dtype=torch.int64),
    }
    return {name: one for name, one in {**whole, **changes}.items() if one is not None}


def save(entries: dict[str, Tensor], file: Path) -> None:
    if file.suffix == ".pt":
        torch.save(entries, file)
    else:
        save_file(entries, file)


def test_both_forms_of_the_references_archive() -> None:
    fixture = golden("personaplex_tiny")
    config = LmConfig.parse(fixture.raw)
    pickled = load_voice(fixture.path / "voice.pt", config)
    plain = load_voice(fixture.path / "voice.safetensors", config)
    frames = fixture.about["voice_frames"]
    for voice in (pickled, plain):
        assert voice.embeddings.shape == (frames - 1, config.dim)
        assert voice.cache.shape == (config.rows, config.max_delay + 3)
    assert torch.equal(pickled.embeddings, plain.embeddings)
    assert torch.equal(pickled.cache, plain.cache)
    last = pickled.cache[:, (frames - 1) % pickled.cache.shape[1]]
    assert torch.equal(last, fixture.outputs["columns"][0, :, frames - 1])


def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cache": None}, "expected the tensors cache and embeddings, found embeddings"),
        ({"more": zeros(1)}, "found cache, embeddings, more"),
        ({"embeddings": zeros(0, 1, 1, 64)}, "an empty voice prompt"),
        (
            {"embeddings": zeros(4, 1, 1, 32)},
            r"is \[4, 1, 1, 32\], expected \[frames - 1, 1, 1, 64",
        ),
        ({"embeddings": zeros(4, 64)}, r"embeddings is \[4, 64\], expected"),
        ({"embeddings": zeros(4, 1, 1, 64, dtype=torch.int64)}, "torch.int64, expected floats"),
        ({"embeddings": zeros(4, 1, 1, 64) / 0}, "embeddings holds NaN or infinity"),
        (
            {"cache": zeros(1, 17, 3, dtype=torch.int64)},
            r"\[1, 17, 3\], expected torch.int64 \[1, ",
        ),
        ({"cache": zeros(1, 17, 4)}, r"cache is torch.float32 .* expected torch.int64"),
        ({"cache": zeros(1, 17, 4, dtype=torch.int64) + 65}, "outside of the model's vocab"),
        ({"cache": zeros(1, 17, 4, dtype=torch.int64) - 3}, "outside of the model's vocab"),
    ],
)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_an_archive_that_cannot_be_used(
    changes: dict[str, Tensor | None], said: str, suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / f"voice.{suffix}"
    save(archive(), file)
    assert len(load_voice(file, TINY).embeddings) == 4
    save(archive(**changes), file)
    with pytest.raises(EngineError, match=said):
        load_voice(file, TINY)


class Bomb:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("boom",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps(Bomb(), protocol=2), "holds more than tensors"),
        (b"", "no voice prompt, or a damaged one"),
        (b"<html>", "not read|a damaged one"),
    ],
)
def test_a_file_that_is_no_archive(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "voice.pt"
    file.write_bytes(content)
    with pytest.raises(EngineError, match=said):
        load_voice(file, TINY)
    assert "boom" not in capsys.readouterr().out


@settings(max_examples=60, deadline=None)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))))
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_changed_bytes_are_read_or_refused(
    places: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("bytes") / "voice.pt"
    content = bytearray(pickle.dumps({"a": [1, 2, {"b": "c"}]}, protocol=2))
    for place, byte in places:
        content[int(place * len(content))] = byte
    file.write_bytes(content)
    with pytest.raises(EngineError):
        load_voice(file, TINY)


def test_an_archive_cut_short(tmp_path: Path) -> None:
    for suffix in ("pt", "safetensors"):
        file = tmp_path / f"voice.{suffix}"
        save(archive(), file)
        file.write_bytes(file.read_bytes()[:-200])
        with pytest.raises(EngineError, match="a damaged one"):
            load_voice(file, TINY)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "voice.pt"
    torch.save([torch.zeros(1)], file)
    with pytest.raises(EngineError, match="expected a dict of two tensors"):
        load_voice(file, TINY)
    with pytest.raises(EngineError, match="no such file"):
        load_voice(tmp_path / "other.pt", TINY)


def tone(level: float, count: int = 5000) -> Tensor:
    return level * torch.sin(torch.arange(count) * 0.1)


def test_a_recorded_voice_comes_in_whole_frames() -> None:
    frames = voice_frames(tone(0.5), 24_000, MIMI)
    assert frames.shape == (1, 1, 3 * 1920)
    assert torch.equal(frames[0, 0, :5000], tone(0.5))
    assert not frames[0, 0, 5000:].any()
    assert voice_frames(tone(0.5, 1920), 24_000, MIMI).shape == (1, 1, 1920)


@pytest.mark.parametrize(
    ("pcm", "rate", "said"),
    [
        (tone(0.5), 16_000, "16000 samples a second; resample it to 24000"),
        (tone(0.5)[:0], 24_000, "empty"),
        (tone(0.5)[None], 24_000, r"torch.float32 \[1, 5000\], expected floats \[samples\]"),
        (tone(9000).short(), 24_000, "torch.int16"),
        (tone(9000), 24_000, "reaches 9000; expected samples within ±1"),
        (tone(0.5) / 0, 24_000, "reaches inf|holds NaN"),
        (tone(0.001), 24_000, "silent"),
        (tone(3).clamp(-1, 1), 24_000, "7[0-9]% of its samples are at full scale"),
    ],
)
def test_a_recording_that_is_no_voice(pcm: Tensor, rate: int, said: str) -> None:
    with pytest.raises(EngineError, match=f"voice prompt: .*({said})"):
        voice_frames(pcm, rate, MIMI)


def test_the_tokenizer_of_a_model() -> None:
    fixture = golden("stt_tiny")
    config = LmConfig.parse(fixture.raw)
    tokenizer = load_tokenizer(fixture.path / "tokenizer.model", config)
    assert tokenizer.get_piece_size() == config.text_card


def test_a_tokenizer_that_does_not_fit(tmp_path: Path) -> None:
    fixture = golden("stt_tiny")
    with pytest.raises(EngineError, match="pieces, and the model's text_card is 32000"):
        load_tokenizer(fixture.path / "tokenizer.model", LMS["moshiko-7b"])
    file = tmp_path / "tokenizer.model"
    with pytest.raises(EngineError, match="no such file"):
        load_tokenizer(file, TINY)
    for content in (b"", b"no model"):
        file.write_bytes(content)
        with pytest.raises(EngineError, match=r"not a SentencePiece model|a tokenizer of 0"):
            load_tokenizer(file, TINY)
