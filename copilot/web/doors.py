"""What a request may see: the calls and packs of the caller's team, and nothing else.

Handlers ask for ``calls: Calls`` and ``shelf: Shelf`` instead of the whole store and library.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import PathParameter, SkipValidation

from copilot.accounts.caller import Caller
from copilot.errors import UserError
from copilot.ports import DEFAULT_TEAM
from copilot.retrieval.library import Source
from copilot.retrieval.packs import Pack
from copilot.store.team import TeamCalls
from copilot.web.services import Given, Services, Sources


class TeamShelf:
    """The packs in use of one team."""

    def __init__(self, library: Sources, team_id: str, teams: Mapping[str, str]) -> None:
        """`teams` has the team of each pack that is not the default team's."""
        self._library = library
        self._team_id = team_id
        self._teams = teams

    @property
    def packs(self) -> Sequence[Pack]:
        return [pack for pack in self._library.packs if self._owns(pack.name)]

    def source(self, passage: str) -> Source | None:
        """The passage with this id and its pack; None if no pack of the team in use has it."""
        found = self._library.source(passage)
        return found if found is not None and self._owns(found.pack.name) else None

    def names(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The packs that a call gets: those named, else all of the team's; none means every pack.

        Raises UserError for a pack that the team does not have, or where it has none.
        """
        mine = [pack.name for pack in self.packs]
        if missing := [name for name in wanted if name not in mine]:
            there = ", ".join(mine) or "none"
            raise UserError(f"packs = {missing[0]!r}: no pack in use here; there are: {there}")
        if wanted:
            return tuple(wanted)
        if not mine:
            raise UserError("the team has no knowledge pack in use: publish one first")
        return () if len(mine) == len(self._library.packs) else tuple(mine)

    def _owns(self, pack: str) -> bool:
        return self._teams.get(pack, DEFAULT_TEAM) == self._team_id


MOST = 2**63 - 1
"""The greatest number that the databases take."""
Number = Annotated[int, PathParameter(ge=1, le=MOST)]
"""How a handler asks for a number of a thing; limits inside `FromPath` would not count."""
Calls = NamedDependency[SkipValidation[TeamCalls]]
"""How a handler asks for ``calls``."""
Shelf = NamedDependency[SkipValidation[TeamShelf]]
"""How a handler asks for ``shelf``."""


def caller(request: Request[Any, Any, Any]) -> Caller | None:
    found: Caller | None = request.scope.get("user")
    return found


def calls(request: Request[Any, Any, Any], services: Given) -> TeamCalls:
    """The team's calls; of people who do not watch others only their own."""
    who: Caller = request.scope["user"]
    return TeamCalls(services.store, who.owner, who.sees_team)


async def shelf(request: Request[Any, Any, Any], services: Given) -> TeamShelf:
    who: Caller = request.scope["user"]
    return await shelf_of(services, who.team_id)


async def shelf_of(services: Services, team_id: str) -> TeamShelf:
    """The packs in use of a team."""
    async with services.accounts.office.tables.read() as tables:
        teams = await tables.people.pack_teams()
    return TeamShelf(services.library, team_id, teams)
