"""Why the gate decided so: what is told about a moment is what the gate itself says of it."""

import pytest

from copilot.core.events import CardTouched, ShowCard, Withheld
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Signals, Silence, Touch
from copilot.evaluate.why import Decision, explain
from tests.helpers import SEEKS, Call, knows, nothing, passage

QUESTION = "can i change the delivery address of my parcel today"
SURE = Signals(seeking=90)


def decisions(call: Call) -> list[Decision]:
    return [one for line in explain(call.log).lines for one in line.decisions]


def only(call: Call) -> Decision:
    (found,) = decisions(call)
    return found


def test_a_card_says_what_would_have_kept_it_away() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(60).end()
    decision = only(call)
    assert decision.silence is None
    assert decision.card == passage().say
    assert [one.what for one in decision.changes] == [
        "min_need",
        "min_support",
        "do_not_trigger",
        "budget",
    ][: len(decision.changes)]
    assert {"min_support", "do_not_trigger"} <= {one.what for one in decision.changes}


CASES = {
    "nothing found": (Call(nothing).customer(QUESTION), Silence.NO_EVIDENCE, ["nothing"]),
    "no need": (
        Call(
            knows(passage()), Policy(min_need=65), need=SEEKS, signals=Signals(seeking=30)
        ).customer(QUESTION),
        Silence.WEAK,
        ["min_need"],
    ),
    "no need by the budget": (
        Call(
            knows(passage()), Policy(budget=150), need=SEEKS, signals=Signals(seeking=70)
        ).customer(QUESTION),
        Silence.WEAK,
        ["budget"],
    ),
    "neither need nor support": (
        Call(
            knows(passage(score=5)), Policy(min_need=50), need=SEEKS, signals=Signals(seeking=30)
        ).customer(QUESTION),
        Silence.WEAK,
        ["budget", "min_support"],
    ),
    "out of date": (
        Call(knows(passage(valid_until="2026-01-01")), date="2026-11-26").customer(QUESTION),
        Silence.EXPIRED,
        ["passage"],
    ),
    "a phrase": (
        Call(knows(passage()), Policy(do_not_trigger=("change the",))).customer(QUESTION),
        Silence.DO_NOT_TRIGGER,
        ["do_not_trigger"],
    ),
    "no consent": (
        Call(knows(passage()), consent=False).customer(QUESTION),
        Silence.NO_CONSENT,
        ["call"],
    ),
    "no budget": (
        Call(knows(passage()), Policy(budget=0), need=SEEKS, signals=SURE).customer(QUESTION),
        Silence.WEAK,
        ["budget"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_silence_says_what_stood_in_the_way(case: str) -> None:
    call, silence, changes = CASES[case]
    decision = decisions(call.quiet(60).end() if not call.state.ended else call)[-1]
    assert decision.silence is silence
    assert [one.what for one in decision.changes][: len(changes)] == changes


def test_a_second_card_too_soon() -> None:
    other = passage(id="parcel/label#pay", say="By card, transfer or credit.")
    known = {"address": passage(), "label": other}
    call = Call(lambda query: [known["label" if "label" in query else "address"]])
    call.customer(QUESTION).quiet(8)
    call.customer("and how can i pay for my label").quiet(30).end()
    last = decisions(call)[-1]
    if last.silence is Silence.COOLDOWN:
        assert [one.what for one in last.changes] == ["cooldown_ticks"]
        assert "priority over 0" in last.changes[0].words
    else:
        assert last.silence is None


def test_what_was_dismissed_is_told() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(12)
    shown = next(one for one in call.effects if isinstance(one, ShowCard))
    call.give(CardTouched(shown.inquiry, Touch.DISMISSED))
    call.quiet(1600).customer(QUESTION).quiet(60).end()
    last = decisions(call)[-1]
    assert last.silence is Silence.DISMISSED
    assert [one.what for one in last.changes] == ["call"]


def test_lines_without_a_question_say_so() -> None:
    call = Call(knows(passage())).agent("good morning").quiet(20)
    call.customer("okay").quiet(60).end()
    lines = explain(call.log).lines
    assert [(line.party, line.looked_up) for line in lines] == [
        (Party.AGENT, False),
        (Party.CUSTOMER, False),
    ]


def test_every_decision_of_a_call_is_told_once() -> None:
    call = Call(knows(passage()), need=SEEKS, signals=Signals(seeking=65))
    for words in (QUESTION, "thank you very much", "and what about the invoice", QUESTION):
        call.customer(words).quiet(40).agent("let me see what i can do").quiet(20)
    call.end()
    logged = [e.event for e in call.log if isinstance(e.event, ShowCard | Withheld)]
    assert len(decisions(call)) == len(logged)
