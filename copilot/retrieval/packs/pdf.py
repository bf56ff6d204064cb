"""Reads PDF by its text layer: paragraphs from lines, headings from bookmarks or from size."""

import ctypes
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from msgspec import Struct

from copilot.retrieval.packs.blocks import (
    ANSWERS,
    ASKS,
    Block,
    Document,
    Refusal,
    bold_level,
    one_line,
)

MAX_PAGES = 5_000
LARGER = 1.12
"""How much larger than the body's a heading's letters are."""
_HEADING_WORDS = 20
_GAP = 1.55
"""Lines of text are further apart, by their size, where a paragraph ends."""
_EDGE_LINES = 3
"""A running head or foot has at most so many."""
_DOTS = re.compile(r"(?:\.\s?){4,}\s*\d*\s*$")
"""The leaders of a table of contents."""
_LETTER = 0.6
"""A letter's width by its size, with some room: a word that would have fitted was not broken."""
_BULLET = re.compile(r"[•◦▪‣●○■–-]\s+")
_BOLD_FLAG = 1 << 18


class Line(Struct):
    """A line of print."""

    page: int
    text: str
    size: float
    """Of its letters in points."""
    bold: bool
    right: float
    """Where its last letter ends, in points from the page's left edge."""
    y: float
    """Height of its base above the page's lower edge."""
    level: int = 0


def read(file: Path) -> Document:
    with _open(file) as pdf:
        if len(pdf) > MAX_PAGES:
            raise Refusal(f"has {len(pdf):,} pages, over the limit of {MAX_PAGES:,}", "split it")
        pages = [_page_lines(pdf, number) for number in range(len(pdf))]
        _check_layer(pdf, pages)
        title = one_line(pdf.get_metadata_value("Title"))
        marks = _bookmarks(pdf)
    kept = _without_repeats(pages)
    lines = [line for page in kept for line in page]
    _rank(lines, marks)
    said = [line for line in lines if not _DOTS.search(line.text)]
    return Document(_usable_title(title), tuple(_blocks(said)))


def _open(file: Path) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(file)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise Refusal("is encrypted with a password", "save it without one") from None
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise Refusal("is encrypted in an unknown way", "save it without that") from None
        remedy = "open it in its program and save it anew"
        raise Refusal(f"is damaged or no PDF ({error})", remedy) from None


def _check_layer(pdf: pdfium.PdfDocument, pages: Sequence[Sequence[Line]]) -> None:
    """Refuse a scan: most of its pages show a picture and hold no words."""
    bare = [n for n, lines in enumerate(pages) if not lines]
    pictures = [n for n in bare if _shows_picture(pdf[n])]
    remedy = "run it through text recognition (OCR) first, ocrmypdf for example"
    if len(bare) == len(pages):
        raise Refusal("has no text layer: it is a scan or holds only pictures", remedy)
    if 2 * len(pictures) > len(pages):
        problem = f"is mostly a scan: page {pictures[0] + 1} and {len(pictures) - 1} more hold"
        raise Refusal(f"{problem} only pictures", remedy)


def _shows_picture(page: pdfium.PdfPage) -> bool:
    return next(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3), None) is not None


def _bookmarks(pdf: pdfium.PdfDocument) -> dict[tuple[int, str], int]:
    """The outline: page, from 1, and heading in one spelling, to its level."""
    marks: dict[tuple[int, str], int] = {}
    for mark in pdf.get_toc(max_depth=6):
        dest = mark.get_dest()
        index = dest.get_index() if dest is not None else None
        if index is not None:
            marks.setdefault((index + 1, _key(mark.get_title())), min(mark.level + 1, 6))
    return marks


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


# ---- lines -------------------------------------------------------------------------------------


def _page_lines(pdf: pdfium.PdfDocument, number: int) -> list[Line]:
    page = pdf[number]
    text = page.get_textpage()
    lines: list[Line] = []
    letters: list[str] = []
    first = -1
    for index in range(text.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text, index) % 0x110000)
        if letter in "\r\n":
            _end_line(text, number + 1, letters, first, lines)
            letters, first = [], -1
            continue
        if first < 0 and not letter.isspace():
            first = index
        # pdfium's mark of a hyphen that only the line's end needs
        letters.append("\xad" if letter in "\x02\ufffe" else letter)
    _end_line(text, number + 1, letters, first, lines)
    text.close()
    page.close()
    return lines


def _end_line(
    text: pdfium.PdfTextPage, page: int, letters: list[str], first: int, lines: list[Line]
) -> None:
    last = first + len("".join(letters).strip()) - 1
    said = "".join(c for c in letters if c.isprintable() or c in "\xad\t" or c.isspace())
    said = " ".join(said.split())
    if not said or first < 0:
        return
    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(text, first, x, y)
    size, bold = _print(text, first)
    lines.append(Line(page, said, size, bold, _right(text, last), y.value))


def _right(text: pdfium.PdfTextPage, index: int) -> float:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    raw.FPDFText_GetCharBox(text, index, left, right, bottom, top)
    return right.value


