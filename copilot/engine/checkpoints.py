"""The public checkpoints: where each is, what its files are, and what of it lies on this disk.

Sizes and SHA-256 are those that the hub listed for the revision; where the revision is empty, or a
size is 0, none was known when this was written.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from copilot.engine.errors import EngineError
from copilot.engine.header import read_header
from copilot.engine.names import expected
from copilot.engine.presets import LMS, LmConfig

HUB = "https://huggingface.co"

CONFIG, MODEL, CODEC, TOKENIZER, VOICES = "config", "model", "codec", "tokenizer", "voices"
"""Kinds of files."""

FOLDER = "voices"
"""Of the voice prompts, once their archive is unpacked."""

VOICE_NAMES = tuple(
    f"{kind}{number}.pt"
    for kind, count in (("NATF", 4), ("NATM", 4), ("VARF", 5), ("VARM", 5))
    for number in range(count)
)


@dataclass(frozen=True)
class File:
    """A file of a checkpoint."""

    name: str
    kind: str
    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """A public repository that the engine can load."""

    name: str
    """Its folder on disk, and its preset."""
    about: str
    repo: str
    revision: str
    licence: str
    files: tuple[File, ...]
    gated: bool = False
    """It is given only to those who accepted the licence on its page."""

    @property
    def page(self) -> str:
        return f"{HUB}/{self.repo}"

    @property
    def lm(self) -> LmConfig:
        return LMS[self.name]

    def bytes(self, file: File) -> int:
        """Of a file; where the hub told none, weights are two bytes a parameter, others nothing."""
        if file.bytes or file.kind != MODEL:
            return file.bytes
        return 2 * sum(math.prod(shape) for shape in expected(self.lm).values())

    def file(self, kind: str) -> str:
        """The name of its file of that kind; raises EngineError where it has none."""
        for one in self.files:
            if one.kind == kind:
                return one.name
        raise EngineError(f"{self.name} has no {kind}")


@dataclass(frozen=True)
class State:
    """What a look at a file on disk tells."""

    file: File
    bytes: int
    fault: str
    """Empty where nothing is wrong as far as one sees without reading all of it."""


def inspect(checkpoint: Checkpoint, folder: Path) -> list[State]:
    """A look at each file: is it there, as long as it should be, and as its own header says?"""
    return [_state(file, folder) for file in checkpoint.files]


def known(name: str) -> Checkpoint:
    """Raises EngineError that names those there are."""
    if name not in CHECKPOINTS:
        raise EngineError(f"model {name!r}: unknown; there are {', '.join(CHECKPOINTS)}")
    return CHECKPOINTS[name]


def _state(file: File, folder: Path) -> State:
    path = folder / file.name
    if file.kind == VOICES and (folder / FOLDER).is_dir():
        return _voices(file, folder / FOLDER)
    if not path.is_file():
        return State(file, 0, "missing")
    size = path.stat().st_size
    if file.kind == VOICES:
        return State(file, size, "not unpacked")
    fault = ""
    if file.bytes and size != file.bytes:
        fault = f"{size} bytes, expected {file.bytes}"
    elif path.suffix == ".safetensors":
        try:
            read_header(path)
        except EngineError as error:
            fault = str(error).removeprefix(f"{path}: ")
    elif not size:
        fault = "empty"
    return State(file, size, fault)


def _voices(file: File, folder: Path) -> State:
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.pt")}
    lacking = [name for name in VOICE_NAMES if not sizes.get(name)]
    fault = f"{len(lacking)} of {len(VOICE_NAMES)} voices missing" if lacking else ""
    return State(file, sum(sizes.values()), fault)


MIMI_SHA256 = "09b782f0629851a271227fb9d36db65c041790365f11bbe5d3d59369cf863f50"
MIMI_FILE = File("tokenizer-e351c8d8-checkpoint125.safetensors", CODEC, 384_644_900, MIMI_SHA256)
STT_MIMI_FILE = File("mimi-pytorch-e351c8d8@125.safetensors", CODEC, 384_644_900, MIMI_SHA256)
PIECES_32K = File(
    "tokenizer_spm_32k_3.model",
    TOKENIZER,
    sha256="78d4336533ddc26f9acf7250d7fb83492152196c6ea4212c841df76933f18d2d",
)
PIECES_8K = File(
    "tokenizer_en_fr_audio_8000.model",
    TOKENIZER,
    120_378,
    "cd87dd5d17169151782ac700280ec057e5d658a9afbe238a048ea5ff318cce69",
)

CHECKPOINTS: Mapping[str, Checkpoint] = {
    one.name: one
    for one in (
        Checkpoint(
            name="personaplex-7b-v1",
            about="duplex, role and voice",
            repo="nvidia/personaplex-7b-v1",
            revision="",
            licence="NVIDIA Open Model License",
            gated=True,
            files=(
                File("config.json", CONFIG),
                File("model.safetensors", MODEL),
                MIMI_FILE,
                PIECES_32K,
                File("voices.tgz", VOICES),
            ),
        ),
        Checkpoint(
            name="moshiko-7b",
            about="duplex, a man's voice",
            repo="kyutai/moshiko-pytorch-bf16",
            revision="2bfc9ae6e89079a5cc7ed2a68436010d91a3d289",
            licence="CC-BY 4.0",
            files=(
                File(
                    "model.safetensors",
                    MODEL,
                    sha256="5b835c664f3830bf453808cbca9bfbcc9de332c328cc01cbffdfbaba2a8838a7",
                ),
                MIMI_FILE,
                PIECES_32K,
            ),
        ),
        Checkpoint(
            name="moshika-7b",
            about="duplex, a woman's voice",
            repo="kyutai/moshika-pytorch-bf16",
            revision="a49141e28b3d9c947cf9aa5314431e1b11cbd2f5",
            licence="CC-BY 4.0",
            files=(
                File(
                    "model.safetensors",
                    MODEL,
                    sha256="e0a5a1c79010680eb916adb940ee8567978c78902c5a6b743c79202e75858712",
                ),
                MIMI_FILE,
                PIECES_32K,
            ),
        ),
        Checkpoint(
            name="stt-1b-en_fr",
            about="English and French",
            repo="kyutai/stt-1b-en_fr",
            revision="40b03403247f4adc9b664bc1cbdff78a82d31085",
            licence="CC-BY 4.0",
            files=(
                File(
                    "config.json",
                    CONFIG,
                    1261,
                    "5e6aee8007000d844152932184fb7c7112d73cb9a4be562a313b6fa2b89a68f9",
                ),
                File(
                    "model.safetensors",
                    MODEL,
                    1_978_423_520,
                    "8f6e244d44baf63c6fa3587d25a4e8d3627ecbafe177cf34a736e697bb725116",
                ),
                STT_MIMI_FILE,
                PIECES_8K,
            ),
        ),
        Checkpoint(
            name="stt-1b-en_fr-candle",
            about="the same, and pauses",
            repo="kyutai/stt-1b-en_fr-candle",
            revision="095e38f6242006a93c2541149b181988397f5c7c",
            licence="CC-BY 4.0",
            files=(
                File(
                    "config.json",
                    CONFIG,
                    1315,
                    "a3f1c6f7a39fca1fb1bbff68eaabc560b8037d2cdc68aa1f489859949a4223de",
                ),
                File(
                    "model.safetensors",
                    MODEL,
                    1_978_522_200,
                    "b9e97c53229dce728d65c76bfa892f7b563c69d671899f0ebc6518582dddec6f",
                ),
                STT_MIMI_FILE,
                PIECES_8K,
            ),
        ),
        Checkpoint(
            name="stt-2.6b-en",
            about="English, 2.5 s late",
            repo="kyutai/stt-2.6b-en",
            revision="a07aec56d22be5589cd0bc8709c75b6cf3e3039d",
            licence="CC-BY 4.0",
            files=(
                File(
                    "config.json",
                    CONFIG,
                    1257,
                    "b79ea52a30329887a2d0ce2dd5473a63fc5083e441e7986f64f01050c06239c9",
                ),
                File(
                    "model.safetensors",
                    MODEL,
                    5_234_275_128,
                    "2471add7da1fdb2d5dc4561e88a9069376333d992760d55d29d1db46c52849b2",
                ),
                STT_MIMI_FILE,
                File(
                    "tokenizer_en_audio_4000.model",
                    TOKENIZER,
                    59_339,
                    "d461765ae179566678c93091c5fa6f2984c31bbe990bf1aa62d92c64d91bc3f6",
                ),
            ),
        ),
    )
}
"""By name."""
