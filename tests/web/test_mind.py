"""The background over HTTP: questions, memory, write-ups, deliveries, as a program uses them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx import AsyncClient
from litestar import Litestar

from copilot.accounts.roles import EXTENSION
from copilot.audio.frames import MicroTurn
from copilot.core.call import replay
from copilot.core.events import CallStarted, CustomerKnown
from copilot.core.policy import Policy
from copilot.session import Parts, Session
from copilot.store.log import Store
from copilot.store.team import TeamCalls
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call
from tests.tenants import make_accounts, make_tenants
from tests.test_session import SILENT, Notes, Script, Shelf
from tests.web.accounts import HERE
from tests.web.conftest import Browse
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
    nobody = (await client.get(f"{API}/calls/call/memory")).json()
    assert nobody == {"known": False, "facts": [], "calls": []}
    bound = await client.put(f"{API}/calls/call/customer", json=who)
    assert bound.json() == {"known": True, "facts": [], "calls": []}
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
    assert gone.json() == {"facts": 0, "calls": 1, "learned": []}
    assert (await client.get(f"{API}/calls/call/memory")).status_code == 404
    raw = bytes_in(tmp_path).lower()
    assert b"quetzal" not in raw
    assert b"parcel" not in raw


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*.sqlite*"))


async def test_whoever_follows_a_live_call_hears_that_its_customer_is_known(
    client: AsyncClient, services: Services
) -> None:
    notes = Notes()
    session = Session(CallStarted("now", Policy()), Parts(Script([]), Shelf([]), notes, notes))
    services.store.append("now", notes.entries)
    services.switchboard._calls["now"] = SimpleNamespace(session=session)  # type: ignore[assignment]
    who = {"external_id": "CRM-4711"}
    await client.put(f"{API}/calls/call/customer", json=who)
    await client.put(f"{API}/calls/call/summary", json={"summary": "Wanted an invoice."})
    await client.put(f"{API}/calls/now/customer", json=who)
    fact = (await client.post(f"{API}/calls/now/memory", json={"text": "Has a dog"})).json()
    await client.patch(f"{API}/memory/{fact['id']}", json={"text": "Has a cat"})
    await client.delete(f"{API}/memory/{fact['id']}")
    await session.play(nobody_speaks())
    told = [one.event for one in notes.entries if isinstance(one.event, CustomerKnown)]
    assert [(one.facts, one.calls) for one in told] == [(0, 1), (1, 1), (1, 1), (0, 1)]
    assert replay(notes.entries) is None
    known = (await client.get(f"{API}/calls/now/memory")).json()
    [past] = known["calls"]
    assert (past["call"], past["summary"]) == ("call", "Wanted an invoice.")
    del services.switchboard._calls["now"]


async def nobody_speaks() -> AsyncIterator[MicroTurn]:
    yield MicroTurn(1, SILENT, SILENT)


async def test_an_agent_has_the_memory_of_own_calls_only(
    services: Services, store: Store, browse: Browse, asked: Call
) -> None:
    """With no more than the rights that the extension asks for."""
    tenants = await make_tenants(make_accounts(store))
    app = create_app(replace(services, accounts=tenants.accounts))
    made = tenants.accounts.tokens.make
    admin, agent = await tenants.who("admin"), await tenants.who("agent")
    _, token = await made(agent, "panel", sorted(EXTENSION))
    _, foreign = await made(await tenants.who("other_agent"), "panel", sorted(EXTENSION))
    for owner, call in ((agent, "mine"), (admin, "others")):
        TeamCalls(store, owner.owner, False).append(call, asked.log)
    memory = services.background.memory if services.background else None
    assert memory is not None
    await memory.bind("default", "others", "CRM-1")
    hers = await memory.remember("default", "others", "Has a dog", "root")
    async with browse(app, HERE) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        who = {"external_id": "CRM-2"}
        assert (await client.put(f"{API}/calls/mine/customer", json=who)).json()["known"]
        note = {"text": "Has a cat"}
        fact = (await client.post(f"{API}/calls/mine/memory", json=note)).json()
        assert (await client.get(f"{API}/calls/mine/memory")).json()["facts"] == [fact]
        fixed = await client.patch(f"{API}/memory/{fact['id']}", json={"text": "Has two cats"})
        assert fixed.status_code == 200
        for refused in (
            await client.put(f"{API}/calls/others/customer", json=who),
            await client.get(f"{API}/calls/others/memory"),
            await client.patch(f"{API}/memory/{hers.id}", json=note),
            await client.delete(f"{API}/memory/{hers.id}"),
        ):
            assert refused.status_code == 404
        client.headers["Authorization"] = f"Bearer {foreign}"
        assert (await client.get(f"{API}/calls/mine/memory")).status_code == 404
        assert (await client.delete(f"{API}/memory/{fact['id']}")).status_code == 404
        client.headers["Authorization"] = f"Bearer {token}"
        assert (await client.delete(f"{API}/memory/{fact['id']}")).status_code == 204


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
