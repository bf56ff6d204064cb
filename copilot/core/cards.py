"""What is on the screen and in the ear: shown, spoken, cut, revised, withdrawn or withheld."""

from msgspec.structs import replace

from copilot.core import advice
from copilot.core.compose import grounded, title
from copilot.core.events import (
    CardTouched,
    Compose,
    DraftReady,
    EarChanged,
    EarState,
    Effect,
    ShowCard,
    Speak,
    StopSpeaking,
    WithdrawCard,
    Withheld,
)
from copilot.core.gap import look
from copilot.core.gate import (
    HOUR,
    Evidence,
    Moment,
    Silent,
    Whisper,
    decide,
    holds,
    is_said,
    to_say,
)
from copilot.core.inquiry import SLACK, Inquiry
from copilot.core.need import least_need
from copilot.core.state import CallState, Card, Playing, Told
from copilot.core.vocabulary import Party, Silence, Touch
from copilot.core.words import is_backchannel, pivots, stems

Step = tuple[CallState, list[Effect]]
_CONTEXT = 12
"""Lines of transcript that a composer is given."""


def gate(state: CallState) -> Step:
    """Ask the gate: show the open inquiry's card, or say once it is settled why there is none."""
    inquiry, policy = state.inquiry, state.policy
    if inquiry is None:
        return state, []
    if not inquiry.open:
        return _correct(state, inquiry)
    decision = decide(moment(state, inquiry), evidence(inquiry), policy)
    if isinstance(decision, Whisper):
        return _show(state, inquiry, decision)
    if decision.reason is Silence.STALE:
        return close(state)
    if not inquiry.settled(state.tick, policy) or decision.reason is inquiry.withheld:
        return state, []
    return _withhold(state, inquiry, decision)


def close(state: CallState) -> Step:
    """End the open inquiry without a card; an inquiry never ends without a card or a reason."""
    inquiry = state.inquiry
    if inquiry is None or not inquiry.open:
        return state, []
    effects: list[Effect] = []
    if inquiry.withheld is None:
        decision = decide(moment(state, inquiry), evidence(inquiry), state.policy)
        silent = decision if isinstance(decision, Silent) else Silent(Silence.STALE)
        state, effects = _withhold(state, inquiry, silent)
        assert state.inquiry is not None
        inquiry = state.inquiry
    return replace(state, inquiry=replace(inquiry, open=False)), effects


def tend(state: CallState) -> Step:
    """Withdraw the card once the agent has said it or it is old; speak it when a gap has come."""
    card, policy = state.card, state.policy
    if card is None:
        return state, []
    if is_said(card.text, _agent_said(state, card.asked), policy):
        return replace(state, card=None), clear(state, "said")
    if not card.used and state.tick - card.shown >= policy.card_ticks:
        return replace(state, card=None), clear(state, "expired")
    inquiry = state.inquiry
    waiting = policy.voice and not card.spoken and state.playing is None
    if waiting and card.advice:
        return advice.speak(state, card)
    if not waiting or inquiry is None or inquiry.id != card.inquiry:
        return state, []
    now = moment(state, inquiry)
    if state.gap is not None and inquiry.need < now.least_need:
        return state, []  # what was said since has taken the question back
    text = to_say(now, card.passage, card.text, policy)
    return _speak(state, card, text) if text else (state, [])


def barge_in(state: CallState) -> Step:
    """Cut the whisper when a party speaks over it, unless it is a mere "mm-hm"."""
    playing = state.playing
    if playing is None:
        return state, []
    agent = _over(state, Party.AGENT, playing.agent_over)
    customer = _over(state, Party.CUSTOMER, playing.customer_over)
    limit = state.policy.barge_in_ticks
    if agent < limit and customer < limit:
        return replace(
            state, playing=replace(playing, agent_over=agent, customer_over=customer)
        ), []
    reason = "agent_speaks" if agent >= limit else "customer_speaks"
    cut = state.cut
    if state.gap is not None and playing.passage:
        cut |= {playing.passage}
    return replace(state, playing=None, cut=cut), [StopSpeaking(playing.whisper, reason)]


def played(state: CallState, whisper: int) -> CallState:
    """The earpiece is free again."""
    mine = state.playing is not None and state.playing.whisper == whisper
    return replace(state, playing=None) if mine else state


def echo(state: CallState) -> Step:
    """The agent's microphone hears whispers: softer ones first, then none."""
    if state.echo is EarState.OFF:
        return state, []
    if state.echo is EarState.OPEN:
        return replace(state, echo=EarState.SOFT), [EarChanged(EarState.SOFT, "echo")]
    effects: list[Effect] = [EarChanged(EarState.OFF, "echo")]
    if state.playing is not None:
        effects.insert(0, StopSpeaking(state.playing.whisper, "echo"))
    return replace(state, echo=EarState.OFF, playing=None), effects


