"""A team's policy as its lead writes it, and the core's policy that a call gets from it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec
from msgspec import Meta, Struct

from copilot.core.policy import Item, Percent, Policy
from copilot.core.vocabulary import TICK_MS, TICKS_PER_SECOND
from copilot.errors import PolicyError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST_CALL = timedelta(hours=12)
"""Quiet times are looked for so far ahead of a call's beginning."""

Clock = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d\Z")]
Phrase = Annotated[str, Meta(min_length=1, max_length=200)]
Phrases = Annotated[tuple[Phrase, ...], Meta(max_length=200)]


class Mode(StrEnum):
    """How far the copilot goes."""

    SHADOW = "shadow"
    """It decides and logs; the agent sees nothing."""
    CARDS = "cards"
    EAR = "ear"
    """Cards, and short ones are spoken too."""


class Level(StrEnum):
    """How seasoned an agent is."""

    NOVICE = "novice"
    SKILLED = "skilled"
    EXPERT = "expert"


class Quiet(Struct, frozen=True, forbid_unknown_fields=True):
    """A time of the week without cards; one that ends before it begins goes on past midnight."""

    days: Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(min_length=1)]
    """0 is Monday."""
    start: Clock
    end: Clock


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """What differs for agents of one level; None: as for everybody."""

    budget: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    min_need: Percent | None = None
    cooldown_s: Annotated[int, Meta(ge=0, le=3600)] | None = None


PROFILES: Mapping[Level, Profile] = {
    Level.NOVICE: Profile(budget=400),
    Level.EXPERT: Profile(budget=60, min_need=85),
}
"""Novices gain most from being helped, and experts lose by being interrupted (Brynjolfsson, Li and
Raymond, Generative AI at Work, QJE 2025)."""


class TeamPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a team lead decides."""

    mode: Mode = Mode.CARDS
    budget: Annotated[int, Meta(ge=0, le=100_000)] = 200
    """Unneeded cards accepted per hour, in hundredths."""
    cooldown_s: Annotated[int, Meta(ge=0, le=3600)] = 4
    min_need: Percent = 75
    """Probability of need from which a card is shown."""
    trigger: Phrases = ()
    do_not_trigger: Phrases = ()
    opening_s: Annotated[int, Meta(ge=0, le=3600)] = 0
    """No card in the first seconds of a call."""
    quiet: Annotated[tuple[Quiet, ...], Meta(max_length=50)] = ()
    zone: str = "UTC"
    """Time zone of the quiet times."""
    profiles: dict[Level, Profile] = msgspec.field(default_factory=lambda: dict(PROFILES))
    levels: dict[str, Level] = {}
    """The level of people by their id; others are skilled."""
    role: Annotated[str, Meta(max_length=4000)] = ""
    """Persona: who the agent is, the company, its rules, in plain words."""
    voice: Annotated[str, Meta(max_length=200)] = ""
    playbook: Annotated[tuple[Item, ...], Meta(max_length=50)] = ()


class Terms(Struct, frozen=True):
    """What one call begins under."""

    policy: Policy
    ruling: int = 0
    level: str = ""
    role: str = ""
    voice: str = ""


def first(base: Policy) -> TeamPolicy:
    """What applies to a team that has published none: the settings' policy in a lead's words."""
    mode = Mode.SHADOW if base.shadow else Mode.EAR if base.voice else Mode.CARDS
    return TeamPolicy(
        mode=mode,
        budget=base.budget,
        cooldown_s=round(base.cooldown_ticks / TICKS_PER_SECOND),
        min_need=base.min_need,
        trigger=base.trigger,
        do_not_trigger=base.do_not_trigger,
        profiles={},
        playbook=base.playbook,
    )


def terms(
    team: TeamPolicy, base: Policy, started_at: datetime, person_id: str = "", ruling: int = 0
) -> Terms:
    """What a call of this person begins under; everything else is `base`'s."""
    level = team.levels.get(person_id, Level.SKILLED)
    profile = team.profiles.get(level, Profile())
    own = {name: given for name in ("budget", "min_need", "cooldown_s")
           if (given := getattr(profile, name)) is not None}  # fmt: skip
    values: dict[str, Any] = {
        "budget": own.get("budget", team.budget),
        "min_need": own.get("min_need", team.min_need),
        "cooldown_ticks": round(own.get("cooldown_s", team.cooldown_s) * TICKS_PER_SECOND),
        "trigger": team.trigger,
        "do_not_trigger": team.do_not_trigger,
        "quiet": tuple(_quiet(team, started_at)),
        "shadow": team.mode is Mode.SHADOW,
        "voice": team.mode is Mode.EAR,
        "playbook": team.playbook,
    }
    return Terms(msgspec.structs.replace(base, **values), ruling, level, team.role, team.voice)


