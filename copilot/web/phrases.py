"""How the copilot's reasons read to people: one label and one sentence each."""

from typing import NamedTuple

from copilot.accounts.roles import Role, Scope
from copilot.core.vocabulary import TICKS_PER_SECOND, Party, Silence, Touch


class Phrase(NamedTuple):
    """A reason in words."""

    label: str
    """A few words, for lists and marks."""
    sentence: str
    """What happened, as one would tell a colleague."""


SILENCES: dict[Silence, Phrase] = {
    Silence.STALE: Phrase("Too late", "The moment had passed before an answer was ready."),
    Silence.NO_EVIDENCE: Phrase("Nothing found", "No pack in use says anything about this."),
    Silence.WEAK: Phrase("Not sure enough", "What was found was too unlikely to be the answer."),
    Silence.EXPIRED: Phrase("Out of date", "The answer was valid until a day that has passed."),
    Silence.DO_NOT_TRIGGER: Phrase(
        "Ruled out by the team", "The customer used a phrase that the team wants no card for."
    ),
    Silence.ALREADY_SAID: Phrase("Agent said it", "The agent was already giving this answer."),
    Silence.ALREADY_TOLD: Phrase("Shown before", "An earlier card in this call said the same."),
    Silence.DISMISSED: Phrase("Dismissed before", "The agent had put this card aside already."),
    Silence.UNGROUNDED: Phrase(
        "Not backed up", "The drafted line said more than its passages do, so it was dropped."
    ),
    Silence.QUIET: Phrase("Quiet time", "The team wants no cards at this time."),
    Silence.COOLDOWN: Phrase("Too soon", "Another card had only just been shown."),
    Silence.BUDGET: Phrase(
        "Allowance used up", "The team's allowance of unneeded cards per hour was spent."
    ),
    Silence.SNOOZED: Phrase("Put off", "The agent wanted no cards for a few minutes."),
    Silence.NO_CONSENT: Phrase("No consent", "The parties had not agreed to be assisted."),
}

WITHDRAWALS: dict[str, Phrase] = {
    "said": Phrase("Said", "The agent said it, so the card left the screen."),
    "used": Phrase("Used", "The agent marked the card as used."),
    "dismissed": Phrase("Dismissed", "The agent put the card aside."),
    "snoozed": Phrase("Put off", "The agent wanted no cards for a few minutes."),
    "unsupported": Phrase("Taken back", "The whole question turned out to mean something else."),
    "do_not_trigger": Phrase("Unwanted", "The team lead wants no card at these words."),
    "expired": Phrase("Expired", "Nobody touched the card and its time ran out."),
    "replaced": Phrase("Replaced", "A newer card took its place."),
    "call_ended": Phrase("Call ended", "The card was still on screen when the call ended."),
}

ENDINGS: dict[str, Phrase] = {
    "hang_up": Phrase("Ended", "The agent hung up."),
    "disconnected": Phrase("Disconnected", "The connection to the agent was lost."),
    "stopped": Phrase("Stopped", "The copilot was shut down during the call."),
    "revoked": Phrase("Access ended", "The agent was signed out or taken out of the team."),
    "cut": Phrase("Cut off", "The log breaks off here: the copilot stopped without warning."),
}

SCOPES: dict[Scope, str] = {
    Scope.ACCOUNT: "change your account",
    Scope.CALLS_PLACE: "place calls",
    Scope.CALLS_READ: "follow your calls and read their logs",
    Scope.CALLS_WATCH: "follow all calls of the team",
    Scope.CALLS_LABEL: "say what cards and silences were worth",
    Scope.LIVE_WHISPER: "send agents a word during a call",
    Scope.LIVE_LISTEN: "hear calls",
    Scope.KNOWLEDGE_READ: "read knowledge packs",
    Scope.KNOWLEDGE_WRITE: "change knowledge packs",
    Scope.POLICY_READ: "read the policy",
    Scope.POLICY_WRITE: "change the policy",
    Scope.ANALYTICS_READ: "read analytics",
    Scope.SETTINGS_READ: "read the settings",
    Scope.SETTINGS_WRITE: "change the settings",
    Scope.PEOPLE_READ: "see who is in the team",
    Scope.PEOPLE_WRITE: "invite people, change roles, remove people",
    Scope.AUDIT_READ: "read the audit log",
    Scope.TEAMS_WRITE: "make teams",
}
"""What each scope lets somebody do."""

ROLES: dict[Role, str] = {
    Role.AGENT: "Takes calls and sees their own.",
    Role.LEAD: "Teaches: knowledge and policy; sees the team's calls and figures.",
    Role.SUPERVISOR: "Watches live calls, listens and whispers; sees the team's figures.",
    Role.ADMIN: "All of it, and people, audit log and settings.",
}

SEATS: dict[str, Phrase] = {
    "live": Phrase("Talking", "The call is on."),
    "held": Phrase("On hold", "Nobody has spoken for a while."),
    "silent": Phrase("No sound", "Nothing reaches the copilot from one of the parties."),
    "elsewhere": Phrase(
        "On another server", "Another server of the copilot has this call, or had it and stopped."
    ),
}

