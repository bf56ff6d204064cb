"""The log of a process that died is readable, nearly whole, and marked as cut."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.core.events import CallEnded, CallStarted, Entry, Heard
from copilot.core.policy import Policy
from copilot.errors import UnknownCall
from copilot.store import log
from copilot.store.log import Store, open_store
from copilot.store.models import State

CHILD = Path(__file__).parent / "child.py"
LOST = 13
"""Entries that a kill may cost: a quarter of a second of them, where the machine keeps the child's
pace. Of a machine that stalls the clock would tell more than of the log."""


def kill_in_mid_call(url: str) -> int:
    """The last seq that the child appended."""
    child = subprocess.Popen([sys.executable, str(CHILD), url], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(70)]
    child.kill()
    lines += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    return int([line for line in lines if line.endswith("\n")][-1])


async def cut(store: Store, call_id: str) -> None:
    async with asyncio.timeout(10):
        while True:
            row = await store.call(call_id)
            if row is not None and row.state is State.CUT:
                return
            await asyncio.sleep(0.01)


async def test_a_kill_loses_a_quarter_of_a_second_at_most(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server hears of the death of a client a moment later.
    monkeypatch.setattr(log, "SWEEP_S", 0.05)
    last = await asyncio.to_thread(kill_in_mid_call, url)
    store = await open_store(url)
    await cut(store, "a")
    entries = await store.read("a")
    assert entries[0].event == CallStarted("a", Policy())
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    assert entries[-1] == Entry(len(entries) - 1, entries[-2].tick, CallEnded("cut"))
    assert last - entries[-2].seq <= LOST
    row = await store.call("a")
    assert row is not None
    assert (row.state, row.reason, row.entries) == (State.CUT, "cut", len(entries))
    assert row.ended_at is not None
    await store.close()
    again = await open_store(url)
    assert await again.read("a") == entries
    assert await again.call("a") == row
    await again.close()


async def test_a_second_store_leaves_the_calls_of_the_living_alone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "POLL_S", 0.01)
    first = await open_store(url)
    first.append("a", [Entry(0, 0, CallStarted("a", Policy()))])
    second = await open_store(url)
    second.append("b", [Entry(0, 0, CallStarted("b", Policy()))])
    async with asyncio.timeout(10):
        while await second.call("a") is None:
            await asyncio.sleep(0.01)
    follower = asyncio.create_task(_seqs(second, "a"))
    first.append("a", [Entry(1, 0, Heard(0))])
    first.append("a", [Entry(2, 0, CallEnded("hang_up"))])
    assert await follower == [0, 1, 2]
    await first.close()
    row = await second.call("a")
    assert row is not None
    assert row.state is State.ENDED
    await second.close()
    third = await open_store(url)
    await cut(third, "b")
    assert [entry.event for entry in await third.read("b")][1:] == [CallEnded("cut")]
    await third.close()


async def _seqs(store: Store, call_id: str) -> list[int]:
    return [entry.seq async for entry in store.follow(call_id)]


async def test_within_the_grace_a_log_is_adopted_by_one_and_goes_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SWEEP_S", 0.05)
    await asyncio.to_thread(kill_in_mid_call, url)
    store, other = await open_store(url, grace=60), await open_store(url, grace=60)
    async with asyncio.timeout(10):
        while True:  # a server may hear of a death a moment later
            try:
                entries = await store.adopt("a")
                break
            except UnknownCall:
                await asyncio.sleep(0.01)
    for one in (store, other):
        with pytest.raises(UnknownCall, match="begin a new one"):
            await one.adopt("a")
    assert entries[-1].event == Heard(entries[-1].tick)
    tick = entries[-1].tick + 1
    more = [
        Entry(len(entries), tick, Heard(tick)),
        Entry(len(entries) + 1, tick, CallEnded("hang_up")),
    ]
    store.append("a", more)
    assert [entry.seq async for entry in store.follow("a")] == list(range(len(entries) + 2))
    await store.close()
    assert await other.read("a") == [*entries, *more]
    row = await other.call("a")
    assert row is not None
    assert row.state is State.ENDED
    await other.close()


async def test_after_the_grace_the_log_is_closed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SWEEP_S", 0.05)
    first = await open_store(url)
    first.append("a", [Entry(0, 0, CallStarted("a", Policy()))])
    await first.close()
    store = await open_store(url, grace=0.4)
    row = await store.call("a")
    assert row is not None
    assert row.state is State.LIVE
    await cut(store, "a")
    with pytest.raises(UnknownCall):
        await store.adopt("a")
    await store.close()
