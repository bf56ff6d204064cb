"""Reads saved web pages: the main content's words; scripts, navigation and hidden parts are not.

Nothing of a page is run or fetched. The parser is libxml2's, with its limits on.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from copilot.retrieval.packs.blocks import (
    QUESTION,
    Block,
    Document,
    Refusal,
    bold_level,
    one_line,
)
from copilot.retrieval.packs.grid import rows_as_blocks

_DROPPED = frozenset(
    "script style noscript template nav header footer aside form iframe frame object embed svg "
    "canvas audio video map dialog select textarea input datalist head math".split()
)
_BLOCKS = frozenset(
    "address article blockquote body center dd details div dl dt fieldset figcaption figure h1 h2 "
    "h3 h4 h5 h6 hr li main ol p pre section summary table td th tr ul button".split()
)
_ROLES = frozenset("navigation banner contentinfo complementary search dialog alertdialog".split())
_ASIDE = re.compile(
    r"cookie-?(?:bar|banner|notice|consent|law|message|popup|overlay|modal)|consent-?(?:bar|banner|"
    r"manager|popup|overlay|modal)|gdpr|onetrust|cookiebot|breadcrumbs?\b|\bsidebar|\bnavbar|"
    r"\bskip-?(?:link|nav|to)|\bsocial-?(?:share|links|icons|media|buttons)|\bshare-?(?:bar|links|"
    r"buttons)|newsletter-?(?:signup|form|popup)",
    re.IGNORECASE,
)
"""Classes and ids of what stands around the content."""
_COOKIES = re.compile(r"\b(?:cookies?|consent)\b", re.IGNORECASE)
"""The same where the element holds a button; a chapter on cookies does not."""
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_LINKS = 3
"""A list of at least so many entries that are all links is navigation."""


def read(file: Path) -> Document:
    """The page's words; none at all from one that only leads to others."""
    raw = file.read_bytes()
    root = _tree(raw)
    title = one_line("".join(root.xpath("//title[1]//text()")))
    blocks = tuple(_Walk(root).blocks(_main(root)))
    if not blocks and int(root.xpath("count(//a)")) < _LINKS:
        remedy = "save the page from a browser once its text is on screen"
        raise Refusal("holds no text outside of scripts", remedy)
    return Document(title, blocks)


def _tree(raw: bytes) -> etree._Element:
    text = raw.decode(_encoding(raw), errors="replace")
    if "\0" in text:
        raise Refusal("is damaged or no HTML (it holds zero bytes)", "save the page anew")
    # a declaration of another encoding inside the page must not win over the decoded text
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.encode(errors="replace"), parser)
    except etree.XMLSyntaxError as error:
        remedy = "save the page anew"
        raise Refusal(f"is damaged or no HTML ({error})", remedy) from None
    if root is None:
        raise Refusal("is damaged or no HTML", "save the page anew")
    deep = next((e for e in parser.error_log if "depth" in e.message.lower()), None)
    if deep is not None:
        raise Refusal("is nested too deeply", "save the page anew from a browser")
    return root


def _encoding(raw: bytes) -> str:
    """The page's own word, then UTF-8 where that fits, else what old pages were written in."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    declared = _CHARSET.search(raw[:4096])
    try:
        if declared and not raw.startswith(b"\xef\xbb\xbf"):
            "".encode(declared[1].decode("ascii"))
            return declared[1].decode("ascii")
        raw.decode("utf-8-sig")
    except (LookupError, UnicodeError):
        return "cp1252"
    return "utf-8-sig"


def _main(root: etree._Element) -> etree._Element:
    """The part that holds the page's own content, where the page says which it is."""
    for path in ("//main", "//*[@role='main']", "//article"):
        found = root.xpath(path)
        if len(found) == 1:
            return found[0]
    bodies = root.xpath("//body")
    return bodies[0] if bodies else root


