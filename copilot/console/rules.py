"""The policies of all teams: drafted, tried on past calls, published, rolled back, and in force."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from copilot.console.policy import TeamPolicy, Terms, check, first, read, terms, write
from copilot.core.policy import Policy
from copilot.errors import PolicyError
from copilot.store.console.database import ConsoleTables
from copilot.store.console.rows import Draft, Ruling
from copilot.store.log import utc_now

NOTE = 500
"""Characters of what an author says about a policy."""


class Today(Struct, frozen=True):
    """What is in force in a team."""

    policy: TeamPolicy
    ruling: Ruling | None = None
    """None: the team has published none, and the settings' policy holds."""

    @property
    def number(self) -> int:
        return self.ruling.number if self.ruling else 0


class Rules:
    """Every method raises StoreError where the database cannot be used."""

    def __init__(
        self, tables: ConsoleTables, base: Policy, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._tables = tables
        self._now = now
        self.base = base
        """The settings' policy: what a lead does not decide comes from it."""

    async def today(self, team_id: str) -> Today:
        found = await self._tables.rulings(team_id, 1)
        if not found:
            return Today(first(self.base))
        return Today(read(found[0].body), found[0])

    async def terms(self, team_id: str, person_id: str) -> Terms:
        """What a call that this person begins now is under."""
        today = await self.today(team_id)
        if today.ruling is None:
            return Terms(self.base)
        return terms(today.policy, self.base, self._now(), person_id, today.number)

    async def history(self, team_id: str) -> list[Ruling]:
        """Newest first."""
        return await self._tables.rulings(team_id)

    async def draft(self, team_id: str) -> Draft | None:
        return await self._tables.draft(team_id)

    async def write(self, team_id: str, by: str, policy: TeamPolicy) -> Draft:
        """Make it the team's draft; what an earlier what-if told of other values is dropped."""
        body = write(check(policy))
        before = await self._tables.draft(team_id)
        if before is not None and before.body == body:
            return before
        made = Draft(team_id, self._now(), by, body)
        await self._tables.keep_draft(made)
        return made

    async def drop(self, team_id: str) -> None:
        await self._tables.drop_draft(team_id)

    async def tried(self, draft: Draft, report: str) -> bool:
        """Keep what the what-if told; False where the draft has been changed meanwhile."""
        return await self._tables.report(draft.team_id, draft.body, report)

    async def publish(self, team_id: str, by: str, note: str) -> Ruling:
        """Put the draft in force for calls that begin from now on.

        Raises PolicyError where there is none, or where nobody has seen what it would have done.
        """
        draft = await self._tables.draft(team_id)
        if draft is None:
            raise PolicyError("there is no draft to publish: change something first")
        if not draft.report:
            raise PolicyError(
                "this draft has not been tried yet: run its what-if on past calls, look at it, "
                "then publish"
            )
        return await self._add(team_id, by, note, draft.body, draft.report)

    async def roll_back(self, team_id: str, number: int, by: str) -> Ruling:
        """Put an earlier policy in force again, under a new number; raises PolicyError."""
        history = await self._tables.rulings(team_id, 10_000)
        found = next((one for one in history if one.number == number), None)
        if found is None:
            raise PolicyError(f"there is no policy {number} of this team")
        if found is history[0]:
            raise PolicyError(f"policy {number} is in force already")
        read(found.body)
        return await self._add(team_id, by, f"Back to policy {number}", found.body, "")

    async def _add(self, team_id: str, by: str, note: str, body: str, report: str) -> Ruling:
        last = await self._tables.rulings(team_id, 1)
        number = last[0].number + 1 if last else 1
        note = note.replace("\0", "").strip()[:NOTE]
        made = Ruling(team_id, number, self._now(), by, note, body, report)
        if not await self._tables.publish(made):
            raise PolicyError("somebody else has just published a policy: look at it, then again")
        return made
