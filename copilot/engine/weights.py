"""Weights of a published file, adapted at the door: names, depth steps and kinds of numbers.

What comes out has the names of `names.expected`, whichever of its forms the file is in, so that
no model here knows an older name. Tensors are read from a memory map one by one: a file of 16 GB
needs its own size on the device and one tensor beside it.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from copilot.engine.errors import EngineError
from copilot.engine.header import AGAIN, Stored, read_header
from copilot.engine.names import check, expected, running
from copilot.engine.presets import LmConfig, MimiConfig

SCALE = "_scale"
"""Ends the name of a matrix's row scales, float32 [rows], where the matrix itself is int8."""

_BLOCK = 1 << 24
"""Bytes that are read at once for a checksum."""

_SCB = "_scb"
"""Ends the name of bitsandbytes' row maxima: a weight is its int8 times its maximum / 127."""

_RENAMED = (
    (re.compile(r"\.self_attn\.in_proj\.weight$"), ".self_attn.in_proj_weight"),
    (re.compile(r"\.self_attn\.in_projs\.(\d+)\.weight$"), ".self_attn.in_proj_weight"),
    (re.compile(r"\.self_attn\.out_projs\.(\d+)\.weight$"), ".self_attn.out_proj.weight"),
    (re.compile(r"\._codebook\.inited$"), "._codebook._initialized"),
    (re.compile(r"\._codebook\.cluster_size$"), "._codebook.cluster_usage"),
    (re.compile(r"\._codebook\.(?:embed_avg|embed_sum)$"), "._codebook.embedding_sum"),
)
"""Names that older and newer versions of the reference give; a group is the depth step."""

_DEPTH_STEP = re.compile(r"depformer_in\.\d+\.weight")


@dataclass(frozen=True)
class Source:
    """Where in a file one tensor lies."""

    stored: Stored
    """Its shape as a whole; its kind of number once scales are applied."""
    pieces: tuple[str, ...]
    """Names in the file, in the order of rows."""
    scales: tuple[str, ...]
    """Names of their row maxima, or nothing."""


def load(
    path: Path,
    config: LmConfig | MimiConfig,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    int8: bool = False,
    sha256: str | None = None,
) -> dict[str, Tensor]:
    """All tensors of a model that runs: those of ``expected(running(config))``, or of the codec.

    Of a language model only the depth steps that are run are kept, so that a file of 8 steps
    (Moshi) and one of 16 (PersonaPlex) load alike. Floats become `dtype`; with `int8` the matrices
    of `is_quantised` become int8, each with a float32 scale per row under its name + SCALE.

    Raises EngineError where the file is damaged, is not this model's, holds NaN, or has another
    SHA-256.
    """
    if int8 and isinstance(config, MimiConfig):
        raise EngineError(f"{path}: int8 is for language models; the codec runs on floats")
    if sha256 is not None:
        check_sha256(path, sha256)
    sources = audit(path, config)
    kept = running(config) if isinstance(config, LmConfig) else config
    loaded: dict[str, Tensor] = {}
    with _opened(path) as file:
        for name, shape in expected(kept).items():
            tensor = _read(file, sources[name], shape[0], device)
            if not all(map(math.isfinite, torch.stack(torch.aminmax(tensor)).tolist())):
                raise EngineError(f"{path}: {name} holds NaN or infinity; {AGAIN}")
            if int8 and is_quantised(name):
                loaded[name], loaded[name + SCALE] = quantise(tensor)
            else:
                loaded[name] = tensor.to(dtype)
    return loaded


def audit(path: Path, config: LmConfig | MimiConfig) -> dict[str, Source]:
    """Compare a file with what the model needs, without its data; where each tensor lies.

    Raises EngineError as `load` does.
    """
    header = read_header(path)
    sources = adapt(header, str(path))
    if isinstance(config, LmConfig) and config.dep_q:
        config = replace(config, dep_q=_stored_steps(sources, config))
    stored = {name: source.stored for name, source in sources.items()}
    check(stored, expected(config), str(path))
    return sources


def adapt(header: Mapping[str, Stored], source: str) -> dict[str, Source]:
    """The tensors of a file by the published names, split ones put together.

    Raises EngineError where two tensors go by one name, or a part of one is missing.
    """
    parts: dict[str, dict[int, str]] = {}
    for name in header:
        if name.removesuffix(_SCB) in header and name.endswith(_SCB):
            continue
        known, part = _published(name)
        if part in parts.setdefault(known, {}):
            raise EngineError(
                f"{source}: {parts[known][part]} and {name} are the same tensor; expected one"
            )
        parts[known][part] = name
    return {name: _joined(name, found, header, source) for name, found in parts.items()}


