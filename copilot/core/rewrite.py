"""A second search in the background model's words, where the customer's own found too little."""

from msgspec.structs import replace

from copilot.core import cards
from copilot.core.events import Effect, Rewrite, Rewritten
from copilot.core.gate import Silent, decide
from copilot.core.inquiry import CONTEXT, SLACK, Inquiry
from copilot.core.state import CallState
from copilot.core.vocabulary import Silence
from copilot.core.weigh import weigh

Step = tuple[CallState, list[Effect]]
_FOUND_LITTLE = (Silence.NO_EVIDENCE, Silence.WEAK)
"""Silences that other words may end; all others are somebody's will."""


def ask(state: CallState) -> Step:
    """Ask once for each whole question whose own search has brought no card, or a doubtful one."""
    current = state.inquiry
    if not state.policy.rewrite or not state.consent or current is None:
        return state, []
    whole = current.turn.end is not None and current.answered == current.revision
    if not whole or current.rewriting == current.revision or not _worthwhile(state, current):
        return state, []
    current = replace(current, rewriting=current.revision)
    turns = state.transcript.before(current.turn.start - SLACK, CONTEXT)
    asked = Rewrite(current.id, current.revision, current.query, turns)
    return replace(state, inquiry=current), [asked]


def take(state: CallState, found: Rewritten) -> Step:
    """Take the passages if they are likelier to be needed than what the customer's words found.

    Whether anything is asked at all the customer's own words tell: a model makes a question of
    anything. Later words of the customer, and an agent who has begun to answer, make it too late.
    """
    current = state.inquiry
    if current is None or current.id != found.inquiry or current.revision != found.revision:
        return state, []
    if not found.query or not found.passages or not _in_time(state, current):
        return state, []
    signals = replace(found.signals, seeking=current.signals.seeking)
    need = weigh(state, current.query, found.passages, signals)
    passages = tuple(replace(one, score=need * one.score // 100) for one in found.passages)
    if current.passages and passages[0].score <= current.passages[0].score:
        return state, []
    current = replace(
        current,
        evidence=current.revision,
        passages=passages,
        need=need,
        rewritten=found.query,
        stable=1,
    )
    return cards.gate(replace(state, inquiry=current))


def _worthwhile(state: CallState, current: Inquiry) -> bool:
    policy = state.policy
    if state.need is not None and current.signals.seeking < policy.rewrite_seeking:
        return False
    card = state.card
    if card is not None and card.inquiry == current.id:
        return card.support < policy.rewrite_below and not cards.taken(state, card)
    if not current.open:
        return False
    decision = decide(cards.moment(state, current), cards.evidence(current), policy)
    return isinstance(decision, Silent) and decision.reason in _FOUND_LITTLE


def _in_time(state: CallState, current: Inquiry) -> bool:
    card = state.card
    if current.open:
        return True
    return card is not None and card.inquiry == current.id and not cards.taken(state, card)
