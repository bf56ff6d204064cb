"""Files of public checkpoints at their real size, of which only the headers take room on disk."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch

from copilot.engine.checkpoints import (
    CODEC,
    CONFIG,
    FOLDER,
    MODEL,
    TOKENIZER,
    VOICE_NAMES,
    VOICES,
    Checkpoint,
)
from copilot.engine.names import Shape, expected
from copilot.engine.presets import MIMI


def sparse(path: Path, shapes: Mapping[str, Shape], dtype: str, width: int) -> Path:
    """A safetensors file of zeros, as compact as the published ones."""
    place, entries = 0, {}
    for name in sorted(shapes):
        end = place + width
        for size in shapes[name]:
            end = place + (end - place) * size
        entries[name] = {"dtype": dtype, "shape": shapes[name], "data_offsets": [place, end]}
        place = end
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + place)
    return path


def placed(checkpoint: Checkpoint, folder: Path, config: Mapping[str, object]) -> Path:
    """All files of a checkpoint, right in all but their SHA-256."""
    folder.mkdir(parents=True)
    for file in checkpoint.files:
        path = folder / file.name
        if file.kind == MODEL:
            sparse(path, expected(checkpoint.lm), "BF16", 2)
        elif file.kind == CODEC:
            sparse(path, expected(MIMI), "F32", 4)
        elif file.kind == CONFIG:
            path.write_text(json.dumps(config).ljust(file.bytes))
        elif file.kind == TOKENIZER:
            path.write_bytes(tokenizer(checkpoint.lm.text_card, file.bytes))
        elif file.kind == VOICES:
            voices(checkpoint, folder / FOLDER)
    return folder


def voices(checkpoint: Checkpoint, folder: Path) -> None:
    folder.mkdir()
    config = checkpoint.lm
    cache = torch.zeros(1, config.rows, config.max_delay + 3, dtype=torch.int64)
    for name in VOICE_NAMES:
        prompt = {"embeddings": torch.zeros(2, 1, 1, config.dim), "cache": cache}
        torch.save(prompt, folder / name)


def tokenizer(count: int, size: int = 0) -> bytes:
    """A SentencePiece model of `count` pieces, filled up to `size` with a field that says nothing.

    Written by hand in protobuf's wire format: pieces are field 1, each of a name, a score and, for
    the first, the type "unknown".
    """
    made = b""
    for number in range(count):
        name = f"{number:x}".encode()
        piece = _field(1, name) + b"\x15" + struct.pack("<f", -number)
        made += _field(1, piece if number else piece + b"\x18\x02")
    rest = size - len(made)
    return made + _field(15, bytes(rest - 4)) if rest > 4 else made


def _field(number: int, content: bytes) -> bytes:
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size % 128 + 128]), size // 128
    return bytes([number * 8 + 2]) + length + bytes([size]) + content
