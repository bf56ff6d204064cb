"""Teams and who is in them: invitations, roles, and taking somebody out."""

from collections.abc import Collection, Sequence

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller
from copilot.accounts.links import add_password_link, make_link, read_email, read_name
from copilot.accounts.office import Office
from copilot.accounts.roles import Role, read_roles, spoken, write
from copilot.accounts.secrets import digest, new_id
from copilot.errors import AccountError, UnknownAccount
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Invitation, Member, Team


class People:
    """Every method that takes a caller sees and changes their team only."""

    def __init__(self, office: Office) -> None:
        self._office = office

    # ---- links

    async def password_link(self, caller: Caller, person_id: str) -> tuple[Invitation, str]:
        """A link under which somebody of the team sets a new password; raises AccountError.

        Who is in other teams, too, or may make teams, gets one of an operator only: the link lets
        whoever made it in as that person.
        """
        async with self._office.tables.write() as tables:
            member = await self._member(tables, caller, person_id)
            teams = await tables.people.teams_of(person_id)
            if not caller.operator and (member.operator or len(teams) > 1):
                raise AccountError(f"{member.name} is not only in this team: ask an operator.")
            return await add_password_link(self._office, tables, caller, member.email)

    async def invite(
        self, caller: Caller, email: str, roles: Collection[Role]
    ) -> tuple[Invitation, str]:
        """A link into the caller's team, with the secret in it; raises AccountError."""
        email = read_email(self._office, email)
        if not roles:
            raise AccountError("Choose at least one role.")
        made, secret = make_link(self._office, caller.team_id, email, roles, caller.known_as)
        async with self._office.tables.write() as tables:
            known = await tables.people.person_of(email)
            if known and await tables.people.member(caller.team_id, known.id):
                raise AccountError(f"{email} is in the team already.")
            await tables.people.add_invitation(made, digest(secret))
            told = f"{email} as {spoken(roles)}"
            await record(tables, caller, Act.INVITED, told, self._office.now())
        return made, secret

    async def invitations(self, caller: Caller) -> Sequence[Invitation]:
        """Those into the caller's team that are open, newest first."""
        async with self._office.tables.read() as tables:
            return await tables.people.invitations(caller.team_id, self._office.now())

    async def take_back(self, caller: Caller, invitation_id: str) -> None:
        """Make a link void; raises UnknownAccount."""
        now = self._office.now()
        async with self._office.tables.write() as tables:
            open_ones = await tables.people.invitations(caller.team_id, now)
            found = next((one for one in open_ones if one.id == invitation_id), None)
            if found is None:
                raise UnknownAccount(f"There is no open invitation {invitation_id!r}.")
            await tables.people.close_invitation(found.id, now)
            await record(tables, caller, Act.INVITATION_TAKEN_BACK, found.email, now)

    # ---- people of the team

    async def members(self, caller: Caller) -> Sequence[Member]:
        """By name."""
        async with self._office.tables.read() as tables:
            return await tables.people.members(caller.team_id)

    async def member(self, caller: Caller, person_id: str) -> Member:
        """Raises UnknownAccount."""
        async with self._office.tables.read() as tables:
            return await self._member(tables, caller, person_id)

    async def set_roles(self, caller: Caller, person_id: str, roles: Collection[Role]) -> Member:
        """Make somebody something else; raises UnknownAccount or AccountError."""
        if not roles:
            raise AccountError("Choose at least one role, or remove the person from the team.")
        now = self._office.now()
        async with self._office.tables.write() as tables:
            member = await self._member(tables, caller, person_id)
            if Role.ADMIN not in roles:
                await self._keep_an_admin(tables, caller, member)
            await tables.people.change_roles(caller.team_id, person_id, write(roles))
            before = spoken(read_roles(member.roles))
            told = f"{member.email}: {before} → {spoken(roles)}"
            await record(tables, caller, Act.ROLES_CHANGED, told, now)
            return await self._member(tables, caller, person_id)

    async def remove(self, caller: Caller, person_id: str) -> None:
        """Take somebody out of the team and end all that they have open in it.

        Raises UnknownAccount or AccountError.
        """
        now = self._office.now()
        async with self._office.tables.write() as tables:
            member = await self._member(tables, caller, person_id)
            await self._keep_an_admin(tables, caller, member)
            await tables.people.leave(caller.team_id, person_id)
            await tables.credentials.close_all(person_id, now, caller.team_id)
            await record(tables, caller, Act.REMOVED, member.email, now)

    async def end_access(self, caller: Caller, person_id: str) -> None:
        """Sign somebody out everywhere in the team; they stay in it. Raises UnknownAccount."""
        now = self._office.now()
        async with self._office.tables.write() as tables:
            member = await self._member(tables, caller, person_id)
            await tables.credentials.close_all(person_id, now, caller.team_id)
            told = f"everything of {member.email}"
            await record(tables, caller, Act.SESSION_ENDED, told, now)

    # ---- teams

    async def teams(self) -> Sequence[Team]:
        """All there are: for operators."""
        async with self._office.tables.read() as tables:
            return await tables.people.teams()

    async def make_team(self, caller: Caller, name: str) -> Team:
        """A team of which the caller is the first admin; raises AccountError."""
        name, now = read_name(name), self._office.now()
        async with self._office.tables.write() as tables:
            if await tables.people.team_named(name):
                raise AccountError(f"There is a team {name!r} already.")
            if await tables.people.person(caller.person_id) is None:
                raise AccountError("Sign-in is off: a team needs somebody who signs in.")
            team = Team(new_id(), name, now)
            await tables.people.add_team(team)
            await tables.people.join(team.id, caller.person_id, write([Role.ADMIN]), now)
            await record(tables, caller, Act.TEAM_MADE, name, now)
        return team

    # ---- helpers

    async def _member(self, tables: Tables, caller: Caller, person_id: str) -> Member:
        member = await tables.people.member(caller.team_id, person_id)
        if member is None:
            raise UnknownAccount(f"There is nobody {person_id!r} in the team.")
        return member

    async def _keep_an_admin(self, tables: Tables, caller: Caller, member: Member) -> None:
        """Raises AccountError where the team would lose its last, or the copilot an operator."""
        if member.operator and not caller.operator:
            raise AccountError(f"{member.name} makes teams: only an operator can change that.")
        members = await tables.people.members(caller.team_id)
        admins = [one.id for one in members if Role.ADMIN in read_roles(one.roles)]
        if admins == [member.id]:
            raise AccountError(
                f"{member.name} is the team's only admin. Make somebody else one first."
            )
