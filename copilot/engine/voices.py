"""Voice prompts as PersonaPlex ships them, and tokenizers: what else lies beside the weights."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from sentencepiece import SentencePieceProcessor
from torch import Tensor
from torch.nn import functional

from copilot.engine.errors import EngineError
from copilot.engine.presets import LmConfig, MimiConfig

DAMAGED = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    struct.error,
    SafetensorError,
)
"""What the readers were seen to raise over files with some bytes changed."""

QUIETEST = 0.01
"""Peak of a voice that can be heard, -40 dB of full scale."""

CLIPPED = 0.01
"""Share of a recording's samples at full scale beyond which its voice is distorted."""

FLOATS = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Voice:
    """A voice that a model takes on, as the columns of its own prompt."""

    embeddings: Tensor
    """Floats [N - 1, dim]: row p is the sum of embeddings of column p; N is the prompt's frames."""
    cache: Tensor
    """int64 [rows, max_delay + 3], a ring: place p % length holds column p; N - 1 is the first
    column not yet consumed, and of column N only the delayed rows are set."""


def load_voice(path: Path, config: LmConfig) -> Voice:
    """From a ``.pt`` archive or a ``.safetensors`` with the same two tensors.

    A pickle is read with weights only, so that it cannot run code. Raises EngineError where the
    file is damaged, empty, holds NaN, or was made for another model.
    """
    entries = _entries(path)
    wanted = {"embeddings", "cache"}
    if set(entries) != wanted or not all(isinstance(one, Tensor) for one in entries.values()):
        raise EngineError(
            f"{path}: no voice prompt: expected the tensors cache and embeddings, found "
            f"{', '.join(sorted(map(str, entries))) or 'nothing'}"
        )
    embeddings, cache = entries["embeddings"], entries["cache"]
    _check_embeddings(path, embeddings, config)
    _check_cache(path, cache, config)
    return Voice(embeddings[:, 0, 0], cache[0])


def voice_frames(pcm: Tensor, rate: int, config: MimiConfig) -> Tensor:
    """A recorded voice, float [samples] within ±1, as frames [1, 1, frames * 1920] for the codec.

    The last frame is filled with zeros. Raises EngineError where the rate is not the codec's, or
    where the recording is empty, silent, clipped, or no numbers.
    """
    if rate != config.sample_rate:
        raise EngineError(
            f"voice prompt: {rate} samples a second; resample it to {config.sample_rate}"
        )
    if pcm.ndim != 1 or not pcm.is_floating_point():
        raise EngineError(f"voice prompt: {pcm.dtype} {list(pcm.shape)}, expected floats [samples]")
    if not len(pcm):
        raise EngineError("voice prompt: empty; give a recording of a few seconds")
    peak = float(pcm.abs().max())
    if not peak <= 1:
        what = f"reaches {peak:g}" if peak > 1 else "holds NaN"
        raise EngineError(f"voice prompt: {what}; expected samples within ±1")
    if peak < QUIETEST:
        raise EngineError(f"voice prompt: silent (its peak is {peak:g}); give a louder recording")
    clipped = float((pcm.abs() >= 0.999).float().mean())
    if clipped > CLIPPED:
        raise EngineError(
            f"voice prompt: {clipped:.0%} of its samples are at full scale; record it less loud"
        )
    return functional.pad(pcm, (0, -len(pcm) % config.frame_size))[None, None]


def load_tokenizer(path: Path, config: LmConfig) -> SentencePieceProcessor:
    """Raises EngineError where it is none, or its pieces are not the model's vocabulary."""
    if not path.is_file():
        raise EngineError(f"{path}: no such file; give the tokenizer that belongs to the model")
    try:
        tokenizer = SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise EngineError(f"{path}: not a SentencePiece model ({error})") from None
    size = tokenizer.get_piece_size()
    if size != config.text_card:
        raise EngineError(
            f"{path}: a tokenizer of {size} pieces, and the model's text_card is "
            f"{config.text_card}; give the tokenizer that belongs to the model"
        )
    return tokenizer


def _entries(path: Path) -> Mapping[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise EngineError(f"{path}: no such file") from None
    except DAMAGED as error:
        raise EngineError(f"{path}: no voice prompt, or a damaged one ({_short(error)})") from None
    except pickle.UnpicklingError:
        raise EngineError(f"{path}: holds more than tensors, or is damaged; not read") from None
    if not isinstance(loaded, Mapping):
        raise EngineError(f"{path}: no voice prompt: expected a dict of two tensors")
    return loaded


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def _check_embeddings(path: Path, embeddings: Tensor, config: LmConfig) -> None:
    shape = list(embeddings.shape)
    if embeddings.ndim != 4 or shape[1:] != [1, 1, config.dim]:
        raise EngineError(
            f"{path}: embeddings is {shape}, expected [frames - 1, 1, 1, {config.dim}]; give a "
            "voice that was made for this model"
        )
    if not shape[0]:
        raise EngineError(f"{path}: an empty voice prompt; expected one frame or more")
    if embeddings.dtype not in FLOATS:
        raise EngineError(f"{path}: embeddings is {embeddings.dtype}, expected floats")
    if not bool(torch.isfinite(embeddings).all()):
        raise EngineError(f"{path}: embeddings holds NaN or infinity; copy the file again")


def _check_cache(path: Path, cache: Tensor, config: LmConfig) -> None:
    wanted = [1, config.rows, config.max_delay + 3]
    if list(cache.shape) != wanted or cache.dtype != torch.int64:
        raise EngineError(
            f"{path}: cache is {cache.dtype} {list(cache.shape)}, expected torch.int64 {wanted}"
        )
    limits = torch.tensor([config.text_card] + [config.card] * config.n_q)
    if bool((cache[0] < -2).any() or (cache[0] > limits[:, None]).any()):
        raise EngineError(f"{path}: cache holds tokens outside of the model's vocabularies")
