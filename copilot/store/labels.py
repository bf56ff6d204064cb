"""The table of labels: added to, never changed, and read by call or whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from copilot.errors import StoreError, UnknownCall
from copilot.store.database import FAULTS, Address, explain
from copilot.store.label import Label, Verdict
from copilot.store.models import Call, LabelTable

PAGE = 500
"""Labels read at once."""
COLUMNS = [LabelTable.__table__.columns[name] for name in Label.__struct_fields__]


class Labels:
    """All labels of a database; every method raises StoreError where it cannot be used."""

    def __init__(self, address: Address, engine: AsyncEngine) -> None:
        self._address = address
        self._engine = engine

    async def add(self, labels: Sequence[Label]) -> int:
        """Keep those that are not there yet, all or none; how many those were.

        Raises UnknownCall for a label of a call that the database does not have.
        """
        new = dict.fromkeys(labels)
        try:
            async with self._engine.begin() as connection:
                for call in sorted({label.call_id for label in labels}):
                    if await connection.scalar(_call(call)) is None:
                        raise UnknownCall(f"{call}: no such call in {self._address}")
                for label in labels:
                    if await connection.scalar(_same(label)) is not None:
                        new.pop(label, None)
                if new:
                    rows = [msgspec.structs.asdict(label) for label in new]
                    await connection.execute(insert(LabelTable), rows)
        except FAULTS as error:
            raise StoreError(explain(self._address, error)) from None
        return len(new)

    async def of(self, call_id: str) -> list[Label]:
        """A call's labels in the order in which they were given."""
        return [label for _, label in await self._read(LabelTable.call_id == call_id)]

    async def all(self) -> AsyncIterator[Label]:
        """Every label in the order in which they were given."""
        last = 0
        while page := await self._read(LabelTable.id > last, PAGE):
            for _, label in page:
                yield label
            last = page[-1][0]

    async def _read(
        self, which: ColumnElement[bool], limit: int | None = None
    ) -> list[tuple[int, Label]]:
        query = select(LabelTable.id, *COLUMNS).where(which).order_by(LabelTable.id).limit(limit)
        try:
            async with self._engine.connect() as connection:
                found = (await connection.execute(query)).all()
        except FAULTS as error:
            raise StoreError(explain(self._address, error)) from None
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
