"""Question lists: each row of a CSV file or of a workbook's sheet is a question and its answer.

The first row names the columns (``columns.py``): ``question`` and ``answer``, and if wanted
``say``, ``entity``, ``valid_until`` and ``priority``; others are passed over. A question may be
asked again for another entity.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs.blocks import MAX_ROWS, Refused, Row, Workbook, one_line
from copilot.retrieval.packs.columns import COLUMNS, WANTED, find_columns
from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.model import MAX_SAY_WORDS, iso_date, priority_of, say_problem, slug
from copilot.retrieval.packs.reader import Reader

_DELIMITERS = ",;\t|"
_ERRORS = frozenset(("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"))
"""What a spreadsheet shows where a formula failed."""


def read_csv(file: PackFile) -> list[Passage]:
    """The passages of a CSV file, whichever of comma, semicolon, tab and bar parts its cells."""
    text = file.text()
    if text is None:
        return []
    told = text.startswith("sep=")  # Excel's own hint
    line = text.partition("\n")[0]
    delimiter = line[4:5] if told else _delimiter(text)
    if not delimiter.strip(" "):
        file.fault(1, f"{line!r} names no separator", "delete the line, or write sep=;")
        return []
    rows: list[Row] = []
    lines = io.StringIO(text, newline="")
    if told:
        lines.readline()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = int(told)
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append(Row(start + 1, tuple(map(str.strip, cells))))
            if len(rows) > MAX_ROWS:
                file.fault(0, f"has more than {MAX_ROWS:,} rows", "split it by topic")
                return []
            start = reader.line_num + int(told)
    except csv.Error as error:
        remedy = 'put the cell in quotes, and write a quote inside it twice: ""'
        file.fault(start + 1, f"cannot be parted into cells ({error})", remedy)
        return []
    return list(_List(file, "").passages(rows))


def read_workbook(file: PackFile, reader: Reader) -> list[Passage]:
    """The passages of every visible sheet; each must be a question list."""
    if not file.fits():
        return []
    found = reader.read(file.file)
    if isinstance(found, Refused):
        file.fault(0, found.problem, found.remedy)
        return []
    assert isinstance(found, Workbook)
    filled = [sheet for sheet in found.sheets if sheet.rows]
    if not filled:
        file.fault(0, "is empty", "write it or remove it")
    places: dict[str, int] = {}
    return [
        passage
        for sheet in filled
        for passage in _List(file, sheet.name, places).passages(sheet.rows)
    ]


class _List:
    """One question list; `places` holds where the file has used each id so far."""

    def __init__(self, file: PackFile, sheet: str, places: dict[str, int] | None = None) -> None:
        self._file = file
        self._where = f"sheet {sheet!r}: " if sheet else ""
        self._places = {} if places is None else places

    def passages(self, rows: Sequence[Row]) -> Iterator[Passage]:
        head, *body = rows
        columns = find_columns(head.cells)
        missing = [name for name in WANTED if name not in columns]
        if missing:
            named = ", ".join(filter(None, head.cells[:12]))
            problem = f"has no column {' and no column '.join(missing)}; it has {named}"
            optional = ", ".join(name for name in COLUMNS if name not in WANTED)
            remedy = f"name the columns {', '.join(WANTED)} in the first row (optional: {optional})"
            if self._where:
                remedy += ", or hide the sheet"
            self._fault(head.line, problem, remedy)
        elif not body:
            self._fault(0, "has no questions", "write one a row")
        else:
            for row in body:
                passage = self._passage(row, columns)
                if passage is not None:
                    yield passage

    def _passage(self, row: Row, columns: dict[str, int]) -> Passage | None:
        given = {
            name: one_line(row.cells[place]) if place < len(row.cells) else ""
            for name, place in columns.items()
        }
        problem, remedy = _row_problem(given)
        name = ".".join(filter(None, (slug(given["question"]), slug(given.get("entity", "")))))
        first = self._places.setdefault(name, row.line)
        if not problem and first != row.line:
            problem = f"asks {given['question']!r} again, as row {first}"
            remedy = "merge the two, or tell them apart by their entity"
        if problem:
            self._fault(row.line, problem, remedy)
            return None
        return Passage(
            self._file.id(name),
            given["question"],
            "\n".join(filter(None, map(one_line, row.cells[columns["answer"]].splitlines()))),
            given.get("say", ""),
            0,
            given.get("entity", ""),
            given.get("valid_until", ""),
            int(given.get("priority") or 0),
        )

    def _fault(self, line: int, problem: str, remedy: str) -> None:
        self._file.fault(line, self._where + problem, remedy)


def _row_problem(given: dict[str, str]) -> tuple[str, str]:
    """What is wrong with a row, and the remedy; empty where nothing is."""
    question, answer = given["question"], given["answer"]
    failed = next((f"{name} is {text}" for name, text in given.items() if text in _ERRORS), "")
    if failed:
        return failed, "mend the formula, or write the value"
    if not slug(question):
        return f"question {question!r} has no words", "write the question there"
    if not answer:
        return f"question {question!r} has no answer", "write two to six sentences"
    if problem := say_problem(given.get("say", "")):
        return problem, f"shorten it to {MAX_SAY_WORDS} at most"
    until = given.get("valid_until", "")
    if until and iso_date(until) is None:
        return f"valid_until = {until!r} is no day", "write it as 2026-12-31"
    priority = given.get("priority", "")
    if priority and priority_of(priority) is None:
        problem = f"priority = {priority!r} is no whole number from 0 to 100"
        return problem, "write one, leave the cell empty, or name the column otherwise"
    return "", ""


def _delimiter(text: str) -> str:
    """The one that finds most of the columns, then the one that stands most often in the head."""
    head = text.lstrip("\n").partition("\n")[0]

    def found(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([head], delimiter=delimiter), [])
        return len(find_columns(cells)), head.count(delimiter)

    return max(_DELIMITERS, key=found)
