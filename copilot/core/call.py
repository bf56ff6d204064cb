"""The whole machine: one input in, the state after it and the effects it asks for out."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from copilot.core import advice, cards, inquiry, playbook, rewrite
from copilot.core.events import (
    Advised,
    CallEnded,
    CallStarted,
    CardTouched,
    CustomerKnown,
    DraftReady,
    EarSwitched,
    EchoHeard,
    Effect,
    Entry,
    Event,
    EvidenceFound,
    Failed,
    Heard,
    Input,
    Rewritten,
    Snoozed,
    WhisperPlayed,
    encode,
)
from copilot.core.floor import Floor, Turn, advance
from copilot.core.gap import hangs
from copilot.core.inquiry import Inquiry, Span
from copilot.core.state import CallState
from copilot.core.transcript import hear
from copilot.core.vocabulary import Party, TurnText
from copilot.core.weigh import weigh
from copilot.core.words import content

Step = tuple[CallState, list[Effect]]


def step(state: CallState, event: Input) -> Step:
    """One input: the next state, and the effects in the order in which they must be performed.

    Nothing follows `CallEnded`; a `Heard` that does not move the clock is a bug of the caller.
    """
    if state.ended:
        return state, []
    match event:
        case CallStarted():
            assert state.started is None, "a call starts once"
            return replace(state, started=event), []
        case Heard():
            return _heard(state, event)
        case EvidenceFound():
            return _evidence(state, event)
        case Rewritten():
            return rewrite.take(state, event)
        case DraftReady():
            return cards.revise(state, event)
        case Failed():
            return _failed(state, event)
        case WhisperPlayed():
            return cards.played(state, event.whisper), []
        case CardTouched():
            return cards.touch(state, event)
        case EchoHeard():
            return cards.echo(state)
        case Advised():
            return advice.give(state, event)
        case Snoozed():
            return cards.snooze(state, event.ticks)
        case EarSwitched():
            return cards.switch_ear(state, event.on)
        case CustomerKnown():
            return state, []
        case CallEnded():
            return _ended(state, event)


def enter(state: CallState, event: Input) -> tuple[CallState, list[Entry]]:
    """`step` as log entries: the input first, then its effects."""
    after, effects = step(state, event)
    events: list[Event] = [event, *effects] if not state.ended else []
    entries = [Entry(state.seq + i, after.tick, one) for i, one in enumerate(events)]
    return replace(after, seq=state.seq + len(entries)), entries


def run(inputs: Iterable[Input]) -> Iterator[Entry]:
    """The log of a call: each input followed by its effects."""
    state = CallState()
    for event in inputs:
        state, entries = enter(state, event)
        yield from entries


class Difference(Struct, frozen=True):
    """The first place where a log and its replay part; None stands for a missing line."""

    seq: int
    logged: Entry | None
    replayed: Entry | None


def replay(log: Iterable[Entry]) -> Difference | None:
    """Run the log's inputs again and compare bit for bit; None when every line is the same."""
    logged = list(log)
    again = list(run(entry.event for entry in logged if isinstance(entry.event, Input)))
    for i in range(max(len(logged), len(again))):
        one = logged[i] if i < len(logged) else None
        other = again[i] if i < len(again) else None
        if one is None or other is None or encode(one) != encode(other):
            return Difference(i, one, other)
    return None


def _heard(state: CallState, heard: Heard) -> Step:
    assert heard.tick > state.tick or state.tick == 0, f"tick {heard.tick} after {state.tick}"
    floor, over = advance(state.floor, heard, state.policy)
    state = replace(
        state,
        tick=heard.tick,
        wish=heard.wish,
        upcoming=heard.upcoming,
        finished=heard.customer.pause,
        floor=floor,
        transcript=hear(state.transcript, heard.agent, heard.customer),
        turn=_customer_turn(state, floor, over),
    )
    effects: list[Effect] = []
    for part in (cards.barge_in, _ask, cards.gate, cards.tend, cards.compose, rewrite.ask):
        state, more = part(state)
        effects += more
    if heard.agent.words and state.policy.playbook:
        state, more = playbook.tick(state)
        effects += more
    return state, effects


def _customer_turn(state: CallState, floor: Floor, over: tuple[Turn, ...]) -> Span | None:
    known = state.turn
    for turn in over:
        if turn.party is Party.CUSTOMER:
            return known if turn.backchannel else Span(_began(state, turn.start, floor), turn.end)
    start = floor.customer.turn
    if start is not None and floor.holder() is Party.CUSTOMER:
        return Span(_began(state, start, floor))
    return known


