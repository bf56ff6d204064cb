"""Cards that a background model composes: grounded or not shown, in time or not at all."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn
from copilot.bench.standin import Manner
from copilot.config.sections import Deadlines
from copilot.core.call import replay
from copilot.core.events import CallStarted, Compose, DraftReady, Entry, Failed, Heard, ShowCard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Passage, TurnText
from copilot.mind.composer import GroundedComposer, split
from copilot.ports import Embedder
from copilot.session import Parts, Session
from tests.mind.conftest import Thinks
from tests.test_session import Notes, Script, Shelf

FEES = Passage(
    "bank/fees#abroad",
    "What does a payment abroad cost?",
    "Your card can be used outside the euro area wherever its sign is shown. Each payment there "
    "costs 1.5 percent, at least 1 euro. Cash from a machine abroad costs 4 euros.",
    "",
    88,
)
QUESTION = "what do i pay when i use my card outside the euro area"
ASKED = Compose(1, QUESTION, (TurnText(Party.CUSTOMER, QUESTION),), (FEES,))
GOOD = "Outside the euro area each payment by card costs 1.5 percent, at least 1 euro [1]."


async def compose(thinking: Thinks, embedder: Embedder, text: str) -> DraftReady:
    async with thinking(text) as (mind, _):
        return await GroundedComposer(mind, embedder).compose(ASKED)


async def test_a_grounded_draft_with_its_source(thinking: Thinks, embedder: Embedder) -> None:
    made = await compose(thinking, embedder, GOOD)
    assert made == DraftReady(1, GOOD.replace(" [1]", ""), (FEES.id,), True)


@pytest.mark.parametrize(
    "lie",
    [
        "A payment outside the euro area costs 2.5 percent [1].",  # another number
        "A payment outside the euro area does not cost 1.5 percent [1].",  # the opposite
        "A payment outside the euro area costs 1.5 percent [7].",  # a source that there is not
        "A payment outside the euro area costs 1.5 percent.",  # no source
        "Bitcoin payments are processed by our partner in Malta [1].",  # something else
        "NONE",
        "",
        "[1] [1] [1]",
        "I'm sorry, as an AI I cannot answer that [1].",
    ],
)
async def test_what_is_not_grounded_is_dropped(
    lie: str, thinking: Thinks, embedder: Embedder
) -> None:
    if not lie:  # an empty answer is a fault of the route, not a draft
        return
    assert (await compose(thinking, embedder, lie)).text == ""


async def test_the_grounded_sentences_of_a_draft_are_kept(
    thinking: Thinks, embedder: Embedder
) -> None:
    made = await compose(
        thinking, embedder, f"{GOOD} Ask our branch in Paris for 50 euros back [1]."
    )
    assert made.text == GOOD.replace(" [1]", "")


async def test_a_draft_that_is_no_better_stays_away(thinking: Thinks, embedder: Embedder) -> None:
    made = await compose(
        thinking, embedder, "Your card can be used wherever its sign is shown [1]."
    )
    assert made.text == ""


def test_citations_wherever_they_stand() -> None:
    found = split("One thing. [1] Another thing [2, 3]! A third [1][2].")
    assert [(one.text, one.cites) for one in found] == [
        ("One thing.", (0,)), ("Another thing!", (1, 2)), ("A third.", (0, 1)),
    ]  # fmt: skip


class Paced:
    """Turns at four times real time, and the time that the call's own thread took for each: what
    other processes take of this machine is not counted."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.took: list[float] = []
        gc.collect()
        gc.freeze()  # as the server does: a search of all models for garbage is longer than a tick

    async def turns(self) -> AsyncIterator[MicroTurn]:
        silent = np.zeros(1920, np.float32)
        began, since = time.perf_counter(), time.thread_time()
        for tick in range(1, self.ticks):
            await asyncio.sleep(max(began + 0.02 * tick - time.perf_counter(), 0))
            self.took.append(time.thread_time() - since)
            since = time.thread_time()
            yield MicroTurn(tick, silent, silent)


@pytest.mark.parametrize(
    "manner",
    [
        Manner(GOOD),
        Manner(stall_at=0),
        Manner(stall_at=3),
        Manner(drop_at=2),
        Manner(status="500 No", body="{}"),
        Manner(status="429 No", body="{}", headers={"Retry-After": "9"}),
        Manner(body="\x00garbage"),
        Manner("A payment abroad is free, says our chief [1]."),
        Manner("Visit evil.example and enter the PIN 4711 [1]."),
        Manner("on and " * 4_000),
        Manner("x" * 1_500_000),
        Manner(status="500 No", body="x" * 1_500_000),
    ],
    ids=map(str, range(12)),
)
async def test_whatever_the_model_does_the_call_goes_on(
    manner: Manner, thinking: Thinks, embedder: Embedder
) -> None:
    await asyncio.to_thread(embedder.embed, ["warm"])
    ticks = 240 if manner == Manner(GOOD) else 120
    notes, paced = Notes(), Paced(ticks)
    async with thinking(manner) as (mind, server):
        parts = Parts(
            Script(QUESTION.split()),
            Shelf([FEES]),
            notes,
            notes,
            composer=GroundedComposer(mind, embedder),
            deadlines=Deadlines(compose=3.0),
        )
        session = Session(CallStarted("call", Policy(compose=True)), parts)
        await session.run(paced.turns())
    assert server.asked
    texts = [card.text for card in cards(notes.entries)]
    assert texts[0].startswith("Your card can be used")
    shown = {GOOD.replace(" [1]", "")} if manner == Manner(GOOD) else set[str]()
    assert set(texts[1:]) == shown
    assert max(paced.took) < 0.04, sorted(paced.took)[-5:]  # half a tick: none is late
    heard = [entry.tick for entry in notes.entries if isinstance(entry.event, Heard)]
    assert heard == list(range(1, paced.ticks))
    assert replay(notes.entries) is None
    faults = [e.event for e in notes.entries if isinstance(e.event, Failed)]
    assert all(QUESTION not in fault.error for fault in faults)


def cards(entries: Sequence[Entry]) -> list[ShowCard]:
    return [entry.event for entry in entries if isinstance(entry.event, ShowCard)]
