"""A log is judged by its questions: leads, silences, unneeded cards, pass or fail."""

import io
import json

from rich.console import Console

from copilot.core.events import Entry, Event, EvidenceFound, ShowCard, WithdrawCard, Withheld
from copilot.core.vocabulary import TICK_MS, Passage, Silence
from copilot.evaluate.judge import Arrival, cards_of, judge
from copilot.evaluate.questions import Expected, Expects, Question, Targets
from copilot.evaluate.report import clock, lead, render, to_json
from copilot.store.label import Verdict


def show(inquiry: int, passage: str, revision: int = 0) -> ShowCard:
    return ShowCard(inquiry, revision, "Title", "Say this.", (passage, "x/y#z"), 80, "query")


def log(*events: tuple[int, Event]) -> list[Entry]:
    """Entries from milliseconds and events: a tick is known at its end."""
    return [Entry(seq, at // TICK_MS - 1, event) for seq, (at, event) in enumerate(events)]


def asks(at: int, passage: str, start: int | None = None) -> Question:
    return Question(
        asks=passage, at_ms=at, expects=Expects.CARD, passages=(passage,), start_ms=start
    )


def silence(at: int) -> Question:
    return Question(asks="unanswerable", at_ms=at, expects=Expects.SILENCE)


def said(at: int, passage: str) -> Question:
    return Question(asks="said", at_ms=at, expects=Expects.SAID, passages=(passage,))


FOUR = tuple(asks(at, f"p/a#{at}", at - 4000) for at in (20_000, 60_000, 100_000, 140_000))


def test_a_card_before_and_a_card_after_the_end_of_its_question() -> None:
    outcome = judge(
        log((19_200, show(1, "p/a#20000")), (60_800, show(2, "p/a#60000"))), Expected(FOUR[:2])
    )
    assert [answer.verdict for answer in outcome.answers] == [Verdict.RIGHT, Verdict.RIGHT]
    assert [answer.lead_ms for answer in outcome.answers] == [800, -800]
    assert outcome.delay_ms == 0
    assert outcome.passed
    assert outcome.unneeded == ()


def test_three_of_four_are_enough_and_two_are_not() -> None:
    right = [
        (question.at_ms + 400, show(n, question.passages[0])) for n, question in enumerate(FOUR)
    ]
    assert judge(log(*right[:3]), Expected(FOUR)).passed
    outcome = judge(log(*right[:2]), Expected(FOUR))
    assert outcome.faults == ("2 questions got their right card, 3 had to",)
    assert [answer.verdict for answer in outcome.answers[2:]] == [Verdict.MISSED] * 2
    assert judge(log(*right[:2]), Expected(FOUR, Targets(right=2))).passed


def test_late_cards_fail_by_their_median() -> None:
    late = [
        (question.at_ms + 2000, show(n, question.passages[0])) for n, question in enumerate(FOUR)
    ]
    outcome = judge(log(*late), Expected(FOUR))
    assert outcome.delay_ms == 2000
    assert outcome.faults == ("the median card came 2000 ms after its question, 1000 allowed",)


def test_the_median_of_two_lies_between_them() -> None:
    delays = (400, 2000)
    shown = [(q.at_ms + d, show(d, q.passages[0])) for q, d in zip(FOUR, delays, strict=False)]
    assert judge(log(*shown), Expected(FOUR[:2])).delay_ms == 1200


def test_a_card_outside_of_its_questions_window_is_unneeded() -> None:
    outcome = judge(
        log((12_000, show(1, "p/a#20000")), (40_000, show(2, "p/a#20000"))), Expected(FOUR[:1])
    )
    assert outcome.answers[0].verdict is Verdict.MISSED
    assert [card.tick_ms for card in outcome.unneeded] == [12_000, 40_000]
    assert "2 unneeded cards, 1 allowed" in outcome.faults


def test_a_wrong_card_that_is_replaced_costs_one_unneeded() -> None:
    outcome = judge(
        log((18_400, show(1, "p/b#wrong")), (20_800, show(1, "p/a#20000", 1))), Expected(FOUR[:1])
    )
    assert outcome.answers[0].verdict is Verdict.RIGHT
    assert outcome.answers[0].lead_ms == -800
    assert [card.passage for card in outcome.unneeded] == ["p/b#wrong"]
    assert outcome.passed


def test_only_a_wrong_card() -> None:
    outcome = judge(log((20_800, show(1, "p/b#wrong"))), Expected(FOUR[:1]))
    assert outcome.answers[0].verdict is Verdict.WRONG
    assert outcome.answers[0].lead_ms is None
    assert outcome.delay_ms is None
    assert not outcome.passed


def test_a_revision_of_a_card_is_the_same_card() -> None:
    entries = log(
        (19_200, show(1, "p/a#20000")),
        (21_600, show(1, "p/a#20000", 1)),
        (24_000, WithdrawCard(1, "said")),
    )
    assert [(card.tick_ms, card.withdrawn) for card in cards_of(entries)] == [(19_200, "said")]


def test_an_unanswerable_question_gets_silence_with_its_reason() -> None:
    outcome = judge(log((30_400, Withheld(1, Silence.WEAK, "query"))), Expected((silence(30_000),)))
    assert (outcome.answers[0].verdict, outcome.answers[0].silence) == (
        Verdict.SILENT,
        Silence.WEAK,
    )
    assert outcome.passed


def test_a_card_for_an_unanswerable_question_fails() -> None:
    outcome = judge(log((30_400, show(1, "p/a#b"))), Expected((silence(30_000),)))
    assert outcome.answers[0].verdict is Verdict.UNNEEDED
    assert len(outcome.unneeded) == 1
    assert outcome.faults == ("a card came for a question that has no answer: 'unanswerable'",)


def test_a_late_right_card_is_not_held_against_the_silence_after_it() -> None:
    expected = Expected((asks(20_000, "p/a#20000"), silence(28_000)))
    outcome = judge(log((20_800, show(1, "p/a#20000"))), expected)
    assert [answer.verdict for answer in outcome.answers] == [Verdict.RIGHT, Verdict.SILENT]


def test_what_the_agent_has_said() -> None:
    expected = Expected((said(30_000, "p/a#b"),))
    withheld = judge(log((30_400, Withheld(1, Silence.ALREADY_SAID, "query"))), expected)
    assert withheld.answers[0].verdict is Verdict.SILENT
    assert withheld.answers[0].silence is Silence.ALREADY_SAID
    gone = log((30_400, show(1, "p/a#b")), (32_000, WithdrawCard(1, "said")))
    withdrawn = judge(gone, expected)
    assert withdrawn.answers[0].verdict is Verdict.UNNEEDED
    assert [card.withdrawn for card in withdrawn.unneeded] == ["said"]
    assert withdrawn.passed
    stays = log((30_400, show(1, "p/a#b")), (70_000, WithdrawCard(1, "expired")))
    unneeded = judge(stays, expected)
    assert unneeded.answers[0].verdict is Verdict.UNNEEDED
    assert len(unneeded.unneeded) == 1
    assert unneeded.passed


def test_with_arrivals_only_what_the_screen_got_counts() -> None:
    entries = log((19_200, show(1, "p/a#20000")), (60_000, show(2, "p/a#60000")))
    outcome = judge(entries, Expected(FOUR[:2]), [Arrival(1, 0, 20_250.5)])
    first, second = outcome.answers
    assert (first.lead_ms, first.tick_lead_ms) == (-250.5, 800)
    assert second.verdict is Verdict.MISSED
    assert outcome.cards == 1


def test_the_best_rank_of_search_is_told() -> None:
    found = tuple(Passage(id, "t", "x", "", 50) for id in ("p/b#c", "p/a#20000"))
    outcome = judge(log((19_200, EvidenceFound(1, 0, found))), Expected(FOUR[:1]))
    assert outcome.answers[0].rank == 2


def test_an_empty_log_and_no_questions() -> None:
    assert judge([], Expected(())).passed
    assert not judge([], Expected(FOUR)).passed


def test_the_report_tells_the_same_to_people_and_to_scripts() -> None:
    entries = log(
        (18_400, show(1, "p/b#wrong")),
        (19_200, show(1, "p/a#20000", 1)),
        (60_800, Withheld(2, Silence.NO_EVIDENCE, "query")),
    )
    outcome = judge(entries, Expected((*FOUR[:2], silence(90_000))))
    console = Console(file=io.StringIO(), width=160)
    console.print(render(outcome))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("+0.80 s", "p/b#wrong", "no_evidence", "failed: 1 questions got", "0:20"):
        assert part in text
    report = json.loads(to_json(outcome))
    assert report["passed"] is False
    assert report["lead_ms"] == [800, None, None]
    assert [answer["verdict"] for answer in report["answers"]] == ["right", "missed", "silent"]
    assert report["unneeded"][0]["passage"] == "p/b#wrong"


def test_times_are_written_for_people() -> None:
    assert clock(127_900) == "2:07"
    assert (lead(-700), lead(350), lead(None)) == ("-0.70 s", "+0.35 s", "")
