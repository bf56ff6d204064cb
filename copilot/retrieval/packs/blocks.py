"""What a reader process answers: the words of a document in order, or a table, or a refusal."""

import re

import msgspec
from msgspec import Struct

QUESTION = 7
"""The level of a block that asks: below every heading, as ``h6`` is 6."""
MAX_TEXT = 8_000_000
"""Characters one file may give, about 4,000 pages."""
MAX_ROWS = 50_000
ASKS = re.compile(r"(?:Q|Question)\s*\d*\s*[:.)]\s+", re.IGNORECASE)
ANSWERS = re.compile(r"(?:A|Answer)\s*\d*\s*[:.)]\s+", re.IGNORECASE)
_NUMBER = re.compile(r"\A\d+(?:\.\d+)*\.?\s+(?=\D)")
_ASKING = frozenset(
    "how what when where who whom whose which why can could do does did is are am was were may "
    "might must shall should will would have has".split()
)
_FAKE_HEADING_WORDS = 12


class Block(Struct, frozen=True, array_like=True):
    """A heading, a paragraph, an item of a list or a row of a table."""

    text: str
    """Lines that the author broke stay apart."""
    level: int = 0
    """0: body; 1 to 6: a heading; QUESTION: a question without a heading's rank."""
    page: int = 0
    """From 1; 0 where the document has no pages."""


class Document(Struct, frozen=True, tag="document"):
    """A page, a manual, a letter."""

    title: str
    """As its author set it; may be empty."""
    blocks: tuple[Block, ...]


class Row(Struct, frozen=True, array_like=True):
    """A line of a table, its cells as text."""

    line: int
    cells: tuple[str, ...]


class Sheet(Struct, frozen=True):
    """A table with its name in the workbook."""

    name: str
    rows: tuple[Row, ...]
    """Those that are not blank."""


class Workbook(Struct, frozen=True, tag="workbook"):
    """The sheets that a reader would see."""

    sheets: tuple[Sheet, ...]


class Refused(Struct, frozen=True, tag="refused"):
    """Why the file cannot be used, and what its author may do."""

    problem: str
    remedy: str


Answer = Document | Workbook | Refused


class Refusal(Exception):
    """Raised in the reader process for a file that cannot be used."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.refused = Refused(problem, remedy)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode(answer: Answer) -> bytes:
    """The answer as one line of JSON, without the newline."""
    return _encoder.encode(answer)


def decode(line: bytes) -> Answer:
    """The answer that ``encode`` wrote."""
    return _decoder.decode(line)


def one_line(text: str) -> str:
    """The text with every run of white space as one blank."""
    return " ".join(text.split())


def asks(text: str) -> bool:
    """Whether a heading is a question: by its mark, or by its first word."""
    first = text.split(maxsplit=1)[0].casefold() if text.split() else ""
    return text.rstrip().endswith("?") or first in _ASKING


def bold_level(text: str) -> int:
    """The level of a paragraph that is bold from end to end: a question, a heading, or body."""
    words = len(text.split())
    if text.endswith("?"):
        return QUESTION if words <= 3 * _FAKE_HEADING_WORDS else 0
    short = words <= _FAKE_HEADING_WORDS and not text.endswith((".", "!", ":", ",", ";"))
    return 6 if short else 0


def without_number(heading: str) -> str:
    """``3.2 Returns`` as ``Returns``: numbers move when a chapter is added; ids must not."""
    found = _NUMBER.match(heading)
    numbered = found is not None and "." in found[0]
    return heading[found.end() :] if found and numbered else heading
