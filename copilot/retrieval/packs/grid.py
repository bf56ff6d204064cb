"""Tables inside documents: a question list gives questions, any other one line a row."""

from collections.abc import Iterator, Sequence

from copilot.retrieval.packs.blocks import QUESTION, Block
from copilot.retrieval.packs.columns import find_columns


def rows_as_blocks(rows: Sequence[Sequence[str]], headed: bool, page: int = 0) -> Iterator[Block]:
    """The blocks of a table; `headed` where its first row is marked as the head."""
    filled = [row for row in rows if any(row)]
    if not filled:
        return
    head, body = filled[0], filled[1:]
    columns = find_columns(head)
    if {"question", "answer"} <= columns.keys():
        asked, answered = columns["question"], columns["answer"]
        for row in body:
            if max(asked, answered) < len(row) and row[asked] and row[answered]:
                yield Block(row[asked], QUESTION, page)
                yield Block(row[answered], 0, page)
        return
    names = head if headed and body else ()
    for row in body if names else filled:
        yield Block(_line(row, names), 0, page)


def _line(row: Sequence[str], names: Sequence[str]) -> str:
    """``- Weight: 2 kg; Price: 5``, without names ``- 2 kg: 5``."""
    if names:
        pairs = zip(names, row, strict=False)
        return "- " + "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
    return "- " + ": ".join(cell for cell in row if cell)