def _began(state: CallState, start: int, floor: Floor) -> int:
    """Where the turn began: one that goes on after a pause, with nobody between, is the same.

    It goes on where it stopped at a word that asks for more, or where it had its card: what comes
    then is the rest of that question. Small talk before a question is a turn of its own.
    """
    known = state.turn
    if known is None or state.gap is None:
        return start
    if known.end is None:
        return known.start
    if floor.agent.end > known.end or start - known.end > state.policy.resume_ticks:
        return start
    return known.start if hangs(state.transcript) or _had_card(state, known) else start


def _had_card(state: CallState, turn: Span) -> bool:
    """Whether the turn's question has its card on the screen."""
    current, card = state.inquiry, state.card
    if current is None or card is None:
        return False
    return card.inquiry == current.id and current.turn.start == turn.start


def _ask(state: CallState) -> Step:
    """Open, refresh or leave the inquiry of the customer's latest turn."""
    turn, policy = state.turn, state.policy
    if turn is None or (turn.end is not None and state.tick - turn.end > policy.lifetime_ticks):
        return state, []
    text = state.transcript.since(Party.CUSTOMER, turn.start - inquiry.SLACK)
    current, effects = state.inquiry, list[Effect]()
    if current is not None and current.turn.start == turn.start:
        current = replace(current, turn=turn)
        state = replace(state, inquiry=current)
    if current is None or current.turn.start != turn.start or not current.open:
        if not _is_new(state, turn, text):
            return _ask_on(state, text)
        state, effects = cards.close(state)
        current = Inquiry(state.inquiries + 1, turn)
        state = replace(state, inquiries=current.id)
    current, search = inquiry.refresh(current, text, _before(state, turn), state.tick, policy)
    return replace(state, inquiry=current), effects + ([search] if search else [])


def _ask_on(state: CallState, text: str) -> Step:
    """A card that was shown early is still held against the rest of its turn."""
    current, card, turn = state.inquiry, state.card, state.turn
    if current is None or card is None or card.inquiry != current.id or turn is None:
        return state, []
    if current.turn.start != turn.start or current.settled(state.tick, state.policy):
        return state, []
    current, search = inquiry.refresh(current, text, _before(state, turn), state.tick, state.policy)
    return replace(state, inquiry=current), [search] if search else []


def _before(state: CallState, turn: Span) -> tuple[TurnText, ...]:
    """The lines that the turn may refer to."""
    return state.transcript.before(turn.start - inquiry.SLACK, inquiry.CONTEXT)


def _is_new(state: CallState, turn: Span, text: str) -> bool:
    """Whether the words ask something that the inquiry before has not asked."""
    before, policy = state.inquiry, state.policy
    if not inquiry.worth_asking(text, policy):
        return False
    if before is None:
        return True
    news = set(content(text)) - set(before.asked)
    if before.turn.start == turn.start:
        return len(news) >= policy.reopen_words
    own = state.transcript.words_since(Party.CUSTOMER, turn.start - inquiry.SLACK)
    return bool(news or own)  # a partial alone may still be the guess at the turn before


def _evidence(state: CallState, found: EvidenceFound) -> Step:
    current = state.inquiry
    if current is None or current.id != found.inquiry:
        return state, []
    asked = current.queries[found.revision - 1] if 0 < found.revision <= current.revision else ""
    wanted = weigh(state, asked, found.passages, found.signals)
    current = inquiry.answer(current, found, wanted)
    return cards.gate(replace(state, inquiry=current))


def _failed(state: CallState, failed: Failed) -> Step:
    if failed.what == "speak":
        return cards.played(state, failed.inquiry), []
    current = state.inquiry
    if failed.what != "search" or current is None or current.id != failed.inquiry:
        return state, []
    answered = max(current.answered, min(failed.revision, current.revision))
    return cards.gate(replace(state, inquiry=replace(current, answered=answered)))


def _ended(state: CallState, ended: CallEnded) -> Step:
    if ended.reason == "cut":  # the process died: nobody was left to perform anything
        return replace(state, ended=True), []
    state, effects = cards.close(state)
    effects += cards.clear(state, "call_ended")
    return replace(state, ended=True, card=None, playing=None), effects
