"""Names under which packs and files are kept, and what lies in a pack's folder."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from copilot.errors import PackError
from copilot.retrieval.packs.about import PACK_FILE
from copilot.retrieval.packs.contents import ASIDE, READ
from copilot.retrieval.packs.edits import EDITS_FILE, WRITTEN
from copilot.retrieval.packs.file import LIMITS, MAX_FILE_BYTES

LONGEST_NAME = 40
"""Characters of a pack's name."""
_LONGEST_FILE = 100
"""Characters of a file's name, its ending included."""
_OFF = re.compile(r"[^\w .()&+,'-]+")


def digest(text: str) -> str:
    """Another value for another text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def file_name(given: str) -> str:
    """The name under which an uploaded file is kept; raises PackError for one that is not read."""
    last = unicodedata.normalize("NFC", given.replace("\\", "/")).rpartition("/")[2]
    stem, dot, ending = last.rpartition(".")
    kind = f".{ending.lower()}" if dot else ""
    if kind not in READ or last.lower() in (*ASIDE, PACK_FILE, EDITS_FILE):
        kinds = ", ".join(READ)
        raise PackError(f"{given[:80]!r} is not read. Save it as one of {kinds}.")
    stem = _OFF.sub("-", stem).strip(" .-~")[: _LONGEST_FILE - len(kind)].strip(" .-~") or "file"
    if stem.casefold() == WRITTEN:
        stem += "-1"
    return stem + kind


def limit_of(name: str) -> int:
    """Bytes that a file of this name may have."""
    return LIMITS.get(Path(name).suffix.lower(), MAX_FILE_BYTES)


def files_of(folder: Path) -> list[Path]:
    """Every file of the pack that is read, in any folder of it."""
    return [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in READ
        and not file.is_symlink()
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]


def state_of(folder: Path) -> object:
    """Another value after every change in the folder."""
    found = []
    for file in folder.rglob("*"):
        if not file.name.startswith("."):
            seen = file.lstat()
            found.append((str(file), seen.st_mtime_ns, seen.st_size, seen.st_ino))
    return sorted(found)


def numbered(stem: str) -> Iterator[str]:
    """``faq``, ``faq-2``, ``faq-3`` and so on."""
    yield stem
    number = 2
    while True:
        tail = f"-{number}"
        yield (
            stem[: max(1, LONGEST_NAME - len(tail))] + tail
            if len(stem) <= LONGEST_NAME
            else stem + tail
        )
        number += 1
