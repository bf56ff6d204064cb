"""What was learned for each pack: versions in a folder, one of them in use, none ever changed."""

import datetime
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec import Struct

from copilot.errors import LearnError
from copilot.retrieval import adapter, scope, usage
from copilot.retrieval.adapter import Adapter
from copilot.retrieval.scope import Scope
from copilot.retrieval.usage import Usage

FOLDER = "learned"
"""Inside the data folder; one folder a pack in it."""
CURRENT = "current"
NOTE = "version.json"
ADAPTER, SCOPE, USAGE = "adapter.safetensors", "scope.safetensors", "usage.json"
NOTHING = 0
"""The version before the first: search as it comes."""


class Version(Struct, frozen=True):
    """One version."""

    number: int
    parent: int
    """The version in use before it."""
    created: str
    """UTC, ISO 8601."""
    labels: int
    """Labels it was learned from."""
    parts: tuple[str, ...]
    """What was learned anew; the rest is the parent's."""
    calls: tuple[str, ...] | None = None
    """The calls that any of its parts was learned from; None: it was made before that was noted."""


class Learned:
    """The versions of one pack."""

    def __init__(self, data: Path, pack: str) -> None:
        self.pack = pack
        self._folder = data / FOLDER / pack

    def versions(self) -> list[Version]:
        """All there are, oldest first."""
        notes = sorted(self._folder.glob(f"[0-9]*/{NOTE}"))
        return [self._read(note) for note in notes]

    def current(self) -> int:
        """The number of the version in use, or NOTHING."""
        file = self._folder / CURRENT
        try:
            number = int(file.read_text())
        except FileNotFoundError:
            return NOTHING
        except (OSError, ValueError) as error:
            raise LearnError(f"{file}: cannot be read ({error}); remove it to use none") from None
        if number != NOTHING and not (self._place(number) / NOTE).is_file():
            raise LearnError(
                f"{file}: names version {number}, which is gone; remove it to use none"
            )
        return number

    def adapter(self, embedder: str) -> Adapter | None:
        """The adapter in use; raises LearnError if it was learned for another embedder."""
        file = self._part(ADAPTER)
        return None if file is None else adapter.load(file, embedder)

    def scope(self, embedder: str) -> Scope | None:
        """The scope in use; raises LearnError if it was learned for another embedder."""
        file = self._part(SCOPE)
        return None if file is None else scope.load(file, embedder)

    def usage(self) -> Usage | None:
        """The usage in use; raises LearnError if its file is damaged."""
        file = self._part(USAGE)
        return None if file is None else usage.load(file)

    def keep(
        self,
        adapter: Adapter | None,
        scope: Scope | None,
        usage: Usage | None,
        labels: int,
        calls: Collection[str] = (),
    ) -> Version:
        """Make a version and use it, whole or not at all; a part that is None stays as it is.

        `calls`: those that something of it was learned from.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            parent = self.current()
            number = max((version.number for version in self.versions()), default=NOTHING) + 1
            parts = {ADAPTER: adapter, SCOPE: scope, USAGE: usage}
            made = [name.partition(".")[0] for name, part in parts.items() if part is not None]
            whence = self._whence(calls, parent)
            version = Version(number, parent, now(), labels, tuple(made), whence)
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                part_folder = Path(folder) / "whole"
                part_folder.mkdir()
                for name, part in parts.items():
                    if part is not None:
                        part.save(part_folder / name)
                    elif (old := self._part(name)) is not None:
                        shutil.copyfile(old, part_folder / name)
                (part_folder / NOTE).write_bytes(msgspec.json.encode(version))
                part_folder.rename(self._place(number))
            self._use(number)
        return version

    def back(self) -> int:
        """Use the parent of the version in use; raises LearnError where none is in use."""
        if not self._folder.is_dir() or (number := self.current()) == NOTHING:
            raise LearnError(
                f"{self.pack}: nothing learned is in use; there is nothing to go back to"
            )
        with FileLock(self._folder / ".lock"):
            parent = self._read(self._place(number) / NOTE).parent
            self._use(parent)
        return parent

    def forget(self, calls: Collection[str]) -> bool:
        """Delete every version that learned from one of these calls: it holds words and vectors of
        them. The newest of its forebears that is left is used instead. False: there was none."""
        if not self._folder.is_dir():
            return False
        with FileLock(self._folder / ".lock"):
            versions = {one.number: one for one in self.versions()}
            gone = {
                n for n, one in versions.items() if one.calls is None or {*one.calls} & {*calls}
            }
            current = self.current()
            while current in gone:
                current = versions[current].parent
            self._use(current)
            for number in gone:
                shutil.rmtree(self._place(number))
        return bool(gone)

    def _whence(self, calls: Collection[str], parent: int) -> tuple[str, ...] | None:
        """These calls and the parent's, of which parts may stay."""
        before = self._read(self._place(parent) / NOTE).calls if parent != NOTHING else ()
        return None if before is None else tuple(sorted({*before, *calls}))

    def _place(self, number: int) -> Path:
        return self._folder / f"{number:04d}"

    def _part(self, name: str) -> Path | None:
        number = self.current()
        file = self._place(number) / name
        return file if number != NOTHING and file.is_file() else None

    def _use(self, number: int) -> None:
        part = self._folder / f".{CURRENT}"
        part.write_text(f"{number}\n")
        part.replace(self._folder / CURRENT)

    def _read(self, note: Path) -> Version:
        try:
            return msgspec.json.decode(note.read_bytes(), type=Version)
        except (OSError, msgspec.DecodeError) as error:
            remedy = "remove the folder it is in"
            raise LearnError(f"{note}: cannot be read ({error}); {remedy}") from None


def forget_calls(data: Path, calls: Collection[str]) -> list[str]:
    """The packs of which something was learned from these calls, and is forgotten now."""
    folders = sorted((data / FOLDER).glob("*/")) if (data / FOLDER).is_dir() else []
    return [folder.name for folder in folders if Learned(data, folder.name).forget(calls)]


def now() -> str:
    """The time, as versions give it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
