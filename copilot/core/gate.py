"""The gate: whether to whisper now, and if not, why not. Every rule that decides stands here."""

from collections.abc import Set

from msgspec import Struct

from copilot.core.aloud import aloud
from copilot.core.compose import line
from copilot.core.gap import Gap, starts_within
from copilot.core.policy import Policy
from copilot.core.vocabulary import GapModel, Passage, Silence
from copilot.core.words import content, pivots, share, tokens

BEGIN_TICKS = 3
"""From the decision to the first word in the ear, and what a short line takes longer by."""
HOUR = 45_000
"""Ticks in an hour, the span of the budget."""


class Moment(Struct, frozen=True):
    """What the gate knows of the call."""

    query: str
    age: int
    """Ticks since the end of the customer's turn; 0 while it is open."""
    turn_over: bool
    whole: bool
    """Whether the evidence was found for all that the turn has said, not for its beginning."""
    agent_silent: bool
    customer_silent: bool
    consent: bool
    agent_said: Set[str]
    """What the agent's recent words say: content stems and pivots."""
    told: Set[str]
    """Passages that had their card a short while ago."""
    dismissed: Set[str]
    """Passages that the agent has dismissed in this call."""
    since_whisper: int
    """Ticks since the last whisper."""
    whispered_priority: int
    """The priority of that whisper's passage."""
    least_need: int
    """Probability of need that the policy and its budget ask for, percent."""
    date: str
    """The day of the call."""
    spent: int
    """Budget spent in the last hour, in hundredths of an unneeded whisper."""
    upcoming: Set[str] = frozenset()
    """What the agent is about to say, as the duplex model guesses it; empty unless the policy wants
    it counted."""
    gap: Gap | None = None
    """What tells how long the gap will last; None where no model asks."""
    model: GapModel | None = None
    finished: int = 0
    """The ear's own probability that the customer has finished, percent; 0 where it cannot tell."""
    cut: Set[str] = frozenset()
    """Passages whose whisper was cut: they are not said aloud again."""
    quiet: bool = False
    """Whether the team wants no card at this time."""
    snoozed: bool = False
    """Whether the agent wants no card now."""
    ear: bool = True
    """Whether the agent's earpiece is on."""
    about: str = ""
    """The question in the background model's words, where its search found the passages."""


class Evidence(Struct, frozen=True):
    """What search has found, best first."""

    passages: tuple[Passage, ...]
    need: int
    """Probability that anything is needed, percent."""
    stable: int
    """Searches in a row that agreed on the first passage."""


class Silent(Struct, frozen=True):
    """Say nothing, for this reason."""

    reason: Silence


class Whisper(Struct, frozen=True):
    """Show this line."""

    passage: Passage
    text: str
    aloud: str
    """What of it is spoken at once; empty: nothing."""


def decide(moment: Moment, evidence: Evidence, policy: Policy) -> Silent | Whisper:
    """The first silence that applies, in the order of `Silence`; else a whisper."""
    if moment.age > policy.lifetime_ticks:
        return Silent(Silence.STALE)
    if not evidence.passages:
        return Silent(Silence.NO_EVIDENCE)
    passage = evidence.passages[0]
    if _is_weak(moment, evidence, policy):
        return Silent(Silence.WEAK)
    if passage.valid_until and passage.valid_until < moment.date:
        return Silent(Silence.EXPIRED)
    text = line(passage, moment.about or moment.query)
    silence = _unwanted(moment, passage, text, policy) or _unaffordable(moment, evidence, policy)
    if silence is not None:
        return Silent(silence)
    if moment.snoozed:
        return Silent(Silence.SNOOZED)
    if not moment.consent:
        return Silent(Silence.NO_CONSENT)
    return Whisper(passage, text, aloud=to_say(moment, passage.id, text, policy))


def to_say(moment: Moment, passage: str, text: str, policy: Policy) -> str:
    """What may be begun aloud now: in a gap, soon after the turn, switched on; empty: nothing.

    The longest form of the line whose help has not decayed, and before whose end the customer is
    not likely to speak.
    """
    if not _may_speak(moment, policy) or passage in moment.cut:
        return ""
    if moment.model is None or moment.gap is None:
        return text if len(tokens(text)) <= policy.max_spoken_words else ""
    for form in aloud(text, moment.query):
        worth = form.worth * policy.speak_half_ticks // (policy.speak_half_ticks + moment.age)
        ticks = BEGIN_TICKS + policy.word_ticks * len(tokens(form.text))
        risk = starts_within(moment.model, moment.gap, ticks)
        if worth >= policy.speak_worth and risk <= policy.speak_risk:
            return form.text
    return ""


def _may_speak(moment: Moment, policy: Policy) -> bool:
    return (
        policy.voice
        and moment.ear
        and moment.consent
        and moment.turn_over
        and moment.agent_silent
        and moment.customer_silent
        and moment.age <= policy.speak_within_ticks
        and not 0 < moment.finished < policy.min_finished
    )


def is_said(text: str, agent_said: Set[str], policy: Policy) -> bool:
    """Whether the agent's own words cover the line: most of its content, and all that turns it."""
    return share(text, agent_said) >= policy.said_share and pivots(text) <= agent_said


def is_triggered(query: str, policy: Policy) -> bool:
    """Whether the words hold a phrase at which the team wants a card in any case."""
    return holds(query, policy.trigger)


def holds(query: str, phrases: tuple[str, ...]) -> bool:
    """Whether one of the phrases stands in the words, word for word."""
    said = f" {' '.join(tokens(query))} "
    return any(f" {' '.join(tokens(phrase))} " in said for phrase in phrases)


def _is_being_said(text: str, moment: Moment, policy: Policy) -> bool:
    """Whether an agent who is speaking has begun to say it."""
    said = moment.agent_said | moment.upcoming
    return not moment.agent_silent and share(text, said) >= policy.saying_share


def _is_weak(moment: Moment, evidence: Evidence, policy: Policy) -> bool:
    need, support = evidence.need, evidence.passages[0].score
    if need < moment.least_need or support < policy.min_support:
        return True
    if moment.whole:
        return False
    sure = need >= policy.early_need and support >= policy.early_support
    few = len(content(moment.query)) < policy.early_words
    return few or not sure or evidence.stable < policy.stable_searches


def _unwanted(moment: Moment, passage: Passage, text: str, policy: Policy) -> Silence | None:
    if holds(moment.query, policy.do_not_trigger):
        return Silence.DO_NOT_TRIGGER
    if is_said(text, moment.agent_said, policy) or _is_being_said(text, moment, policy):
        return Silence.ALREADY_SAID
    if passage.id in moment.told:
        return Silence.ALREADY_TOLD
    if passage.id in moment.dismissed:
        return Silence.DISMISSED
    return None


def _unaffordable(moment: Moment, evidence: Evidence, policy: Policy) -> Silence | None:
    if moment.quiet:
        return Silence.QUIET
    urgent = evidence.passages[0].priority > moment.whispered_priority
    if moment.since_whisper < policy.cooldown_ticks and not urgent:
        return Silence.COOLDOWN
    if moment.spent + 100 - evidence.need > policy.budget:
        return Silence.BUDGET
    return None
