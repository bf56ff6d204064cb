"""Teams, people, memberships and invitations in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select, update
from sqlalchemy import delete as remove
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.ports import DEFAULT_TEAM
from copilot.store.accounts.rows import Invitation, Member, Person, Team
from copilot.store.accounts.tables import (
    InvitationTable,
    MembershipTable,
    PackTeamTable,
    PersonTable,
    TeamTable,
)
from copilot.store.query import changed, columns, every, one, values

_TEAM = columns(TeamTable, Team)
_PERSON = columns(PersonTable, Person)
_INVITATION = columns(InvitationTable, Invitation)
_MEMBER: Select[*tuple[Any, ...]] = select(
    PersonTable.id,
    PersonTable.email,
    PersonTable.name,
    PersonTable.operator,
    MembershipTable.roles,
    MembershipTable.joined_at,
).join(MembershipTable, MembershipTable.person_id == PersonTable.id)


class People:
    """What one connection reads and writes of them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # ---- teams

    async def team(self, team_id: str) -> Team | None:
        return await one(self._connection, Team, select(*_TEAM).where(TeamTable.id == team_id))

    async def team_named(self, name: str) -> Team | None:
        named = func.lower(TeamTable.name) == name.lower()
        return await one(self._connection, Team, select(*_TEAM).where(named))

    async def teams(self) -> Sequence[Team]:
        """All of them, by name."""
        return await every(self._connection, Team, select(*_TEAM).order_by(TeamTable.name))

    async def teams_of(self, person_id: str) -> Sequence[Team]:
        """Those that the person is a member of, by name."""
        query = select(*_TEAM).join(MembershipTable, MembershipTable.team_id == TeamTable.id)
        query = query.where(MembershipTable.person_id == person_id).order_by(TeamTable.name)
        return await every(self._connection, Team, query)

    async def add_team(self, team: Team) -> None:
        await self._connection.execute(insert(TeamTable).values(values(team)))

    # ---- people

    async def person(self, person_id: str) -> Person | None:
        query = select(*_PERSON).where(PersonTable.id == person_id)
        return await one(self._connection, Person, query)

    async def person_of(self, email: str) -> Person | None:
        query = select(*_PERSON).where(PersonTable.email == email)
        return await one(self._connection, Person, query)

    async def person_at(self, issuer: str, subject: str) -> Person | None:
        """Whom the OpenID provider means."""
        known = (PersonTable.issuer == issuer) & (PersonTable.subject == subject)
        return await one(self._connection, Person, select(*_PERSON).where(known))

    async def add_person(self, person: Person) -> None:
        await self._connection.execute(insert(PersonTable).values(values(person)))

    async def change_person(self, person_id: str, **changes: str | bool | None) -> None:
        query = update(PersonTable).where(PersonTable.id == person_id).values(**changes)
        await self._connection.execute(query)

    async def has_operator(self) -> bool:
        """Whether anybody may make teams: nobody before the first sign-in."""
        query = select(func.count()).where(PersonTable.operator.is_(True))
        return bool(await self._connection.scalar(query))

    # ---- memberships

    async def members(self, team_id: str) -> Sequence[Member]:
        """The team's people, by name."""
        query = _MEMBER.where(MembershipTable.team_id == team_id)
        return await every(self._connection, Member, query.order_by(PersonTable.name))

    async def member(self, team_id: str, person_id: str) -> Member | None:
        query = _MEMBER.where(MembershipTable.team_id == team_id, PersonTable.id == person_id)
        return await one(self._connection, Member, query)

    async def join(self, team_id: str, person_id: str, roles: str, now: datetime) -> None:
        made = {"team_id": team_id, "person_id": person_id, "roles": roles, "joined_at": now}
        await self._connection.execute(insert(MembershipTable).values(made))

    async def change_roles(self, team_id: str, person_id: str, roles: str) -> None:
        query = update(MembershipTable).where(_in(team_id, person_id)).values(roles=roles)
        await self._connection.execute(query)

    async def leave(self, team_id: str, person_id: str) -> None:
        await self._connection.execute(remove(MembershipTable).where(_in(team_id, person_id)))

    # ---- invitations

    async def invitation(self, digest: str) -> Invitation | None:
        query = select(*_INVITATION).where(InvitationTable.digest == digest)
        return await one(self._connection, Invitation, query)

    async def invitations(self, team_id: str, now: datetime) -> Sequence[Invitation]:
        """Those that can still be accepted, newest first."""
        still = InvitationTable.closed_at.is_(None) & (InvitationTable.expires_at > now)
        query = select(*_INVITATION).where(InvitationTable.team_id == team_id, still)
        query = query.order_by(InvitationTable.created_at.desc(), InvitationTable.id)
        return await every(self._connection, Invitation, query)

    async def invitations_for(self, email: str, now: datetime) -> Sequence[Invitation]:
        """Those of one address, in whatever team, oldest first."""
        still = InvitationTable.closed_at.is_(None) & (InvitationTable.expires_at > now)
        query = select(*_INVITATION).where(InvitationTable.email == email, still)
        query = query.order_by(InvitationTable.created_at)
        return await every(self._connection, Invitation, query)

    async def add_invitation(self, invitation: Invitation, digest: str) -> None:
        made = {**values(invitation), "digest": digest}
        await self._connection.execute(insert(InvitationTable).values(made))

    async def close_invitation(self, invitation_id: str, now: datetime) -> bool:
        """Whether it was still open: of two that accept it at once only one does."""
        which = (InvitationTable.id == invitation_id) & InvitationTable.closed_at.is_(None)
        return await changed(
            self._connection, update(InvitationTable).where(which).values(closed_at=now)
        )

    async def close_operators_invitations(self, now: datetime) -> None:
        """Links to the first sign-in that were not used."""
        which = InvitationTable.operator.is_(True) & InvitationTable.closed_at.is_(None)
        await self._connection.execute(update(InvitationTable).where(which).values(closed_at=now))

    # ---- packs

    async def pack_teams(self) -> dict[str, str]:
        """The team of each pack that is not the default team's."""
        query = select(PackTeamTable.pack, PackTeamTable.team_id)
        found = (await self._connection.execute(query)).all()
        return {row.pack: row.team_id for row in found}

    async def give_pack(self, pack: str, team_id: str) -> None:
        """The pack belongs to this team from now on."""
        await self._connection.execute(remove(PackTeamTable).where(PackTeamTable.pack == pack))
        if team_id != DEFAULT_TEAM:
            made = {"pack": pack, "team_id": team_id}
            await self._connection.execute(insert(PackTeamTable).values(made))


def _in(team_id: str, person_id: str) -> ColumnElement[bool]:
    return (MembershipTable.team_id == team_id) & (MembershipTable.person_id == person_id)
