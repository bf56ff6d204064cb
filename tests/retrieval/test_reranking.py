"""A second look at the first passages: it changes their order by what a real model says."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from copilot.core.vocabulary import Passage
from copilot.ports import Embedder, LogOdds, Reranker
from copilot.providers.chroma import open_chroma
from copilot.providers.crossencoder import CrossEncoder
from copilot.retrieval.hybrid import HybridRetriever, Shelf
from copilot.retrieval.indexing import collection, index_packs
from copilot.retrieval.packs import load_packs
from copilot.retrieval.ranking import best
from copilot.retrieval.reranking import SecondLook, read_as, rescored
from tests.crossencoder import crossencoder

from .conftest import KNOWLEDGE

QUERIES = ["where is my parcel", "do you deliver on sundays", "what does a return cost"]

Make = Callable[[SecondLook | None], HybridRetriever]


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    return CrossEncoder(str(crossencoder(tmp_path_factory.mktemp("reranker") / "model")))


@pytest.fixture(scope="module")
def make(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Search over the parcel pack."""
    (pack,) = packs = load_packs(KNOWLEDGE, ["parcel"])
    index = open_chroma("", tmp_path_factory.mktemp("index"))
    index_packs(packs, embedder, index)
    shelf = Shelf(collection(pack, embedder), pack.passages, pack.title)
    with ThreadPoolExecutor(1) as executor:
        yield lambda second: HybridRetriever(embedder, index, [shelf], executor, second=second)


@pytest.mark.parametrize("query", QUERIES)
def test_the_order_is_both_scores_together(make: Make, reranker: Reranker, query: str) -> None:
    plain = make(None)
    look = plain.look(query)
    assert look is not None
    shares = plain.belief(look)
    first = best(shares, 8)
    read = [plain.passages[look.rows[place]] for place in first]
    odds = reranker.score(query, [read_as(passage) for passage in read])
    totals = np.log(shares[first]) + 2 * odds
    found = make(SecondLook(reranker, 2.0)).find(query, 8).passages
    assert [passage.id for passage in found] == [read[place].id for place in best(totals, 8)]
    assert [passage.id for passage in found] != [passage.id for passage in read]
    rest = np.delete(shares, first).sum() * np.exp(2 * odds.min())
    expected = np.exp(totals - np.log(np.exp(totals).sum() + rest))
    assert [p.score for p in found] == pytest.approx(100 * np.sort(expected)[::-1], abs=0.51)


@pytest.mark.parametrize("query", QUERIES)
def test_only_the_first_passages_are_read(make: Make, reranker: Reranker, query: str) -> None:
    plain = [passage.id for passage in make(None).find(query, 12).passages]
    found = [p.id for p in make(SecondLook(reranker, 5.0, 3)).find(query, 12).passages]
    assert set(found[:3]) == set(plain[:3])
    assert found[3:] == plain[3:]


def test_what_is_disliked_still_comes_before_what_is_not_read(reranker: Reranker) -> None:
    """Log-odds of a real model are far below 0 where it finds no answer."""
    passages = [Passage(f"p#{n}", f"Question {n}?", "Answer.", "", 0) for n in range(4)]
    scores = np.array([1.0, 0.9, 0.8, 0.7], np.float32)

    class Doubtful:
        def score(self, query: str, texts: Sequence[str]) -> LogOdds:
            return reranker.score(query, texts) - 50

    second = SecondLook(Doubtful(), 1.0, 3)
    made = rescored(scores, "query", passages, second)
    assert set(best(made, 3)) == {0, 1, 2}
    assert made[3] == scores[3]
    assert np.allclose(made, rescored(scores, "query", passages, SecondLook(reranker, 1.0, 3)))


async def test_the_entity_is_read_too_and_search_takes_it(make: Make, reranker: Reranker) -> None:
    passage = Passage("p#one", "One?", "Yes.", "", 0, "Parcel Plus")
    assert read_as(passage) == "Parcel Plus\nOne?\nYes."
    retriever = make(SecondLook(reranker, 2.0))
    for query in QUERIES:
        assert await retriever.search(query, 5) == retriever.find(query, 5)
    assert (await retriever.search("um okay so", 5)).passages == ()
