"""Timed words of real calls that are none of the packs' business (the layout of ``earnings21``).

A file a call, ``*.json.gz`` or ``*.json``: ``{"id", "seconds", "asr": [[word, speaker, start,
end], …]}``, times in seconds.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.core.events import Heard
from copilot.core.vocabulary import TICKS_PER_SECOND, Hearing, Word
from copilot.errors import DataError

TAIL = 25
"""Ticks of silence after the last word, so that it is decided on."""


class Talk(Struct, frozen=True):
    """The words of a call, whoever said them."""

    id: str
    seconds: float
    asr: list[tuple[str, str, float, float]]


def read_talks(folder: Path) -> list[Talk]:
    """All calls of the folder in the order of their names; raises DataError."""
    files = sorted([*folder.glob("*.json.gz"), *folder.glob("*.json")])
    if not files:
        raise DataError(f"{folder}: holds no call (*.json.gz); name a folder like earnings21")
    return [_read(file) for file in files]


def _read(file: Path) -> Talk:
    try:
        raw = file.read_bytes()
        text = gzip.decompress(raw) if file.suffix == ".gz" else raw
        return msgspec.json.decode(text, type=Talk)
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({error})") from None
    except msgspec.DecodeError as error:
        raise DataError(f"{file}: not a call of timed words ({error})") from None


def heard(talk: Talk, until: float | None = None) -> Iterator[Heard]:
    """The call tick by tick, every speaker heard as the customer: the harder reading.

    Each word is final when it ends; there is speech in the ticks of words.
    """
    words = [w for w in talk.asr if until is None or w[3] <= until]
    spans = [
        Word(text, _tick(start), max(_tick(start) + 1, _tick(end))) for text, _, start, end in words
    ]
    last = max((word.end for word in spans), default=0) + TAIL
    ending: dict[int, list[Word]] = {}
    speaking = set[int]()
    for word in spans:
        ending.setdefault(word.end, []).append(word)
        speaking.update(range(word.start, word.end + 1))
    for tick in range(1, last + 1):
        said = tuple(ending.get(tick, ()))
        yield Heard(tick, customer=Hearing(95 if tick in speaking else 0, words=said))


def windows(talk: Talk, words: int) -> list[str]:
    """The talk cut into lines of so many words."""
    texts = [word[0] for word in talk.asr]
    return [" ".join(texts[n : n + words]) for n in range(0, len(texts) - words, words)]


def _tick(seconds: float) -> int:
    return int(seconds * TICKS_PER_SECOND)
