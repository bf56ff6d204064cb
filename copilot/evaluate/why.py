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
from copilot.core.gate import HOUR, Evidence, Moment, Whisper, decide, holds
from copilot.core.inquiry import SLACK, Inquiry
from copilot.core.need import threshold
from copilot.core.policy import Policy
from copilot.core.state import CallState
from copilot.core.transcript import Line
from copilot.core.vocabulary import TICKS_PER_SECOND, NeedModel, Party, Passage, Signals, Silence
from copilot.evaluate.listen import lines_of

MOST_OBSTACLES = 12


class Change(Struct, frozen=True):
    """One thing that, put otherwise, would have changed the decision."""

    what: str
    """A key of the policy, ``passage``, ``call``, or ``nothing`` where there is no such thing."""
    words: str


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


def obstacles(
    moment: Moment, evidence: Evidence, policy: Policy, found: Evidence, model: NeedModel | None
) -> tuple[Change, ...]:
    """All that stands between this moment and a card, in the order in which the gate meets it.

    `found` is the evidence as search had it, before need weighed on its scores.
    """
    changes: list[Change] = []
    while len(changes) < MOST_OBSTACLES:
        decision = decide(moment, evidence, policy)
        if isinstance(decision, Whisper):
            break
        change, moment, evidence, policy = _remove(
            decision.reason, moment, evidence, policy, found, model
        )
        changes.append(change)
        if change.what == "nothing":
            break
    return tuple(changes)


def keepers(moment: Moment, evidence: Evidence, policy: Policy) -> tuple[Change, ...]:
    """What alone would have kept the card away; each was tried on the gate."""
    need, support = evidence.need, evidence.passages[0].score
    phrase = " ".join(moment.query.split()[-4:])
    tries = [
        (
            Change("min_need", f"A threshold of need over {need} % (it is {moment.least_need} %)."),
            replace(moment, least_need=min(need + 1, 101)),
            policy,
        ),
        (
            Change(
                "min_support",
                f"A least support over {support} % (it is {policy.min_support} %).",
            ),
            moment,
            replace(policy, min_support=support + 1),
        ),
        (
            Change("do_not_trigger", f"A phrase that must not trigger, as “{phrase}”."),
            moment,
            replace(policy, do_not_trigger=(phrase,)),
        ),
        (
            Change(
                "cooldown_ticks",
                f"A cool-down over the {_seconds(moment.since_whisper)} since the last card.",
            ),
            moment,
            replace(policy, cooldown_ticks=moment.since_whisper + 1),
        ),
        (
            Change(
                "budget",
                f"A budget under {_hundredths(moment.spent + 100 - need)} unneeded cards an hour"
                f" (it is {_hundredths(policy.budget)}).",
            ),
            moment,
            replace(policy, budget=max(0, moment.spent + 99 - need)),
        ),
    ]
    if moment.since_whisper >= HOUR:
        del tries[3]
    return tuple(
        change for change, m, p in tries if not isinstance(decide(m, evidence, p), Whisper)
    )


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


# ---- what stands in the way ----------------------------------------------------------------------


