"""The product's decisions over a small corpus, and how they are scored."""

from pathlib import Path

import pytest

from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, TurnText
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import Moment, as_pack
from copilot.evaluate.tables import searching
from copilot.evaluate.turns import Judged, judge_all, score
from copilot.ports import Embedder
from copilot.trained import trained_for
from tests.retrieval.test_focus import passages


def quiet(what: str, done: int, of: int) -> None:
    """No progress is shown."""


def moment(id: str, *lines: str, gold: tuple[str, ...] = ()) -> Moment:
    """Lines of agent and customer in turns; the last is the customer's."""
    parties = [Party.CUSTOMER, Party.AGENT]
    turns = [TurnText(parties[n % 2], line) for n, line in enumerate(reversed(lines))]
    return Moment(id, tuple(reversed(turns)), bool(gold), gold)


MOMENTS = [
    moment("a", "I have booked Juniper Court.", "Is there wifi?", gold=("b/juniper#wifi",)),
    moment("b", "So that is Old Mill.", "Can I park my car there?", gold=("b/old#park",)),
    moment("c", "May I have your name?", "My name is Angela Smith."),
    moment("d", "Shall I book it for you?", "Yes please, for two nights from Tuesday."),
    moment("e", "Anything else?", "No thank you, that is all for today. Bye."),
]


@pytest.fixture(scope="module")
def judged(embedder: Embedder) -> list[Judged]:
    memo, model = Memo(embedder), trained_for(embedder.name)
    assert model is not None
    with searching([as_pack("b", passages())], memo, model, quiet) as retriever:
        return judge_all(MOMENTS, retriever, Policy(), model.need, quiet)


def test_questions_bring_their_passage(judged: list[Judged]) -> None:
    assert [(one.whispers, one.rank) for one in judged[:2]] == [(True, 1)] * 2


def test_answers_and_farewells_bring_nothing(judged: list[Judged]) -> None:
    assert [one.moment.id for one in judged[2:] if one.whispers] == []
    assert all(one.reason for one in judged[2:])


def test_the_score_is_the_official_one(judged: list[Judged]) -> None:
    missed = Judged(MOMENTS[0], False, 10, 5, ("b/juniper#wifi",))
    second = Judged(MOMENTS[1], True, 90, 50, ("b/old#wifi", "b/old#park"))
    needless = Judged(MOMENTS[2], True, 60, 30, ("b/old#wifi",))
    found = score([missed, second, needless])
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert (found.r1, found.r5, found.mrr5) == (0.0, 0.5, 0.25)
    assert (found.given_r1, found.given_r5) == (0.0, 1.0)


def test_never_to_speak_scores_nothing() -> None:
    found = score([Judged(MOMENTS[0], False, 0, 0, ())])
    assert (found.precision, found.f1, found.r1) == (0.0, 0.0, 0.0)


def test_the_official_example_scores_as_the_reference_does() -> None:
    """2G / (2TP + FP + FN) with two hits of three: the reference's own toy case."""
    a, b, c = (moment(n, "q", gold=(f"b/x#{n}",)) for n in "abc")
    silent = moment("d", "x"), moment("e", "y")
    rows = [
        Judged(a, True, 90, 90, ("b/x#a", "b/x#z")),
        Judged(b, True, 90, 90, ("b/x#z", "b/x#y", "b/x#b")),
        Judged(c, False, 10, 10, ()),
        Judged(silent[0], True, 90, 90, ("b/x#a",)),
        Judged(silent[1], False, 10, 10, ()),
    ]
    found = score(rows)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.r1 == pytest.approx(1 / 3)
    assert found.mrr5 == pytest.approx((1 + 1 / 3) / 3)


def test_the_data_beside_the_repository_is_of_that_layout() -> None:
    from copilot.evaluate.moments import read_corpus

    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "turns" / "dstc9_val"
    if not folder.is_dir():
        pytest.skip("shared/data is not here: no public corpus to read")
    corpus = read_corpus(folder)
    assert (len(corpus.moments), sum(one.needs for one in corpus.moments)) == (4717, 2673)
    assert {pack.name for pack in corpus.packs} == {"hotel", "restaurant", "taxi", "train"}
