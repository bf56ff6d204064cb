"""The log download and the live stream: the very bytes of the codec, from any place on."""

import asyncio
import re

import msgspec
import pytest
from httpx import AsyncClient

from copilot.core.call import replay
from copilot.core.events import decode_entry, encode
from copilot.errors import UnknownCall
from copilot.store.log import Store
from copilot.web import live, streams
from copilot.web.streams import Streams
from tests.helpers import Call

_FRAME = re.compile(r"id: (\d+)\ndata: (.*)\n\n")


def frames(body: str) -> list[tuple[int, str]]:
    return [(int(seq), data) for seq, data in _FRAME.findall(body)]


async def test_the_download_is_the_encoded_log_and_replays(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("c1", asked.log)
    answer = await client.get("/calls/c1/log")
    assert answer.headers["content-type"].startswith("application/jsonl")
    assert answer.headers["content-disposition"] == 'attachment; filename="c1.jsonl"'
    assert answer.content == b"".join(encode(entry) + b"\n" for entry in asked.log)
    assert replay(decode_entry(line) for line in answer.content.splitlines()) is None


async def test_a_finished_call_streams_whole_and_ends(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("c1", asked.log)
    answer = await client.get("/calls/c1/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    told = frames(answer.text)
    assert told == [(entry.seq, encode(entry).decode()) for entry in asked.log]


@pytest.mark.parametrize("seen", [0, 7, 200])
async def test_a_stream_resumes_after_the_last_seen(
    client: AsyncClient, store: Store, asked: Call, seen: int
) -> None:
    store.append("c1", asked.log)
    answer = await client.get("/calls/c1/live", headers={"Last-Event-ID": str(seen)})
    assert [seq for seq, _ in frames(answer.text)] == list(range(seen + 1, len(asked.log)))


async def test_a_stream_that_was_seen_whole_stops_the_browser(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("c1", asked.log)
    last = {"Last-Event-ID": str(asked.log[-1].seq)}
    assert (await client.get("/calls/c1/live", headers=last)).status_code == 204


@pytest.mark.parametrize("odd", ["", "x", "-3", "1.5", "٣", "9" * 40])
async def test_an_odd_last_event_id_means_from_the_start(
    client: AsyncClient, store: Store, asked: Call, odd: str
) -> None:
    store.append("c1", asked.log)
    answer = await client.get("/calls/c1/live", headers={b"Last-Event-ID": odd.encode()})
    assert len(frames(answer.text)) == len(asked.log)


async def test_a_late_joiner_gets_what_was_and_what_comes(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("c1", asked.log[:50])
    reading = asyncio.create_task(client.get("/calls/c1/live"))
    for entry in asked.log[50:]:
        await asyncio.sleep(0)
        store.append("c1", [entry])
    answer = await asyncio.wait_for(reading, 10)
    assert [seq for seq, _ in frames(answer.text)] == list(range(len(asked.log)))


async def test_a_quiet_stream_still_beats(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.01)
    stream = Streams().of(live._changes(store))
    assert await anext(stream) == streams.RETRY
    assert await anext(stream) == streams.BEAT
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_slow_browser_gets_every_entry(store: Store, asked: Call) -> None:
    store.append("c1", asked.log)
    stream = Streams().of(live._entries(store, "c1", -1))
    body = b""
    async for chunk in stream:
        body += chunk
        await asyncio.sleep(0)
    assert [msgspec.json.decode(data)["seq"] for _, data in frames(body.decode())] == list(
        range(len(asked.log))
    )


async def test_the_list_hears_of_changes(store: Store, asked: Call) -> None:
    stream = Streams().of(live._changes(store))
    assert await anext(stream) == streams.RETRY
    following = asyncio.ensure_future(anext(stream))
    while not store._watchers:
        await asyncio.sleep(0)
    store.append("c1", asked.log[:1])
    assert await asyncio.wait_for(following, 5) == b"data: c1\n\n"
    await stream.aclose()  # type: ignore[attr-defined]


async def test_streams_end_when_the_server_stops(store: Store, asked: Call) -> None:
    store.append("c1", asked.log[:5])
    streams_open = Streams()
    stream = streams_open.of(live._entries(store, "c1", -1))
    assert await anext(stream) == streams.RETRY
    assert await anext(stream)
    streams_open.close()
    assert [chunk async for chunk in stream] == []
    assert [chunk async for chunk in streams_open.of(live._changes(store))] == [streams.RETRY]


async def test_a_stream_whose_log_cannot_be_read_breaks(store: Store) -> None:
    with pytest.raises(UnknownCall):
        assert [chunk async for chunk in Streams().of(live._entries(store, "nobody", -1))]
