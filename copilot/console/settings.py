"""What a team's admins set: consent, redaction, and how long each kind of data is kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from copilot.errors import SettingError, StoreError
from copilot.providers.redact import Redactor, digits
from copilot.store.console.database import ConsoleTables
from copilot.store.console.rows import Setting
from copilot.store.keeping import Kept, Kind
from copilot.store.log import Store, utc_now
from copilot.store.models import Within

log = logging.getLogger(__name__)

Days = Annotated[int, Meta(ge=1, le=3650)]
AUDIT_DAYS = 90
"""Fewer would let somebody erase the traces of what they have just done."""
AuditDays = Annotated[int, Meta(ge=AUDIT_DAYS, le=3650)]
DIGITS = 5
"""Digits in a row that may be part of a number that nobody may see."""
PURGE_S = 3600.0
"""Between two purges."""
BATCH = 100
"""Calls that are erased in one transaction."""

CONSENT = "This call is assisted by a computer. Your words are kept to make the help better."


class Consent(StrEnum):
    """When a call may be kept and helped."""

    ASK = "ask"
    """The agent says for each call whether the parties agreed."""
    NEVER = "never"
    """No call is kept or helped, whatever agents say: the copilot is off for this team."""


class TeamSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a team's admins have set."""

    consent: Consent = Consent.ASK
    consent_text: Annotated[str, Meta(min_length=1, max_length=2000)] = CONSENT
    """What agents read out, or a recording says, before a call is kept."""
    listening: bool = False
    """Whether supervisors may listen in."""
    redact: bool = False
    """Whether numbers and addresses of people are blacked out wherever talk is shown."""
    keep_audio: bool = False
    calls_days: Days | None = None
    """How long calls are kept, with all that is known of them; None: until somebody erases them."""
    audio_days: Days | None = 30
    """The same of their sound."""
    memory_days: Days | None = None
    """How long what is known of customers is kept; None: as long as the server is set to."""
    deliveries_days: Days | None = 30
    """The same of messages to webhooks that were delivered or given up."""
    audit_days: AuditDays | None = None
    """The same of the audit log; None: for ever."""


class Cleaner(NamedTuple):
    """What talk goes through before it is shown."""

    talk: Callable[[str], str] = str
    part: Callable[[str], str] = str
    """The same of words that may break off inside a number: then any longer number is out."""


def cleaner(settings: TeamSettings) -> Cleaner:
    """Blacks out what people say of themselves, where that is set."""
    if not settings.redact:
        return Cleaner()
    clean = Redactor().clean
    return Cleaner(clean, lambda text: _numbers(clean(text)))


def _numbers(text: str) -> str:
    """The text without runs of digits, written or spoken, that may be part of a number."""
    found: list[str] = []
    run: list[str] = []
    for word in [*text.split(), ""]:
        if digits(word.strip(".,-")):
            run.append(word)
            continue
        long = sum(len(digits(one.strip(".,-"))) for one in run) >= DIGITS
        found += ["[number]"] if long else run
        run = []
        found.append(word)
    return " ".join(found[:-1])


class Purged(Struct, frozen=True):
    """What is too old to be kept."""

    calls: int = 0
    recordings: int = 0
    facts: int = 0
    deliveries: int = 0
    deeds: int = 0
    """Lines of the audit log."""

    def __bool__(self) -> bool:
        return any(msgspec.structs.astuple(self))

    def __str__(self) -> str:
        counts = zip(self.__struct_fields__, msgspec.structs.astuple(self), strict=True)
        return ", ".join(f"{count} {PURGED[name]}" for name, count in counts if count)


PURGED = {
    "calls": "calls",
    "recordings": "recordings",
    "facts": "facts about customers",
    "deliveries": "messages to webhooks",
    "deeds": "lines of the audit log",
}
"""What the fields of `Purged` count, for people."""


class Holding(Struct, frozen=True):
    """What a team has, kind by kind."""

    rows: Kept
    recordings: int


