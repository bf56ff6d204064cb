"""Whether the files of a checkpoint are what they should be, without loading its weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from copilot.engine.checkpoints import (
    CODEC,
    CONFIG,
    FOLDER,
    MODEL,
    TOKENIZER,
    VOICES,
    Checkpoint,
    File,
    inspect,
)
from copilot.engine.errors import EngineError
from copilot.engine.presets import MIMI, LmConfig, read_config
from copilot.engine.voices import load_tokenizer, load_voice
from copilot.engine.weights import audit, check_sha256

Tell = Callable[[str, int, int], object]
"""Called with what is read, and bytes of it done and in all."""

_HEADS = ("extra_heads_num_heads", "extra_heads_dim")
"""Fields that the config.json of the repository with pause heads does not tell."""

_CODES = ("silence_tokens", "sine_tokens")


@dataclass(frozen=True)
class Checked:
    """A file that was looked through."""

    file: File
    by: tuple[str, ...]
    """What was compared."""
    fault: str
    """Empty where everything fits."""


def verify(
    checkpoint: Checkpoint, folder: Path, tell: Tell, *, hashes: bool = True
) -> Iterator[Checked]:
    """One after the other: sizes, then what is inside, then every byte where the SHA-256 is known
    and `hashes` is set."""
    for state in inspect(checkpoint, folder):
        by = ["size"] if state.file.bytes else []
        fault = state.fault
        if not fault:
            try:
                by.append(_inside(checkpoint, state.file, folder))
                if hashes and state.file.sha256:
                    path, name = folder / state.file.name, state.file.name
                    check_sha256(path, state.file.sha256, lambda *at, of=name: tell(of, *at))
                    by.append("SHA-256")
            except EngineError as error:
                fault = str(error).removeprefix(f"{folder / state.file.name}: ")
        yield Checked(state.file, tuple(by), fault)


def _inside(checkpoint: Checkpoint, file: File, folder: Path) -> str:
    """Look into a file, and say what was compared; raises EngineError."""
    path = folder / file.name
    if file.kind == MODEL:
        audit(path, checkpoint.lm)
        return "names, shapes"
    if file.kind == CODEC:
        audit(path, MIMI)
        return "names, shapes"
    if file.kind == TOKENIZER:
        load_tokenizer(path, checkpoint.lm)
        return "pieces"
    if file.kind == VOICES:
        for voice in sorted((folder / FOLDER).glob("*.pt")):
            load_voice(voice, checkpoint.lm)
        return "shapes"
    assert file.kind == CONFIG
    _compare(read_config(path), checkpoint.lm, path)
    return "sizes of the model"


def _compare(found: LmConfig, wanted: LmConfig, path: Path) -> None:
    names = [one.name for one in fields(LmConfig) if one.name not in (*_HEADS, *_CODES)]
    for name in names:
        if getattr(found, name) != getattr(wanted, name):
            raise EngineError(
                f"{path}: {name} = {getattr(found, name)!r}, expected {getattr(wanted, name)!r}"
            )
