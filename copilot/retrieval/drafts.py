"""Packs that are edited in the console: a folder each in the data folder, changed under a lock.

A folder here is the draft of its pack as a folder under ``knowledge.path`` is, of the same form.
Where both have a pack of one name, the console's is the draft and the other is not looked at.
"""

import json
import re
import secrets
import shutil
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.errors import PackError
from copilot.retrieval.filing import (
    LONGEST_NAME,
    digest,
    file_name,
    files_of,
    limit_of,
    numbered,
    state_of,
)
from copilot.retrieval.packs.about import PACK_FILE
from copilot.retrieval.packs.draft import Draft, FileReading, Readings, read_draft, read_file
from copilot.retrieval.packs.edits import (
    WRITTEN,
    Edit,
    fingerprint,
    problems,
    read_edits,
    replace_file,
    write_edits,
)
from copilot.retrieval.packs.file import MIB
from copilot.retrieval.packs.model import slug
from copilot.retrieval.packs.reader import Reader

MAX_PACK_BYTES = 512 * MIB
"""Of all files of a pack together."""
MAX_PACK_FILES = 1000
MAX_DRAFTS = 50
"""Packs that are kept in memory as they were last read."""
TEXTS = (".md", ".txt", ".csv", ".html", ".htm")
"""Kinds whose files can be mended where they lie."""
UPLOAD_SECONDS, UPLOAD_MEMORY = 60, 2**30
"""What the reader process may take for one file."""
LOCK_SECONDS = 10.0


class Clash(PackError):
    """Somebody else changed it meanwhile."""


class Unknown(PackError):
    """Something that is not in the pack."""


