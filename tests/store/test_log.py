"""The call log keeps every entry, in order, for any number of readers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.core.events import (
    CallEnded,
    CallStarted,
    Entry,
    Event,
    Failed,
    Heard,
    ShowCard,
    WithdrawCard,
    Withheld,
)
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Silence, Word
from copilot.errors import UnknownCall
from copilot.ports import CallLog
from copilot.store import database, tail
from copilot.store import log as store_log
from copilot.store.log import Store, open_store
from copilot.store.models import CallRow, State
from tests.postgres import Cluster


def started(call_id: str, consent: bool = True) -> CallStarted:
    return CallStarted(call_id, Policy(), ("parcel@1f0c9a2e",), "0.1.0", consent)


def log(call_id: str, ticks: int, ended: bool = True) -> list[Entry]:
    """A call of so many ticks with a card, a silence and an effect after its end."""
    events: list[tuple[int, Event]] = [(0, started(call_id))]
    for tick in range(ticks):
        words = (Word(f"wört{tick}", tick, tick + 1),) if tick % 3 == 0 else ()
        events.append((tick, Heard(tick, customer=Hearing(speech=90, words=words))))
    card = ShowCard(1, 0, "Title", 'Say "this" – it\'s 5 €', ("parcel/a#b",), 80, "where is it")
    events.append((ticks, card))
    events.append((ticks, Withheld(2, Silence.WEAK, "nothing", support=12)))
    if ended:
        events.append((ticks, CallEnded("hang_up")))
        events.append((ticks, WithdrawCard(1, "call_ended")))
    return [Entry(seq, tick, event) for seq, (tick, event) in enumerate(events)]


def port(store: Store) -> CallLog:
    """The store as a session sees it."""
    return store


async def all_of(entries: AsyncIterator[Entry]) -> list[Entry]:
    return [entry async for entry in entries]


async def written(store: Store) -> None:
    async with asyncio.timeout(10):
        while store.lag or not store.healthy:
            await asyncio.sleep(0.01)


async def test_a_log_is_read_as_it_was_written(store: Store) -> None:
    entries = log("a", 40)
    port(store).append("a", entries[:10])
    port(store).append("a", entries[10:])
    assert await store.read("a") == entries
    await written(store)
    assert await store.read("a") == entries
    assert await all_of(store.follow("a")) == entries
    assert await all_of(store.follow("a", len(entries) - 2)) == entries[-1:]
    assert await all_of(store.follow("a", len(entries) + 5)) == []


async def test_a_log_outlives_its_store(url: str) -> None:
    entries = log("a", 700)
    first = await open_store(url)
    first.append("a", entries)
    await first.close()
    second = await open_store(url)
    assert await second.read("a") == entries
    assert await all_of(second.follow("a", 600)) == entries[601:]
    await second.close()


async def test_a_live_call_is_readable_and_followed_to_its_last_effect(store: Store) -> None:
    entries = log("a", 30)
    store.append("a", entries[:5])
    followers = [asyncio.create_task(all_of(store.follow("a", after))) for after in (-1, 3, 20)]
    for entry in entries[5:-2]:
        store.append("a", [entry])
        await asyncio.sleep(0)
    assert await store.read("a") == entries[:-2]
    store.append("a", entries[-2:])
    got = await asyncio.gather(*followers)
    assert got == [entries, entries[4:], entries[21:]]


async def test_a_slow_follower_delays_nobody_and_misses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "KEEP", 4)
    entries = log("a", 300)
    store.append("a", entries[:20])
    slow = store.follow("a")
    got = [await anext(slow)]
    for begin in range(20, len(entries), 40):
        store.append("a", entries[begin : begin + 40])
        await written(store)
    assert [row.id for row in store.live()] == []
    assert got + [entry async for entry in slow] == entries


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_following_from_anywhere_is_the_log_from_there(tmp_path: Path, data: st.DataObject) -> None:
    entries = log("a", data.draw(st.integers(0, 60)))
    # The end and its effects are one step of the machine, and are appended together.
    last = len(entries) - 2
    cuts = sorted({*data.draw(st.sets(st.integers(1, last), max_size=6)), len(entries)})
    joins = data.draw(
        st.lists(
            st.tuples(st.integers(0, len(cuts)), st.integers(-1, len(entries))),
            min_size=1,
            max_size=5,
        )
    )
    waits = data.draw(st.sets(st.integers(0, len(cuts))))
    keep = data.draw(st.integers(0, 20))

    async def play() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'x.sqlite'}")
        call_id = f"call-{len(await store.calls(100))}"
        renamed = [Entry(0, 0, started(call_id)), *entries[1:]]
        store.append(call_id, renamed[: cuts[0]])
        following: list[tuple[int, asyncio.Task[list[Entry]]]] = []
        for step in range(len(cuts) + 1):
            for at, after in joins:
                if at == step:
                    task = asyncio.create_task(all_of(store.follow(call_id, after)))
                    following.append((after, task))
            if step in waits:
                await written(store)
            if 0 < step < len(cuts):
                store.append(call_id, renamed[cuts[step - 1] : cuts[step]])
            await asyncio.sleep(0)
        for after, task in following:
            assert await task == renamed[after + 1 :]
        await store.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "KEEP", keep)
        asyncio.run(asyncio.wait_for(play(), 20))


async def test_the_calls_list_is_an_index_of_the_logs(url: str) -> None:
    clock = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(1000))
    store = await open_store(url, now=lambda: next(clock))
    for number in range(5):
        store.append(f"call-{number}", log(f"call-{number}", 25, ended=number != 3))
    rows = await store.calls(3)
    assert [row.id for row in rows] == ["call-4", "call-3", "call-2"]
    await written(store)
    assert await store.calls(3) == rows
    assert [row.id for row in await store.calls(10, before="call-2")] == ["call-1", "call-0"]
    assert [row.id for row in store.live()] == ["call-3"]
    row = rows[0]
    assert (row.ticks, row.cards, row.silences, row.entries) == (25, 1, 1, 30)
    assert (row.state, row.reason, row.version) == (State.ENDED, "hang_up", "0.1.0")
    assert row.packs == ("parcel@1f0c9a2e",)
    assert rows[1].reason == ""
    await store.close()


async def test_a_watcher_sees_calls_start_and_end(store: Store) -> None:
    rows: list[CallRow] = []

    async def watch() -> None:
        rows.extend([row async for row in store.watch()])

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)
    entries = log("a", 3)
    for entry in entries:
        store.append("a", [entry])
        await asyncio.sleep(0)
    await store.close()
    await task
    assert [(row.state, row.cards, row.silences) for row in rows] == [
        (State.LIVE, 0, 0),
        (State.LIVE, 1, 0),
        (State.LIVE, 1, 1),
        (State.ENDED, 1, 1),
    ]


async def test_an_unknown_call_is_named(store: Store) -> None:
    assert await store.call("nobody") is None
    with pytest.raises(UnknownCall, match="nobody"):
        await store.read("nobody")
    with pytest.raises(UnknownCall, match="nobody"):
        await all_of(store.follow("nobody"))
    with pytest.raises(UnknownCall, match="nobody"):
        await store.calls(5, before="nobody")


async def test_a_log_must_begin_at_its_beginning_and_with_consent(store: Store) -> None:
    with pytest.raises(ValueError, match="its log starts elsewhere"):
        store.append("a", [Entry(0, 0, Heard(0))])
    with pytest.raises(ValueError, match="without consent"):
        store.append("a", [Entry(0, 0, started("a", consent=False))])
    for odd in ("a" * 65, "a\0"):
        with pytest.raises(ValueError, match="64 printable characters"):
            store.append(odd, [Entry(0, 0, started(odd))])
    store.append("a", [])
    assert await store.calls(5) == []


async def test_what_cannot_be_stored_harms_its_own_call_only(store: Store) -> None:
    entries = log("b", 3)
    store.append("a", [Entry(0, 0, started("a"))])
    store.append("b", entries)
    with pytest.raises(ValueError, match="surrogates"):
        store.append("a", [Entry(1, 0, Failed(1, "compose", "half a character: \ud800"))])
    store.append("a", [Entry(1, 0, CallEnded("hang_up\0"))])
    await written(store)
    assert await store.read("b") == entries
    assert [entry.seq for entry in await store.read("a")] == [0, 1]


async def test_entries_wait_while_the_database_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.05)
    path = tmp_path / "x.sqlite"
    store = await open_store(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    entries = log("a", 50)
    store.append("a", entries)
    async with asyncio.timeout(10):
        while store.healthy:
            await asyncio.sleep(0.01)
    assert "another process has locked it" in store.fault
    assert store.lag > 0
    assert await store.read("a") == entries
    other.rollback()
    await written(store)
    assert other.execute("select count(*) from record").fetchone() == (len(entries),)
    assert store.fault == ""
    other.close()
    await store.close()


@pytest.mark.postgres
async def test_entries_wait_while_the_server_restarts(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_log, "RETRY_S", 0.05)
    store = await open_store(cluster.new_url())
    entries = log("a", 50)
    store.append("a", entries[:20])
    await written(store)
    await asyncio.to_thread(cluster.stop)
    store.append("a", entries[20:])
    async with asyncio.timeout(10):
        while store.healthy:
            await asyncio.sleep(0.01)
    assert "check that PostgreSQL runs there" in store.fault
    await asyncio.to_thread(cluster.start)
    await written(store)
    assert await store.read("a") == entries
    await store.close()
