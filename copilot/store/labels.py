"""The table of labels: added to, never changed, and read by call or whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, insert, select

from copilot.errors import UnknownCall
from copilot.store.access import Access
from copilot.store.label import Label, Verdict
from copilot.store.models import Call, LabelTable
from copilot.store.query import columns

PAGE = 500
"""Labels read at once."""
COLUMNS = columns(LabelTable, Label)


class Labels(Access):
    """All labels of a database; every method raises StoreError where it cannot be used."""

    async def add(self, labels: Sequence[Label]) -> int:
        """Keep those that are not there yet, all or none; how many those were.

        Raises UnknownCall for a label of a call that the database does not have.
        """
        new = dict.fromkeys(labels)
        async with self._write() as connection:
            for call in sorted({label.call_id for label in labels}):
                if await connection.scalar(_call(call)) is None:
                    raise UnknownCall(f"{call}: no such call; it may have been erased")
            for label in labels:
                if await connection.scalar(_same(label)) is not None:
                    new.pop(label, None)
            if new:
                rows = [msgspec.structs.asdict(label) for label in new]
                await connection.execute(insert(LabelTable), rows)
        return len(new)

    async def of(self, call_id: str) -> list[Label]:
        """A call's labels in the order in which they were given."""
        return [label for _, label in await self._rows(LabelTable.call_id == call_id)]

    async def all(self) -> AsyncIterator[Label]:
        """Every label in the order in which they were given."""
        last = 0
        while page := await self._rows(LabelTable.id > last, PAGE):
            for _, label in page:
                yield label
            last = page[-1][0]

    async def _rows(
        self, which: ColumnElement[bool], limit: int | None = None
    ) -> list[tuple[int, Label]]:
        query = select(LabelTable.id, *COLUMNS).where(which).order_by(LabelTable.id).limit(limit)
        async with self._read() as connection:
            found = (await connection.execute(query)).all()
        return [(number, _label(columns)) for number, *columns in found]


def _label(columns: Sequence[Any]) -> Label:
    values = dict(zip(Label.__struct_fields__, columns, strict=True))
    return Label(**{**values, "verdict": Verdict(values["verdict"])})


def _call(call_id: str) -> Select[str]:
    return select(Call.call_id).where(Call.call_id == call_id)


def _same(label: Label) -> Select[int]:
    values = msgspec.structs.asdict(label)
    same = (column == values[column.name] for column in COLUMNS)
    return select(LabelTable.id).where(*same).limit(1)
