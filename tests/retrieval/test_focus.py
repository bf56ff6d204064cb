"""Which thing the talk is about, and that search follows it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from copilot.core.vocabulary import Party, Passage, TurnText
from copilot.ports import Embedder
from copilot.providers.chroma import open_chroma
from copilot.retrieval.hybrid import HybridRetriever, Shelf
from copilot.retrieval.indexing import collection, index_packs
from copilot.retrieval.packs import Pack
from copilot.retrieval.usage import counted
from copilot.trained import trained_for

BRANCHES = ("Harbour Hall", "Juniper Court", "Old Mill")


def passages() -> list[Passage]:
    made = []
    for name, price in zip(BRANCHES, ("free", "ten pounds a night", "not offered"), strict=True):
        key = name.split()[0].lower()
        made += [
            Passage(f"b/{key}#wifi", "Is there wifi?", f"Wifi is {price}.", "", 0, name),
            Passage(f"b/{key}#park", "Can I park my car?", f"Parking is {price}.", "", 0, name),
        ]
    return [*made, Passage("b/all#pay", "How can I pay?", "By card or cash.", "", 0)]


@pytest.fixture(scope="module")
def retriever(
    embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HybridRetriever]:
    index = open_chroma("", tmp_path_factory.mktemp("branches"))
    pack = Pack("b", "Branches", "", "en", "1", tuple(passages()))
    index_packs([pack], embedder, index)
    with ThreadPoolExecutor(1) as executor:
        shelf = Shelf(collection(pack, embedder), pack.passages, pack.title)
        yield HybridRetriever(embedder, index, [shelf], executor, trained_for(embedder.name))
    index.close()


def agent(text: str) -> TurnText:
    return TurnText(Party.AGENT, text)


def customer(text: str) -> TurnText:
    return TurnText(Party.CUSTOMER, text)


def first(retriever: HybridRetriever, query: str, *turns: TurnText) -> str:
    return retriever.find(query, 3, turns).passages[0].id


@pytest.mark.parametrize("name", BRANCHES)
def test_the_thing_named_by_the_agent_is_meant(retriever: HybridRetriever, name: str) -> None:
    found = first(retriever, "do they have wifi", agent(f"I booked {name} for you."))
    assert found == f"b/{name.split()[0].lower()}#wifi"


@pytest.mark.parametrize("name", BRANCHES)
def test_a_name_is_carried_across_turns(retriever: HybridRetriever, name: str) -> None:
    talk = (
        customer(f"tell me about {name} please"),
        agent("It is a lovely place. Shall I book it?"),
        customer("yes for two nights"),
        agent("That is done."),
    )
    found = first(retriever, "and where do i leave my car", *talk)
    assert found == f"b/{name.split()[0].lower()}#park"


def test_the_customers_own_words_come_first(retriever: HybridRetriever) -> None:
    talk = agent("I booked Juniper Court for you.")
    assert first(retriever, "is there wifi at the old mill", talk) == "b/old#wifi"


def test_what_is_about_nothing_in_particular_is_found_too(retriever: HybridRetriever) -> None:
    talk = agent("I booked Juniper Court for you.")
    assert first(retriever, "which ways to pay do you take", talk) == "b/all#pay"


def test_a_named_thing_is_told_as_focus_and_belief(retriever: HybridRetriever) -> None:
    talk = agent("I booked Harbour Hall for you.")
    named = retriever.find("is there wifi", 3, (talk,))
    unnamed = retriever.find("is there wifi", 3)
    assert named.signals.focus > 80 > unnamed.signals.focus
    assert named.passages[0].score > unnamed.passages[0].score


def test_belief_is_shared_out(retriever: HybridRetriever) -> None:
    found = retriever.find("is there wifi", 7).passages
    assert sum(passage.score for passage in found) <= 100 + len(found)


@pytest.mark.parametrize("name", BRANCHES)
def test_what_is_asked_about_most_is_meant_where_nothing_is_named(
    retriever: HybridRetriever, embedder: Embedder, name: str
) -> None:
    key = name.split()[0].lower()
    model = trained_for(embedder.name)
    assert model is not None
    taught = retriever.using(model, counted([f"b/{key}#park"] * 60 + ["b/harbour#wifi"]))
    assert first(taught, "do they have wifi there") == f"b/{key}#wifi"
    named = agent("I booked Old Mill for you.")
    assert first(taught, "do they have wifi there", named) == "b/old#wifi"