def revise(state: CallState, draft: DraftReady) -> Step:
    """Put a composed text on the card it was made for, if its passages hold it and it is in time:
    who has begun to speak, or has used the card, keeps what he has read."""
    card, inquiry = state.card, state.inquiry
    if (
        card is None
        or card.inquiry != draft.inquiry
        or inquiry is None
        or inquiry.id != card.inquiry
        or not draft.text
        or taken(state, card)
    ):
        return state, []
    cited = [passage for passage in inquiry.passages if passage.id in draft.cites]
    if not cited or not grounded(draft.text, cited, draft.checked):
        reason = Silence.UNGROUNDED
        held = Withheld(inquiry.id, reason, inquiry.query, draft.cites, card.support, inquiry.need)
        return state, [held]
    card = replace(card, text=draft.text, revision=card.revision + 1)
    show = ShowCard(
        card.inquiry,
        card.revision,
        title(cited[0]),
        draft.text,
        draft.cites,
        cited[0].score,
        inquiry.query,
        inquiry.need,
    )
    return replace(state, card=card), [show]


def compose(state: CallState) -> Step:
    """Ask for a better card again once the question that it answers is whole."""
    card, inquiry = state.card, state.inquiry
    if card is None or inquiry is None or inquiry.id != card.inquiry or not inquiry.whole:
        return state, []
    if inquiry.query == card.composed or taken(state, card):
        return state, []
    return _compose(state, inquiry)


def touch(state: CallState, touched: CardTouched) -> Step:
    """The agent's answer to a card; touches of cards that are gone are kept in the log only."""
    card = state.card
    if card is None or card.inquiry != touched.inquiry:
        return state, []
    if touched.how is Touch.DISMISSED:
        dismissed = state.dismissed | ({card.passage} if card.passage else set())
        effects = clear(state, "dismissed")
        playing = None if _playing_card(state) else state.playing
        return replace(state, card=None, dismissed=dismissed, playing=playing), effects
    if touched.how is Touch.USED:
        return replace(state, card=replace(card, used=True)), []
    return state, []


def snooze(state: CallState, ticks: int) -> Step:
    """No card for so long; the one that is up goes, and what is being said of it."""
    state = replace(state, snoozed=state.tick + ticks)
    if not ticks:
        return state, []
    return replace(state, card=None, playing=None), clear(state, "snoozed")


def switch_ear(state: CallState, on: bool) -> Step:
    """The earpiece goes on, or off with what it is saying.

    One that an echo switched off is tried again, softer: the agent has taken another headset.
    """
    soft = on and state.echo is EarState.OFF
    state = replace(state, ear=on, echo=EarState.SOFT if soft else state.echo)
    if on or state.playing is None:
        return state, []
    return replace(state, playing=None), [StopSpeaking(state.playing.whisper, "muted")]


def clear(state: CallState, reason: str) -> list[Effect]:
    """Effects that empty the screen; what the agent puts aside, and the end, empty the ear too."""
    effects: list[Effect] = []
    if state.playing is not None and (
        reason in ("call_ended", "snoozed")
        or (reason in ("dismissed", "do_not_trigger") and _playing_card(state))
    ):
        effects.append(StopSpeaking(state.playing.whisper, reason))
    if state.card is not None:
        effects.append(WithdrawCard(state.card.inquiry, reason))
    return effects


def moment(state: CallState, inquiry: Inquiry) -> Moment:
    """What the gate knows now."""
    policy, floor, tick = state.policy, state.floor, state.tick
    recent = [told for told in state.told if tick - told.tick < policy.told_ticks]
    return Moment(
        query=inquiry.query,
        age=inquiry.age(tick),
        turn_over=inquiry.turn.end is not None,
        whole=inquiry.whole,
        agent_silent=not floor.agent.speaking and floor.agent.rising == 0,
        customer_silent=not floor.customer.speaking and floor.customer.rising == 0,
        consent=state.consent,
        agent_said=_agent_said(state, tick - policy.said_window_ticks),
        upcoming=stems([state.upcoming]) if policy.anticipate else frozenset(),
        told={told.passage for told in recent},
        dismissed=state.dismissed,
        since_whisper=tick - state.whispered,
        whispered_priority=state.whispered_priority,
        least_need=least_need(state.need, policy),
        date=state.started.date if state.started else "",
        spent=state.spent(),
        gap=look(floor, state.transcript, tick) if state.gap is not None else None,
        model=state.gap,
        finished=state.finished if state.gap is not None else 0,
        cut=state.cut,
        quiet=any(start <= tick < end for start, end in policy.quiet),
        snoozed=state.tick < state.snoozed,
        ear=state.hears,
        about=inquiry.rewritten,
    )


def evidence(inquiry: Inquiry) -> Evidence:
    """What was found for the inquiry."""
    return Evidence(inquiry.passages, inquiry.need, inquiry.stable)


