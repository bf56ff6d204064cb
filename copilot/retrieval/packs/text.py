"""Plain text of a pack: paragraphs between blank lines, headings and questions as people mark them.

A heading is a line of its own that is underlined, numbered like a chapter, all in capitals, or
begins with ``#``; questions are found as in any document (``sections.py``).
"""

import re
from collections.abc import Iterator

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs.blocks import Block, Document, asks
from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.sections import passages_of

_HEADING_WORDS = 12
_HASHES = re.compile(r"(#{1,6})\s+")
_CHAPTER = re.compile(r"\d+(?:\.\d+)*\.?\s+[A-Z]")


def read_text(file: PackFile) -> list[Passage]:
    """The passages of a text file; none after adding a fault."""
    text = file.text()
    if text is None:
        return []
    blocks = tuple(_blocks(text))
    name = re.sub(r"[\s_-]+", " ", file.file.stem).strip()
    passages = passages_of(Document("", blocks), file.stem, name)
    if not passages:
        file.fault(0, "holds no text under its headings", "write it or remove it")
    return passages


def _blocks(text: str) -> Iterator[Block]:
    for paragraph in re.split(r"\n[ \t]*\n", text):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        if not lines:
            continue
        level = _level(lines)
        if level:
            yield Block(_HASHES.sub("", lines[0]), level)
            lines = lines[2:] if _is_rule(lines[1:2]) else lines[1:]
        if lines:
            yield Block("\n".join(lines))


def _level(lines: list[str]) -> int:
    """The level of the heading that begins a paragraph; 0 where none does."""
    first = lines[0]
    if marked := _HASHES.match(first):
        return len(marked[1])
    if _is_rule(lines[1:2]):
        return 1 if lines[1].startswith("=") else 2
    short = len(first.split()) <= _HEADING_WORDS and first[-1] not in ".,;:!"
    if not short or (len(lines) > 1 and asks(first)):
        return 0
    if first.isupper() and len(first) > 1:
        return 2
    return 3 if _CHAPTER.match(first) and len(lines) == 1 else 0


def _is_rule(lines: list[str]) -> bool:
    return bool(lines) and re.fullmatch(r"=+|-{3,}", lines[0]) is not None
