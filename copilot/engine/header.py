"""What a safetensors file says it holds, read without its data; a damaged file is told here."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.engine.errors import EngineError

BYTES = {
    "BF16": 2,
    "F16": 2,
    "F32": 4,
    "F64": 8,
    "I8": 1,
    "U8": 1,
    "I16": 2,
    "I32": 4,
    "I64": 8,
    "BOOL": 1,
}
"""Of one element, for the kinds of numbers that checkpoints here are made of."""

LONGEST = 100_000_000
"""Bytes of a header; the format allows no more."""

AGAIN = "fetch or copy it again"


@dataclass(frozen=True)
class Stored:
    """A tensor as it lies in a file."""

    shape: tuple[int, ...]
    dtype: str
    """As safetensors writes it: BF16, F32, I8 …"""

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"

    @property
    def numel(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count


def read_header(path: Path) -> dict[str, Stored]:
    """Names, shapes and kinds of all tensors of a safetensors file.

    Raises EngineError where the file is missing, cut short, longer than it says, or no such file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = _length(file.read(8), size, path)
            text = file.read(length)
    except OSError as error:
        raise EngineError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        entries = json.loads(text)
        entries.pop("__metadata__", None)
        found = {name: _stored(entry) for name, entry in entries.items()}
        ends = sorted(_ends(*entry["data_offsets"]) for entry in entries.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EngineError(
            f"{path}: the header of this safetensors file is damaged; {AGAIN}"
        ) from None
    _check_size(found, ends, size - 8 - length, path)
    return found


def _length(first: bytes, size: int, path: Path) -> int:
    if len(first) < 8:
        raise EngineError(f"{path}: {size} bytes are no safetensors file; {AGAIN}")
    (length,) = struct.unpack("<Q", first)
    if not 2 <= length <= LONGEST:
        raise EngineError(f"{path}: not a safetensors file (it begins with {first!r}); {AGAIN}")
    if length > size - 8:
        raise EngineError(
            f"{path}: cut short: {size} bytes, and its header alone takes {length + 8}; {AGAIN}"
        )
    return int(length)


def _stored(entry: Mapping[str, Any]) -> Stored:
    shape, dtype = tuple(entry["shape"]), entry["dtype"]
    if not all(type(one) is int and one >= 0 for one in shape) or not isinstance(dtype, str):
        raise ValueError(entry)
    return Stored(shape, dtype)


def _ends(start: object, end: object) -> tuple[int, int]:
    if type(start) is not int or type(end) is not int:
        raise TypeError(start, end)
    return start, end


def _check_size(
    found: Mapping[str, Stored], ends: list[tuple[int, int]], data: int, path: Path
) -> None:
    """The data must fill the file without gap or overlap."""
    place = 0
    for start, end in ends:
        if start != place or end < start:
            raise EngineError(f"{path}: the header of this safetensors file is damaged; {AGAIN}")
        place = end
    if place != data:
        what = "cut short" if data < place else "longer than its header says"
        raise EngineError(f"{path}: {what}: {data} bytes of tensors, expected {place}; {AGAIN}")
    sizes = sum(one.numel * BYTES.get(one.dtype, 0) for one in found.values())
    if all(one.dtype in BYTES for one in found.values()) and sizes != place:
        raise EngineError(
            f"{path}: the shapes in its header take {sizes} bytes, its tensors {place}; {AGAIN}"
        )