class Desk:
    """The settings of all teams; every method raises StoreError where the database fails."""

    def __init__(
        self, store: Store, recordings: Path, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._now = now

    @property
    def _tables(self) -> ConsoleTables:
        return self._store.console

    async def of(self, team_id: str) -> TeamSettings:
        found = await self._tables.setting(team_id)
        return TeamSettings() if found is None else read(found.body)

    async def change(self, team_id: str, by: str, settings: TeamSettings) -> None:
        body = msgspec.json.encode(settings).decode()
        await self._tables.keep_setting(Setting(team_id, self._now(), by, body))

    # ---- sound

    def recording(self, call_id: str) -> Path:
        """Where a call's sound is, if it was kept."""
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in call_id)
        return self._recordings / f"{safe}.ogg"

    # ---- forgetting

    async def kept(self, team_id: str) -> Holding:
        """What is there now."""
        sound = await self._sound(Within(team_id), self._now())
        return Holding(await self._store.keeping.kept(team_id), len(sound))

    async def due(self, team_id: str) -> Purged:
        """What a purge would erase now."""
        settings, within = await self.of(team_id), Within(team_id)
        calls = 0
        if settings.calls_days is not None:
            calls = await self._tables.count_due(within, self._before(settings.calls_days))
        sound = await self._old_sound(within, settings)
        return Purged(calls, len(sound), **await self._each(self._store.keeping.due, team_id))

    async def purge(self, team_id: str) -> Purged:
        """Erase what is too old: calls with all that hangs on them, sound, and every other kind."""
        settings, within = await self.of(team_id), Within(team_id)
        recordings = await self._old_sound(within, settings)
        for path in recordings:
            path.unlink(missing_ok=True)
        calls = 0
        if settings.calls_days is not None:
            until = self._before(settings.calls_days)
            while ids := await self._tables.due(within, until, BATCH):
                calls += await self.erase(ids)
        rest = await self._each(self._store.keeping.forget, team_id)
        return Purged(calls, len(recordings), **rest)

    async def keep_clean(self) -> None:
        """For ever: purge every team, now and every hour; a database in trouble is tried again."""
        while True:
            try:
                if done := await self.purge_all():
                    log.info("too old to keep: %s", done)
            except (StoreError, OSError) as error:
                log.warning("what is too old is not purged: %s", error)
            await asyncio.sleep(PURGE_S)

    async def purge_all(self) -> Purged:
        """The same in every team, and what was remembered for a time that is over."""
        async with self._store.accounts.read() as tables:
            teams = {team.id for team in await tables.people.teams()}
        teams |= {one.team_id for one in await self._tables.settings()}
        expired = Purged(facts=await self._store.mind.expire(self._now()))
        found = [expired, *[await self.purge(team) for team in sorted(teams)]]
        return Purged(*map(sum, zip(*map(msgspec.structs.astuple, found), strict=True)))

    async def _each(
        self, work: Callable[[Kind, str, datetime], Awaitable[int]], team_id: str
    ) -> dict[str, int]:
        """Do it for each kind that has a time of its own, with the day from which it is too old."""
        settings = await self.of(team_id)
        days = {
            Kind.FACTS: settings.memory_days,
            Kind.DELIVERIES: settings.deliveries_days,
            Kind.DEEDS: settings.audit_days,
        }
        return {
            kind.value: await work(kind, team_id, self._before(kept))
            for kind, kept in days.items()
            if kept is not None
        }

    async def erase(self, call_ids: list[str]) -> int:
        """Forget these calls, the sound first; how many there were."""
        for call_id in call_ids:
            self.recording(call_id).unlink(missing_ok=True)
        return await self._tables.erase(call_ids)

    async def _old_sound(self, within: Within, settings: TeamSettings) -> list[Path]:
        if settings.audio_days is None:
            return []
        return await self._sound(within, self._before(settings.audio_days))

    async def _sound(self, within: Within, until: datetime) -> list[Path]:
        """Recordings of past calls that began before `until`."""
        if not self._recordings.is_dir():
            return []
        there = {path.name for path in self._recordings.iterdir()}
        ids = await self._tables.due(within, until, 1_000_000) if there else []
        return [path for call_id in ids if (path := self.recording(call_id)).name in there]

    def _before(self, days: int) -> datetime:
        return self._now() - timedelta(days=days)


def read(body: str | bytes) -> TeamSettings:
    """Settings of JSON text; raises SettingError with the value at fault."""
    try:
        return msgspec.json.decode(body, type=TeamSettings)
    except msgspec.DecodeError as error:
        raise SettingError(f"the settings cannot be used: {error}") from None