def _print(text: pdfium.PdfTextPage, index: int) -> tuple[float, bool]:
    """Size in points and weight of a letter."""
    matrix = raw.FS_MATRIX()
    scale = 1.0
    if raw.FPDFText_GetMatrix(text, index, matrix):
        scale = math.hypot(matrix.c, matrix.d) or 1.0
    flags = ctypes.c_int()
    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(text, index, name, len(name), flags)
    bold = b"bold" in name.value.lower() or b"black" in name.value.lower()
    bold |= bool(flags.value & _BOLD_FLAG) or raw.FPDFText_GetFontWeight(text, index) >= 600
    return round(raw.FPDFText_GetFontSize(text, index) * scale, 1), bold


def _without_repeats(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """The pages without running heads and feet: edges alike on at least a third of them."""
    largest = LARGER * _body_size([line for page in pages for line in page])
    edges = [
        [line for top in (True, False) for line in _edge(page, top) if line.size <= largest]
        for page in pages
    ]
    counts = Counter(kind for edge in edges for kind in {_kind(line) for line in edge})
    often = {kind for kind, n in counts.items() if n > 1 and 3 * n >= len(pages)}
    kept = []
    for page, edge in zip(pages, edges, strict=True):
        running = {id(line) for line in edge if _kind(line) in often or line.text.isdigit()}
        kept.append([line for line in page if id(line) not in running])
    return kept


def _edge(page: Sequence[Line], top: bool) -> list[Line]:
    """The few lines at a page's edge that a gap parts from the rest."""
    lines = sorted(page, key=lambda line: line.y, reverse=top)
    for n, (line, inner) in enumerate(itertools.pairwise(lines[: _EDGE_LINES + 1]), start=1):
        if abs(line.y - inner.y) > _GAP * max(line.size, inner.size):
            return lines[:n]
    return []


def _kind(line: Line) -> str:
    """What is the same on each page: the words, whatever the page's number."""
    return re.sub(r"\d+", "0", line.text.casefold())


def _rank(lines: Sequence[Line], marks: dict[tuple[int, str], int]) -> None:
    """Give headings their level: bookmarks if the pages show them, else the size of letters."""
    by_mark = 0
    for line in lines:
        line.level = marks.get((line.page, _key(line.text)), 0)
        by_mark += line.level > 0
    if marks and 2 * by_mark >= len(marks):
        return
    body = _body_size(lines)
    shown = [line for line in lines if _is_heading(line, body)]
    ranks = sorted({line.size for line in shown}, reverse=True)
    for line in shown:
        line.level = min(ranks.index(line.size) + 1, 5)
    for line in lines:
        if not line.level and line.bold and abs(line.size - body) < 0.5:
            line.level = bold_level(line.text)


def _body_size(lines: Sequence[Line]) -> float:
    """The size that most letters have."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    return letters.most_common(1)[0][0] if letters else 0.0


def _is_heading(line: Line, body: float) -> bool:
    few = len(line.text.split()) <= _HEADING_WORDS
    return few and line.size > LARGER * body and any(c.isalpha() for c in line.text)


# ---- blocks ------------------------------------------------------------------------------------


def _blocks(lines: Sequence[Line]) -> Iterator[Block]:
    """Headings and paragraphs, each of one line or of several that belong together."""
    held: list[Line] = []
    widest: dict[int, float] = {}
    for line in lines:
        widest[line.page] = max(widest.get(line.page, 0.0), line.right)
    for line in lines:
        if held and not _continues(held[-1], line, widest[held[-1].page]):
            yield _block(held)
            held = []
        held.append(line)
    if held:
        yield _block(held)


def _continues(last: Line, line: Line, widest: float) -> bool:
    """Whether a line goes on with the last one's paragraph; `widest`: how far that page's go."""
    if last.level != line.level or _BULLET.match(line.text):
        return False
    if ASKS.match(line.text) or ANSWERS.match(line.text):
        return False
    if last.page != line.page:
        broken_off = not last.text.endswith((".", "!", "?", ":")) and line.text[:1].islower()
        word = len(line.text.partition(" ")[0]) * _LETTER * line.size
        return not line.level and (broken_off or last.right + word > widest)
    drop = last.y - line.y
    if line.level:
        alike = abs(last.size - line.size) < 0.5
        return alike and 0 < drop < 1.4 * line.size and not last.text.endswith("?")
    return -1 < drop < _GAP * max(line.size, 1) or (drop < -1 and line.text[:1].islower())


def _block(lines: Sequence[Line]) -> Block:
    text = ""
    for line in lines:
        split = text.endswith("-") and text[-2:-1].isalpha() and line.text[:1].islower()
        if split or text.endswith("\xad"):
            text = text[:-1] + line.text
        else:
            text = f"{text} {line.text}" if text else line.text
    text = _BULLET.sub("- ", text.replace("\xad", ""), count=1) if not lines[0].level else text
    return Block(text.replace("\xad", ""), lines[0].level, lines[0].page)


def _usable_title(title: str) -> str:
    """The document's own title, unless a program put a file name or its own name there."""
    made_up = re.search(r"\.\w{2,4}$|^microsoft |^untitled|^document\d*$", title, re.IGNORECASE)
    return "" if made_up else title
