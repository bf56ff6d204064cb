"""How the system is, and what to do about it: findings in words, the worst first."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from copilot.console.policy import Mode

FULL_BYTES = 2_000_000_000
"""Free room on the disk under which logs and recordings are in danger soon."""
BEHIND = 50
"""Calls that wait to be read for search and analytics."""


class Mood(StrEnum):
    """How bad it is."""

    BAD = "bad"
    WARN = "warn"
    WELL = "well"


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    mood: Mood
    told: str
    advice: str = ""


class Facts(Struct, frozen=True):
    """What is known of the system."""

    faults: Mapping[str, str]
    """By component what is wrong with it; empty: nothing."""
    notices: Mapping[str, str]
    """What components tell of themselves."""
    live: int
    capacity: int
    free_bytes: int
    unread: int
    """Past calls that have not been read for search and analytics."""
    mode: Mode
    voice: bool
    """Whether a voice is running."""
    sign_in: bool
    packs: int
    calls_days: int | None


ADVICE = {
    "store": "Look whether the disk is full or another process has locked the database.",
    "search": "Look at the server's log; a pack that cannot be read is named there.",
    "ear": "Restart the server; if it comes again, look at the ear's section of the settings.",
}


def examine(facts: Facts) -> list[Finding]:
    """All findings, the worst first."""
    order = list(Mood)
    return sorted(_look(facts), key=lambda one: order.index(one.mood))


def _look(facts: Facts) -> Iterator[Finding]:
    for name, fault in facts.faults.items():
        if fault:
            advice = ADVICE.get(name, "Look at the server's log.")
            yield Finding(name.capitalize(), Mood.BAD, fault, advice)
        else:
            yield Finding(name.capitalize(), Mood.WELL, "Ready")
    for name, notice in facts.notices.items():
        yield Finding(name.capitalize(), Mood.WARN, notice)
    yield _room(facts)
    yield _disk(facts)
    if facts.unread > BEHIND:
        told = f"{facts.unread} past calls have not been read yet"
        yield Finding("Review", Mood.WARN, told, "Search and analytics miss them until then.")
    if facts.mode is Mode.EAR and not facts.voice:
        yield Finding(
            "Voice",
            Mood.WARN,
            "The policy lets short cards be spoken, but no voice is running",
            "Restart the server: the voice starts with it.",
        )
    if not facts.packs:
        yield Finding(
            "Knowledge",
            Mood.BAD,
            "No pack is in use, so no card can come",
            "Publish a pack.",
        )
    if not facts.sign_in:
        yield Finding(
            "Sign-in",
            Mood.WARN,
            "Sign-in is off: whoever sits at this machine is the admin",
            "Set accounts.required = true in the settings before others use it.",
        )
    if facts.calls_days is None:
        yield Finding(
            "Retention",
            Mood.WARN,
            "Calls are kept until somebody erases them",
            "Say under Retention how long your rules let you keep them.",
        )


def _room(facts: Facts) -> Finding:
    told = f"{facts.live} of {facts.capacity} lines in use"
    if facts.live >= facts.capacity:
        advice = "The next call is refused. Raise server.capacity, or run another server."
        return Finding("Lines", Mood.BAD, told, advice)
    return Finding("Lines", Mood.WELL, told)


def _disk(facts: Facts) -> Finding:
    told = f"{facts.free_bytes / 1e9:.0f} GB free"
    if facts.free_bytes < FULL_BYTES:
        return Finding("Disk", Mood.BAD, told, "Make room, or keep calls and sound less long.")
    return Finding("Disk", Mood.WELL, told)
