"""The audit log: every act that changes who may do what, and every listen of a supervisor."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from copilot.accounts.caller import Caller
from copilot.store.accounts.database import AccountTables, Tables
from copilot.store.accounts.rows import Deed

WHAT_LENGTH = 500


class Act(StrEnum):
    """What is written down; later parts add theirs here."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"
    SESSION_ENDED = "session_ended"
    INVITED = "invited"
    INVITATION_TAKEN_BACK = "invitation_taken_back"
    JOINED = "joined"
    ROLES_CHANGED = "roles_changed"
    REMOVED = "removed"
    TEAM_MADE = "team_made"
    TOKEN_MADE = "token_made"
    TOKEN_REVOKED = "token_revoked"
    DEVICE_PAIRED = "device_paired"
    DEVICE_REFUSED = "device_refused"
    DEVICE_REVOKED = "device_revoked"
    DEVICE_TOKEN_REUSED = "device_token_reused"
    PACK_GIVEN = "pack_given"
    LISTENED = "listened"
    ADVISED = "advised"
    POLICY_PUBLISHED = "policy_published"
    POLICY_ROLLED_BACK = "policy_rolled_back"
    SETTINGS_CHANGED = "settings_changed"
    CALLS_ERASED = "calls_erased"

    @property
    def label(self) -> str:
        """As people say it."""
        return self.value.replace("_", " ").capitalize()


async def record(tables: Tables, caller: Caller, act: Act, what: str, now: datetime) -> None:
    """Write it down in the transaction that does it, so that neither is without the other."""
    what = what.replace("\0", "")[:WHAT_LENGTH]
    who = caller.email or caller.name
    await tables.journal.add(
        Deed(0, now, caller.team_id, caller.person_id, who, act, what, caller.address)
    )


class Audit:
    """Reads the log of a team, and writes down what changes nothing in the database."""

    def __init__(self, tables: AccountTables) -> None:
        self._tables = tables

    async def note(self, caller: Caller, act: Act, what: str, now: datetime) -> None:
        async with self._tables.write() as tables:
            await record(tables, caller, act, what, now)

    async def page(
        self, caller: Caller, limit: int, before: int | None = None, act: str = ""
    ) -> Sequence[Deed]:
        """The newest of the caller's team, or those before a number."""
        async with self._tables.read() as tables:
            return await tables.journal.of(caller.team_id, limit, before, act)