def _remove(
    reason: Silence,
    moment: Moment,
    evidence: Evidence,
    policy: Policy,
    found: Evidence,
    model: NeedModel | None,
) -> tuple[Change, Moment, Evidence, Policy]:
    """Name what silenced the gate, and put it otherwise."""
    top = evidence.passages[0] if evidence.passages else None
    match reason:
        case Silence.WEAK if evidence.need < moment.least_need:
            change = _need(moment, evidence, policy, model)
            return change, replace(moment, least_need=evidence.need), evidence, policy
        case Silence.WEAK if top is not None and top.score < policy.min_support:
            change = _support(top, evidence, policy, found)
            return change, moment, evidence, replace(policy, min_support=top.score)
        case Silence.WEAK if not moment.whole:
            words = "The turn was not over, and nothing was sure enough for an early card."
            return Change("call", words), replace(moment, whole=True), evidence, policy
        case Silence.EXPIRED if top is not None:
            words = f"“{top.title}” was valid until {top.valid_until}: check it and renew its date."
            renewed = (replace(top, valid_until=""), *evidence.passages[1:])
            return Change("passage", words), moment, replace(evidence, passages=renewed), policy
        case Silence.DO_NOT_TRIGGER:
            phrase = next((p for p in policy.do_not_trigger if holds(moment.query, (p,))), "")
            words = f"The phrase “{phrase}” must not trigger: take it off the list."
            return (
                Change("do_not_trigger", words),
                moment,
                evidence,
                replace(policy, do_not_trigger=()),
            )
        case Silence.ALREADY_SAID:
            words = "The agent had said it, or was saying it: nothing was missing."
            said = replace(moment, agent_said=frozenset(), upcoming=frozenset())
            return Change("call", words), said, evidence, policy
        case Silence.ALREADY_TOLD:
            wait = _seconds(policy.told_ticks)
            words = f"A card had shown it less than {wait} before: it may come again after that."
            return Change("told_ticks", words), replace(moment, told=frozenset()), evidence, policy
        case Silence.DISMISSED:
            words = "The agent had put this passage aside in this call."
            return Change("call", words), replace(moment, dismissed=frozenset()), evidence, policy
        case Silence.COOLDOWN:
            return _cooldown(moment, policy), replace(moment, since_whisper=HOUR), evidence, policy
        case Silence.BUDGET:
            wanted = moment.spent + 100 - evidence.need
            words = (
                f"The budget of {_hundredths(policy.budget)} unneeded cards an hour was spent:"
                f" {_hundredths(wanted)} would have been enough."
            )
            return Change("budget", words), moment, evidence, replace(policy, budget=wanted)
        case Silence.NO_CONSENT:
            words = "The parties had not agreed to be assisted."
            return Change("call", words), replace(moment, consent=True), evidence, policy
        case Silence.STALE:
            words = "The answer came after its moment: a faster machine, or a longer lifetime."
            return Change("lifetime_ticks", words), replace(moment, age=0), evidence, policy
        case Silence.QUIET:
            words = "The team wants no card at this time."
            return Change("quiet", words), replace(moment, quiet=False), evidence, policy
        case Silence.SNOOZED:
            words = "The agent wanted no card for a while."
            return Change("call", words), replace(moment, snoozed=False), evidence, policy
        case Silence.NO_EVIDENCE:
            words = "No passage came near: write one that answers this question."
            return Change("nothing", words), moment, evidence, policy
        case _:
            words = f"The rules of the call want no card now: {reason.value.replace('_', ' ')}."
            return Change("nothing", words), moment, evidence, policy


def _need(moment: Moment, evidence: Evidence, policy: Policy, model: NeedModel | None) -> Change:
    need = evidence.need
    start = (
        f"The probability that anything is needed was {need} %, and {moment.least_need} % is asked"
    )
    by_budget = threshold(model, policy.budget)
    if by_budget <= policy.min_need:
        words = f"{start} (min_need): {need} % would let it through."
        return Change("min_need", words)
    low = [cost for percent, cost in (model.burden if model else ()) if percent <= need]
    cost = min(low) if low else None
    if cost is None:
        words = f"{start} by the budget: no budget lets so unlikely a need through."
    else:
        words = (
            f"{start} by the budget of {_hundredths(policy.budget)} unneeded cards an hour:"
            f" {_hundredths(cost)} would let it through."
        )
    return Change("budget", words + " So would a phrase that triggers.")


def _support(top: Passage, evidence: Evidence, policy: Policy, found: Evidence) -> Change:
    share = found.passages[0].score if found.passages else top.score
    words = (
        f"“{top.title}” was {share} % likely to be the answer if there is one, {top.score} % with"
        f" the need of {evidence.need} %, and {policy.min_support} % is asked: a passage that says"
        " it in the customer's words, or a lower min_support."
    )
    return Change("min_support", words)


def _cooldown(moment: Moment, policy: Policy) -> Change:
    left = _seconds(policy.cooldown_ticks - moment.since_whisper)
    words = (
        f"A card had come {_seconds(moment.since_whisper)} before: {left} later it would come, or"
        f" at once with a priority over {moment.whispered_priority}."
    )
    return Change("cooldown_ticks", words)


def _seconds(ticks: int) -> str:
    return f"{ticks / TICKS_PER_SECOND:.1f} s" if ticks < 750 else f"{ticks / 750:.0f} min"


def _hundredths(value: int) -> str:
    return f"{value / 100:.2f}".rstrip("0").rstrip(".")
