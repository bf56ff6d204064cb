"""A supervisor's line, a playbook that ticks itself, quiet times: all of it replays."""

from copilot.core.call import replay
from copilot.core.events import (
    Advised,
    CardTouched,
    ShowCard,
    Speak,
    StopSpeaking,
    Ticked,
    WithdrawCard,
    Withheld,
)
from copilot.core.policy import Item, Policy, Rule
from copilot.core.vocabulary import Silence, Touch
from copilot.evaluate.cases import cases_of
from tests.helpers import Call, knows, of, passage

ASK = "can i change the delivery address of my parcel"


def test_advice_is_a_card_at_once_and_no_inquiry_of_the_call() -> None:
    call = Call(knows(passage()))
    call.agent("hello").give(Advised("Sue", "Offer the refund"))
    assert call.effects == [
        ShowCard(1, 0, "Sue", "Offer the refund", (), 100, "", by="Sue"),
    ]
    call.quiet(180).customer(ASK).quiet(20).end()
    assert [card.by for card in call.effects if isinstance(card, ShowCard)] == ["Sue", ""]
    assert [case.inquiry for case in cases_of(call.log)] == [2], "labels are of cards it chose"
    assert replay(call.log) is None


def test_advice_takes_the_place_of_a_card_and_is_left_alone_for_a_while() -> None:
    call = Call(knows(passage()), policy=Policy(cooldown_ticks=200))
    call.customer(ASK).quiet(20)
    call.give(Advised("Sue", "Wait a moment"))
    kinds = [type(effect) for effect in call.effects]
    assert kinds == [ShowCard, WithdrawCard, ShowCard]
    other = Call(knows(passage("p/b#c", priority=9)), policy=Policy(cooldown_ticks=200))
    other.give(Advised("Sue", "Wait a moment"))
    other.customer(ASK).quiet(40)
    assert [type(effect) for effect in other.effects][:2] == [ShowCard, Withheld]
    assert [e.reason for e in other.effects if isinstance(e, Withheld)] == [Silence.COOLDOWN]


def test_a_short_line_is_spoken_in_the_first_gap() -> None:
    call = Call(policy=Policy(voice=True))
    call.agent("let me tell you").give(Advised("Sue", "Offer the refund"))
    assert of(call.effects, Speak) == [], "never over the agent"
    call.quiet(3)
    assert of(call.effects, Speak) == [Speak(1, "Offer the refund")]
    call.give(Advised("Sue", "No, wait"))
    assert StopSpeaking(1, "advice") in call.effects
    long = Call(policy=Policy(voice=True, max_spoken_words=3)).quiet(5)
    long.give(Advised("Sue", "this line is far too long to be spoken"))
    assert of(long.quiet(9).effects, Speak) == []
    assert replay(call.log) is None


def test_the_agent_can_put_advice_aside_and_the_gate_learns_nothing() -> None:
    call = Call()
    call.give(Advised("Sue", "Offer the refund"))
    call.give(CardTouched(1, Touch.DISMISSED))
    assert call.effects[-1] == WithdrawCard(1, "dismissed")
    assert call.state.dismissed == frozenset()


def test_without_consent_advice_reaches_nobody() -> None:
    call = Call(consent=False)
    assert call.give(Advised("Sue", "Offer the refund")) == []


PLAYBOOK = (
    Item("Greet", Rule.CHECK, ("good morning", "hello")),
    Item("Recorded line", Rule.MUST_SAY, ("this call is recorded for training",)),
    Item("No promises", Rule.MUST_NOT_SAY, ("i guarantee",)),
)


def test_a_playbook_ticks_itself_once_each() -> None:
    call = Call(policy=Policy(playbook=PLAYBOOK))
    call.customer("this call is recorded i guarantee hello").quiet(20)
    assert of(call.effects, Ticked) == [], "what the customer says ticks nothing"
    call.agent("good morning this call is being recorded for our training").quiet(20)
    call.agent("good morning again and i guarantee it arrives").quiet(20).end()
    ticked = [(e.item, e.rule) for e in of(call.effects, Ticked) if isinstance(e, Ticked)]
    assert ticked == [
        ("Greet", Rule.CHECK),
        ("Recorded line", Rule.MUST_SAY),
        ("No promises", Rule.MUST_NOT_SAY),
    ]
    assert replay(call.log) is None


def test_a_quiet_time_brings_no_card_until_it_is_over() -> None:
    call = Call(knows(passage()), policy=Policy(quiet=((0, 80),)))
    call.customer(ASK).quiet(60)
    shown = next(entry for entry in call.log if isinstance(entry.event, ShowCard))
    assert shown.tick >= 80
    whole = Call(knows(passage()), policy=Policy(quiet=((0, 9000),)))
    whole.customer(ASK).quiet(150).end()
    assert [e.reason for e in of(whole.effects, Withheld) if isinstance(e, Withheld)] == [
        Silence.QUIET
    ]
