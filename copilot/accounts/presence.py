"""What is open for whom, so that it ends in the moment in which they may no longer have it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.errors import StoreError

CHECK_SECONDS = 5.0
"""Between two looks at what other processes revoked, and at what ran out."""

Again = Callable[[str], Awaitable[Caller | None]]
"""Whom a credential stands for now; None: nobody any more."""

log = logging.getLogger(__name__)


class Visit:
    """One open stream or call."""

    def __init__(self, caller: Caller, scope: Scope | None, close: Callable[[], None]) -> None:
        self.caller = caller
        self.scope = scope
        self.close = close

    def holds(self, now: Caller | None) -> bool:
        """Whether it may stay: the same team, and still what it needs."""
        if now is None or now.team_id != self.caller.team_id:
            return False
        still_sees = now.sees_team or not self.caller.sees_team
        return still_sees and (self.scope is None or now.may(self.scope))


class Presence:
    """All that is open in this process."""

    def __init__(self, again: Again) -> None:
        self._again = again
        self._visits: set[Visit] = set()

    def enter(
        self, caller: Caller, scope: Scope | None, close: Callable[[], None]
    ) -> Callable[[], None]:
        """Something is open until `close` is called here or the answer is called there."""
        visit = Visit(caller, scope, close)
        if caller.kind is not None:  # while sign-in is off nothing can be revoked
            self._visits.add(visit)
        return lambda: self._visits.discard(visit)

    @contextmanager
    def visit(
        self, caller: Caller, scope: Scope | None, close: Callable[[], None]
    ) -> Iterator[None]:
        """The same for as long as a block runs."""
        leave = self.enter(caller, scope, close)
        try:
            yield
        finally:
            leave()

    async def check(self) -> None:
        """Close what nobody may have any more; raises StoreError."""
        for credential in {visit.caller.credential_id for visit in self._visits}:
            now = await self._again(credential)
            for visit in list(self._visits):
                if visit.caller.credential_id == credential and not visit.holds(now):
                    self._visits.discard(visit)
                    visit.close()

    async def watch(self) -> None:
        """Check for ever; a database in trouble is asked again later."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            with suppress(StoreError):
                await self.check()
