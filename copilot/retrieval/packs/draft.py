"""One pack's folder as it lies: what each file gave, what was edited, and all that is wrong."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.errors import PackError
from copilot.retrieval.packs import edits
from copilot.retrieval.packs.about import read_about
from copilot.retrieval.packs.contents import PAGES, files_of
from copilot.retrieval.packs.document import read_document
from copilot.retrieval.packs.edits import EDITS_FILE, Edit, Edited
from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.markdown import read_markdown
from copilot.retrieval.packs.model import Fault, Pack
from copilot.retrieval.packs.reader import Reader
from copilot.retrieval.packs.table import read_csv, read_workbook
from copilot.retrieval.packs.text import read_text

REMEMBERED = 4096
"""Files whose reading is kept; those that were not looked at for longest are forgotten."""


class FileReading(Struct, frozen=True):
    """What one file gave."""

    name: str
    """Its path in the pack."""
    size: int
    """Bytes."""
    passages: tuple[Passage, ...] = ()
    faults: tuple[Fault, ...] = ()
    asked: dict[str, str] = {}
    """Where it asks each question, by the question's part of an id; Markdown only."""


class Draft(Struct, frozen=True):
    """A pack's folder."""

    name: str
    about: dict[str, str]
    """``title``, ``description``, ``language``; empty where pack.toml has a fault."""
    files: tuple[FileReading, ...]
    faults: tuple[Fault, ...]
    """Every fault, those of the files among them, sorted."""
    edits: dict[str, Edit]
    edited: Edited
    pack: Pack | None
    """What can be published; None where there is a fault."""

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All that could be read, with the edits and with what nobody has read yet."""
        return self.edited.passages


class Readings:
    """What files gave, so that one that has not changed is read once; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, int, int], FileReading] = OrderedDict()

    def get(self, file: Path) -> FileReading | None:
        key = _key(file)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, file: Path, reading: FileReading) -> None:
        with self._lock:
            self._found[_key(file)] = reading
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)


def read_draft(folder: Path, reader: Reader, readings: Readings | None = None) -> Draft:
    """Read a pack's folder; faults keep it from being used, not from being looked at."""
    faults: list[Fault] = []
    about = read_about(folder, faults)
    files = [read_file(folder, file, reader, readings) for file in files_of(folder, faults)]
    files = list(_asked_once(folder, files))
    for file in files:
        faults += file.faults
    passages = list(_without_repeats(files))
    made = _edits(folder, faults)
    edited = edits.apply(passages, made)
    ready = edited.ready
    if not ready and not faults:
        remedy = "add a Markdown file with ## headings, a question list or a document"
        if edited.passages:
            remedy = "read what was drafted from gaps, and save it"
        faults.append(Fault(str(folder), 0, "holds no question", remedy))
    pack = None
    if about is not None and not faults:
        pack = Pack(**about, version=version_of(ready), passages=ready)
    told = {key: value for key, value in (about or {}).items() if key != "name"}
    return Draft(folder.name, told, tuple(files), tuple(sorted(faults)), made, edited, pack)


def version_of(passages: Sequence[Passage]) -> str:
    """What names these passages: 8 hex digits of their SHA-256."""
    return hashlib.sha256(msgspec.json.encode(list(passages))).hexdigest()[:8]


def read_file(
    folder: Path, file: Path, reader: Reader, readings: Readings | None = None
) -> FileReading:
    """What one file of the pack gives, by itself."""
    name = file.relative_to(folder).as_posix()
    known = readings.get(file) if readings else None
    if known is not None:
        return known
    faults: list[Fault] = []
    asked: dict[str, str] = {}
    passages = _passages(PackFile(folder, file, faults), reader, asked)
    try:
        size = file.stat().st_size
    except OSError:  # deleted meanwhile
        size = 0
    found = FileReading(name, size, tuple(passages), tuple(faults), asked)
    if readings is not None:
        readings.put(file, found)
    return found


def _passages(file: PackFile, reader: Reader, asked: dict[str, str]) -> list[Passage]:
    match file.kind:
        case ".md":
            return read_markdown(file, asked)
        case ".txt":
            return read_text(file)
        case ".csv":
            return read_csv(file)
        case ".xlsx":
            return read_workbook(file, reader)
        case _:
            return read_document(file, reader)


def _asked_once(folder: Path, files: Sequence[FileReading]) -> Iterator[FileReading]:
    """The files, with a fault where Markdown asks what another file has asked already."""
    first: dict[str, str] = {}
    for file in files:
        again = {name: place for name, place in file.asked.items() if name in first}
        first = {**file.asked, **first}
        if not again:
            yield file
            continue
        titles = {passage.id.partition("#")[2]: passage.title for passage in file.passages}
        faults = [
            Fault(
                str(folder / file.name),
                int(place.rpartition(":")[2]),
                f"duplicate heading {titles.get(name, name)!r}, as at {Path(first[name]).name}",
                "merge the two or tell them apart",
            )
            for name, place in again.items()
        ]
        passages = tuple(one for one in file.passages if one.id.partition("#")[2] not in again)
        yield msgspec.structs.replace(file, passages=passages, faults=(*file.faults, *faults))


def _without_repeats(files: Sequence[FileReading]) -> Iterator[Passage]:
    """All passages; what a site shows on each of its pages, once."""
    seen: set[tuple[str, str]] = set()
    for file in files:
        page = Path(file.name).suffix.lower() in PAGES
        yield from (
            passage
            for passage in file.passages
            if not page or (passage.title, passage.text) not in seen
        )
        if page:
            seen.update((passage.title, passage.text) for passage in file.passages)


def _edits(folder: Path, faults: list[Fault]) -> dict[str, Edit]:
    try:
        found = edits.read_edits(folder)
    except PackError as error:
        faults.append(Fault(str(folder / EDITS_FILE), 0, str(error), "restore or remove it"))
        return {}
    faults += edits.faults(folder, found)
    return found


def _key(file: Path) -> tuple[str, int, int]:
    try:
        seen = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), seen.st_mtime_ns, seen.st_size
