"""Public talk with knowledge: moments of which is known whether knowledge was needed, and which.

The layout is ``knowledge.jsonl.gz`` (id, domain, entity_name, title, body) and ``turns.jsonl.gz``
(id, turns of ``{speaker, text}`` that end with the customer, needs, gold); a domain becomes a pack.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Party, Passage, TurnText
from copilot.errors import DataError
from copilot.retrieval.packs import Pack
from copilot.retrieval.usage import Usage, counted

T = TypeVar("T")

FOLDS = 5
"""In which moments are held out from what is fitted."""


class Moment(Struct, frozen=True):
    """Talk up to a line of the customer, and what should come of it."""

    id: str
    turns: tuple[TurnText, ...]
    """Oldest first, the last one the customer's."""
    needs: bool
    gold: tuple[str, ...] = ()
    """Passages that would help, any of them right."""

    @property
    def query(self) -> str:
        return self.turns[-1].text

    @property
    def before(self) -> tuple[TurnText, ...]:
        return self.turns[:-1]


def original(moment: str) -> str:
    """The id without the ~ that marks a misheard copy."""
    return moment.rstrip("~")


def fold_of(moment: str) -> int:
    """The fold of a moment by its id; a misheard copy goes with its original."""
    return zlib.crc32(original(moment).encode()) % FOLDS


def usage_of(moments: Iterable[Moment]) -> Usage:
    """How often each passage was right, each moment counted once."""
    right = {original(moment.id): moment.gold for moment in moments if moment.needs}
    return counted([passage for gold in right.values() for passage in gold])


class Corpus(Struct, frozen=True):
    """A knowledge base and its moments."""

    name: str
    packs: tuple[Pack, ...]
    moments: tuple[Moment, ...]
    digest: str
    """SHA-256 over the moments' file: tells whether a model was trained on it."""


class _Knowledge(Struct):
    id: str
    domain: str
    title: str
    body: str
    entity_name: str | None = None


class _Said(Struct):
    speaker: Party
    text: str


class _Turns(Struct):
    id: str
    turns: list[_Said]
    needs: bool
    gold: list[str] = []


def read_corpus(folder: Path) -> Corpus:
    """Read the folder; raises DataError that names the file and line that cannot be used."""
    known = read_lines(folder / "knowledge.jsonl.gz", _Knowledge)
    rows = read_lines(folder / "turns.jsonl.gz", _Turns)
    ids = {row.id for row in known}
    for number, row in enumerate(rows, 1):
        place = f"{folder / 'turns.jsonl.gz'}, line {number}"
        if not row.turns or row.turns[-1].speaker is not Party.CUSTOMER:
            raise DataError(f"{place}: {row.id!r} does not end with a turn of the customer")
        if lost := [gold for gold in row.gold if gold not in ids]:
            raise DataError(f"{place}: gold {lost[0]!r} is no passage of knowledge.jsonl.gz")
    domains: dict[str, list[Passage]] = {}
    for one in known:
        made = Passage(one.id, one.title, one.body or one.title, "", 0, one.entity_name or "")
        domains.setdefault(one.domain, []).append(made)
    packs = tuple(as_pack(name, owned) for name, owned in domains.items())
    moments = tuple(
        Moment(
            row.id,
            tuple(TurnText(said.speaker, said.text) for said in row.turns),
            row.needs,
            tuple(row.gold),
        )
        for row in rows
    )
    digest = hashlib.sha256((folder / "turns.jsonl.gz").read_bytes()).hexdigest()
    return Corpus(folder.name, packs, moments, digest)


def as_pack(name: str, passages: Sequence[Passage]) -> Pack:
    """Passages as a pack of this name."""
    version = hashlib.sha256(msgspec.json.encode(passages)).hexdigest()[:8]
    return Pack(name, name, "", "en", version, tuple(passages))


def read_lines(file: Path, kind: type[T]) -> list[T]:
    """The objects of a JSON-lines file, packed by gzip or not; raises DataError."""
    decoder = msgspec.json.Decoder(kind)
    rows: list[T] = []
    lines: list[bytes] = []
    try:
        raw = file.read_bytes()
        text = gzip.decompress(raw) if file.suffix == ".gz" else raw
        lines = [line for line in text.splitlines() if line.strip()]
        for line in lines:
            rows.append(decoder.decode(line))  # noqa: PERF401  rows counts the lines for the error
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: not a gzip file ({error})") from None
    except OSError as error:
        remedy = "name a folder of that layout"
        raise DataError(f"{file}: cannot be read ({error.strerror or error}); {remedy}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file}, line {len(rows) + 1}: not usable ({error})") from None
    if not rows:
        raise DataError(f"{file}: is empty")
    return rows
