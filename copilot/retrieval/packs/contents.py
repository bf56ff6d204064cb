"""Which files of a pack's folder are read, and which are passed over."""

from collections.abc import Iterator
from pathlib import Path

from copilot.retrieval.packs.model import Fault

PAGES = (".html", ".htm")
READ = (".md", ".txt", ".csv", ".xlsx", ".docx", ".pdf", *PAGES)
ASSETS = frozenset(
    ".avif .bmp .css .eot .gif .ico .jpeg .jpg .js .json .map .mjs .mp3 .mp4 .ogg .otf .png .svg "
    ".tif .tiff .toml .ttf .wav .webm .webp .woff .woff2 .xml .yaml .yml".split()
)
"""Files that pages and authors keep beside the words: passed over without a word."""
ASIDE = frozenset(
    ("license", "license.txt", "notice", "notice.txt", "makefile", "thumbs.db", "desktop.ini")
)
"""Names, in lower case, that are passed over too."""
MAX_FILES = 10_000


def files_of(folder: Path, faults: list[Fault]) -> list[Path]:
    """The files to read, sorted; adds a fault for what can neither be read nor passed over."""
    found: list[Path] = []
    root = folder.resolve()
    for seen, path in enumerate(_walk(folder, faults)):
        if seen >= MAX_FILES:
            problem = f"holds more than {MAX_FILES:,} files"
            faults.append(Fault(str(folder), 0, problem, "split the pack"))
            break
        fault = _refusal(root, path)
        if fault is not None:
            faults.append(Fault(str(path), 0, *fault))
        elif path.suffix.lower() in READ and path.name.lower() not in ASIDE:
            found.append(path)
    return sorted(found)


def _walk(folder: Path, faults: list[Fault]) -> Iterator[Path]:
    """Every file of the pack but hidden ones and what a browser saved beside a page."""
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        problem = f"cannot be opened ({error.strerror})"
        faults.append(Fault(str(folder), 0, problem, "let this user read it"))
        return
    for path in paths:
        if path.name.startswith((".", "~$")):  # ~$: an office program has it open
            continue
        if path.is_dir() and not path.is_symlink():
            if not _saved_beside(path):
                yield from _walk(path, faults)
        else:
            yield path


def _saved_beside(folder: Path) -> bool:
    """Whether a browser made the folder for the pictures and styles of the page beside it."""
    page = folder.name.removesuffix("_files")
    return page != folder.name and any(
        folder.with_name(page + ending).is_file() for ending in (".html", ".htm")
    )


def _refusal(root: Path, path: Path) -> tuple[str, str] | None:
    """Problem and remedy of a file that may not stand in a pack."""
    try:
        inside = not path.is_symlink() or path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # RuntimeError: a link to itself
        return "is a link to nothing", "remove it"
    if not inside:
        return "is a link that leads out of the pack", "put a copy in its place"
    try:
        path.name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8", "rename it"
    kind = path.suffix.lower()
    if path.is_dir() or kind in ASSETS or path.name.lower() in ASIDE:
        return None
    if kind not in READ:
        problem = f"is of a kind that is not read ({kind or 'no ending'})"
        return problem, f"save it as one of {', '.join(READ)}, or move it out of the pack"
    return None if path.is_file() else ("is no ordinary file", "remove it")
