"""Duplicates and contradictions, found with the real embedder."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from copilot.core.vocabulary import Passage
from copilot.ports import Embedder
from copilot.retrieval.conflicts import Conflict, Kind, embedded, find_conflicts
from copilot.retrieval.library import Library

A, B = "shop/a#x", "shop/b#y"


def between(
    embedder: Embedder, *pairs: tuple[str, str], entities: Sequence[str] = ("", "")
) -> Conflict | None:
    """The conflict of two questions with their answers."""
    passages = [
        Passage(id, question, answer, "", 0, entity)
        for id, (question, answer), entity in zip((A, B), pairs, entities, strict=True)
    ]
    found = find_conflicts(passages, *embedded(passages, embedder))
    assert len(found) <= 1
    return found[0] if found else None


CONTRADICTIONS = {
    "number": (
        ("How long do refunds take?", "Refunds are made within 14 days."),
        ("How long does a refund take?", "A refund takes thirty days."),
    ),
    "price": (
        ("How much is breakfast?", "Breakfast is £12."),
        ("What does breakfast cost?", "It costs 15 pounds."),
    ),
    "yes and no": (
        ("Are dogs allowed?", "Yes, dogs are welcome in all rooms."),
        ("Can I bring my dog?", "Dogs are not allowed in our rooms."),
    ),
    "denial": (
        ("Do you accept cash?", "We accept cash at every desk."),
        ("Can I pay in cash?", "We do not accept cash at any desk."),
    ),
    "date": (
        ("When does the sale end?", "It ends on 5 October 2026."),
        ("When is the end of the sale?", "The sale ends on October 12th."),
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_one_question_with_two_answers(embedder: Embedder, case: str) -> None:
    found = between(embedder, *CONTRADICTIONS[case])
    assert found is not None
    assert (found.kind, found.first, found.second) == (Kind.CONTRADICTION, A, B)
    assert found.why


def test_one_question_asked_twice(embedder: Embedder) -> None:
    one = ("How do I change my password?", "Open settings and choose password.")
    other = (
        "How can I change the password?",
        "In the settings, under password, you can change it.",
    )
    assert between(embedder, one, other) == Conflict(Kind.DUPLICATE, A, B, "the same question")
    assert between(embedder, one, ("What if I forget it?", one[1])) is None


def test_an_answer_copied_under_another_heading(embedder: Embedder) -> None:
    text = " ".join(
        f"Step {n} of closing the till is done by the person at desk {n}." for n in range(9)
    )
    found = between(embedder, ("Evenings", text), ("Closing time", text))
    assert found is not None
    assert (found.kind, found.why) == (Kind.DUPLICATE, "the same answer, word for word")


DIFFERENT = {
    "opposites": (
        ("What time is check-in?", "Check-in is from 3 pm."),
        ("What time is check-out?", "Check-out is until 11 am."),
    ),
    "another thing": (
        ("Do you have vegetarian options?", "Yes, we have vegetarian options."),
        ("Do you have halal options?", "We do not have halal options."),
    ),
    "another number": (
        ("What does size 10 cost?", "It costs 5 pounds."),
        ("What does size 12 cost?", "It costs 7 pounds."),
    ),
    "chapters": (
        ("Plus › Fees", "The fee is 5 pounds a month, paid in advance."),
        ("Basic › Fees", "The fee is 3 pounds a month, paid in advance."),
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_two_questions_that_sound_alike(embedder: Embedder, case: str) -> None:
    passages = [
        Passage(f"shop/a#{n}", question, answer, "", 0)
        for n, (question, answer) in enumerate(DIFFERENT[case])
    ]
    assert find_conflicts(passages, *embedded(passages, embedder)) == ()


def test_other_entities_have_other_answers(embedder: Embedder) -> None:
    pair = CONTRADICTIONS["price"]
    assert between(embedder, *pair, entities=("North branch", "South branch")) is None
    assert between(embedder, *pair, entities=("North branch", "north Branch")) is not None


def test_the_parts_of_one_section_are_no_conflict(embedder: Embedder) -> None:
    passages = [Passage(f"shop/a.pdf#fees{n}", "Fees", "5 pounds.", "", 0) for n in ("", ".2")]
    assert find_conflicts(passages, *embedded(passages, embedder)) == ()


def test_the_sample_packs_have_none(library: Library, embedder: Embedder) -> None:
    for pack in library.packs:
        assert find_conflicts(pack.passages, *embedded(pack.passages, embedder)) == ()


def test_ten_thousand_passages_in_seconds() -> None:
    """A tenth of them are asked again, with another number of days."""
    count, again = 9_000, 1_000
    rng = np.random.default_rng(7)
    questions = rng.normal(size=(count, 384)).astype(np.float32)
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    vectors = np.concatenate([questions, questions[:again]])
    passages = [
        Passage(f"shop/a#{n}", f"How about {_word(n)}?", f"It takes {n % 7} days.", "", 0)
        for n in range(count)
    ]
    passages += [
        Passage(f"shop/b#{n}", f"How about {_word(n)}?", f"It takes {n % 7 + 1} days.", "", 0)
        for n in range(again)
    ]
    began = time.perf_counter()
    found = find_conflicts(passages, vectors, vectors)
    assert time.perf_counter() - began < 30  # 2 s on one core of a quiet machine
    assert len(found) == again
    assert {conflict.kind for conflict in found} == {Kind.CONTRADICTION}


def _word(number: int) -> str:
    """A word that no other number gives."""
    return "".join(chr(ord("b") + int(digit)) for digit in f"{number:05d}")


def test_no_passages() -> None:
    nothing = np.empty((0, 384), np.float32)
    assert find_conflicts([], nothing, nothing) == ()
