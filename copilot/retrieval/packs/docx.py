"""Reads DOCX: headings by style or outline level, bold questions, lists and tables."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import docx
from docx.document import Document as Docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.styles.style import BaseStyle, ParagraphStyle

from copilot.retrieval.packs import archive
from copilot.retrieval.packs.blocks import Block, Document, Refusal, bold_level, one_line
from copilot.retrieval.packs.grid import rows_as_blocks

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_TEXT = {qn("w:t"): None, qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n"}
_ON = {None, "1", "true", "on"}


def read(file: Path) -> Document:
    archive.check(file)
    document = docx.Document(str(file))
    blocks = tuple(_Reading(document).blocks())
    if not blocks:
        raise Refusal("holds no text", "write it or remove it")
    return Document(_title(document), blocks)


def _title(document: Docx) -> str:
    for paragraph in document.paragraphs[:10]:
        if paragraph.style is not None and paragraph.style.name == "Title" and paragraph.text:
            return one_line(paragraph.text)
    return one_line(document.core_properties.title or "")


class _Reading:
    """One walk over a document's body."""

    def __init__(self, document: Docx) -> None:
        self._document = document
        self._style = cache(self._find_style)

    def blocks(self) -> Iterator[Block]:
        """Body order; what stands in content controls counts as if it stood outside."""
        paragraph, table = qn("w:p"), qn("w:tbl")
        waiting = list(reversed(self._document.element.body))
        while waiting:
            element = waiting.pop()
            if element.tag == paragraph:
                block = self._paragraph(element)
                if block is not None:
                    yield block
            elif element.tag == table:
                yield from rows_as_blocks(list(_rows(element)), headed=False)
            elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins")):
                waiting += reversed(element)

    def _paragraph(self, element: BaseOxmlElement) -> Block | None:
        text, bold = self._words(element)
        style = self._style(_value(element, "w:pPr/w:pStyle"))
        name = (style.name or "") if style is not None else ""
        if not text or name == "Title" or name.lower().startswith("toc "):
            return None
        level = _heading_level(style, _value(element, "w:pPr/w:outlineLvl"))
        if level:
            return Block(one_line(text), level)
        if element.find(qn("w:pPr") + "/" + qn("w:numPr")) is not None or "List" in name:
            return Block(f"- {text}")
        return Block(text, bold_level(text) if bold else 0)

    def _words(self, element: BaseOxmlElement) -> tuple[str, bool]:
        """The paragraph's text without what was deleted, and whether all of it is bold."""
        parts: list[str] = []
        bold = True
        named = self._style(_value(element, "w:pPr/w:pStyle"))
        by_style = isinstance(named, ParagraphStyle) and bool(named.font.bold)
        for run in element.iter(qn("w:r")):
            said = "".join(_run_text(run))
            parts.append(said)
            if said.strip():
                mark = run.find(qn("w:rPr") + "/" + qn("w:b"))
                bold &= by_style if mark is None else mark.get(qn("w:val")) in _ON
        text = "\n".join(filter(None, map(one_line, "".join(parts).split("\n"))))
        return text, bold and bool(text)

    def _find_style(self, style_id: str | None) -> BaseStyle | None:
        if style_id is None:
            return None
        found = (style for style in self._document.styles if style.style_id == style_id)
        return next(found, None)


def _heading_level(style: BaseStyle | None, outline: str | None) -> int:
    """1 to 6 by the paragraph's outline level, or by a style named or based on a heading's."""
    if outline is not None and outline.isdigit() and int(outline) < 6:
        return int(outline) + 1
    for _ in range(10):  # styles can be based on each other in a ring
        if style is None:
            return 0
        found = _HEADING.fullmatch(style.name or "")
        if found:
            return min(int(found[1]), 6)
        style = style.base_style if isinstance(style, ParagraphStyle) else None
    return 0


def _run_text(run: BaseOxmlElement) -> Iterator[str]:
    for part in run:
        if part.tag in _TEXT:
            yield _TEXT[part.tag] or part.text or ""


def _rows(table: BaseOxmlElement) -> Iterator[list[str]]:
    """Each row's cells as text; a table inside a cell is part of the cell."""
    for row in table.iterchildren(qn("w:tr")):
        cells = []
        for cell in row.iterchildren(qn("w:tc")):
            lines = (
                "".join("".join(_run_text(r)) for r in p.iter(qn("w:r")))
                for p in cell.iter(qn("w:p"))
            )
            cells.append(one_line(" ".join(lines)))
        yield cells


def _value(element: BaseOxmlElement, path: str) -> str | None:
    found = element.find("/".join(qn(part) for part in path.split("/")))
    return None if found is None else found.get(qn("w:val"))
