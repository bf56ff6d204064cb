"""The rows of the console's tables as values."""

from datetime import datetime

from msgspec import Struct


class Ruling(Struct, frozen=True):
    """A published policy of a team."""

    team_id: str
    number: int
    """Counts up from 1 in each team."""
    at: datetime
    by: str
    note: str
    body: str
    report: str = ""


class Draft(Struct, frozen=True):
    """The policy that a team is working on."""

    team_id: str
    at: datetime
    by: str
    body: str
    report: str = ""


class Setting(Struct, frozen=True):
    """What a team's admins have set."""

    team_id: str
    at: datetime
    by: str
    body: str


class Flag(Struct, frozen=True):
    """A moment of a call that somebody wants to come back to."""

    id: int
    call_id: str
    tick: int
    by: str
    at: datetime
    note: str = ""


class Moment(Struct, frozen=True):
    """One decided inquiry of a call, and what is known about it."""

    inquiry: int
    tick: int
    pack: str
    silence: str
    use: str
    verdict: str
    needed: bool | None
    useful: bool | None
    asked: bool
    support: int
    need: int
    estimated: bool
    spent: int
    lead_ms: int | None
    passage: str
    title: str
    query: str


class Digest(Struct, frozen=True):
    """What search and analytics read out of one call."""

    call_id: str
    version: int
    level: str
    ruling: int
    budget: int
    shadow: bool
    words: str
    """All that was said, a line a turn: ``agent: …``."""
    moments: tuple[Moment, ...]


class Told(Moment, frozen=True):
    """A moment with what is known of its call: a line of the analytics."""

    call_id: str
    started_at: datetime
    person_id: str
    level: str
    shadow: bool


class Spoken(Struct, frozen=True):
    """One call of the analytics."""

    call_id: str
    started_at: datetime
    person_id: str
    level: str
    budget: int
    shadow: bool
    ticks: int
    packs: str
    """A JSON list."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which past calls are looked for; what is left empty does not count."""

    words: str = ""
    """Beginnings of words that were said, all of them; a phrase stands in double quotes."""
    pack: str = ""
    silence: str = ""
    """A reason of silence that occurred."""
    use: str = ""
    """What became of one of its cards."""
    state: str = ""
    person_id: str = ""
    flagged: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""
    """The last call of the page before."""
