"""Public sets of questions by intent, and questions that no intent covers, as CLINC150's.

A folder holds ``*.json.gz`` files, each a list of ``[question, intent]`` or an object of such
lists. Parts are told by name: ``train``, and ``test`` (else ``valid`` or ``val``); uncovered are
``id-oos_…``, near misses of the same trade, and ``ood-oos_…`` or ``oos_…``, of other trades.
"""

import gzip
import zlib
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.errors import DataError

Pairs = list[tuple[str, str]]
MEASURED = ("test", "valid", "val")
"""Parts to measure on, the first that is there."""


class Intents(Struct, frozen=True):
    """What a folder holds."""

    name: str
    part: str
    """Which part is measured: ``test``, ``valid`` or ``val``."""
    examples: Pairs
    """Questions to learn from, with their intents."""
    asked: Pairs
    """Questions to measure on, of the same intents."""
    near: tuple[str, ...]
    """Questions of the same trade that no intent covers."""
    other: tuple[str, ...]
    """Questions of other trades."""
    told: tuple[str, ...]
    """Uncovered questions that may be learned from, as a team's feedback would tell them."""


def read_intents(folder: Path, train: Path | None = None) -> Intents:
    """The folder's questions, those to learn from out of `train` if given; raises DataError."""
    parts = _parts(folder)
    source = parts if train is None else _parts(train)
    part = next((name for name in MEASURED if name in parts), "")
    layout = "copilot evaluate scope needs [question, intent] lists named train, and valid or test"
    if not part or "train" not in source:
        missing = "train" if part else "valid, val or test"
        place = folder if not part or train is None else train
        raise DataError(f"{place}: has no part named {missing}; {layout}")
    near = _uncovered(parts, "id-oos", part)
    other = (*_uncovered(parts, "ood-oos", part), *_uncovered(parts, "oos", part))
    if not near and not other:
        raise DataError(
            f"{folder}: has no uncovered questions, oos_{part} or id-oos_{part}; {layout}"
        )
    intents = {intent for _, intent in source["train"]}
    strange = sorted({intent for _, intent in parts[part]} - intents)
    if strange:
        raise DataError(f"{folder}: {part} asks for {strange[0]!r}, which train does not have")
    told = (*_uncovered(source, "id-oos", "train"), *_uncovered(source, "oos", "train"))
    return Intents(folder.name, part, source["train"], parts[part], near, other, told)


def _uncovered(parts: dict[str, Pairs], kind: str, part: str) -> tuple[str, ...]:
    return tuple(question for question, _ in parts.get(f"{kind}_{part}", []))


def _parts(folder: Path) -> dict[str, Pairs]:
    files = sorted(folder.glob("*.json.gz"))
    if not files:
        raise DataError(f"{folder}: holds no .json.gz file; give a folder like banking77_oos")
    parts: dict[str, Pairs] = {}
    for file in files:
        try:
            found = msgspec.json.decode(gzip.decompress(file.read_bytes()))
        except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
            raise DataError(f"{file}: cannot be read ({error})") from None
        named = found if isinstance(found, dict) else {file.name.removesuffix(".json.gz"): found}
        for name, pairs in named.items():
            try:
                parts[name] = msgspec.convert(pairs, Pairs)
            except msgspec.ValidationError:
                continue  # such as CLINC150's list of intents by trade
    return parts
