"""Labels are kept beside the records: added only, the newest of each person standing."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from advanced_alchemy.alembic.commands import AlembicCommands

from copilot.core.events import CallEnded, CallStarted, Entry
from copilot.core.policy import Policy
from copilot.errors import UnknownCall
from copilot.store.database import configure, parse
from copilot.store.label import Label, Verdict, standing
from copilot.store.log import Store, open_store

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def label(
    inquiry: int, verdict: Verdict, by: str = "lea", minutes: int = 0, call_id: str = "a"
) -> Label:
    at = NOON + timedelta(minutes=minutes)
    return Label(call_id=call_id, inquiry=inquiry, verdict=verdict, by=by, at=at)


async def keep(store: Store, call_id: str) -> None:
    """A call of no length in the database itself."""
    started = CallStarted(call_id, Policy())
    store.append(call_id, [Entry(0, 0, started), Entry(1, 0, CallEnded("hang_up"))])
    async with asyncio.timeout(10):
        while store.lag:
            await asyncio.sleep(0.01)


async def test_labels_are_read_as_they_were_given(store: Store) -> None:
    await keep(store, "a")
    await keep(store, "b")
    full = msgspec.structs.replace(
        label(2, Verdict.MISSED, "tom", 1), passage="parcel/x#y", note="it was about customs"
    )
    other = label(1, Verdict.SILENT, call_id="b")
    assert await store.labels.add([label(1, Verdict.RIGHT), full]) == 2
    assert await store.labels.add([other]) == 1
    assert await store.labels.of("a") == [label(1, Verdict.RIGHT), full]
    assert [one async for one in store.labels.all()] == [label(1, Verdict.RIGHT), full, other]


async def test_the_same_label_twice_is_one(store: Store) -> None:
    await keep(store, "a")
    one, later = label(1, Verdict.RIGHT), label(1, Verdict.RIGHT, minutes=1)
    assert await store.labels.add([one, one]) == 1
    assert await store.labels.add([one, later]) == 1
    assert await store.labels.of("a") == [one, later]


async def test_labels_of_a_call_that_is_not_there_are_refused_all_together(store: Store) -> None:
    await keep(store, "a")
    with pytest.raises(UnknownCall, match=r"^nowhere: no such call; it may have been erased$"):
        await store.labels.add(
            [label(1, Verdict.RIGHT), label(1, Verdict.WRONG, call_id="nowhere")]
        )
    assert await store.labels.of("a") == []


async def test_more_labels_than_one_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.store.labels.PAGE", 3)
    await keep(store, "a")
    many = [label(inquiry, Verdict.RIGHT) for inquiry in range(1, 9)]
    await store.labels.add(many)
    assert [one async for one in store.labels.all()] == many


def test_the_newest_label_of_each_person_stands() -> None:
    first, again = label(1, Verdict.RIGHT), label(1, Verdict.UNNEEDED, minutes=2)
    tom, other = label(1, Verdict.RIGHT, "tom", 1), label(2, Verdict.MISSED)
    assert standing([again, first, tom, other]) == (other, tom, again)


@pytest.mark.parametrize(
    ("field", "value"),
    [("verdict", "splendid"), ("inquiry", 0), ("by", ""), ("at", "2026-11-26T12:00:00"),
     ("note", "a\0b"), ("passage", 3)],
)  # fmt: skip
def test_what_is_no_label(field: str, value: object) -> None:
    good = msgspec.to_builtins(label(1, Verdict.RIGHT))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, field: value}, Label)


async def test_labels_of_an_older_copilot_are_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    address = parse(f"sqlite:///{path}")
    await asyncio.to_thread(lambda: AlembicCommands(configure(address)).upgrade("0001"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "insert into label (call_id, inquiry, verdict, by, at) values (?, 1, ?, 'lea', ?)",
            ("a", "helpful", "2026-11-26 12:00:00"),
        )
    store = await open_store(f"sqlite:///{path}")
    assert await store.labels.of("a") == [label(1, Verdict.RIGHT)]
    await store.close()
