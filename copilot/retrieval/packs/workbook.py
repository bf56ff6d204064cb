"""Reads XLSX: the cells of its visible sheets as text, row by row, formulas by their last value."""

import datetime
import warnings
from pathlib import Path

import openpyxl

from copilot.retrieval.packs import archive
from copilot.retrieval.packs.blocks import MAX_ROWS, Refusal, Row, Sheet, Workbook

_MAX_COLUMNS = 64
_MAX_SCANNED = 200_000
"""Rows looked at in a sheet, blank ones too."""


def read(file: Path) -> Workbook:
    archive.check(file)
    warnings.simplefilter("ignore")  # openpyxl tells of styles that it leaves out
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    found = []
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        sheet.reset_dimensions()  # a wrong one would cut rows off
        rows = []
        values = sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True)
        for line, cells in enumerate(values, start=1):
            texts = tuple(map(_text, cells))
            if any(texts):
                rows.append(Row(line, texts))
            if len(rows) > MAX_ROWS or line > _MAX_SCANNED:
                problem = f"sheet {sheet.title!r} has more than {MAX_ROWS:,} rows"
                raise Refusal(problem, "split it by topic, or delete the empty rows at its end")
        found.append(Sheet(sheet.title, tuple(rows)))
    return Workbook(tuple(found))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        whole = value.time() == datetime.time()
        return value.date().isoformat() if whole else value.isoformat(" ", "minutes")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
