"""What a team's admins set: consent, redaction, and how long each kind of data is kept."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from copilot.errors import SettingError, StoreError
from copilot.providers.redact import Redactor
from copilot.store.console.database import ConsoleTables
from copilot.store.console.rows import Setting
from copilot.store.log import Store, utc_now
from copilot.store.models import Within

log = logging.getLogger(__name__)

Days = Annotated[int, Meta(ge=1, le=3650)]
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


def cleaner(settings: TeamSettings) -> Callable[[str], str]:
    """What talk goes through before it is shown: blacks out people's numbers where that is set."""
    return Redactor().clean if settings.redact else str


class Purged(Struct, frozen=True):
    """What is too old to be kept."""

    calls: int = 0
    recordings: int = 0


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

    async def due(self, team_id: str) -> Purged:
        """What a purge would erase now."""
        settings, within = await self.of(team_id), Within(team_id)
        calls = 0
        if settings.calls_days is not None:
            calls = await self._tables.count_due(within, self._before(settings.calls_days))
        return Purged(calls, len(await self._old_sound(within, settings)))

    async def purge(self, team_id: str) -> Purged:
        """Erase what is too old: logs, labels, flags, digests, words, and sound."""
        settings, within = await self.of(team_id), Within(team_id)
        recordings = await self._old_sound(within, settings)
        for path in recordings:
            path.unlink(missing_ok=True)
        calls = 0
        if settings.calls_days is not None:
            until = self._before(settings.calls_days)
            while ids := await self._tables.due(within, until, BATCH):
                calls += await self.erase(ids)
        return Purged(calls, len(recordings))

    async def keep_clean(self) -> None:
        """For ever: purge every team, now and every hour; a database in trouble is tried again."""
        while True:
            try:
                done = await self.purge_all()
                if done.calls or done.recordings:
                    log.info("purged %d calls, %d recordings", done.calls, done.recordings)
            except (StoreError, OSError) as error:
                log.warning("what is too old is not purged: %s", error)
            await asyncio.sleep(PURGE_S)

    async def purge_all(self) -> Purged:
        """The same in every team that has set something."""
        found = [await self.purge(one.team_id) for one in await self._tables.settings()]
        return Purged(sum(one.calls for one in found), sum(one.recordings for one in found))

    async def erase(self, call_ids: list[str]) -> int:
        """Forget these calls, the sound first; how many there were."""
        for call_id in call_ids:
            self.recording(call_id).unlink(missing_ok=True)
        return await self._tables.erase(call_ids)

    async def _old_sound(self, within: Within, settings: TeamSettings) -> list[Path]:
        if settings.audio_days is None or not self._recordings.is_dir():
            return []
        until = self._before(settings.audio_days)
        ids = await self._tables.due(within, until, 1_000_000)
        return [path for call_id in ids if (path := self.recording(call_id)).exists()]

    def _before(self, days: int) -> datetime:
        return self._now() - timedelta(days=days)


def read(body: str | bytes) -> TeamSettings:
    """Settings of JSON text; raises SettingError with the value at fault."""
    try:
        return msgspec.json.decode(body, type=TeamSettings)
    except msgspec.DecodeError as error:
        raise SettingError(f"the settings cannot be used: {error}") from None
