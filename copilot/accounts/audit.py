"""The audit log: every act that changes who may do what, and every listen of a supervisor."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from copilot.accounts.caller import Caller
from copilot.accounts.office import Office
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Deed

WHAT_LENGTH = 500


class Act(StrEnum):
    """What is written down; later parts add theirs here."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_LINK = "password_link"
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
    KNOWLEDGE_MADE = "knowledge_made"
    KNOWLEDGE_CHANGED = "knowledge_changed"
    KNOWLEDGE_DROPPED = "knowledge_dropped"
    KNOWLEDGE_PUBLISHED = "knowledge_published"
    KNOWLEDGE_ROLLED_BACK = "knowledge_rolled_back"
    KNOWLEDGE_RETIRED = "knowledge_retired"
    LISTENED = "listened"
    ADVISED = "advised"
    POLICY_PUBLISHED = "policy_published"
    POLICY_ROLLED_BACK = "policy_rolled_back"
    SETTINGS_CHANGED = "settings_changed"
    CALLS_ERASED = "calls_erased"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOK_TESTED = "webhook_tested"
    DELIVERY_REPLAYED = "delivery_replayed"
    MEMORY_READ = "memory_read"
    MEMORY_CHANGED = "memory_changed"
    MEMORY_EXPORTED = "memory_exported"
    CUSTOMER_ERASED = "customer_erased"

    @property
    def label(self) -> str:
        """As people say it."""
        return self.value.replace("_", " ").capitalize()


async def record(tables: Tables, caller: Caller, act: Act, what: str, now: datetime) -> None:
    """Write it down in the transaction that does it, so that neither is without the other."""
    what = what.replace("\0", "")[:WHAT_LENGTH]
    who = caller.known_as
    await tables.journal.add(
        Deed(0, now, caller.team_id, caller.person_id, who, act, what, caller.address[:64])
    )


class Audit:
    """Reads the log of a team, and writes down what changes nothing in the database."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def note(self, caller: Caller, act: Act, what: str) -> None:
        """Write down what is done elsewhere; raises StoreError where it cannot be."""
        async with self._office.tables.write() as tables:
            await record(tables, caller, act, what, self._office.now())

    async def page(
        self, caller: Caller, limit: int, before: int | None = None, act: str = ""
    ) -> Sequence[Deed]:
        """The newest of the caller's team, or those before a number."""
        if before is not None and not 0 < before < 2**63:
            return []  # no number of the log, and more than a database takes
        async with self._office.tables.read() as tables:
            return await tables.journal.of(caller.team_id, limit, before, act)
