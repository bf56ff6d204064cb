"""The background in a call: what is remembered of the customer reaches search, question, card."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn
from copilot.bench.standin import Manner
from copilot.core.call import replay
from copilot.core.events import CallStarted, Rewritten, ShowCard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Passage, TurnText
from copilot.mind.background import Background
from copilot.mind.memory import Memory
from copilot.mind.tools import Tools
from copilot.mind.webhooks import Webhooks
from copilot.ports import Embedder, Found, Mind
from copilot.providers.redact import Redactor
from copilot.session import Parts, Session
from copilot.store.log import Store, open_store, utc_now
from tests.mind.conftest import Thinks
from tests.test_session import Notes, Script

FACT = "Has the X200 router"
ASKED = "it does not start any more what shall i do"
QUESTION = "What to do when the X200 router does not start?"
RESET = Passage(
    "router/x200#start",
    "The X200 does not start",
    "Hold the button on the back of the X200 router for ten seconds until it starts again.",
    "",
    90,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite:///{tmp_path / 'copilot.sqlite'}")
    yield made
    await made.close()


def thinks(store: Store, mind: Mind, embedder: Embedder) -> Background:
    memory = Memory(store.mind, b"k" * 32, utc_now)
    webhooks, tools = Webhooks(store.mind, (), utc_now), Tools((), Redactor())
    return Background(store, mind, embedder, memory, webhooks, tools, Redactor(), utc_now)


class Shelf:
    def __init__(self) -> None:
        self.turns: list[TurnText] = []

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        self.turns += turns
        return Found((RESET,) if "x200" in query.lower() else ())


def model(body: str) -> Manner:
    if "speech recogniser" in body:
        return Manner(QUESTION if "X200" in body else "NONE")
    return Manner("Hold the button on the back of the X200 router for ten seconds [1].")


@pytest.mark.parametrize("bound", [True, False])
async def test_what_is_remembered_reaches_search_question_and_card(
    bound: bool, store: Store, thinking: Thinks, embedder: Embedder
) -> None:
    notes, shelf = Notes(), Shelf()
    async with thinking(model, trusted=True) as (mind, server):
        made = thinks(store, mind, embedder)
        await made.memory.bind("default", "before", "customer 1")
        await made.memory.remember("default", "before", FACT, "anna")
        await made.memory.bind("default", "call", "customer 1" if bound else "customer 2")
        parts = Parts(
            Script(ASKED.split()),
            made.retriever("call", shelf),
            notes,
            notes,
            composer=made.composer("call", "default"),
            rewriter=made.rewriter("call", "default"),
        )
        policy = Policy(rewrite=True, compose=True)
        await Session(CallStarted("call", policy), parts).play(ticks(90))
        prompts = [json.loads(one)["messages"][-1]["content"] for one in server.asked]
        await made.close()
    said = [turn.text for turn in shelf.turns]
    rewritten = [one for one in notes.of(Rewritten) if isinstance(one, Rewritten)]
    shown = [one for one in notes.of(ShowCard) if isinstance(one, ShowCard)]
    assert replay(notes.entries) is None
    if not bound:  # another customer's router is none of this call's business
        assert FACT not in said
        assert all(FACT not in one for one in prompts)
        assert shown == []
        return
    assert FACT in said
    assert rewritten[-1].query == QUESTION
    assert [one.cites for one in shown][:1] == [(RESET.id,)]
    assert any("Passage [1]" in one and FACT in one for one in prompts)  # the composer's
    assert any("just said" in one and FACT in one for one in prompts)  # the rewriter's


async def ticks(count: int) -> AsyncIterator[MicroTurn]:
    silent = np.zeros(1920, np.float32)
    for tick in range(1, count):
        yield MicroTurn(tick, silent, silent)
