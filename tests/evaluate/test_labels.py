"""What each inquiry of a call teaches: by use, by people, by the questions of a script."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.core.events import CardTouched, Entry
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Signals, Silence, Touch
from copilot.evaluate.cases import cases_of
from copilot.evaluate.labels import Labelled, Use, labels_of, settle, unheard
from copilot.evaluate.questions import Expected, Expects, Question
from copilot.store.label import NOTHING, Label, Verdict
from tests.helpers import SEEKS, Call, knows, nothing, passage

ASKS = "can i change the delivery address of my parcel"
SAYS = "you can change the address in the app until the evening before delivery"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ADDRESS = passage().id


def asked(call: Call | None = None) -> Call:
    """A call with a card on the screen."""
    call = (call or Call(knows(passage()))).customer(ASKS).quiet(12)
    assert call.state.card is not None
    return call


def touched(*touches: Touch) -> list[Entry]:
    call = asked()
    for how in touches:
        call.give(CardTouched(1, how))
    return call.quiet(520).end().log


def only(found: tuple[Labelled, ...]) -> Labelled:
    (one,) = found
    return one


def told(
    verdict: Verdict, inquiry: int = 1, by: str = "lea", minutes: int = 0, **more: str
) -> Label:
    at = NOON + timedelta(minutes=minutes)
    return Label(call_id="call", inquiry=inquiry, verdict=verdict, by=by, at=at, **more)


@pytest.mark.parametrize(
    ("touches", "use", "needed", "right", "useful"),
    [
        ([Touch.USED], Use.USED, True, ADDRESS, True),
        ([Touch.OPENED], Use.OPENED, True, ADDRESS, True),
        ([Touch.DISMISSED], Use.DISMISSED, False, "", False),
        ([Touch.OPENED, Touch.DISMISSED], Use.DISMISSED, False, "", False),
        ([], Use.IGNORED, None, "", None),
    ],
)
def test_touches(
    touches: list[Touch], use: Use, needed: bool | None, right: str, useful: bool | None
) -> None:
    one = only(labels_of(touched(*touches)))
    assert (one.use, one.needed, one.right, one.useful) == (use, needed, right, useful)
    assert (one.query, one.passage, one.support) == (ASKS, ADDRESS, 80)


def test_an_untouched_card_tells_something_where_the_agent_touches_cards() -> None:
    call = asked(Call(knows(passage(), passage("parcel/x#y", "Refunds take seven days.", 20))))
    call.give(CardTouched(1, Touch.USED))
    call.knowledge = knows(passage("parcel/x#y", "Refunds take seven days.", 90))
    call.quiet(60).customer("and how long does a refund of the postage take").quiet(600)
    first, second = labels_of(call.end().log)
    assert (first.use, first.needed) == (Use.USED, True)
    assert (second.use, second.needed) == (Use.IGNORED, False)


def test_a_line_that_is_said_at_once_was_not_read() -> None:
    policy = Policy(said_share=100, early_words=9)
    soon = Call(knows(passage(say="In the app.", score=80)), policy).customer(ASKS)
    soon.agent("in the app")
    one = only(labels_of(soon.quiet(5).end().log))
    assert (one.use, one.needed, one.right) == (Use.SAID, False, ADDRESS)
    later = asked(Call(knows(passage(say="In the app.", score=80)), policy)).quiet(40)
    one = only(labels_of(later.agent("in the app").quiet(5).end().log))
    assert (one.use, one.needed, one.right) == (Use.SPOKEN, None, ADDRESS)


def test_a_silence_because_it_was_said_names_the_right_passage() -> None:
    call = Call(knows(passage())).agent(SAYS).quiet(10).customer(ASKS).quiet(40).end()
    one = only(labels_of(call.log))
    assert one.case.silence is Silence.ALREADY_SAID
    assert (one.use, one.needed, one.right, one.useful) == (Use.SAID, False, ADDRESS, None)


def test_other_silences_teach_nothing_by_themselves() -> None:
    call = Call(knows(passage(score=9))).customer(ASKS).quiet(40).end()
    one = only(labels_of(call.log))
    assert (one.use, one.needed, one.right, one.useful) == (Use.WITHHELD, None, "", None)
    assert one.support == 9


def test_people_outweigh_use() -> None:
    log = touched(Touch.DISMISSED)
    one = only(labels_of(log, [told(Verdict.RIGHT)]))
    assert (one.use, one.verdict, one.needed, one.useful) == (
        Use.DISMISSED,
        Verdict.RIGHT,
        True,
        True,
    )
    one = only(labels_of(log, [told(Verdict.WRONG, passage="parcel/x#y")]))
    assert (one.needed, one.right, one.useful) == (True, "parcel/x#y", False)
    one = only(labels_of(log, [told(Verdict.UNNEEDED)]))
    assert (one.needed, one.right, one.useful) == (False, "", False)


def test_a_missed_card_is_useful_where_the_withheld_passage_was_right() -> None:
    log = Call(knows(passage(score=9))).customer(ASKS).quiet(40).end().log
    assert only(labels_of(log, [told(Verdict.MISSED, passage=ADDRESS)])).useful is True
    assert only(labels_of(log, [told(Verdict.MISSED, passage="parcel/x#y")])).useful is False
    assert only(labels_of(log, [told(Verdict.MISSED)])).useful is None
    nothing = only(labels_of(log, [told(Verdict.MISSED, passage=NOTHING)]))
    assert (nothing.nothing, nothing.right, nothing.useful) == (True, "", False)
    assert only(labels_of(log, [told(Verdict.SILENT)])).useful is False


def test_most_people_decide_each_by_the_newest_word() -> None:
    right, unneeded = Verdict.RIGHT, Verdict.UNNEEDED
    labels = [told(right), told(unneeded, by="tom", minutes=1), told(unneeded, minutes=2)]
    assert settle(labels)[1].verdict is unneeded
    labels.append(told(right, by="ann", minutes=3))
    assert settle(labels)[1].verdict is unneeded
    labels.append(told(right, by="tom", minutes=4))
    assert settle(labels)[1].verdict is right
    assert settle([told(right), told(unneeded, by="tom", minutes=1)])[1].verdict is unneeded


def at(tick: int) -> int:
    return tick * 80


def question(end: int, expects: Expects, *passages: str) -> Question:
    return Question(
        asks="?", at_ms=at(end), start_ms=at(end - 40), expects=expects, passages=passages
    )


def test_the_questions_of_a_script_judge_cards_and_silences() -> None:
    call = asked()
    first = call.tick
    call.knowledge = nothing
    call.quiet(300).customer("what about the lost birthday present of my daughter").quiet(30)
    second = call.tick - 30
    call.quiet(300).customer("the garden was very dry this year you know").quiet(40)
    expected = Expected(
        (
            question(first, Expects.CARD, ADDRESS),
            question(second, Expects.CARD, "parcel/claims#lost"),
            question(call.tick + 600, Expects.CARD, "parcel/x#never-heard"),
        )
    )
    log = call.end().log
    found = labels_of(log, expected=expected)
    assert [one.verdict for one in found] == [Verdict.RIGHT, Verdict.MISSED, Verdict.SILENT]
    assert [one.right for one in found] == [ADDRESS, "parcel/claims#lost", ""]
    assert unheard(expected, cases_of(log)) == 1
    wrong = Expected((question(first, Expects.CARD, "parcel/x#y"),))
    assert labels_of(log, expected=wrong)[0].verdict is Verdict.WRONG
    unneeded = Expected((question(first, Expects.SAID, ADDRESS),))
    assert labels_of(log, expected=unneeded)[0].verdict is Verdict.UNNEEDED
    judged = labels_of(log, [told(Verdict.UNNEEDED)], expected)
    assert [one.verdict for one in judged[:2]] == [Verdict.UNNEEDED, Verdict.MISSED]


def test_a_lead_is_measured_to_the_end_of_the_turn() -> None:
    call = Call(knows(passage(score=90))).customer(f"{ASKS} to my sister in hull").quiet(20)
    (case,) = cases_of(call.end().log)
    assert case.asked_until is not None
    assert case.lead_ms == (case.asked_until - case.tick - 1) * 80
    assert case.lead_ms > 0
    sixty = Signals(seeking=60)
    late = Call(knows(passage(score=90)), Policy(min_need=50), need=SEEKS, signals=sixty)
    late.customer(ASKS).quiet(20)
    (case,) = cases_of(late.end().log)
    assert case.lead_ms is not None
    assert case.lead_ms < 0
    assert (case.seeking, case.need, case.support, case.spent) == (60, 60, 54, 40)
    cut = Call(knows(passage(score=90))).customer(f"{ASKS} to my sister in hull")
    (case,) = cases_of(cut.log)
    assert (case.lead_ms, case.shown) == (None, True)


def test_both_parties_words_may_be_in_a_call_without_any_case() -> None:
    call = Call().says(Party.AGENT, "good morning how are you").says(Party.CUSTOMER, "mm-hm").end()
    assert labels_of(call.log) == ()
