"""A supervisor's line to the agent: a card of its own, spoken in the first gap if it is short."""

from msgspec.structs import replace

from copilot.core.events import Advised, Effect, ShowCard, Speak, StopSpeaking, WithdrawCard
from copilot.core.state import CallState, Card, Playing
from copilot.core.words import tokens

Step = tuple[CallState, list[Effect]]
HOLD = 125
"""Ticks for which the copilot's own cards leave advice alone, the cool-down not counted: 10 s."""
FIRST = 1_000_000
"""Over every passage's priority: during the cool-down no card may take the place of advice."""


def give(state: CallState, advised: Advised) -> Step:
    """Show the line at once, whatever the gate thinks; without consent the agent gets nothing."""
    if not state.consent:
        return state, []
    effects: list[Effect] = []
    if state.playing is not None:
        effects.append(StopSpeaking(state.playing.whisper, "advice"))
    if state.card is not None:
        effects.append(WithdrawCard(state.card.inquiry, "replaced"))
    number = state.inquiries + 1
    effects.append(ShowCard(number, 0, advised.by, advised.text, (), 100, "", by=advised.by))
    card = Card(number, "", advised.text, 100, state.tick, state.tick, advice=True)
    state = replace(
        state,
        inquiries=number,
        card=card,
        playing=None,
        whispered=state.tick + HOLD,
        whispered_priority=FIRST,
    )
    state, more = speak(state, card)
    return state, effects + more


def speak(state: CallState, card: Card) -> Step:
    """Say it in the earpiece if that is switched on, it is short, and nobody speaks."""
    policy, floor = state.policy, state.floor
    quiet = not (floor.agent.speaking or floor.customer.speaking)
    quiet = quiet and not (floor.agent.rising or floor.customer.rising)
    if not (
        policy.voice and state.hears and quiet and len(tokens(card.text)) <= policy.max_spoken_words
    ):
        return state, []
    playing = Playing(card.inquiry)
    return replace(state, card=replace(card, spoken=True), playing=playing), [
        Speak(card.inquiry, card.text)
    ]
