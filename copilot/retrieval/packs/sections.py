"""Cuts a document at its headings and questions into passages of a size that can be found.

A section whose heading asks is one passage. Any other is one if it is short, and else several of
about 160 words, cut between paragraphs or sentences, all titled by the path of headings. Ids come
from headings, so that editing a section leaves the others' alone; what repeats is numbered.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from copilot.core.vocabulary import Passage
from copilot.retrieval.facets import sentences
from copilot.retrieval.packs.blocks import (
    ANSWERS,
    ASKS,
    QUESTION,
    Block,
    Document,
    asks,
    one_line,
    without_number,
)
from copilot.retrieval.packs.model import slug

MAX_WORDS = 200
"""Of a passage; the embedder reads about 190."""
AIM_WORDS = 160
MAX_ANSWER_WORDS = 500
"""A question's section is kept whole up to here."""
PATH = " › "
_PATH_PARTS = 3
_ID_CHARACTERS = 80
_TITLE_WORDS = 8
_TITLE_MAX = 12
_QUESTION_WORDS = 25


class Section(NamedTuple):
    """What stands under one heading."""

    path: tuple[str, ...]
    """Headings from the outermost to its own; empty before the first."""
    page: int
    body: list[str]


def passages_of(document: Document, stem: str, name: str) -> list[Passage]:
    """The document's passages, their ids beginning with `stem`; `name` serves for a title."""
    title = document.title or name
    filled = [section for section in _sections(_questions(document.blocks)) if section.body]
    found = [section for section in filled if not _is_title(section)] or filled
    names = _names(found, title)
    repeated = _repeated(section.path[-1] for section in found if section.path)
    passages = []
    for section, own in zip(found, names, strict=True):
        parts = list(_parts(section))
        for n, text in enumerate(parts, start=1):
            part = own if n == 1 else f"{own}.{n}"
            heading = _title(section, title, text, repeated)
            passages.append(Passage(f"{stem}#{part}", heading, text, "", 0))
    return passages


def section_of(passage: str) -> str:
    """A passage's id without its part: parts of a section share their heading."""
    return re.sub(r"\.\d+$", "", passage)


# ---- blocks to sections ------------------------------------------------------------------------


def _questions(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks, with a question written as ``Q:`` or as a paragraph of its own marked as one."""
    flat = [part for block in blocks for part in _split(block)]
    answering = False
    for n, block in enumerate(flat):
        if block.level:
            answering = block.level == QUESTION or asks(block.text)
            yield block
        elif found := ASKS.match(block.text):
            answering = True
            yield Block(block.text[found.end() :], QUESTION, block.page)
        elif answering and (found := ANSWERS.match(block.text)):
            answering = False
            yield Block(block.text[found.end() :], 0, block.page)
        elif _stands_alone(block.text) and n + 1 < len(flat) and _is_answer(flat[n + 1]):
            yield Block(block.text, QUESTION, block.page)
        else:
            yield block


def _split(block: Block) -> Iterator[Block]:
    """A block for each ``Q:`` and ``A:`` that begins a line inside it."""
    if block.level:
        yield Block(one_line(block.text), block.level, block.page)
        return
    held: list[str] = []
    for line in block.text.split("\n"):
        if held and (ASKS.match(line) or ANSWERS.match(line)):
            yield Block(" ".join(held), 0, block.page)
            held = []
        held.append(line)
    yield Block(one_line(" ".join(held)), 0, block.page)


def _stands_alone(text: str) -> bool:
    """Whether a paragraph is one question and nothing else."""
    short = len(text.split()) <= _QUESTION_WORDS
    return short and text.endswith("?") and text[:1].isupper() and len(sentences(text)) == 1


def _is_answer(block: Block) -> bool:
    return not block.level and not block.text.endswith("?")


def _sections(blocks: Iterator[Block]) -> Iterator[Section]:
    path: list[tuple[int, str]] = []
    section = Section((), 0, [])
    for block in blocks:
        if block.level:
            heading = without_number(block.text).strip(" #¶:")
            if not slug(heading):
                continue
            yield section
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, heading))
            section = Section(tuple(text for _, text in path), block.page, [])
        else:
            if not path and block.page != section.page:
                yield section
                section = Section((), block.page, [])
            if slug(block.text):
                section.body.append(block.text)
    yield section


def _is_title(section: Section) -> bool:
    """Whether words before the first heading are no more than a title."""
    words = " ".join(section.body).split()
    return not section.path and len(words) <= _TITLE_MAX and not words[-1].endswith((".", "!"))


# ---- sections to passages ----------------------------------------------------------------------


def _parts(section: Section) -> Iterator[str]:
    """The section's text in passages of bounded size."""
    words = sum(len(text.split()) for text in section.body)
    whole = section.path and asks(section.path[-1]) and words <= MAX_ANSWER_WORDS
    if whole or words <= MAX_WORDS:
        yield "\n".join(section.body)
        return
    aim = words / max(math.ceil(words / MAX_WORDS), round(words / AIM_WORDS))
    held = ""
    size = 0
    for glue, text in _units(section.body):
        count = len(text.split())
        if held and (size + count > MAX_WORDS or size >= aim - count / 2):
            yield held
            held, size = "", 0
        held = f"{held}{glue}{text}" if held else text
        size += count
    yield held


def _units(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Paragraphs, long ones as sentences, longer ones as runs of words; each with its glue."""
    for paragraph in body:
        if len(paragraph.split()) <= AIM_WORDS // 2:
            yield "\n", paragraph
            continue
        glue = "\n"
        for sentence in sentences(paragraph):
            words = sentence.split()
            for start in range(0, len(words), AIM_WORDS):
                yield glue, " ".join(words[start : start + AIM_WORDS])
                glue = " "


def _title(section: Section, title: str, text: str, repeated: frozenset[str]) -> str:
    if not section.path:
        words = text.split()
        begins = " ".join(words[:_TITLE_WORDS]) + (" …" if len(words) > _TITLE_WORDS else "")
        return f"{title}{PATH}{begins}"
    heading = section.path[-1]
    if asks(heading) and slug(heading) not in repeated:
        return heading
    return PATH.join(dict.fromkeys(section.path[-_PATH_PARTS:]))


def _names(sections: Sequence[Section], title: str) -> list[str]:
    """Each section's part of an id: its heading, numbered from the second of the same name."""
    wanted = [
        _short(slug(section.path[-1]))
        if section.path
        else f"page-{section.page}"
        if section.page
        else _short(slug(title)) or "text"
        for section in sections
    ]
    used = set(wanted)
    seen: set[str] = set()
    names = []
    for name in wanted:
        own, n = name, 1
        while own in seen or (n > 1 and own in used):
            n += 1
            own = f"{name}-{n}"
        seen.add(own)
        names.append(own)
    return names


def _short(name: str) -> str:
    return name[:_ID_CHARACTERS].strip("-")


def _repeated(headings: Iterator[str]) -> frozenset[str]:
    seen: set[str] = set()
    again: set[str] = set()
    for heading in map(slug, headings):
        (again if heading in seen else seen).add(heading)
    return frozenset(again)