def _show(state: CallState, inquiry: Inquiry, whisper: Whisper) -> Step:
    effects: list[Effect] = clear(state, "replaced")
    state, shown = _put(replace(state, whispered=state.tick), inquiry, whisper, 0)
    effects += shown
    if whisper.aloud and state.playing is None:
        assert state.card is not None
        state, spoken = _speak(state, state.card, whisper.aloud)
        effects += spoken
    state, composed = _compose(state, inquiry)
    return state, effects + composed


def _compose(state: CallState, inquiry: Inquiry) -> Step:
    if not state.policy.compose or state.card is None:
        return state, []
    turns = state.transcript.last(_CONTEXT)
    card = replace(state.card, composed=inquiry.query)
    asked = Compose(inquiry.id, inquiry.query, turns, inquiry.passages)
    return replace(state, card=card), [asked]


def _correct(state: CallState, inquiry: Inquiry) -> Step:
    """Put a better passage on a card that was shown before its question was whole, or take it back,
    also for a phrase at which the team wants none.

    It stays the same whisper, so no cool-down; what it costs is spent again.
    """
    card, policy = state.card, state.policy
    if card is None or inquiry.id != card.inquiry or card.used:
        return state, []
    if holds(inquiry.query, policy.do_not_trigger):
        playing = None if _playing_card(state) else state.playing
        return replace(state, card=None, playing=playing), clear(state, "do_not_trigger")
    if card.spoken:
        return state, []
    top = inquiry.passages[0] if inquiry.passages else None
    if top is not None and top.id != card.passage and top.score > card.support:
        asked = replace(moment(state, inquiry), since_whisper=HOUR)
        decision = decide(asked, evidence(inquiry), policy)
        if isinstance(decision, Whisper):
            return _put(state, inquiry, decision, card.revision + 1)
    support = next((one.score for one in inquiry.passages if one.id == card.passage), 0)
    if inquiry.whole and support < policy.keep_support:
        return replace(state, card=None), clear(state, "unsupported")
    return state, []


def _put(state: CallState, inquiry: Inquiry, whisper: Whisper, revision: int) -> Step:
    """The card itself, and what it spends."""
    passage, text = whisper.passage, whisper.text
    told = tuple(told for told in state.told if state.tick - told.tick < HOUR)
    state = replace(
        state,
        card=Card(
            inquiry.id,
            passage.id,
            text,
            passage.score,
            asked=inquiry.turn.start,
            shown=state.tick,
            revision=revision,
        ),
        inquiry=replace(inquiry, open=False),
        whispered_priority=passage.priority,
        told=(*told, Told(passage.id, state.tick, 100 - inquiry.need)),
    )
    cites = (passage.id,)
    answers = inquiry.answers
    card = ShowCard(
        inquiry.id, revision, title(passage), text, cites, passage.score, answers, inquiry.need
    )
    return state, [card]


def _speak(state: CallState, card: Card, text: str) -> Step:
    state = replace(
        state,
        card=replace(card, spoken=True),
        playing=Playing(card.inquiry, passage=card.passage),
        whispered=state.tick,
    )
    return state, [Speak(card.inquiry, text)]


def _withhold(state: CallState, inquiry: Inquiry, silent: Silent) -> Step:
    top = inquiry.passages[:1]
    effect = Withheld(
        inquiry.id,
        silent.reason,
        inquiry.query,
        tuple(passage.id for passage in top),
        top[0].score if top else 0,
        inquiry.need,
    )
    return replace(state, inquiry=replace(inquiry, withheld=silent.reason)), [effect]


def _agent_said(state: CallState, since: int) -> frozenset[str]:
    said = state.transcript.since(Party.AGENT, since - SLACK)
    return stems([said]) | pivots(said)


def _over(state: CallState, party: Party, before: int) -> int:
    """Ticks in a row in which the party has spoken over the whisper."""
    speech = state.floor.agent if party is Party.AGENT else state.floor.customer
    if not speech.speaking and speech.rising == 0:
        return 0
    if is_backchannel(state.transcript.since(party, speech.start)) and speech.speaking:
        # "i" may be the beginning of "i see": more words decide, and what was said counts then
        return 0 if state.gap is None else min(before + 1, state.policy.barge_in_ticks - 1)
    return before + 1


def taken(state: CallState, card: Card) -> bool:
    """Whether the agent has used the card, or begun to speak since it was shown."""
    agent, policy = state.floor.agent, state.policy
    lasts = state.tick - agent.start > policy.backchannel_ticks
    speaks = agent.speaking and agent.start >= card.shown and lasts
    said = state.transcript.since(Party.AGENT, card.shown + SLACK)
    return card.used or speaks or bool(said and not is_backchannel(said))


def _playing_card(state: CallState) -> bool:
    playing, card = state.playing, state.card
    return playing is not None and card is not None and playing.whisper == card.inquiry
