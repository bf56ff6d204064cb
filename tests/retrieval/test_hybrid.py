"""Search over the sample packs: the right passage first, and low support for talk."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from copilot.core.need import need, observe
from copilot.core.vocabulary import Passage
from copilot.evaluate.sources import Spoken
from copilot.retrieval.hybrid import fuse
from copilot.retrieval.library import Library


def first(library: Library, query: str, packs: tuple[str, ...] = ()) -> Passage:
    return library.retriever(packs).find(query, 5).passages[0]


def wanted(library: Library, query: str) -> int:
    """The gate's probability of need, percent."""
    found, model = library.retriever().find(query, 1), library.pin().need
    return need(model, observe(query, found.signals)) if found.passages else 0


def test_plain_questions_find_their_passage(library: Library, spoken: Spoken) -> None:
    hits = [first(library, query).id == wanted for wanted, query in spoken.plain.items()]
    assert sum(hits) / len(hits) >= 0.8


def test_plain_questions_are_needs(library: Library, spoken: Spoken) -> None:
    assert median(wanted(library, query) for query in spoken.plain.values()) >= 70


def test_rambling_questions_find_their_passage(library: Library, spoken: Spoken) -> None:
    hits = [
        first(library, query, (wanted.split("/")[0],)).id == wanted
        for wanted, query in spoken.asked.items()
    ]
    assert sum(hits) / len(hits) >= 0.75


def test_talk_is_no_need(library: Library, spoken: Spoken) -> None:
    talk = [wanted(library, line) for line in spoken.small_talk + spoken.off_topic]
    assert median(talk) <= 10
    assert sum(need >= 70 for need in talk) / len(talk) <= 0.1


def test_the_belief_in_a_passage_is_a_probability(library: Library, spoken: Spoken) -> None:
    found = [(wanted, first(library, query)) for wanted, query in spoken.asked.items()]
    sure = [passage.id == wanted for wanted, passage in found if passage.score >= 80]
    assert len(sure) > 30
    assert sum(sure) / len(sure) >= 0.8


def test_order_and_support_agree(library: Library, spoken: Spoken) -> None:
    for query in [*spoken.asked.values(), *spoken.off_topic]:
        scores = [passage.score for passage in library.retriever().find(query, 10).passages]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("query", ["", "   ", "um okay so", "…"])
def test_a_query_without_content_finds_nothing(library: Library, query: str) -> None:
    assert library.retriever().find(query, 3).passages == ()


def test_only_the_packs_asked_for(library: Library) -> None:
    found = library.retriever(["hotel"]).find("where is my parcel", 5).passages
    assert len(found) == 5
    assert all(passage.id.startswith("hotel/") for passage in found)


async def test_the_loop_goes_on_while_searching(library: Library) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    busy = asyncio.create_task(other())
    found = (await library.retriever().search("do you deliver on sundays", 2)).passages
    busy.cancel()
    assert found[0].id == "parcel/delivery#do-you-deliver-on-saturdays-and-sundays"
    assert turns > 10


async def test_searches_leave_the_default_executor_alone(library: Library) -> None:
    loop = asyncio.get_running_loop()
    default = ThreadPoolExecutor(1)
    default.shutdown()
    loop.set_default_executor(default)
    assert (await library.retriever().search("do you deliver on sundays", 1)).passages


def test_fusion_prefers_what_both_found() -> None:
    assert fuse([1, 2, 3], [3, 4]) == [3, 1, 2, 4]
    assert fuse([], [5]) == [5]
    assert fuse([], []) == []
