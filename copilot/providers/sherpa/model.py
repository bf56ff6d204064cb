"""A sherpa-onnx model on disk: which files it needs, whether they fit, and its hot words."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import onnxruntime
from msgspec import Struct
from onnxruntime.capi import onnxruntime_pybind11_state as fault

from copilot.core.words import content
from copilot.errors import ConfigError
from copilot.providers.embedded.speech import RATE

log = logging.getLogger(__name__)

_HOT_WORDS = 500
_LOAD_FAULTS = (fault.Fail, fault.InvalidProtobuf, fault.InvalidGraph, fault.InvalidArgument)
HOW = (
    "get a streaming zipformer transducer for English from the sherpa-onnx model family (such as "
    "sherpa-onnx-streaming-zipformer-en-2023-06-26), unpack it, and set `[ear] model` to its folder"
)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[ear]`` with ``provider = "sherpa"``."""

    model: str = ""
    """Folder of encoder*.onnx, decoder*.onnx, joiner*.onnx, tokens.txt; bpe.vocab: hot words."""
    threads: int = 1
    """Threads of one decoding step, which takes all calls at once."""
    silence_ms: int = 300
    """Silence that ends an utterance and makes its words final."""
    hot_word_score: float = 1.5
    """How much each token of a pack's word is favoured; 0 favours none."""


class Files(NamedTuple):
    """The files of a model."""

    encoder: Path
    decoder: Path
    joiner: Path
    tokens: Path
    bpe: Path | None = None


class Result(Protocol):
    """What is recognised of a stream."""

    @property
    def tokens(self) -> list[str]: ...

    @property
    def timestamps(self) -> list[float]:
        """Start of each token, seconds from the start of the stream."""
        ...


class Recogniser(Protocol):
    """The part of ``sherpa_onnx.OnlineRecognizer`` that is used; its streams are its own."""

    def create_stream(self) -> Any: ...
    def is_ready(self, s: Any, /) -> bool: ...
    def decode_streams(self, ss: list[Any], /) -> None: ...
    def get_result_all(self, s: Any, /) -> Result: ...


def find(folder: Path) -> Files:
    """The model's files in `folder`; raises ConfigError that names each one that is missing."""
    if not folder.is_dir():
        raise ConfigError(f"[ear] model = '{folder}': no such folder; {HOW}")
    tokens, bpe = folder / "tokens.txt", folder / "bpe.vocab"
    found = {
        "encoder*.onnx": _pick(folder, "encoder", int8=True),
        "decoder*.onnx": _pick(folder, "decoder", int8=False),
        "joiner*.onnx": _pick(folder, "joiner", int8=True),
        "tokens.txt": tokens if tokens.is_file() else None,
    }
    if missing := [name for name, path in found.items() if path is None]:
        raise ConfigError(f"[ear] model = '{folder}': it lacks {', '.join(missing)}; {HOW}")
    encoder, decoder, joiner, tokens = (path for path in found.values() if path is not None)
    return Files(encoder, decoder, joiner, tokens, bpe if bpe.is_file() else None)


def load(files: Files, options: Options, cache: Path, sentences: Sequence[str]) -> Recogniser:
    """The recogniser; raises ConfigError for files that are no streaming transducer."""
    import sherpa_onnx

    _check(files.encoder, "model_type")
    _check(files.decoder, "context_size")
    _check(files.joiner, "joiner_dim")
    try:
        recogniser: Recogniser = sherpa_onnx.OnlineRecognizer.from_transducer(
            tokens=str(files.tokens),
            encoder=str(files.encoder),
            decoder=str(files.decoder),
            joiner=str(files.joiner),
            num_threads=options.threads,
            sample_rate=RATE,
            **_favour(files, options, cache, sentences),
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"[ear] model = '{files.encoder.parent}': {error}; {HOW}") from None
    return recogniser


def hot_words(sentences: Sequence[str], upper: bool) -> list[str]:
    """Words of content that occur more than once, commonest first, in the model's case."""
    counts: dict[str, int] = {}
    for sentence in sentences:
        for word in content(sentence):
            counts[word] = counts.get(word, 0) + 1
    often = [word for word, count in counts.items() if count > 1 and len(word) > 3]
    best = sorted(often, key=lambda word: (-counts[word], word))[:_HOT_WORDS]
    return [word.upper() if upper else word for word in best]


def write_hot_words(path: Path, words: Sequence[str]) -> None:
    """One word a line, as sherpa-onnx reads them; the file appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    scratch.replace(path)


def upper_case(tokens: Path) -> bool:
    """Whether the model writes capitals: most trained on LibriSpeech do."""
    text = tokens.read_text(encoding="utf-8")
    letters = re.sub(r"<[^>]*>|\s\d+$", "", text, flags=re.MULTILINE)
    return not re.search("[a-z]", letters)


def _favour(
    files: Files, options: Options, cache: Path, sentences: Sequence[str]
) -> dict[str, object]:
    """Options for hot words, where there are any and the model can take them."""
    if not sentences or options.hot_word_score <= 0:
        return {}
    if files.bpe is None:
        log.warning(
            "%s: no bpe.vocab, so words of the packs are not favoured", files.encoder.parent
        )
        return {}
    path = cache / "sherpa" / "hot_words.txt"
    write_hot_words(path, hot_words(sentences, upper_case(files.tokens)))
    return {
        "decoding_method": "modified_beam_search",  # the only one that knows hot words
        "hotwords_file": str(path),
        "hotwords_score": options.hot_word_score,
        "modeling_unit": "bpe",
        "bpe_vocab": str(files.bpe),
    }


def _pick(folder: Path, part: str, int8: bool) -> Path | None:
    """The last such file by name, quantised or not as asked where there is a choice."""
    found = sorted(
        folder.glob(f"{part}*.onnx"), key=lambda p: ((".int8." in p.name) == int8, p.name)
    )
    return found[-1] if found else None


def _check(path: Path, entry: str) -> None:
    """Refuse a file whose metadata lack `entry`: there sherpa-onnx would end the whole process."""
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), quiet, ["CPUExecutionProvider"])
    except _LOAD_FAULTS as error:
        raise ConfigError(f"{path}: not an ONNX model ({error}); {HOW}") from None
    if entry not in session.get_modelmeta().custom_metadata_map:
        raise ConfigError(f"{path}: no part of a streaming transducer (no {entry!r} in it); {HOW}")