def quantise(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """int8 [rows, columns] and float32 [rows]: a row's largest weight becomes ±127."""
    matrix = matrix.float()
    scale = matrix.abs().amax(dim=1) / 127
    steps = matrix / torch.where(scale > 0, scale, 1.0)[:, None]
    return steps.round().to(torch.int8), scale


def is_quantised(name: str) -> bool:
    """Matrices that activations are multiplied with; tables are looked up, and pause heads are
    too small to matter."""
    first = name.split(".", 1)[0]
    return name.endswith("weight") and "emb" not in first and first != "extra_heads"


def check_sha256(path: Path, wanted: str, tell: Callable[[int, int], object] | None = None) -> None:
    """Raises EngineError where the file's bytes are others; `tell` hears of bytes done and all."""
    done, digest = 0, hashlib.sha256()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                done += len(block)
                if tell is not None:
                    tell(done, size)
    except OSError as error:
        raise EngineError(f"{path}: cannot be read ({error.strerror})") from None
    if digest.hexdigest() != wanted.lower():
        raise EngineError(
            f"{path}: its SHA-256 is {digest.hexdigest()}, expected {wanted}; {AGAIN}"
        )


def _published(name: str) -> tuple[str, int]:
    """The name in published files, and which part of that tensor this is."""
    for pattern, known in _RENAMED:
        if match := pattern.search(name):
            return name[: match.start()] + known, int(match[1]) if match.groups() else 0
    return name, 0


def _joined(
    name: str, parts: Mapping[int, str], header: Mapping[str, Stored], source: str
) -> Source:
    if sorted(parts) != list(range(len(parts))):
        raise EngineError(
            f"{source}: {name} is split in parts {sorted(parts)}; expected 0 to {len(parts) - 1}"
        )
    pieces = tuple(parts[number] for number in range(len(parts)))
    first = header[pieces[0]]
    scales = tuple(piece + _SCB for piece in pieces if piece + _SCB in header)
    for piece in pieces:
        if header[piece] != first:
            raise EngineError(
                f"{source}: {piece} is {header[piece]}, expected {first} as {pieces[0]}"
            )
    if scales:
        _check_scales(pieces, header, source)
        first = replace(first, dtype="F32")
    rows = len(pieces) * first.shape[0] if first.shape else 0
    whole = first if len(pieces) == 1 else replace(first, shape=(rows, *first.shape[1:]))
    return Source(whole, pieces, scales)


def _check_scales(pieces: tuple[str, ...], header: Mapping[str, Stored], source: str) -> None:
    for piece in pieces:
        matrix, scale = header[piece], header.get(piece + _SCB)
        wanted = Stored(matrix.shape[:1], "F32")
        if matrix.dtype != "I8" or len(matrix.shape) != 2 or scale != wanted:
            raise EngineError(
                f"{source}: {piece} is {matrix} and {piece}{_SCB} {scale}; expected a matrix of "
                f"I8 and {wanted}"
            )


def _stored_steps(sources: Mapping[str, Source], config: LmConfig) -> int:
    """Depth steps of the file, where it is one of the two numbers there may be."""
    count = sum(_DEPTH_STEP.fullmatch(name) is not None for name in sources)
    return count if count in (config.n_q // 2, config.n_q) else config.dep_q


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise EngineError(f"{path}: cannot be read ({error}); {AGAIN}") from None


def _read(file: Any, source: Source, rows: int, device: torch.device | str) -> Tensor:
    """The first `rows` rows, on the device and as floats."""
    parts: list[Tensor] = []
    for place, piece in enumerate(source.pieces):
        missing = rows - sum(part.shape[0] for part in parts)
        if missing <= 0:
            break
        part = file.get_slice(piece)[:missing].to(device)
        if source.scales:
            scale = file.get_slice(source.scales[place])[:missing].to(device)
            part = part.float() * (scale / 127)[:, None]
        parts.append(part)
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def invent(
    config: LmConfig | MimiConfig,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    int8: bool = False,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Tensors of a model that runs, made on the device, that say nothing: for tests and benches.

    Matrices have a deviation of 1 / sqrt(inputs), so that sizes stay as they are from layer to
    layer, and gains are 1; codebooks are noise. `int8` is as for `load`.
    """
    generator = torch.Generator(device).manual_seed(seed)
    kept = running(config) if isinstance(config, LmConfig) else config
    made = {}
    for name, shape in expected(kept).items():
        tensor = torch.empty(shape, device=device, dtype=dtype)
        if len(shape) > 1 and max(shape) < math.prod(shape):
            tensor.normal_(0, math.prod(shape[1:]) ** -0.5, generator=generator)
        else:
            tensor.fill_(0.0 if name.endswith("bias") else 1.0)
        if int8 and is_quantised(name):
            made[name], made[name + SCALE] = quantise(tensor)
        else:
            made[name] = tensor
    return made