class Unusable(PackError):
    """A passage that cannot be kept, with what is wrong by field."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__(" ".join(found.values()))
        self.fields = found


class About(Struct, frozen=True):
    """What a pack is called."""

    title: str
    description: str = ""
    language: str = "en"


class Drafts:
    """The console's packs; blocking, for several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.place = self._folder = folder
        """The folder with one folder a pack."""
        self._readings = Readings()
        self._drafts: dict[str, tuple[object, Draft]] = {}

    def names(self) -> list[str]:
        """Every pack that is edited here."""
        return sorted(file.parent.name for file in self._folder.glob(f"*/{PACK_FILE}"))

    def has(self, pack: str) -> bool:
        return re.fullmatch(r"[a-z0-9-]+", pack) is not None and (
            (self._folder / pack / PACK_FILE).is_file()
        )

    def folder(self, pack: str) -> Path:
        """Where it lies; raises Unknown."""
        if not self.has(pack):
            raise Unknown(f"There is no knowledge base {pack!r} here.")
        return self._folder / pack

    # ---- a pack

    def create(self, about: About, taken: Collection[str]) -> str:
        """Make an empty pack; its name comes from its title and is none of `taken`."""
        plain = unicodedata.normalize("NFKD", about.title).encode("ascii", "ignore").decode()
        wanted = slug(plain)[:LONGEST_NAME].strip("-") or "knowledge"
        for name in numbered(wanted):
            if name not in taken and not (self._folder / name).exists():
                break
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._made(name) as made:
            _write_about(made, name, about)
        return name

    def adopt(self, source: Path) -> str:
        """Copy a pack's folder, to be edited here from now on."""
        if self.has(source.name):
            return source.name
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._made(source.name) as made:
            shutil.copytree(source, made, dirs_exist_ok=True, symlinks=True)
        return source.name

    def describe(self, pack: str, about: About) -> None:
        """Call it otherwise."""
        with self._changing(pack) as folder:
            _write_about(folder, pack, about)

    def drop(self, pack: str) -> None:
        """Take the draft away, for good."""
        with self._changing(pack) as folder:
            gone = self._folder / f".gone-{secrets.token_hex(6)}"
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def read(self, pack: str) -> Draft:
        """The draft with all its faults; files that have not changed are not read again."""
        folder = self.folder(pack)
        state = state_of(folder)
        known = self._drafts.get(pack)
        if known is not None and known[0] == state:
            return known[1]
        with Reader() as reader:
            draft = read_draft(folder, reader, self._readings)
        self._drafts[pack] = (state, draft)
        while len(self._drafts) > MAX_DRAFTS:
            self._drafts.pop(next(iter(self._drafts)), None)
        return draft

    # ---- files

    @contextmanager
    def receiving(self, pack: str) -> Iterator[Path]:
        """A place for a file that comes in; gone afterwards unless `keep` took it."""
        folder = self.folder(pack)
        handle, name = tempfile.mkstemp(prefix=".coming-", dir=folder)
        part = Path(name)
        try:
            with open(handle, "wb"):  # noqa: PTH123 - a descriptor
                pass
            yield part
        finally:
            part.unlink(missing_ok=True)

    def keep(self, pack: str, name: str, part: Path) -> tuple[FileReading, bool]:
        """Take a received file into the pack; how it reads, and whether it replaced another.

        A file with faults is taken too, to be mended in its place.
        """
        name = file_name(name)
        with self._changing(pack) as folder:
            others = [file for file in files_of(folder) if file.name != name]
            if len(others) >= MAX_PACK_FILES:
                raise PackError(f"A knowledge base holds {MAX_PACK_FILES:,} files at most.")
            size = sum(file.stat().st_size for file in others) + part.stat().st_size
            if size > MAX_PACK_BYTES:
                most = MAX_PACK_BYTES // MIB
                raise PackError(f"A knowledge base holds {most} MiB of files at most.")
            file = folder / name
            replaced = file.exists()
            part.replace(file)
            return self._check(folder, file), replaced

    def text(self, pack: str, name: str) -> str:
        """A text file's words; raises Unknown, or PackError for one that is no text."""
        file = self._file(self.folder(pack), name)
        if file.suffix.lower() not in TEXTS:
            raise PackError(f"{name} is no text: mend it in its program and upload it again.")
        return file.read_bytes().decode("utf-8-sig", "replace")

    def write(self, pack: str, name: str, text: str, expected: str | None = None) -> FileReading:
        """Save a text file that was mended; raises Clash where its digest is not `expected`."""
        body = text.replace("\r\n", "\n").encode()
        limit = limit_of(name)
        if len(body) > limit:
            raise PackError(f"{name}: over the limit of {limit // MIB} MiB a file; split it.")
        with self._changing(pack) as folder:
            file = self._file(folder, name)
            if expected is not None and expected != digest(self.text(pack, name)):
                raise Clash(f"{name} was changed by somebody else meanwhile.")
            replace_file(file, body)
            return self._check(folder, file)

    def remove(self, pack: str, name: str) -> None:
        """Take a file out of the pack, and the edits of its passages with it."""
        with self._changing(pack) as folder:
            file = self._file(folder, name)
            known = {passage.id for passage in self._check(folder, file).passages}
            edits = read_edits(folder)
            write_edits(folder, {id: edit for id, edit in edits.items() if id not in known})
            file.unlink()

    # ---- passages

    def edit(self, pack: str, id: str, edit: Edit, expected: str) -> None:
        """Save a passage; `expected` is the fingerprint of what the editor saw.

        Raises Unknown, Clash or Unusable.
        """
        edit = tidy(edit)
        if found := problems(edit):
            raise Unusable(found)
        with self._changing(pack) as folder:
            draft = self.read(pack)
            self._expect(draft, id, expected)
            under = draft.edited.under.get(id) or _find(draft.passages, id)
            base = fingerprint(under) if id not in draft.edits or draft.edits[id].base else ""
            asked = draft.edits[id].asked if id in draft.edits else ""
            edit = msgspec.structs.replace(edit, base=base, asked=asked)
            edits = dict(draft.edits)
            if base and edit.over(id) == msgspec.structs.replace(under, score=0):
                edits.pop(id, None)  # it says again what its file says
            else:
                edits[id] = edit
            write_edits(folder, edits)

    def add(self, pack: str, edit: Edit) -> str:
        """Write a new passage; its id. Raises Unusable."""
        edit = tidy(edit)
        if found := problems(edit):
            raise Unusable(found)
        with self._changing(pack) as folder:
            draft = self.read(pack)
            used = {passage.id for passage in draft.passages} | draft.edits.keys()
            for name in numbered(slug(edit.title)[:80].strip("-")):
                id = f"{pack}/{WRITTEN}#{name}"
                if id not in used:
                    break
            write_edits(folder, {**draft.edits, id: msgspec.structs.replace(edit, base="")})
            return id

    def leave_out(self, pack: str, id: str, by: str, at: str) -> None:
        """Take a passage out; one that was written here is gone."""
        with self._changing(pack) as folder:
            draft = self.read(pack)
            passage = _find(draft.passages, id)
            edits = dict(draft.edits)
            under = draft.edited.under.get(id)
            if under is None and id in edits:
                del edits[id]
            else:
                base = fingerprint(under or passage)
                edits[id] = Edit(title=passage.title, removed=True, base=base, by=by, at=at)
            write_edits(folder, edits)

    def restore(self, pack: str, id: str) -> None:
        """Let the passage say what its file says."""
        with self._changing(pack) as folder:
            draft = self.read(pack)
            if id not in draft.edits or id not in draft.edited.under:
                raise Unknown(f"{id!r} was not edited, or no file has it.")
            write_edits(folder, {key: one for key, one in draft.edits.items() if key != id})

    def stand(self, pack: str, id: str) -> None:
        """Confirm an edit whose file has changed or has no such passage any more, or a draft."""
        with self._changing(pack) as folder:
            draft = self.read(pack)
            if id not in draft.edited.doubts:
                return
            under = draft.edited.under.get(id)
            base = fingerprint(under) if under is not None else ""
            confirmed = msgspec.structs.replace(draft.edits[id], base=base, drafted=False)
            write_edits(folder, {**draft.edits, id: confirmed})

    # ---- inside

    def _expect(self, draft: Draft, id: str, expected: str) -> None:
        if fingerprint(_find(draft.passages, id)) != expected:
            raise Clash("Somebody else changed this passage meanwhile. Below is what it says now.")

    def _check(self, folder: Path, file: Path) -> FileReading:
        with Reader(UPLOAD_SECONDS, UPLOAD_MEMORY) as reader:
            return read_file(folder, file, reader, self._readings)

    def _file(self, folder: Path, name: str) -> Path:
        """The file of the pack with this name, which is compared and never walked along."""
        for file in files_of(folder):
            if file.relative_to(folder).as_posix() == name:
                return file
        raise Unknown(f"There is no file {name!r} in {folder.name}.")

    @contextmanager
    def _made(self, name: str) -> Iterator[Path]:
        """A folder that is there whole or not at all."""
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            yield made
            made.rename(self._folder / name)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @contextmanager
    def _changing(self, pack: str) -> Iterator[Path]:
        self.folder(pack)
        lock = FileLock(self._folder / f".{pack}.lock")
        try:
            held = lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise Clash(f"{pack} is being changed; try again in a moment.") from None
        with held:
            yield self.folder(pack)


