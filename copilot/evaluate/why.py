"""Why the gate decided as it did at each moment of a call, and what would have changed that.

Nothing is decided anew here: the log's inputs are stepped again through the core, and the gate
itself is asked about the same moment with one thing after another put otherwise.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from copilot.core import cards
from copilot.core.call import enter
from copilot.core.events import CallStarted, Entry, EvidenceFound, Input, Search, ShowCard, Withheld
from copilot.core.gate import HOUR, Evidence, Moment
from copilot.core.inquiry import SLACK, Inquiry
from copilot.core.state import CallState
from copilot.core.transcript import Line
from copilot.core.vocabulary import Party, Passage, Signals, Silence
from copilot.evaluate.listen import lines_of
from copilot.evaluate.obstacles import Change, keepers, obstacles


class Decision(Struct, frozen=True):
    """One card, or one silence."""

    tick: int
    inquiry: int
    query: str
    passages: tuple[Passage, ...]
    """As search found them, best first; their score is the probability of being right if any is."""
    signals: Signals
    need: int
    """Probability that anything was needed, percent."""
    least_need: int
    """What the policy and its budget asked for."""
    support: int
    """Probability that the first passage was needed, percent."""
    min_support: int
    silence: Silence | None
    """None: a card was shown."""
    card: str
    """The line on the card; empty where there was none."""
    revision: int
    """Over 0: the card was there and got another text."""
    changes: tuple[Change, ...]
    """For a silence: all that stood in the way, in the gate's order. For a card: what alone would
    have kept it away."""


class Said(Struct, frozen=True):
    """A line of the call with what was decided on it."""

    party: Party
    tick: int
    text: str
    decisions: tuple[Decision, ...] = ()
    looked_up: bool = False
    """Whether the copilot searched for anything in it."""


class Explained(Struct, frozen=True):
    """A whole call."""

    lines: tuple[Said, ...]
    cards: int
    silences: int
    packs: tuple[str, ...]


def explain(entries: Sequence[Entry]) -> Explained:
    """The lines of a log, each with its decisions and their reasons."""
    found, turns = _decisions(entries)
    lines = lines_of(entries)
    own = [line for line in lines if line.party is Party.CUSTOMER]
    decided: dict[int, list[Decision]] = {}
    for decision in found:
        line = _line_of(own, turns[decision.inquiry])
        if line is not None:
            decided.setdefault(line.start, []).append(decision)
    asked = {line.start for start in turns.values() if (line := _line_of(own, start)) is not None}
    told = tuple(
        Said(
            line.party,
            line.start,
            line.text,
            tuple(decided.get(line.start, ())) if line.party is Party.CUSTOMER else (),
            line.party is Party.CUSTOMER and line.start in asked,
        )
        for line in lines
    )
    started = next(e.event for e in entries if isinstance(e.event, CallStarted))
    shown = sum(one.silence is None and not one.revision for one in found)
    held = sum(one.silence is not None for one in found)
    return Explained(told, shown, held, started.packs)


# ---- the walk through a log ----------------------------------------------------------------------


def _decisions(entries: Iterable[Entry]) -> tuple[list[Decision], dict[int, int]]:
    """Every card and silence, and the first tick of each inquiry's turn."""
    state = CallState()
    found: list[Decision] = []
    evidence: dict[int, EvidenceFound] = {}
    turns: dict[int, int] = {}
    for entry in entries:
        event = entry.event
        if not isinstance(event, Input):
            continue
        if isinstance(event, EvidenceFound):
            evidence[event.inquiry] = event
        before = state
        state, made = enter(state, event)
        for one in made[1:]:
            if isinstance(one.event, Search) and state.inquiry is not None:
                turns[one.event.inquiry] = state.inquiry.turn.start
            if isinstance(one.event, ShowCard | Withheld):
                decided = _decision(one, before, state, evidence.get(one.event.inquiry))
                if decided is not None:
                    found.append(decided)
    return [one for one in found if one.inquiry in turns], turns


def _decision(
    entry: Entry, before: CallState, after: CallState, found: EvidenceFound | None
) -> Decision | None:
    effect, policy = entry.event, after.policy
    assert isinstance(effect, ShowCard | Withheld)
    inquiry = _inquiry(effect.inquiry, before, after)
    if inquiry is None or (isinstance(effect, Withheld) and effect.reason is Silence.UNGROUNDED):
        return None
    moment = _at(before, after, inquiry)
    evidence = cards.evidence(inquiry)
    raw = found or EvidenceFound(effect.inquiry, 0, ())
    if isinstance(effect, ShowCard):
        if effect.revision:
            moment = replace(moment, since_whisper=HOUR)
        silence, changes = None, keepers(moment, evidence, policy)
    else:
        silence = effect.reason
        found_ = Evidence(raw.passages, 100, evidence.stable)
        changes = obstacles(moment, evidence, policy, found_, after.need)
    return Decision(
        entry.tick,
        effect.inquiry,
        inquiry.answers if isinstance(effect, ShowCard) else inquiry.query,
        raw.passages,
        raw.signals,
        inquiry.need,
        moment.least_need,
        effect.support,
        policy.min_support,
        silence,
        effect.text if isinstance(effect, ShowCard) else "",
        effect.revision if isinstance(effect, ShowCard) else 0,
        changes,
    )


def _inquiry(number: int, before: CallState, after: CallState) -> Inquiry | None:
    """The inquiry as it stood at its decision."""
    for state in (after, before):
        if state.inquiry is not None and state.inquiry.id == number:
            return state.inquiry
    return None


def _at(before: CallState, after: CallState, inquiry: Inquiry) -> Moment:
    """What the gate knew: the state after the input, but for what the card itself left behind."""
    asked = replace(
        after,
        told=before.told,
        whispered=before.whispered,
        whispered_priority=before.whispered_priority,
        card=before.card,
    )
    return cards.moment(asked, inquiry)


def _line_of(lines: Sequence[Line], start: int) -> Line | None:
    """The line that a turn which began at this tick belongs to."""
    near = [line for line in lines if line.start <= start + SLACK and start < line.end + SLACK]
    return near[-1] if near else None