class _Walk:
    """One walk over a page, in the order of its text; iterative, as pages nest deeply."""

    def __init__(self, root: etree._Element) -> None:
        # what a button opens is hidden only until it is pressed: the answers of many a FAQ page
        opened = root.xpath("//*[@aria-expanded]/@aria-controls")
        self._opened = {one for ids in opened for one in ids.split()}
        self._parts: list[str] = []
        self._level = 0
        self._bold = True
        self._bold_depth = 0
        self._prefix = ""

    def blocks(self, main: etree._Element) -> Iterator[Block]:
        skipped = None
        walk = etree.iterwalk(main, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                if element is not main and self._dropped(element):
                    skipped = element
                elif element.tag == "table" and _is_data(element):
                    skipped = element
                    yield from self._flush()
                    yield from self._table(element)
                else:
                    yield from self._enter(element)
                    continue
                walk.skip_subtree()
            else:
                if element is not skipped:
                    yield from self._leave(element)
                if element is not main:
                    self._take(element.tail)
        yield from self._flush()

    def _enter(self, element: etree._Element) -> Iterator[Block]:
        if element.tag == "br":
            self._parts.append("\n")
        elif element.tag in _BLOCKS:
            yield from self._flush()
            self._level = _level(element) or self._level
            if element.tag == "li":
                self._prefix = "- "
        self._bold_depth += element.tag in ("b", "strong")
        self._take(element.text)

    def _leave(self, element: etree._Element) -> Iterator[Block]:
        self._bold_depth -= element.tag in ("b", "strong")
        if element.tag in _BLOCKS:
            yield from self._flush()
            if _level(element):
                self._level = 0
            if element.tag == "li":
                self._prefix = ""

    def _dropped(self, element: etree._Element) -> bool:
        tag = element.tag
        if not isinstance(tag, str) or tag in _DROPPED:  # not a string: what is no element
            return True
        if tag == "button" and not _opens(element):
            return True
        if element.get("role") in _ROLES or element.get("aria-modal") == "true":
            return True
        if _is_aside(element):
            return True
        if element.get("id") in self._opened:
            return False
        hidden = element.get("hidden", "until-found") != "until-found"
        hidden |= element.get("aria-hidden") == "true"
        hidden |= bool(_HIDDEN.search(element.get("style", "")))
        return hidden or (tag in ("ul", "ol") and _is_menu(element))

    def _take(self, text: str | None) -> None:
        if text:
            self._parts.append(text.replace("\n", " "))
            if text.strip() and not self._bold_depth:
                self._bold = False

    def _flush(self) -> Iterator[Block]:
        """End the block, if it has words."""
        lines = map(one_line, "".join(self._parts).split("\n"))
        text = "\n".join(filter(None, lines))
        if text:
            level = self._level
            if not level and self._bold and not self._prefix:
                level = bold_level(text)
            yield Block(one_line(text) if level else self._prefix + text, level)
            self._prefix = ""
        self._parts.clear()
        self._bold = True

    def _table(self, table: etree._Element) -> Iterator[Block]:
        rows = []
        for row in table.iter("tr"):
            cells = [cell for cell in row if cell.tag in ("td", "th")]
            rows.append([self._cell(cell) for cell in cells])
        headed = bool(table.xpath("./thead | ./tr[1]/th | ./tbody/tr[1]/th"))
        yield from rows_as_blocks(rows, headed)

    def _cell(self, cell: etree._Element) -> str:
        parts: list[str] = []
        walk = etree.iterwalk(cell, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                parts.append(element.tail or "" if element is not cell else "")
            elif element is not cell and self._dropped(element):
                walk.skip_subtree()
            else:
                parts.append(" " if element.tag in _BLOCKS or element.tag == "br" else "")
                parts.append(element.text or "")
        return one_line("".join(parts))


def _level(element: etree._Element) -> int:
    """The level of what the element holds: a heading's, a question's, or 0."""
    tag = element.tag
    if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
        return int(tag[1])
    return QUESTION if tag in ("summary", "dt") or (tag == "button" and _opens(element)) else 0


def _opens(element: etree._Element) -> bool:
    """Whether a button opens a part of the page, as those of FAQ pages do."""
    return element.get("aria-expanded") is not None


def _is_aside(element: etree._Element) -> bool:
    """Whether its names say that it stands around the content: menus, cookie banners."""
    if element.tag not in ("div", "section", "ul", "ol", "p", "span", "a"):
        return False
    named = f"{element.get('class', '')} {element.get('id', '')}"
    if _ASIDE.search(named):
        return True
    return bool(_COOKIES.search(named)) and element.find(".//button") is not None


def _is_data(table: etree._Element) -> bool:
    """Whether a table holds data; pages were once laid out in tables."""
    return table.get("role") not in ("presentation", "none") and not table.xpath(
        ".//table | .//h1 | .//h2 | .//h3 | .//p[2]"
    )


def _is_menu(element: etree._Element) -> bool:
    """Whether a list is nothing but links."""
    links = element.xpath("count(.//a)")
    if links < _LINKS:
        return False
    whole = len(one_line("".join(element.itertext())))
    linked = len(one_line(" ".join("".join(a.itertext()) for a in element.iter("a"))))
    return whole <= linked + 3 * int(links)