def tidy(edit: Edit) -> Edit:
    """The fields as they are kept: one line where they are one, no stray blanks."""
    lines = [" ".join(line.split()) for line in edit.text.replace("\r\n", "\n").split("\n")]
    return msgspec.structs.replace(
        edit,
        title=" ".join(edit.title.split()),
        text="\n".join(line for line in lines if line),
        say=" ".join(edit.say.split()),
        entity=" ".join(edit.entity.split()),
        valid_until=edit.valid_until.strip(),
    )


def _find(passages: Iterable[Passage], id: str) -> Passage:
    found = next((passage for passage in passages if passage.id == id), None)
    if found is None:
        raise Unknown(f"There is no passage {id!r} in this knowledge base.")
    return found


def _write_about(folder: Path, name: str, about: About) -> None:
    title = " ".join(about.title.split())
    if not any(one.isprintable() and not one.isspace() for one in title):
        raise Unusable({"title": "The name is empty. Write what the knowledge is about."})
    if len(title) > 120:
        raise Unusable({"title": "The name is longer than 120 characters. Shorten it."})
    values = {
        "name": name,
        "title": title,
        "language": about.language.strip() or "en",
        "description": " ".join(about.description.split()),
    }
    # a JSON text is a TOML basic string, but for the one character that TOML forbids raw
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
        for key, value in values.items()
    ]
    replace_file(folder / PACK_FILE, "".join(lines).encode())
