"""Whole calls through the machine: what is shown, spoken, withdrawn and withheld, and why."""

from msgspec.structs import replace

from copilot.core.call import replay
from copilot.core.cards import moment
from copilot.core.events import (
    CardTouched,
    Compose,
    DraftReady,
    EarSwitched,
    EvidenceFound,
    Failed,
    Heard,
    ShowCard,
    Snoozed,
    Speak,
    StopSpeaking,
    WithdrawCard,
    Withheld,
    decode_entry,
    encode,
)
from copilot.core.gate import Evidence, Moment, Silent, decide, is_said
from copilot.core.need import need, observe
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, NeedModel, Passage, Signals, Silence, Touch
from copilot.core.words import pivots, stems
from tests.helpers import SEEKS, Call, knows, nothing, of, passage

QUESTION = "can i change the delivery address of my parcel"
LONG_QUESTION = f"{QUESTION} before the driver brings it tomorrow morning"


def reasons(call: Call) -> list[Silence]:
    return [effect.reason for effect in call.effects if isinstance(effect, Withheld)]


def shown(call: Call) -> list[ShowCard]:
    return [effect for effect in call.effects if isinstance(effect, ShowCard)]


def test_a_question_brings_its_card_before_it_ends() -> None:
    call = Call(knows(passage())).customer(LONG_QUESTION)
    assert call.effects == [
        ShowCard(
            inquiry=1,
            revision=0,
            title="parcel/address#change",
            text="You can change the address in the app until the evening before delivery.",
            cites=("parcel/address#change",),
            support=80,
            query=call.effects[0].query,  # type: ignore[union-attr]
        )
    ]
    assert LONG_QUESTION.startswith(shown(call)[0].query)


def test_medium_support_waits_for_the_end_of_the_turn() -> None:
    call = Call(knows(passage(score=40))).customer(QUESTION)
    assert call.effects == []
    call.quiet(10)
    assert [card.query for card in shown(call)] == [QUESTION]


def test_weak_support_is_withheld_with_its_reason_once() -> None:
    call = Call(knows(passage(score=8))).customer(QUESTION).quiet(200)
    assert call.effects == [
        Withheld(1, Silence.WEAK, QUESTION, ("parcel/address#change",), 8),
    ]


def test_a_passage_serves_through_its_last_day() -> None:
    known = knows(passage(valid_until="2026-11-26"))
    assert shown(Call(known, date="2026-11-26").customer(LONG_QUESTION))
    assert reasons(Call(known, date="2026-11-27").customer(QUESTION).quiet(60)) == [Silence.EXPIRED]


def test_small_talk_and_backchannels_ask_for_nothing() -> None:
    call = (
        Call(knows(passage())).customer("mm-hm").quiet(20).customer("yeah okay thanks").quiet(200)
    )
    assert call.effects == []


def test_nothing_found_is_told() -> None:
    assert reasons(Call(nothing).customer(QUESTION).quiet(40)) == [Silence.NO_EVIDENCE]


def test_a_failed_search_ends_in_silence_not_in_waiting() -> None:
    call = Call(nothing, search_ticks=10_000).customer(QUESTION).quiet(10)
    call.give(Failed(1, "search", "timeout", revision=call.pending[-1][1].revision))
    assert reasons(call.quiet(40)) == [Silence.NO_EVIDENCE]


def test_the_late_failure_of_an_older_search_does_not_hide_the_newer_answer() -> None:
    call = Call(nothing, search_ticks=10_000).customer(LONG_QUESTION).quiet(10)
    newest = call.pending[-1][1]
    assert newest.revision > 1
    call.give(Failed(1, "search", "no answer within 1 s", revision=newest.revision - 1))
    call.give(EvidenceFound(1, newest.revision, (passage(score=95),)))
    assert len(shown(call.quiet(30))) == 1


