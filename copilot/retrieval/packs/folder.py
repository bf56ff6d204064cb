"""The knowledge folder: which packs it holds, which files of a pack are read and how each is."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from copilot.core.events import Passage
from copilot.retrieval.packs.document import read_document
from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.markdown import line_of, read_markdown
from copilot.retrieval.packs.model import Fault, Pack, PackFaults, Reading
from copilot.retrieval.packs.reader import Reader
from copilot.retrieval.packs.table import read_csv, read_workbook

PACK_FILE = "pack.toml"
PAGES = (".html", ".htm")
READ = (".md", ".csv", ".xlsx", ".docx", ".pdf", *PAGES)
ASSETS = frozenset(
    ".avif .bmp .css .eot .gif .ico .jpeg .jpg .js .json .map .mjs .mp3 .mp4 .ogg .otf .png .svg "
    ".tif .tiff .toml .ttf .wav .webm .webp .woff .woff2 .xml .yaml .yml".split()
)
"""Files that pages and authors keep beside the words: passed over without a word."""
ASIDE = frozenset(("license", "notice", "makefile", "thumbs.db", "desktop.ini"))
"""Names, in lower case, that are passed over too."""
MAX_FILES = 10_000

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def load_packs(folder: Path, names: Sequence[str] = ()) -> tuple[Pack, ...]:
    """The packs of `folder` that `names` asks for (all of them when it is empty).

    Raises PackFaults with every fault of every pack; there is no half-loaded result.
    """
    reading = read_packs(folder, names)
    if reading.faults:
        raise PackFaults(reading.faults)
    return reading.packs


def read_packs(folder: Path, names: Sequence[str] = ()) -> Reading:
    """Read the packs of `folder`, collecting faults instead of raising them."""
    faults: list[Fault] = []
    with Reader() as reader:
        packs = [_read_pack(path, reader, faults) for path in _packs(folder, names, faults)]
    return Reading(tuple(pack for pack in packs if pack is not None), tuple(sorted(faults)))


def _packs(folder: Path, names: Sequence[str], faults: list[Fault]) -> list[Path]:
    if not folder.is_dir():
        remedy = "set knowledge.path to the folder that holds the packs"
        faults.append(Fault(str(folder), 0, "no such folder", remedy))
        return []
    found = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not found:
        remedy = f"make a folder with a {PACK_FILE} in it"
        faults.append(Fault(str(folder), 0, "holds no pack", remedy))
    known = [path.name for path in found]
    for name in names:
        if name not in known:
            remedy = f"knowledge.packs may name {', '.join(known) or 'nothing yet'}"
            faults.append(Fault(str(folder / name), 0, "no such pack", remedy))
    return [path for path in found if not names or path.name in names]


def _read_pack(folder: Path, reader: Reader, faults: list[Fault]) -> Pack | None:
    mine: list[Fault] = []
    about = _read_about(folder, mine)
    passages: list[Passage] = []
    asked: dict[str, str] = {}
    on_pages: set[tuple[str, str]] = set()
    for path in _files(folder, mine):
        file = PackFile(folder, path, mine)
        found = _read_file(file, reader, asked)
        passages += _without_repeats(found, on_pages) if file.kind in PAGES else found
    if not passages and not mine:
        remedy = "add a Markdown file with ## headings, a question list or a document"
        mine.append(Fault(str(folder), 0, "holds no question", remedy))
    faults += mine
    if mine or about is None:
        return None
    content = msgspec.json.encode(passages)
    version = hashlib.sha256(content).hexdigest()[:8]
    return Pack(**about, version=version, passages=tuple(passages))


def _without_repeats(found: list[Passage], seen: set[tuple[str, str]]) -> list[Passage]:
    """What a site shows on each of its pages, once."""
    new = [passage for passage in found if (passage.title, passage.text) not in seen]
    seen.update((passage.title, passage.text) for passage in new)
    return new


def _read_file(file: PackFile, reader: Reader, asked: dict[str, str]) -> list[Passage]:
    match file.kind:
        case ".md":
            return read_markdown(file, asked)
        case ".csv":
            return read_csv(file)
        case ".xlsx":
            return read_workbook(file, reader)
        case _:
            return read_document(file, reader)


# ---- which files -------------------------------------------------------------------------------


def _files(folder: Path, faults: list[Fault]) -> list[Path]:
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
        elif path.suffix.lower() in READ:
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


# ---- pack.toml ---------------------------------------------------------------------------------


def _read_about(folder: Path, faults: list[Fault]) -> dict[str, str] | None:
    file = folder / PACK_FILE
    if not file.is_file():
        remedy = "add one with name, title, description and language"
        faults.append(Fault(str(file), 0, "is missing", remedy))
        return None
    text = PackFile(folder, file, faults).text()
    if text is None:
        return None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        faults.append(Fault(str(file), int(line[1]) if line else 0, "is not TOML", str(error)))
        return None
    before = len(faults)
    about = _about(folder, file, text, given, faults)
    return about if len(faults) == before else None


def _about(
    folder: Path, file: Path, text: str, given: Mapping[str, object], faults: list[Fault]
) -> dict[str, str]:
    keys = {"name": None, "title": None, "description": "", "language": "en"}
    about: dict[str, str] = {}
    for key in given.keys() - keys.keys():
        remedy = f"remove it or use one of {', '.join(keys)}"
        faults.append(Fault(str(file), line_of(text, key), f"unknown key {key!r}", remedy))
    for key, default in keys.items():
        value = given.get(key, default)
        if isinstance(value, str) and (value or default is not None):
            about[key] = value
        else:
            remedy = f'write {key} = "…"'
            problem = f"{key} is missing" if value is None else f"{key} = {value!r} is not a text"
            faults.append(Fault(str(file), line_of(text, key), problem, remedy))
    if "name" in about and (about["name"] != folder.name or not _NAME.fullmatch(about["name"])):
        remedy = "name it like its folder, in lower-case letters, digits and hyphens, at most 40"
        problem = f"name = {about['name']!r} in the folder {folder.name!r}"
        faults.append(Fault(str(file), line_of(text, "name"), problem, remedy))
    return about
