"""The agent's question: excerpts with speaker and time, then an answer that its sources hold."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from copilot.bench.standin import Manner
from copilot.core.events import Entry, Heard
from copilot.core.vocabulary import Hearing, Passage, TurnText, Word
from copilot.mind.ask import Asked, Asker, Cited, Done, Excerpt, Looked, Part, Told
from copilot.mind.evidence import Evidence
from copilot.mind.talk import lines
from copilot.ports import Embedder, Found
from tests.helpers import Call
from tests.mind.conftest import Thinks

RETURNS = Passage(
    "shop/returns#how-long",
    "How long can I return something?",
    "You can return unused things within 30 days. We pay back within 5 working days.",
    "",
    80,
)


class OneShelf:
    def __init__(self, *found: Passage) -> None:
        self.found = found

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found(self.found[:k])


def spoken() -> Call:
    call = Call()
    call.agent("good morning how can i help you").quiet(30)
    call.customer("hi i want to send back a lamp that i bought last week").quiet(30)
    call.agent("sure what is the order number please").quiet(30)
    call.customer("yes it is seven seven four one nine two").quiet(30)
    call.agent("thank you and was it damaged").quiet(30)
    return call.customer("no i just do not like the colour").quiet(30)


async def ask(asker: Asker, question: str, *found: Passage) -> list[Part]:
    asked = Asked(question, spoken().log)
    return [part async for part in asker.answer(asked, OneShelf(*found))]


def test_lines_have_speaker_and_time() -> None:
    said = lines(spoken().log)
    assert [(line.party.value, line.at, line.text.split()[0]) for line in said] == [
        ("agent", "0:00", "good"),
        ("customer", "0:04", "hi"),
        ("agent", "0:11", "sure"),
        ("customer", "0:15", "yes"),
        ("agent", "0:21", "thank"),
        ("customer", "0:25", "no"),
    ]


async def test_what_was_the_order_number(embedder: Embedder) -> None:
    parts = await ask(Asker(None, embedder), "what did she say the order number was?")
    first = parts[0]
    assert isinstance(first, Excerpt)
    assert (first.party, first.at) == ("customer", "0:15")
    told = [part for part in parts if isinstance(part, Told)]
    assert told == [
        Told("The customer at 0:15: yes it is seven seven four one nine two", (1,), written=False)
    ]
    assert parts[-1] == Done()


async def test_the_packs_answer_without_a_model(embedder: Embedder) -> None:
    parts = await ask(Asker(None, embedder), "how many days does one have to return it", RETURNS)
    cited = next(part for part in parts if isinstance(part, Cited))
    assert cited.id == RETURNS.id
    told = [part.text for part in parts if isinstance(part, Told)]
    assert "You can return unused things within 30 days." in told


async def test_nothing_known_is_said(embedder: Embedder) -> None:
    asked = Asked("what is the weather on the moon")
    parts = [part async for part in Asker(None, embedder).answer(asked, OneShelf())]
    assert parts == [Done("Neither the knowledge base nor this call says anything about it.")]


async def test_a_model_answers_in_sentences_that_its_sources_hold(
    thinking: Thinks, embedder: Embedder
) -> None:
    question = "how long can she return the lamp"
    number = next(
        part.source
        for part in await ask(Asker(None, embedder), question, RETURNS)
        if isinstance(part, Cited)
    )
    text = (
        f"Unused things can be returned within 30 days [{number}]. "
        f"Shipping is free to Mars [{number}]. We pay back within 5 working days [{number}]."
    )
    async with thinking(Manner(text, pace=0.01)) as (mind, _):
        parts = await ask(Asker(mind, embedder), question, RETURNS)
    assert [part for part in parts if isinstance(part, Told)] == [
        Told("Unused things can be returned within 30 days.", (number,)),
        Told("We pay back within 5 working days.", (number,)),
    ]


@pytest.mark.parametrize(
    "manner", [Manner(status="500 no", body="{}"), Manner(body="<html>"), Manner("Lies [1].")]
)
async def test_a_model_that_fails_leaves_the_sources_own_words(
    manner: Manner, thinking: Thinks, embedder: Embedder
) -> None:
    async with thinking(manner) as (mind, _):
        parts = await ask(Asker(mind, embedder), "how many days to return it", RETURNS)
    assert "You can return unused things within 30 days." in [
        part.text for part in parts if isinstance(part, Told)
    ]
    assert isinstance(parts[-1], Done)
    assert bool(parts[-1].notice) == (manner.text != "Lies [1].")


async def test_the_first_part_is_there_within_a_second(
    thinking: Thinks, embedder: Embedder
) -> None:
    """Of a call of an hour, while the model takes its time."""
    log = spoken().log
    for at in range(20, 770):
        words = f"line {at} of a long talk about many other things".split()
        heard = tuple(Word(one, 60 * at + n, 60 * at + n + 1) for n, one in enumerate(words))
        log.append(Entry(at, 60 * at, Heard(60 * at, customer=Hearing(words=heard))))
    await asyncio.to_thread(embedder.embed, ["warm"])
    async with thinking(Manner("Unused things can go back within 30 days [1].", wait=0.9)) as (
        mind,
        _,
    ):
        since = time.perf_counter()
        answer = Asker(mind, embedder).answer(Asked("what was the order number", log), OneShelf())
        part = await anext(answer)
        first = time.perf_counter() - since
        await answer.aclose()
    assert first < 1.0
    assert isinstance(part, Excerpt)
    assert part.text == "yes it is seven seven four one nine two"


async def test_other_sources_do_not_wait_for_tools(embedder: Embedder) -> None:
    slow: asyncio.Future[list[Evidence]] = asyncio.get_running_loop().create_future()
    answer = Asker(None, embedder).answer(
        Asked("how long can i return it"), OneShelf(RETURNS), slow
    )
    first = await anext(answer)
    assert isinstance(first, Cited)
    assert not slow.done()
    slow.set_result([Evidence("shop.order_status", "{}", "Order 7 is on its way.")])
    looked, told, *_, done = [part async for part in answer]
    assert isinstance(looked, Looked)
    assert (looked.source, first.source) == (2, 1)
    assert isinstance(told, Told)
    assert told.sources == (2,)
    assert done == Done("")


async def test_tools_are_left_with_the_answer_that_nobody_reads(embedder: Embedder) -> None:
    slow: asyncio.Future[list[Evidence]] = asyncio.get_running_loop().create_future()
    answer = Asker(None, embedder).answer(
        Asked("how long can i return it"), OneShelf(RETURNS), slow
    )
    await anext(answer)
    await answer.aclose()
    assert slow.cancelled()