def test_half_a_question_has_to_be_surer_than_a_whole_one() -> None:
    """Evidence for its beginning is held to the early rule while the rest is looked up."""
    call = Call(knows(passage(score=60)), search_ticks=12).customer(LONG_QUESTION).quiet(9)
    assert shown(call) == []
    call.quiet(20)
    assert [card.query for card in shown(call)] == [LONG_QUESTION]


def test_an_early_card_is_taken_back_when_the_whole_question_means_something_else() -> None:
    call = Call(lambda query: () if "painting" in query else (passage(score=90),))
    call.customer(f"{QUESTION} is what the man in the painting asked").quiet(40)
    assert [type(effect) for effect in call.effects] == [ShowCard, WithdrawCard]
    assert of(call.effects, WithdrawCard) == [WithdrawCard(1, "unsupported")]


def test_a_hung_search_goes_stale() -> None:
    call = Call(nothing, search_ticks=10_000).customer(QUESTION).quiet(150)
    assert reasons(call) == [Silence.STALE]


def test_the_card_goes_when_the_agent_says_it() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(10)
    call.agent("sure you can change the address in the app until the evening before delivery")
    assert of(call.effects, WithdrawCard) == [WithdrawCard(1, "said")]


def test_what_the_agent_has_said_already_is_withheld() -> None:
    call = Call(knows(passage()))
    call.agent("you can change the address in the app until the evening before delivery").quiet(10)
    call.customer(QUESTION).quiet(40)
    assert shown(call) == []
    assert reasons(call) == [Silence.ALREADY_SAID]


def test_the_same_question_again_is_already_told() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(60).customer(QUESTION).quiet(40)
    assert len(shown(call)) == 1
    assert reasons(call) == [Silence.ALREADY_TOLD]


def test_a_dismissed_passage_stays_away() -> None:
    call = Call(knows(passage()), Policy(told_ticks=0)).customer(QUESTION).quiet(60)
    call.give(CardTouched(1, Touch.DISMISSED))
    call.customer(QUESTION).quiet(40)
    assert of(call.effects, WithdrawCard) == [WithdrawCard(1, "dismissed")]
    assert reasons(call) == [Silence.DISMISSED]


def test_a_phrase_of_the_team_lead_keeps_silence() -> None:
    policy = Policy(do_not_trigger=("delivery address",), early_words=3)
    call = Call(knows(passage()), policy).customer(QUESTION).quiet(40)
    assert reasons(call) == [Silence.DO_NOT_TRIGGER]


def test_a_phrase_that_comes_after_the_card_takes_it_back() -> None:
    policy = Policy(do_not_trigger=("delivery address",), early_words=1)
    call = Call(knows(passage()), policy).customer(QUESTION).quiet(40)
    assert len(shown(call)) == 1
    assert of(call.effects, WithdrawCard) == [WithdrawCard(1, "do_not_trigger")]
    assert call.state.card is None


def test_cooldown_delays_a_card_and_the_newer_card_replaces_the_older() -> None:
    other = passage("parcel/fees#lost", "Lost parcels are refunded up to fifty pounds.", 90)
    call = Call(lambda query: (other,) if "lost" in query else (passage(),))
    call.customer(QUESTION).quiet(8).customer("what about my lost birthday present").quiet(50)
    first, second = shown(call)
    assert first.cites == ("parcel/address#change",)
    assert second.cites == ("parcel/fees#lost",)
    assert of(call.effects, WithdrawCard) == [WithdrawCard(1, "replaced")]


def test_the_budget_is_spent_by_doubt() -> None:
    policy = Policy(budget=50, cooldown_ticks=0, told_ticks=0)
    model = replace(SEEKS, burden=((0, 0),))
    call = Call(knows(passage()), policy, need=model, signals=Signals(seeking=75))
    for _ in range(3):
        call.customer(QUESTION).quiet(60)
    assert len(shown(call)) == 2
    assert reasons(call) == [Silence.BUDGET]


