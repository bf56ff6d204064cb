"""Write-ups: from the call's own words, or a model's sentences as far as the call holds them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import pytest

from copilot.config.sections import Webhook
from copilot.mind.recap import Recap, Writer
from copilot.ports import Embedder, Owner, Piece, Prompt
from copilot.store.log import Store, open_store
from tests.helpers import Call, nothing
from tests.mind.conftest import Thinks
from tests.website import thinks

OWN = "hello i want to return the lamp i bought on monday"


def over() -> Call:
    call = Call(nothing)
    call.agent("good morning how can i help").quiet(30)
    call.customer(OWN).quiet(60)
    call.agent("sure i will send you a label by email today").quiet(30)
    call.customer("my card is 4111 1111 1111 1111 just so you know").quiet(60)
    call.agent("thank you that is all done your refund is 45 pounds").quiet(30)
    return call.end()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite:///{tmp_path / 'copilot.sqlite'}")
    yield made
    await made.close()


async def test_without_a_model_the_calls_own_words(embedder: Embedder) -> None:
    made = await Writer(None, embedder).draft(over().log)
    assert made.reason == OWN
    assert made.promised == ("sure i will send you a label by email today",)
    assert made.gaps[0].startswith("hello i want to return the lamp")
    assert OWN in made.summary


async def test_a_models_write_up_as_far_as_the_call_holds_it(
    thinking: Thinks, embedder: Embedder
) -> None:
    written = {
        "summary": "The customer wants to return the lamp bought on Monday. "
        "The customer threatened to sue in Strasbourg.",
        "reason": "Return of a lamp bought on Monday.",
        "outcome": "The refund is 450 pounds.",
        "promised": ["I will send you a label by email today.", "We will pay 900 dollars."],
        "gaps": ["invented"],
    }
    async with thinking(f"Here you are: {json.dumps(written)}") as (mind, server):
        made = await Writer(mind, embedder).draft(over().log)
    assert made.summary == "The customer wants to return the lamp bought on Monday."
    assert made.outcome == ""  # the refund was 45 pounds
    assert made.promised == ("I will send you a label by email today.",)
    assert made.gaps[0].startswith("hello i want")
    assert "4111" not in server.asked[0]


@pytest.mark.parametrize("said", ["no idea", "[1, 2]", '{"summary": 5}', "{" * 9])
async def test_rubbish_leaves_the_calls_own_words(
    said: str, thinking: Thinks, embedder: Embedder
) -> None:
    async with thinking(said) as (mind, _):
        made = await Writer(mind, embedder).draft(over().log)
    assert made.reason == OWN


async def test_a_call_is_written_up_when_it_ends_and_counts_once_confirmed(store: Store) -> None:
    hook = Webhook.model_validate(
        {"url": "https://crm.example/x", "secret": "whsec_" + "A" * 32, "private": True}
    )
    mind = thinks(store, [hook])
    store.append("call", over().log, Owner("default", "anna"))
    row = await store.call("call")
    assert row is not None
    draft = await mind.write_up(row)
    assert draft.confirmed_at is None
    assert (await mind.write_up(row)) == draft
    edited = Recap("Return of a lamp; card 4111 1111 1111 1111.", "return", "refunded")
    done = await mind.confirm(row, edited, "anna@example.com")
    assert (done.by, done.recap) == ("anna@example.com", edited)
    assert (await mind.written("other", "call")) is None
    confirmed, ended = await store.mind.deliveries("default")
    assert (ended.event, confirmed.event) == ("call.ended", "call.confirmed")
    assert json.loads(ended.body)["data"]["summary"] == ""  # a draft does not count
    body = json.loads(confirmed.body)
    assert body["data"]["summary"] == "Return of a lamp; card [card 1]."
    assert body["data"]["call"]["agent"] == "anna"
    assert "4111" not in confirmed.body
    await mind.close()


class Slow:
    """A model that answers when it is let."""

    destinations: Sequence[str] = ()

    def __init__(self) -> None:
        self.asked, self.free = asyncio.Event(), asyncio.Event()

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        self.asked.set()
        await self.free.wait()
        yield Piece('{"summary": "I want to return the lamp."}', True, "slow")

    def of(self, team_id: str) -> "Slow":
        return self

    async def close(self) -> None: ...


async def test_a_draft_that_is_late_takes_nothing_back_and_is_told_once(
    store: Store,
) -> None:
    """The panel and the watcher draft at once, and the agent is faster than both."""
    hook = Webhook.model_validate(
        {"url": "https://crm.example/x", "secret": "whsec_" + "A" * 32, "private": True}
    )
    slow = Slow()
    mind = thinks(store, [hook], slow)
    store.append("call", over().log, Owner("default", "anna"))
    row = await store.call("call")
    assert row is not None
    drafts = [asyncio.create_task(mind.write_up(row)) for _ in range(2)]
    async with asyncio.timeout(30):
        await slow.asked.wait()
    done = await mind.confirm(row, Recap("Refunded a lamp."), "anna")
    slow.free.set()
    assert await asyncio.gather(*drafts) == [done, done]
    assert await mind.written("default", "call") == done
    told = [one.event for one in await store.mind.deliveries("default")]
    assert told == ["call.confirmed", "call.ended"]
    await mind.close()


async def test_past_write_ups_come_back_at_the_next_call(store: Store) -> None:
    mind = thinks(store)
    store.append("call", over().log, Owner("default", "anna"))
    await mind.memory.bind("default", "call", "customer 1")
    row = await store.call("call")
    assert row is not None
    await mind.write_up(row)
    assert (await mind.memory.bind("default", "next", "customer 1")).calls == ()
    await mind.confirm(row, Recap("Returned a lamp."), "anna")
    [past] = (await mind.memory.bind("default", "next", "customer 1")).calls
    assert "Returned a lamp." in past.body
    await mind.close()
