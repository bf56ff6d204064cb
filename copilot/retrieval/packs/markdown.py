"""Markdown files of a pack: front matter, and one ``##`` section a question.

A file opens with YAML front matter (``title``, and optionally ``updated``, ``tags``, ``entity``,
``valid_until``, ``priority``); every ``##`` heading is a question as customers ask it and its body
the answer. Directly under a heading may stand lines ``say:`` (the spoken line, at most 25 words),
``entity:``, ``valid_until:`` and ``priority:`` (0 to 100), all but the first in place of the
file's::

    ---
    title: Tracking a parcel
    updated: 2026-10-05
    entity: Parcel Plus
    valid_until: 2026-12-31
    ---

    ## Where is my parcel?

    say: With the tracking number I can see the last scan.
    valid_until: 2026-11-30
    priority: 80

    Ask for the tracking number and open it in the tracking page.
"""

import datetime
import re
import reprlib
from collections.abc import Iterable
from pathlib import PurePath

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.model import MAX_SAY_WORDS, iso_date, priority_of, say_problem, slug

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_NOTE = re.compile(r"(?i:(say)):|(entity|valid_until|priority):")

_NAMED = {name: name for name in ("entity", "valid_until", "priority")} | {"say": "spoken line"}


class Section(Struct):
    """A heading and the blocks of text under it, each with its line."""

    heading: str
    line: int
    blocks: list[tuple[int, str]]


class Front(Struct, frozen=True):
    """What a file's front matter says of all its passages."""

    entity: str = ""
    valid_until: str = ""
    priority: int = 0


def read_markdown(file: PackFile, asked: dict[str, str]) -> list[Passage]:
    """The file's passages; `asked` holds where the pack has asked each question so far."""
    text = file.text()
    if text is None:
        return []
    found = _FRONT.match(text)
    if found is None:
        line = 1 if text.startswith("---") else 0
        problem = "front matter is not closed" if line else "has no front matter"
        file.fault(line, problem, "open the file with ---, title: …, ---")
        return []
    front = _front(file, found[1])
    offset = text.count("\n", 0, found.end())
    sections = list(_sections(file, text[found.end() :], offset))
    if not sections:
        file.fault(0, "has no questions", "start each with a ## heading")
    passages = (_passage(file, section, front, asked) for section in sections)
    return [passage for passage in passages if passage is not None]


# ---- front matter ------------------------------------------------------------------------------

_KINDS = {
    "title": (str, "write a text"),
    "updated": (datetime.date, "write a date, 2026-10-05"),
    "tags": (list, "write a list, [a, b]"),
    "entity": (str, "write a name; a number in quotes"),
    "valid_until": (datetime.date, "write a date, 2026-12-31"),
    "priority": (int, "write a whole number from 0 to 100"),
}


def _front(file: PackFile, text: str) -> Front:
    """What the front matter says; adds a fault for each line that cannot be used."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = f"front matter is not YAML ({getattr(error, 'problem', None) or error})"
        file.fault(mark.line + 2 if mark else 1, problem, "write one 'key: value' a line")
        return Front()
    if not isinstance(given, dict) or not isinstance(given.get("title"), str):
        file.fault(1, "front matter has no title", "add a line 'title: …'")
        return Front()
    for key, value in given.items():
        line = line_of(text, str(key)) + 1
        if key not in _KINDS:
            remedy = f"remove it or use one of {', '.join(_KINDS)}"
            file.fault(line, f"unknown key {key!r} in the front matter", remedy)
            continue
        kind, remedy = _KINDS[key]
        usable = priority_of(str(value)) is not None if key == "priority" else bool(value)
        if not isinstance(value, kind) or not usable:
            file.fault(line, f"{key} = {reprlib.repr(value)} cannot be used", remedy)
    entity, until = given.get("entity"), given.get("valid_until")
    priority = given.get("priority")
    return Front(
        " ".join(entity.split()) if isinstance(entity, str) else "",
        until.strftime("%Y-%m-%d") if isinstance(until, datetime.date) else "",
        priority if isinstance(priority, int) else 0,
    )


def line_of(text: str, key: str) -> int:
    """The line that sets `key`, or 0."""
    found = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=:]", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 0


# ---- sections ----------------------------------------------------------------------------------


def _sections(file: PackFile, body: str, offset: int) -> Iterable[Section]:
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
                file.fault(line, problem, remedy)
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
    file: PackFile, section: Section, front: Front, asked: dict[str, str]
) -> Passage | None:
    before = len(file.faults)
    name = slug(section.heading)
    place = f"{file.file}:{section.line}"
    if not name:
        problem = f"heading {section.heading!r} has no words"
        file.fault(section.line, problem, "write the question there")
    elif (first := asked.setdefault(name, place)) != place:
        problem = f"duplicate heading {section.heading!r}, as at {PurePath(first).name}"
        file.fault(section.line, problem, "merge the two or tell them apart")
    notes = _notes(file, section)
    text = "\n".join(text.replace("\n", " ") for _, text in section.blocks)
    if not text and len(file.faults) == before:
        problem = f"question {section.heading!r} has no answer"
        file.fault(section.line, problem, "write two to six sentences under it")
    if len(file.faults) > before:
        return None
    return Passage(
        file.id(name),
        section.heading,
        text,
        notes.get("say", ""),
        0,
        notes.get("entity", front.entity),
        notes.get("valid_until", front.valid_until),
        int(notes.get("priority", front.priority)),
    )


def _notes(file: PackFile, section: Section) -> dict[str, str]:
    """Take the lines ``say:``, ``entity:`` and the like out of the section's blocks."""
    notes: dict[str, str] = {}
    places: dict[str, list[tuple[int, bool]]] = {}
    body: list[tuple[int, str]] = []
    for line, text in section.blocks:
        if not _NOTE.match(text):
            body.append((line, text))
            continue
        for n, part in enumerate(text.split("\n")):
            found = _NOTE.match(part)
            if found is None:
                what = _NAMED[next(reversed(notes))]
                file.fault(line, f"{what} runs over several lines", "leave an empty line after it")
                break
            key = "say" if found[1] else found[2]
            places.setdefault(key, []).append((line + n, not body))
            notes[key] = part[found.end() :].strip()
    section.blocks[:] = body
    for key, found_at in places.items():
        _check_note(file, key, notes[key], found_at)
    return notes


def _check_note(file: PackFile, key: str, value: str, places: list[tuple[int, bool]]) -> None:
    """Add a fault for a note that cannot be used; a place is its line and whether it leads."""
    what = _NAMED[key]
    line = places[0][0]
    if len(places) > 1 or not places[0][1]:
        problem = f"{what} is not the first under its heading, or not the only one"
        file.fault(line, problem, f"keep one {key}: line, directly under the ## heading")
    elif not value:
        file.fault(line, f"{what} is empty", "write it or remove it")
    elif key == "say" and (problem := say_problem(value)):
        file.fault(line, problem, f"shorten it to {MAX_SAY_WORDS} at most")
    elif key == "valid_until" and iso_date(value) is None:
        file.fault(line, f"valid_until = {value!r} is no day", "write it as 2026-12-31")
    elif key == "priority" and priority_of(value) is None:
        problem = f"priority = {value!r} is no whole number from 0 to 100"
        file.fault(line, problem, "write one or remove the line")
