"""A call without consent is followed while it lasts and kept nowhere."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from copilot.core.events import CallEnded, CallStarted, Entry, Heard
from copilot.core.policy import Policy
from copilot.errors import UnknownCall
from copilot.ports import CallLog
from copilot.store import tail
from copilot.store.forgetful import Forgetful


def entry(seq: int) -> Entry:
    if seq == 0:
        return Entry(0, 0, CallStarted("a", Policy(), consent=False))
    return Entry(seq, seq, Heard(seq))


async def seqs(entries: AsyncIterator[Entry]) -> list[int]:
    return [entry.seq async for entry in entries]


async def test_a_follower_gets_the_call_as_it_happens() -> None:
    log: CallLog = Forgetful()
    log.append("a", [entry(0)])
    follower = asyncio.create_task(seqs(log.follow("a")))
    for seq in range(1, 5):
        log.append("a", [entry(seq)])
        await asyncio.sleep(0)
    log.append("a", [Entry(5, 4, CallEnded("hang_up"))])
    assert await follower == [0, 1, 2, 3, 4, 5]
    with pytest.raises(UnknownCall):
        await seqs(log.follow("a"))


async def test_what_nobody_followed_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "KEEP", 2)
    log = Forgetful()
    log.append("a", [entry(seq) for seq in range(10)])
    follower = asyncio.create_task(seqs(log.follow("a")))
    await asyncio.sleep(0)
    log.append("a", [Entry(10, 9, CallEnded("hang_up"))])
    assert await follower == [8, 9, 10]
