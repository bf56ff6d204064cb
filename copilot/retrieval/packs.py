"""Knowledge packs on disk: reads and validates them, and turns each section into a passage.

A pack is a folder with a ``pack.toml`` (``name``, ``title``, ``description``, ``language``) and
markdown files. A file opens with YAML front matter (``title``, and optionally ``updated``,
``tags``); every ``##`` heading is a question as customers ask it and its body the answer. A
paragraph of one line that starts with ``say:`` directly under the heading is the spoken line, at
most 25 words::

    ---
    title: Tracking a parcel
    updated: 2026-10-05
    ---

    ## Where is my parcel?

    say: With the tracking number I can see the last scan.

    Ask for the tracking number and open it in the tracking page.
"""

import datetime
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import Struct

from copilot.core.events import Passage
from copilot.errors import PackError

MAX_FILE_BYTES = 1024 * 1024
"""A larger file is refused before it is read: a support answer is a few hundred bytes."""
MAX_SAY_WORDS = 25
PACK_FILE = "pack.toml"

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Fault(Struct, frozen=True, order=True):
    """Something in a pack that its author must put right."""

    file: str
    line: int
    """From 1; 0 where the whole file is meant."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.problem}; {self.remedy}"


class PackFaults(PackError):
    """Every fault of the packs at once, so that an author needs one run to see them all."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class Pack(Struct, frozen=True):
    """A validated pack."""

    name: str
    title: str
    description: str
    language: str
    version: str
    """First 8 hex digits of the SHA-256 over all that search can return."""
    passages: tuple[Passage, ...]
    """In the order of files and headings; their score is 0 until a search sets it."""

    @property
    def ref(self) -> str:
        """Name and version, as logs cite them: ``parcel@1f0c9a2e``."""
        return f"{self.name}@{self.version}"


class Reading(Struct, frozen=True):
    """What reading a knowledge folder gave."""

    packs: tuple[Pack, ...]
    """The packs without a fault."""
    faults: tuple[Fault, ...]


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
    packs = [_read_pack(path, faults) for path in _pack_folders(folder, names, faults)]
    return Reading(tuple(pack for pack in packs if pack is not None), tuple(sorted(faults)))


def slug(heading: str) -> str:
    """The heading's part of a passage id: lower-case words joined by hyphens, or nothing."""
    return re.sub(r"[\W_]+", "-", heading.casefold()).strip("-")


def _pack_folders(folder: Path, names: Sequence[str], faults: list[Fault]) -> list[Path]:
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


def _read_pack(folder: Path, faults: list[Fault]) -> Pack | None:
    mine: list[Fault] = []
    about = _read_about(folder, mine)
    passages: list[Passage] = []
    asked: dict[str, str] = {}
    for path in _markdown_files(folder):
        passages += _read_file(folder, path, asked, mine)
    if not passages and not mine:
        mine.append(
            Fault(str(folder), 0, "holds no question", "add a markdown file with ## headings")
        )
    faults += mine
    if mine or about is None:
        return None
    content = msgspec.json.encode(passages)
    version = hashlib.sha256(content).hexdigest()[:8]
    return Pack(**about, version=version, passages=tuple(passages))


def _markdown_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*.md")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


# ---- one file ----------------------------------------------------------------------------------


def _read_about(folder: Path, faults: list[Fault]) -> dict[str, str] | None:
    file = folder / PACK_FILE
    if not file.is_file():
        remedy = "add one with name, title, description and language"
        faults.append(Fault(str(file), 0, "is missing", remedy))
        return None
    text = _read_text(file, faults)
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
        faults.append(Fault(str(file), _line_of(text, key), f"unknown key {key!r}", remedy))
    for key, default in keys.items():
        value = given.get(key, default)
        if isinstance(value, str) and (value or default is not None):
            about[key] = value
        else:
            remedy = f'write {key} = "…"'
            problem = f"{key} is missing" if value is None else f"{key} = {value!r} is not a text"
            faults.append(Fault(str(file), _line_of(text, key), problem, remedy))
    if "name" in about and (about["name"] != folder.name or not _NAME.fullmatch(about["name"])):
        remedy = "name it like its folder, in lower-case letters, digits and hyphens, at most 40"
        problem = f"name = {about['name']!r} in the folder {folder.name!r}"
        faults.append(Fault(str(file), _line_of(text, "name"), problem, remedy))
    return about


def _line_of(text: str, key: str) -> int:
    """The line that sets `key`, or 0."""
    found = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=:]", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 0


def _read_text(file: Path, faults: list[Fault]) -> str | None:
    """The file's text with unix line ends; None after adding a fault."""
    size = file.stat().st_size
    if size > MAX_FILE_BYTES:
        problem = (
            f"{size / 2**20:.1f} MiB is over the limit of {MAX_FILE_BYTES // 2**20} MiB a file"
        )
        faults.append(Fault(str(file), 0, problem, "split it by topic"))
        return None
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        faults.append(Fault(str(file), line, problem, "save the file in UTF-8"))
        return None
    text = text.replace("\r\n", "\n")
    if not text.strip():
        faults.append(Fault(str(file), 0, "is empty", "write it or remove it"))
        return None
    return text


