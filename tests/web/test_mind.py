"""The background over HTTP: questions, memory, write-ups, deliveries, as a program uses them."""

import json
from pathlib import Path

import pytest
from httpx import AsyncClient
from litestar import Litestar

from copilot.store.log import Store
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call
from tests.website import ADDRESS, QUESTION

API = "/api/v1"


@pytest.fixture
async def app(services: Services, store: Store, asked: Call) -> Litestar:
    store.append("call", asked.log)
    return create_app(services)


def events(text: str) -> list[tuple[str, dict[str, object]]]:
    """Names and data of server-sent events."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_a_question_about_the_call_and_the_packs(client: AsyncClient) -> None:
    answer = await client.post(
        f"{API}/ask", json={"question": "what did the customer want to change", "call": "call"}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    excerpt = next(data for name, data in told if name == "excerpt")
    assert (excerpt["party"], excerpt["text"]) == ("customer", QUESTION)
    assert told[-1] == ("done", {"type": "done", "notice": ""})
    answer = await client.post(f"{API}/ask", json={"question": "how do i change the address"})
    assert ADDRESS.id not in answer.text or "passage" in dict(events(answer.text))


async def test_a_question_about_a_call_that_there_is_not(client: AsyncClient) -> None:
    answer = await client.post(f"{API}/ask", json={"question": "what", "call": "never"})
    assert answer.status_code == 404


async def test_memory_from_saying_who_it_is_to_forgetting(
    client: AsyncClient, tmp_path: Path
) -> None:
    who = {"external_id": "CRM-4711"}
    bound = await client.put(f"{API}/calls/call/customer", json=who)
    assert bound.json() == {"facts": [], "calls": []}
    made = await client.post(
        f"{API}/calls/call/memory", json={"text": "Has a dog called Quetzal", "tick": 12}
    )
    assert made.status_code == 201
    fact = made.json()
    assert (fact["call"], fact["tick"], fact["by"]) == ("call", 12, "Local admin")
    fixed = await client.patch(f"{API}/memory/{fact['id']}", json={"text": "Has a cat"})
    assert fixed.json()["text"] == "Has a cat"
    known = (await client.get(f"{API}/calls/call/memory")).json()
    assert [one["text"] for one in known["facts"]] == ["Has a cat"]
    exported = (await client.post(f"{API}/customers/export", json=who)).json()
    assert exported["facts"] == known["facts"]
    assert (await client.delete(f"{API}/memory/{fact['id']}")).status_code == 204
    assert (await client.delete(f"{API}/memory/{fact['id']}")).status_code == 404
    wrong = await client.post(f"{API}/calls/call/memory", json={"text": "x" * 401})
    assert wrong.status_code == 400
    gone = await client.post(f"{API}/customers/erase", json=who)
    assert gone.json() == {"facts": 0, "calls": 1}
    assert (await client.get(f"{API}/calls/call/memory")).status_code == 404
    raw = bytes_in(tmp_path).lower()
    assert b"quetzal" not in raw
    assert b"parcel" not in raw


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*.sqlite*"))


async def test_a_write_up_is_read_edited_and_confirmed(client: AsyncClient) -> None:
    draft = (await client.get(f"{API}/calls/call/summary")).json()
    assert draft["confirmed_at"] is None
    assert QUESTION in draft["recap"]["reason"]
    edited = {**draft["recap"], "summary": "Told how to change the address."}
    done = (await client.put(f"{API}/calls/call/summary", json=edited)).json()
    assert done["by"] == "Local admin"
    again = (await client.get(f"{API}/calls/call/summary")).json()
    assert again["recap"]["summary"] == "Told how to change the address."
    assert (await client.get(f"{API}/deliveries")).json() == []
    assert (await client.post(f"{API}/deliveries/9/replay")).status_code == 404


async def test_a_call_that_is_on_is_not_written_up(client: AsyncClient, store: Store) -> None:
    store.append("live", Call().log)
    for answer in (
        await client.get(f"{API}/calls/live/summary"),
        await client.put(f"{API}/calls/live/summary", json={}),
    ):
        assert answer.status_code in (400, 404)
        assert "is still on" in answer.text