def _quiet(team: TeamPolicy, started_at: datetime) -> Iterator[tuple[int, int]]:
    """Quiet times in ticks of a call that began then."""
    if team.opening_s:
        yield 0, round(team.opening_s * TICKS_PER_SECOND)
    zone = ZoneInfo(team.zone)
    first_day = started_at.astimezone(zone).date() - timedelta(days=1)
    for day in (first_day + timedelta(days=n) for n in range(3)):
        for one in team.quiet:
            if day.weekday() not in one.days:
                continue
            begin, end = (
                datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=zone)
                for clock in (one.start, one.end)
            )
            if end <= begin:
                end += timedelta(days=1)
            if end > started_at and begin < started_at + LONGEST_CALL:
                yield max(0, _ticks(begin - started_at)), _ticks(end - started_at)


def _ticks(span: timedelta) -> int:
    return round(span.total_seconds() * 1000 / TICK_MS)


def read(body: str | bytes) -> TeamPolicy:
    """The policy of JSON text; raises PolicyError with the value at fault."""
    try:
        return check(msgspec.json.decode(body, type=TeamPolicy))
    except msgspec.DecodeError as error:
        raise PolicyError(f"the policy cannot be used: {error}") from None


def write(policy: TeamPolicy) -> str:
    """The same policy always as the same text."""
    return msgspec.json.encode(policy, order="deterministic").decode()


def check(policy: TeamPolicy) -> TeamPolicy:
    """The policy itself; raises PolicyError for what its types cannot tell."""
    try:
        ZoneInfo(policy.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PolicyError(
            f"zone = {policy.zone!r}: no such time zone; write one as Europe/Paris"
        ) from None
    both = {phrase.casefold() for phrase in policy.trigger} & {
        phrase.casefold() for phrase in policy.do_not_trigger
    }
    if both:
        raise PolicyError(
            f"{min(both)!r} must bring a card and must not: take it out of one of the two lists"
        )
    names = [item.name for item in policy.playbook]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PolicyError(f"playbook: {twice!r} stands there twice; give each line its own name")
    return policy


def zones() -> list[str]:
    """Time zones that this machine knows."""
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


class Change(Struct, frozen=True):
    """One value that differs between two policies, as people read it."""

    name: str
    before: str
    after: str


def changes(before: TeamPolicy, after: TeamPolicy) -> list[Change]:
    """What differs, in the order of the fields."""
    found = []
    for name in TeamPolicy.__struct_fields__:
        one, other = getattr(before, name), getattr(after, name)
        if one != other:
            say = _cards if name == "budget" else _say
            found.append(Change(name, say(one), say(other)))
    return found


def _say(value: object) -> str:
    match value:
        case str() if isinstance(value, StrEnum):
            return value.value
        case Quiet(days=days, start=start, end=end):
            return f"{', '.join(DAYS[day] for day in sorted(days))} {start}–{end}"
        case Item(name=name, rule=rule, phrases=phrases):
            return f"{name} ({rule.replace('_', ' ')}: {' / '.join(phrases)})"
        case Profile(budget=budget, min_need=min_need, cooldown_s=cooldown_s):
            told = [
                "" if budget is None else f"{_cards(budget)} unneeded cards per hour",
                "" if min_need is None else f"{min_need} % certain",
                "" if cooldown_s is None else f"{cooldown_s} s apart",
            ]
            return ", ".join(filter(None, told)) or "as for everybody"
        case tuple():
            return "; ".join(map(_say, value)) or "none"
        case dict():
            return "; ".join(f"{key}: {_say(one)}" for key, one in value.items()) or "none"
        case "":
            return "none"
    return str(value)


def _cards(hundredths: int) -> str:
    return f"{hundredths / 100:g}"
