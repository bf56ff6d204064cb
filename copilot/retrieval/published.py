"""What is published of each pack: every version that ever was, and which one calls get now.

A pack's folder in the data folder holds each published version whole, as ``<version>.json``, and
``history.jsonl``, to which a line is appended for each publication, roll-back and retirement. The
last line is the switch: a version is stored, durable, before its line is written.
"""

import datetime
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from copilot.errors import PackError
from copilot.retrieval.packs import Pack

HISTORY = "history.jsonl"
ATTENDED = "serving.lock"
"""Locked by a service that runs; the system frees it with the process."""
LOCK_SECONDS = 30.0
"""How long to wait for another process that writes a line."""


class What(StrEnum):
    """What happened to a pack."""

    PUBLISHED = "published"
    ROLLED_BACK = "rolled back"
    RETIRED = "retired"


class Publication(Struct, frozen=True, omit_defaults=True):
    """One line of a pack's history."""

    at: str
    """UTC, as ``2026-11-26T09:30:00+00:00``."""
    what: What
    version: str = ""
    """What calls get from then on; empty where the pack is retired."""
    passages: int = 0
    by: str = ""
    """Who did it in the console; empty: a command, or the start of the service."""


_LINES = msgspec.json.Decoder(Publication)
History = tuple[Publication, ...]
State = tuple[tuple[str, int, int], ...]
"""Of each history: the pack, when it was changed, and its size."""


class Published:
    """The published packs of a data folder; several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Every pack that was ever published."""
        return sorted(path.parent.name for path in self._folder.glob(f"*/{HISTORY}"))

    def history(self, name: str) -> History:
        """The pack's history, oldest first; empty if there is none."""
        try:
            raw = (self._folder / name / HISTORY).read_bytes()
        except FileNotFoundError:
            return ()
        whole = raw[: raw.rfind(b"\n") + 1]  # a line that was cut by a crash never counts
        try:
            return tuple(_LINES.decode_lines(whole))
        except msgspec.DecodeError as error:
            raise PackError(
                f"{self._folder / name / HISTORY}: not a history ({error}); restore it from a"
                f" backup, or move the folder {name} away to begin anew"
            ) from None

    def load(self, name: str, version: str) -> Pack:
        """A published version as it was."""
        path = self._path(name, version)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Pack)
        except (OSError, msgspec.DecodeError) as error:
            raise PackError(
                f"{path}: the published version cannot be read ({error}); publish the pack again"
                f" with `copilot packs publish {name}`"
            ) from None

    def keep(self, pack: Pack) -> None:
        """Store the version, whole and durable; nobody gets it yet."""
        path = self._path(pack.name, pack.version)
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
            try:
                with part.open("wb") as file:
                    file.write(msgspec.json.encode(pack))
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            _sync(path.parent)
            _sync(self._folder)

    @contextmanager
    def changing(self, name: str) -> Iterator["Change"]:
        """The pack's history with the right to add to it; others wait that long."""
        folder = self._folder / name
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                held = FileLock(folder / "lock").acquire(timeout=LOCK_SECONDS)
            except Timeout:
                raise PackError(
                    f"pack {name!r}: another process has been publishing it for {LOCK_SECONDS:.0f}"
                    " seconds; try again when it is done"
                ) from None
        with held:
            yield Change(folder / HISTORY, self.history(name))

    @contextmanager
    def attend(self) -> Iterator[None]:
        """Say, for as long as this lasts, that this process takes over what others publish."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / ATTENDED, thread_local=False)
        with ExitStack() as held:
            with suppress(Timeout):  # another process attends as well
                held.enter_context(lock.acquire(blocking=False))
            yield

    def attended(self) -> bool:
        """Whether a running service takes over what is published here."""
        if not self._folder.is_dir():
            return False
        try:
            with FileLock(self._folder / ATTENDED).acquire(blocking=False):
                return False
        except Timeout:
            return True

    def state(self) -> State:
        """Another value after every change, by whatever process; costs a look at each history."""
        looks = []
        for name in self.names():
            try:
                seen = (self._folder / name / HISTORY).stat()
            except FileNotFoundError:
                continue
            looks.append((name, seen.st_mtime_ns, seen.st_size))
        return tuple(looks)

    def _path(self, name: str, version: str) -> Path:
        return self._folder / name / f"{version}.json"


class Change:
    """A pack's history that nobody else changes now."""

    def __init__(self, file: Path, history: History) -> None:
        self._file = file
        self.history = history

    def add(self, what: What, version: str = "", passages: int = 0, by: str = "") -> Publication:
        """Append a line; from then on it holds, also after a crash."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        made = Publication(now, what, version, passages, by)
        with _writing(self._file), self._file.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(msgspec.json.encode(made) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _sync(self._file.parent)
        self.history += (made,)
        return made


# ---- what a history says -----------------------------------------------------------------------


def standing(history: Sequence[Publication]) -> tuple[str, ...]:
    """Versions that were published and not rolled back since, the one that calls get last."""
    stack: list[str] = []
    for line in history:
        if line.what is What.RETIRED:
            stack.clear()
        elif line.what is What.ROLLED_BACK and line.version in stack:
            del stack[stack.index(line.version) + 1 :]
        else:
            stack = [version for version in stack if version != line.version] + [line.version]
    return tuple(stack)


def current(history: Sequence[Publication]) -> str | None:
    """The version that new calls get; None if the pack is not published."""
    return (history[-1].version or None) if history else None


def versions(history: Sequence[Publication]) -> tuple[str, ...]:
    """Every version that was ever published, by its first publication."""
    return tuple(dict.fromkeys(line.version for line in history if line.version))


def due(history: Sequence[Publication], draft: str) -> bool:
    """Whether a draft is published without being asked for.

    Not one that was rolled back or retired: that stays so until the folder says something else.
    """
    stack = standing(history)
    known = draft in versions(history)
    return (not known or draft in stack) and (not stack or stack[-1] != draft)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PackError(
            f"{path}: cannot be written ({error.strerror}); see that the disk has room and the"
            " folder is writable"
        ) from None


def _sync(folder: Path) -> None:
    """Make a name in the folder durable, where the system can."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