def test_without_consent_there_is_no_whisper() -> None:
    call = Call(knows(passage()), consent=False).customer(QUESTION).quiet(40)
    assert reasons(call) == [Silence.NO_CONSENT]


def test_talk_that_needs_nothing_is_withheld_however_well_it_matches() -> None:
    call = Call(knows(passage()), need=SEEKS, signals=Signals(seeking=20))
    call.customer(QUESTION).quiet(40)
    assert call.effects == [
        Withheld(1, Silence.WEAK, QUESTION, ("parcel/address#change",), 80 * 20 // 100, 20)
    ]


def test_support_is_the_chance_of_need_and_of_this_passage() -> None:
    call = Call(knows(passage(score=80)), need=SEEKS, signals=Signals(seeking=90))
    call.customer(QUESTION).quiet(40)
    assert [(card.need, card.support) for card in shown(call)] == [(90, 72)]


def test_a_smaller_budget_asks_for_more_probability() -> None:
    for budget, cards in ((200, 1), (100, 0), (10, 0)):
        call = Call(
            knows(passage()), Policy(budget=budget), need=SEEKS, signals=Signals(seeking=80)
        )
        call.customer(QUESTION).quiet(40)
        assert len(shown(call)) == cards
        assert reasons(call) == [Silence.WEAK] * (1 - cards)


def test_a_short_line_is_spoken_in_the_gap_and_cut_by_speech() -> None:
    policy = Policy(voice=True)
    line = passage(say="In the app until the evening before.")
    call = Call(knows(line), policy).customer(LONG_QUESTION)
    assert of(call.effects, Speak) == []
    call.quiet(10)
    assert of(call.effects, Speak) == [Speak(1, "In the app until the evening before.")]
    call.customer("and my neighbour")
    assert of(call.effects, StopSpeaking) == [StopSpeaking(1, "customer_speaks")]


def test_a_draft_revises_the_card_only_if_it_is_grounded() -> None:
    call = Call(knows(passage()), Policy(compose=True)).customer(QUESTION).quiet(10)
    assert len(of(call.effects, Compose)) == 2  # when it is shown, and when the question is whole
    call.give(DraftReady(1, "Change the address in the app.", ("parcel/address#change",)))
    call.give(DraftReady(1, "That costs 40 pounds.", ("parcel/address#change",)))
    assert [(card.revision, card.text) for card in shown(call)][1:] == [
        (1, "Change the address in the app.")
    ]
    assert reasons(call) == [Silence.UNGROUNDED]


def test_a_draft_that_says_the_same_in_other_words_needs_a_composer_that_has_checked() -> None:
    draft = "Before the evening our app lets customers pick another address."
    for checked, texts in ((False, []), (True, [draft])):
        call = Call(knows(passage()), Policy(compose=True)).customer(QUESTION).quiet(10)
        call.give(DraftReady(1, draft, ("parcel/address#change",), checked))
        assert [card.text for card in shown(call)][1:] == texts


def test_nothing_better_changes_nothing() -> None:
    call = Call(knows(passage()), Policy(compose=True)).customer(QUESTION).quiet(10)
    assert call.give(DraftReady(1, "", ())) == []


def test_who_has_begun_to_speak_keeps_the_card_that_was_read() -> None:
    call = Call(knows(passage()), Policy(compose=True)).customer(QUESTION).quiet(10)
    call.agent("mm-hm").quiet(3)
    call.agent("yes so the way that works is")
    draft = DraftReady(1, "Change the address in the app.", ("parcel/address#change",))
    assert call.give(draft) == []


def test_a_card_shown_early_is_composed_again_when_the_question_is_whole() -> None:
    call = Call(knows(passage(score=95)), Policy(compose=True)).customer(LONG_QUESTION).quiet(20)
    asked = [one for one in call.effects if isinstance(one, Compose)]
    assert len(asked) == 2
    assert asked[1].query == " ".join(LONG_QUESTION.split()[-24:])
    assert len(asked[0].query) < len(asked[1].query)


def test_a_card_in_use_stays() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(20)
    call.give(CardTouched(1, Touch.USED))
    assert of(call.quiet(600).effects, WithdrawCard) == []


def test_an_old_card_expires() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(520)
    assert of(call.effects, WithdrawCard) == [WithdrawCard(1, "expired")]


def test_the_end_clears_the_screen_and_nothing_follows() -> None:
    call = Call(knows(passage())).customer(LONG_QUESTION).end()
    assert call.effects[-1] == WithdrawCard(1, "call_ended")
    length = len(call.log)
    call.customer(QUESTION)
    assert len(call.log) == length


def test_a_log_that_was_cut_asks_for_nothing_more() -> None:
    call = Call(knows(passage())).customer(LONG_QUESTION)
    before = len(call.log)
    call.end("cut")
    assert len(call.log) == before + 1


def test_an_early_card_is_corrected_when_the_question_is_whole() -> None:
    day = passage("parcel/delivery#day", "You can choose another day in the app.", 74)
    address = passage(score=93)
    call = Call(lambda query: (address, day) if "address" in query else (day,))
    call.customer("is it possible to change the delivery for tomorrow morning to an address")
    call.quiet(40)
    assert [(card.revision, card.cites[0]) for card in shown(call)] == [
        (0, "parcel/delivery#day"),
        (1, "parcel/address#change"),
    ]
    assert reasons(call) == []


def test_a_card_is_not_corrected_by_something_less_likely() -> None:
    day = passage("parcel/delivery#day", "You can choose another day in the app.", 74)
    call = Call(lambda query: (day,) if "thanks" in query else (passage(score=90),))
    call.customer(f"{LONG_QUESTION} with many thanks from everybody").quiet(40)
    assert [card.cites[0] for card in shown(call)] == ["parcel/address#change"]


def test_two_questions_in_one_long_turn_get_two_cards() -> None:
    other = passage("parcel/fees#lost", "Lost parcels are refunded up to fifty pounds.", 90)
    call = Call(lambda query: (other,) if "broken" in query else (passage(),))
    call.customer(f"{QUESTION} and then another box arrived quite broken inside how do you refund")
    assert [card.cites[0] for card in shown(call.quiet(60))] == [
        "parcel/address#change",
        "parcel/fees#lost",
    ]


def test_a_phrase_of_the_team_lead_brings_a_card_whatever_the_need() -> None:
    policy = Policy(trigger=("cancel my contract",))
    call = Call(knows(passage()), policy, need=SEEKS, signals=Signals(seeking=5))
    call.customer("then i will cancel my contract with you").quiet(30)
    assert [card.need for card in shown(call)] == [100]


def test_a_line_that_the_agent_has_begun_waits_until_the_agent_is_silent() -> None:
    card = passage("parcel/address#change", "You can change the address in our app or by phone.")
    for speaking, expected in ((True, [Silence.ALREADY_SAID]), (False, [])):
        moment = Moment(
            query=QUESTION,
            age=5,
            turn_over=True,
            whole=True,
            agent_silent=not speaking,
            customer_silent=True,
            consent=True,
            agent_said=stems(["you can change the address in"]),
            told=frozenset(),
            dismissed=frozenset(),
            since_whisper=10_000,
            whispered_priority=0,
            least_need=50,
            date="",
            spent=0,
        )
        decision = decide(moment, Evidence((card,), 100, 1), Policy())
        assert ([decision.reason] if isinstance(decision, Silent) else []) == expected


def test_a_line_is_not_said_without_its_numbers_or_its_denial() -> None:
    policy = Policy()
    line = "Refunds take 14 days and are not paid in cash."
    told = "refunds take some days and are paid in cash"
    assert not is_said(line, stems([told]) | pivots(told), policy)
    half = "refunds take fourteen days and are paid in cash"
    assert not is_said(line, stems([half]) | pivots(half), policy)
    whole = "refunds take fourteen days we do not pay in cash"
    assert is_said(line, stems([whole]) | pivots(whole), policy)


def test_a_card_says_what_it_is_about() -> None:
    call = Call(knows(passage(entity="Old Mill"))).customer(LONG_QUESTION)
    assert [card.title for card in shown(call)] == ["Old Mill: parcel/address#change"]


def test_during_the_cooldown_only_a_passage_of_higher_priority_may_follow() -> None:
    for priority, cards in ((5, 2), (0, 1)):
        law = passage("p/a#law", "Calls may be recorded for training.", 95, priority=priority)

        def found(query: str, law: Passage = law) -> tuple[Passage, ...]:
            return (law,) if "recorded" in query else (passage(),)

        call = Call(found, Policy(cooldown_ticks=400)).customer(QUESTION).quiet(10)
        call.customer("and is this call being recorded or not").quiet(60)
        assert len(shown(call)) == cards
        assert reasons(call) == [Silence.COOLDOWN] * (2 - cards)


def test_what_the_agent_is_about_to_say_counts_only_if_the_policy_wants_it() -> None:
    """The duplex model's guess is an input like any other: logged, replayed, and weighed."""
    guess = "change the address in the app until the evening"
    for policy, expected in ((Policy(), "whisper"), (Policy(anticipate=True), "already_said")):
        call = Call(nothing, policy).customer(QUESTION)
        call.give(Heard(call.tick + 1, Hearing(speech=95), Hearing(speech=95), upcoming=guess))
        call.give(Heard(call.tick + 1, Hearing(speech=95), Hearing(speech=95), upcoming=guess))
        assert call.state.inquiry is not None
        asked = replace(moment(call.state, call.state.inquiry), whole=True)
        decision = decide(asked, Evidence((passage(),), 100, 2), policy)
        reason = decision.reason if isinstance(decision, Silent) else "whisper"
        assert reason == expected
        log = [decode_entry(encode(entry)) for entry in call.log]
        assert [entry.event.upcoming for entry in log if isinstance(entry.event, Heard)][
            -1
        ] == guess
        assert replay(log) is None


def test_the_gates_model_may_weigh_what_the_agent_is_about_to_say() -> None:
    model = NeedModel({"seeking": 1, "anticipation": -1}, 0, ((0, 0), (100, 100)))
    signals = Signals(seeking=90)
    features = observe("how much is it", signals)
    assert need(model, features) == 90
    assert need(model, replace(features, anticipation=70)) == 20


def test_cards_that_the_agent_puts_off_are_withheld_and_come_again() -> None:
    call = Call(knows(passage()), Policy(told_ticks=50))
    call.customer("can i change the delivery address of my parcel").quiet(9)
    assert of(call.give(Snoozed(200)), WithdrawCard) == [WithdrawCard(1, "snoozed")]
    call.quiet(60).customer("and how do i track where the parcel is right now").quiet(30)
    assert set(reasons(call)) == {Silence.SNOOZED}
    assert len(shown(call)) == 1
    call.give(Snoozed(0))
    call.quiet(120).customer("so can the address be changed at all please").quiet(30)
    assert shown(call)[-1].query == "so can the address be changed"


def test_an_ear_that_is_off_hears_nothing_and_falls_silent_at_once() -> None:
    short = passage(say="In the app until the evening before.")
    call = Call(knows(short), Policy(voice=True))
    call.customer("can i change the delivery address of my parcel").quiet(12)
    assert of(call.effects, Speak)
    assert call.give(EarSwitched(False)) == [StopSpeaking(1, "muted")]
    off = Call(knows(short), Policy(voice=True))
    off.give(EarSwitched(False))
    off.customer("can i change the delivery address of my parcel").quiet(12)
    assert of(off.effects, ShowCard)
    assert not of(off.effects, Speak)
