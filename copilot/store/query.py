"""Rows of tables as frozen structs whose fields are named as the columns."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Delete, Select, Update
from sqlalchemy.ext.asyncio import AsyncConnection

Row = TypeVar("Row", bound=Struct)


def columns(table: type[Any], row: type[Struct]) -> list[Any]:
    """The table's columns in the order of the struct's fields."""
    return [table.__table__.columns[name] for name in row.__struct_fields__]


def values(row: Struct) -> dict[str, object]:
    return msgspec.structs.asdict(row)


async def every(
    connection: AsyncConnection, row: type[Row], query: Select[*tuple[Any, ...]]
) -> Sequence[Row]:
    return [row(*found) for found in (await connection.execute(query)).all()]


async def one(
    connection: AsyncConnection, row: type[Row], query: Select[*tuple[Any, ...]]
) -> Row | None:
    found = (await connection.execute(query)).first()
    return None if found is None else row(*found)


async def changed(connection: AsyncConnection, query: Update | Delete) -> bool:
    """Whether the statement met any row."""
    return (await connection.execute(query)).rowcount > 0