VERDICTS: dict[str, Phrase] = {
    "right": Phrase("Right card", "A card was needed, and this was the right one."),
    "wrong": Phrase("Wrong card", "A card was needed, but another one."),
    "unneeded": Phrase("Not needed", "Nobody needed a card here."),
    "silent": Phrase("Rightly silent", "No card was needed."),
    "missed": Phrase("Missed", "A card was needed here."),
}

USES: dict[str, Phrase] = {
    "used": Phrase("Used", "The agent marked the card as used."),
    "opened": Phrase("Source opened", "The agent looked at the source."),
    "dismissed": Phrase("Dismissed", "The agent put the card aside."),
    "taken_back": Phrase("Taken back", "The copilot withdrew it once the question was whole."),
    "said": Phrase("Already known", "The agent said it too soon to have read it."),
    "spoken": Phrase("Said after", "The agent said it after there was time to read it."),
    "ignored": Phrase("Untouched", "It left the screen untouched."),
    "withheld": Phrase("Withheld", "There was no card."),
}

RULES: dict[str, str] = {
    "check": "Step",
    "must_say": "Must say",
    "must_not_say": "Must not say",
}

LEVELS: dict[str, str] = {
    "": "Not told",
    "novice": "Novice",
    "skilled": "Skilled",
    "expert": "Expert",
}

POLICY: dict[str, str] = {
    "mode": "How far it goes",
    "budget": "Unneeded cards per hour",
    "cooldown_s": "Seconds between two cards",
    "min_need": "Least certainty, %",
    "trigger": "Always bring a card",
    "do_not_trigger": "Never bring a card",
    "opening_s": "No card in the first seconds",
    "quiet": "Quiet times",
    "zone": "Time zone",
    "profiles": "Levels",
    "levels": "Levels of agents",
    "role": "Persona",
    "voice": "Voice",
    "playbook": "Playbook",
}
"""A team policy's fields."""

CONSENTS: dict[str, Phrase] = {
    "ask": Phrase("Ask in each call", "Agents say whether the parties agreed."),
    "never": Phrase("Never", "No call is kept or helped: the copilot is off for this team."),
}

MODES: dict[str, Phrase] = {
    "shadow": Phrase("Shadow", "Decides and logs; agents see nothing. For trying a policy out."),
    "cards": Phrase("Cards", "Cards on the agent's screen, nothing in the ear."),
    "ear": Phrase("Cards and ear", "Short cards are also spoken in the agent's earpiece."),
}

TOUCHES: dict[Touch, str] = {
    Touch.USED: "Used by the agent",
    Touch.DISMISSED: "Dismissed by the agent",
    Touch.OPENED: "Source opened by the agent",
}

PARTIES: dict[Party, str] = {Party.AGENT: "Agent", Party.CUSTOMER: "Customer"}

EVENTS = {
    "call.ended": Phrase("Calls that end", "Who, when and how long; no word of what was said."),
    "call.confirmed": Phrase(
        "Confirmed write-ups", "Summary, reason, outcome, promises and open questions."
    ),
}
"""What webhooks are told of."""


class Mood(NamedTuple):
    """A state as a badge."""

    label: str
    mood: str


DELIVERIES = {
    "due": Mood("On its way", "held"),
    "delivered": Mood("Delivered", "sent"),
    "failed": Mood("Failed", "bad"),
}

FAILURES = {
    "search": "The knowledge base did not answer",
    "rewrite": "The background model did not answer",
    "compose": "The background model did not answer",
    "speak": "The whisper could not be spoken",
}


def withdrawal(reason: str) -> Phrase:
    return WITHDRAWALS.get(reason, Phrase(reason.replace("_", " ").capitalize(), ""))


def ending(reason: str) -> Phrase:
    return ENDINGS.get(reason, Phrase("Ended", reason.replace("_", " ").capitalize()))


def clock(tick: int) -> str:
    """The time of a tick since the start of its call: ``1:04`` or ``1:02:30``."""
    seconds = int(tick / TICKS_PER_SECOND)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours}:{minutes % 60:02}:{seconds % 60:02}"
    return f"{minutes}:{seconds % 60:02}"


def duration(ticks: int) -> str:
    """A duration as one says it: ``42 s``, ``3 min 06 s`` or ``1 h 02 min``."""
    seconds = round(ticks / TICKS_PER_SECOND)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds // 60 % 60:02} min"


def for_scripts() -> dict[str, dict[str, dict[str, str]] | dict[str, str]]:
    """The same words for the pages' scripts, keyed as on the wire."""
    return {
        "touches": {str(how): words for how, words in TOUCHES.items()},
        "failures": FAILURES,
        "silences": {str(reason): phrase._asdict() for reason, phrase in SILENCES.items()},
        "withdrawals": {reason: phrase._asdict() for reason, phrase in WITHDRAWALS.items()},
        "rules": RULES,
        "endings": {reason: phrase._asdict() for reason, phrase in ENDINGS.items()},
    }
