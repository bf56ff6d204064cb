"""What stands between a moment and a card, and what would have kept a card away.

The gate itself is asked about the same moment with one thing after another put otherwise.
"""

from msgspec import Struct
from msgspec.structs import replace

from copilot.core.gate import HOUR, Evidence, Moment, Whisper, decide, holds
from copilot.core.need import threshold
from copilot.core.policy import Policy
from copilot.core.vocabulary import TICKS_PER_SECOND, NeedModel, Passage, Silence

MOST_OBSTACLES = 12


class Change(Struct, frozen=True):
    """One thing that, put otherwise, would have changed the decision."""

    what: str
    """A key of the policy, ``passage``, ``call``, or ``nothing`` where there is no such thing."""
    words: str


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