def _read_file(
    folder: Path, file: Path, asked: dict[str, str], faults: list[Fault]
) -> list[Passage]:
    """The file's passages; `asked` holds where the pack has asked each question so far."""
    text = _read_text(file, faults)
    if text is None:
        return []
    front = _FRONT.match(text)
    if front is None:
        line = 1 if text.startswith("---") else 0
        problem = "front matter is not closed" if line else "has no front matter"
        remedy = "open the file with ---, title: …, ---"
        faults.append(Fault(str(file), line, problem, remedy))
        return []
    _check_front(file, front[1], faults)
    offset = text.count("\n", 0, front.end())
    stem = f"{folder.name}/{file.relative_to(folder).with_suffix('').as_posix()}"
    sections = list(_sections(file, text[front.end() :], offset, faults))
    if not sections:
        faults.append(Fault(str(file), 0, "has no questions", "start each with a ## heading"))
    return [
        passage
        for section in sections
        if (passage := _passage(file, stem, section, asked, faults)) is not None
    ]


def _check_front(file: Path, front: str, faults: list[Fault]) -> None:
    try:
        given = yaml.safe_load(front)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        problem = f"front matter is not YAML ({getattr(error, 'problem', None) or error})"
        faults.append(Fault(str(file), line, problem, "write one 'key: value' a line"))
        return
    if not isinstance(given, dict) or not isinstance(given.get("title"), str):
        faults.append(Fault(str(file), 1, "front matter has no title", "add a line 'title: …'"))
        return
    kinds = {"title": str, "updated": datetime.date, "tags": list}
    for key, value in given.items():
        line = _line_of(front, str(key)) + 1
        if key not in kinds:
            remedy = f"remove it or use one of {', '.join(kinds)}"
            faults.append(
                Fault(str(file), line, f"unknown key {key!r} in the front matter", remedy)
            )
        elif not isinstance(value, kinds[key]):
            remedy = {"updated": "write a date, 2026-10-05", "tags": "write a list, [a, b]"}[key]
            faults.append(Fault(str(file), line, f"{key} = {value!r} cannot be used", remedy))


# ---- sections ----------------------------------------------------------------------------------


class Section(Struct):
    """A heading and the blocks of text under it, each with its line."""

    heading: str
    line: int
    blocks: list[tuple[int, str]]


def _sections(file: Path, body: str, offset: int, faults: list[Fault]) -> Iterable[Section]:
    section: Section | None = None
    tag = item = ""
    for token in MarkdownIt("commonmark").enable("table").parse(body):
        line = (token.map[0] if token.map else 0) + 1 + offset
        if token.type == "heading_open":
            tag = token.tag
        elif token.type == "list_item_open":
            item = "- "
        elif token.type in ("inline", "fence", "code_block"):
            text = item + _plain(token)
            item = ""
            if tag == "h2":
                if section:
                    yield section
                section = Section(text, line, [])
            elif tag == "h1" or section is None:
                problem = f"{text[:40]!r} stands outside the questions"
                remedy = "put it under a ## heading; the file's title belongs in the front matter"
                faults.append(Fault(str(file), line, problem, remedy))
            else:
                section.blocks.append((line, text))
            tag = ""
    if section:
        yield section


def _plain(token: Token) -> str:
    """The words of a block without its markup."""
    if not token.children:
        return token.content.strip()
    parts = []
    for child in token.children:
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type != "html_inline":
            parts.append(child.content)
    return "".join(parts).strip()


def _passage(
    file: Path, stem: str, section: Section, asked: dict[str, str], faults: list[Fault]
) -> Passage | None:
    before = len(faults)
    name = slug(section.heading)
    place = f"{file}:{section.line}"
    if not name:
        problem = f"heading {section.heading!r} has no words"
        faults.append(Fault(str(file), section.line, problem, "write the question there"))
    elif (first := asked.setdefault(name, place)) != place:
        problem = f"duplicate heading {section.heading!r}, as at {first}"
        faults.append(Fault(str(file), section.line, problem, "merge the two or tell them apart"))
    say = _say(file, section, faults)
    text = "\n".join(text.replace("\n", " ") for _, text in section.blocks)
    if not text and len(faults) == before:
        problem = f"question {section.heading!r} has no answer"
        faults.append(
            Fault(str(file), section.line, problem, "write two to six sentences under it")
        )
    if len(faults) > before:
        return None
    return Passage(f"{stem}#{name}", section.heading, text, say, 0)


def _say(file: Path, section: Section, faults: list[Fault]) -> str:
    """Take the spoken line out of the section's blocks."""
    spoken = [n for n, (_, text) in enumerate(section.blocks) if text.lower().startswith("say:")]
    if not spoken:
        return ""
    line, text = section.blocks[spoken[0]]
    say = text[len("say:") :].strip()
    words = len(say.split())
    problem, remedy = "", ""
    if spoken != [0]:
        problem = "spoken line is not the first under its heading, or not the only one"
        remedy = "keep one say: line, directly under the ## heading"
    elif "\n" in say:
        problem, remedy = "spoken line runs over several lines", "leave an empty line after it"
    elif not say:
        problem, remedy = "spoken line is empty", "write it or remove it"
    elif words > MAX_SAY_WORDS:
        problem = f"spoken line has {words} words"
        remedy = f"shorten it to {MAX_SAY_WORDS} at most"
    if problem:
        faults.append(Fault(str(file), line, problem, remedy))
    section.blocks[:] = [block for n, block in enumerate(section.blocks) if n not in spoken]
    return say
