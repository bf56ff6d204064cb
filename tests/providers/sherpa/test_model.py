"""A sherpa-onnx model on disk: found, refused with its fault, and its hot words."""

import shutil
from pathlib import Path

import pytest
import sherpa_onnx

from copilot.errors import ConfigError
from copilot.providers import sherpa
from copilot.providers.embedded.speech import model_path
from copilot.providers.registry import Host
from copilot.providers.sherpa.model import find, hot_words, upper_case, write_hot_words

HOST = Host(Path("unused"))


def folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).write_text("<blk> 0\n")
    return path


def test_every_missing_file_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        sherpa.listener({"model": str(folder(tmp_path, "decoder.onnx"))}, HOST)
    text = str(refusal.value)
    assert "lacks encoder*.onnx, joiner*.onnx, tokens.txt;" in text
    assert str(tmp_path) in text
    assert "sherpa-onnx-streaming-zipformer" in text


def test_no_folder_and_no_setting_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        sherpa.listener({"model": str(tmp_path / "none")}, HOST)
    with pytest.raises(ConfigError, match=r"\[ear\] model is not set"):
        sherpa.listener({}, HOST)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ConfigError, match="modle"):
        sherpa.listener({"modle": "x"}, HOST)


def test_quantised_encoder_and_joiner_and_the_exact_decoder_are_taken(tmp_path: Path) -> None:
    parts = [f"{part}-epoch-99{kind}.onnx" for part in ("encoder", "decoder", "joiner")
             for kind in ("", ".int8")]  # fmt: skip
    files = find(folder(tmp_path, *parts, "tokens.txt", "bpe.vocab"))
    assert [path.name for path in files[:3]] == [
        "encoder-epoch-99.int8.onnx",
        "decoder-epoch-99.onnx",
        "joiner-epoch-99.int8.onnx",
    ]
    assert files.bpe == tmp_path / "bpe.vocab"


def test_what_there_is_is_taken(tmp_path: Path) -> None:
    names = ("encoder.onnx", "decoder.int8.onnx", "joiner.onnx", "tokens.txt")
    files = find(folder(tmp_path, *names))
    assert files.decoder.name == "decoder.int8.onnx"
    assert files.bpe is None


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, "encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt")
    with pytest.raises(ConfigError, match="not an ONNX model"):
        sherpa.listener({"model": str(tmp_path)}, HOST)


def test_another_kind_of_model_is_refused_before_it_ends_the_process(tmp_path: Path) -> None:
    for part in ("encoder", "decoder", "joiner"):
        shutil.copy(model_path(), tmp_path / f"{part}.onnx")
    folder(tmp_path, "tokens.txt")
    with pytest.raises(ConfigError, match="no part of a streaming transducer"):
        sherpa.listener({"model": str(tmp_path)}, HOST)


def test_hot_words_are_the_packs_own(tmp_path: Path) -> None:
    sentences = ("Where is my parcel?", "The parcel is at the depot.", "Which depot?", "A shop.")
    assert hot_words(sentences, upper=True) == ["DEPOT", "PARCEL"]
    path = tmp_path / "cache" / "hot.txt"
    write_hot_words(path, ["depot", "parcel"])
    assert path.read_text() == "depot\nparcel\n"
    assert [one.name for one in path.parent.iterdir()] == ["hot.txt"]


def test_the_case_of_the_model_is_seen_from_its_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens.txt"
    path.write_text("<blk> 0\n<unk> 1\n▁THE 2\nS 3\n")
    assert upper_case(path)
    path.write_text("<blk> 0\n▁the 1\ns 2\n")
    assert not upper_case(path)


def test_sherpa_onnx_has_the_names_that_are_used() -> None:
    recogniser = sherpa_onnx.OnlineRecognizer
    used = ("from_transducer", "create_stream", "is_ready", "decode_streams", "get_result_all")
    assert [name for name in used if not callable(getattr(recogniser, name, None))] == []
    stream = sherpa_onnx.OnlineStream
    assert callable(stream.accept_waveform)
    assert callable(stream.input_finished)
    taken = recogniser.from_transducer.__code__.co_varnames
    wanted = {
        "tokens", "encoder", "decoder", "joiner", "num_threads", "sample_rate",
        "decoding_method", "hotwords_file", "hotwords_score", "modeling_unit", "bpe_vocab",
    }  # fmt: skip
    assert wanted <= set(taken)
