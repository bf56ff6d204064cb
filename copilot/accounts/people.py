"""Teams and who is in them: invitations, roles, and taking somebody out."""

import re
from collections.abc import Collection, Sequence
from datetime import timedelta

import msgspec

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller
from copilot.accounts.client import Client
from copilot.accounts.office import Office
from copilot.accounts.oidc import Identity
from copilot.accounts.roles import Role, read_roles, write
from copilot.accounts.secrets import digest, new_id, new_secret
from copilot.accounts.sessions import Sessions
from copilot.errors import AccountError, SignInError, UnknownAccount
from copilot.ports import DEFAULT_TEAM
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Invitation, Member, Person, Team

_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]+\.[^@\s\x00]{2,}")
_NAME_LENGTH = 120
_USED = "This link has been used, was taken back, or is out of date. Ask for a new one."


class People:
    """Every method that takes a caller sees and changes their team only."""

    def __init__(self, office: Office, sessions: Sessions) -> None:
        self._office = office
        self._sessions = sessions

    # ---- the first of all

    async def first_link(self) -> str | None:
        """The secret of a link to become the first admin; None where there is one.

        Earlier ones that were not used are void.
        """
        async with self._office.tables.write() as tables:
            if await tables.people.has_operator():
                return None
            await tables.people.close_operators_invitations(self._office.now())
            made, secret = self._invitation(DEFAULT_TEAM, "", [Role.ADMIN], "", operator=True)
            await tables.people.add_invitation(made, digest(secret))
        return secret

    async def anybody(self) -> bool:
        """Whether somebody has become the first admin."""
        async with self._office.tables.read() as tables:
            return await tables.people.has_operator()

    # ---- invitations

    async def invite(
        self, caller: Caller, email: str, roles: Collection[Role]
    ) -> tuple[Invitation, str]:
        """A link into the caller's team, with the secret in it; raises AccountError."""
        email = self._email(email)
        if not roles:
            raise AccountError("Choose at least one role.")
        made, secret = self._invitation(caller.team_id, email, roles, caller.email or caller.name)
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

    async def look(self, secret: str) -> tuple[Invitation, Team, Person | None]:
        """What a link leads to, and whom it is for where that is known; raises UnknownAccount."""
        async with self._office.tables.read() as tables:
            return await self._look(tables, secret)

    async def accept(
        self, secret: str, email: str, name: str, password: str, client: Client
    ) -> str:
        """Join by a link as somebody new; the secret of their session.

        Raises UnknownAccount for a link that is void, AccountError for what is typed.
        """
        async with self._office.tables.read() as tables:
            invitation, _, known = await self._look(tables, secret)
        email = invitation.email or self._email(email)
        name = self._name(name)
        if known is not None:
            raise AccountError(f"{email} has an account: sign in with it to accept.")
        kept = await self._office.passwords.hash(password, email, name)
        now = self._office.now()
        async with self._office.tables.write() as tables:
            if await tables.people.person_of(email):
                raise AccountError(f"{email} has an account: sign in with it to accept.")
            person = Person(new_id(), email, name, kept, invitation.operator, None, None, now)
            await tables.people.add_person(person)
            await self.join(tables, invitation, person, client)
            return await self._sessions.open(
                tables, person, client, "by invitation", invitation.team_id
            )

    async def accept_as(self, caller: Caller, secret: str, client: Client) -> str:
        """Join by a link as the person who is signed in; a new session in that team."""
        async with self._office.tables.write() as tables:
            invitation, _, _ = await self._look(tables, secret)
            person = await tables.people.person(caller.person_id)
            if person is None:
                raise AccountError("Sign in to accept the invitation.")
            if invitation.email not in ("", person.email):
                raise AccountError(
                    f"The invitation is for {invitation.email}, and you are {person.email}."
                )
            await self.join(tables, invitation, person, client)
            await tables.credentials.close(caller.credential_id, self._office.now())
            return await self._sessions.open(
                tables, person, client, "by invitation", invitation.team_id
            )

    async def accept_from(self, who: Identity, client: Client) -> str:
        """Sign in somebody whom the provider knows; the secret of their session.

        The first time the verified address decides: it has an account, or invitations, or the
        settings let its domain in. Raises SignInError.
        """
        async with self._office.tables.write() as tables:
            person = await tables.people.person_at(who.issuer, who.subject)
            if person is None:
                person = await self._newcomer(tables, who, client)
            return await self._sessions.open(tables, person, client, "through the provider")

    async def _newcomer(self, tables: Tables, who: Identity, client: Client) -> Person:
        if not who.verified:
            raise SignInError(
                f"The provider does not say that {who.email or 'an address'} is yours."
            )
        try:
            email = self._email(who.email)
        except AccountError as error:
            raise SignInError(str(error)) from None
        now, person = self._office.now(), await tables.people.person_of(email)
        if person is not None and person.subject is not None:
            raise SignInError(f"{email} belongs to somebody else at the provider.")
        invitations = await tables.people.invitations_for(email, now)
        joins = self._office.settings.oidc.join
        if person is not None:
            known = {"issuer": who.issuer, "subject": who.subject}
            await tables.people.change_person(person.id, **known)
        elif invitations or joins:
            name = " ".join(who.name.split())[:_NAME_LENGTH] or email.partition("@")[0]
            person = Person(new_id(), email, name, None, False, who.issuer, who.subject, now)
            await tables.people.add_person(person)
        else:
            raise SignInError(f"{email} has no account here. Ask an admin for an invitation.")
        for invitation in invitations:
            await self.join(tables, invitation, person, client)
        if not invitations and joins and not await tables.people.teams_of(person.id):
            await self._let_in(tables, person, Role(joins), client)
        return person

    async def _let_in(self, tables: Tables, person: Person, role: Role, client: Client) -> None:
        """Into the default team, because the settings say so."""
        now = self._office.now()
        await tables.people.join(DEFAULT_TEAM, person.id, write([role]), now)
        they = Caller(
            person.id, person.name, person.email, DEFAULT_TEAM, "", frozenset({role}), frozenset()
        )
        told = f"as {spoken([role])}, by their domain"
        await record(tables, at(they, client), Act.JOINED, told, now)

    async def join(
        self, tables: Tables, invitation: Invitation, person: Person, client: Client
    ) -> None:
        """Put the person into the invitation's team; raises UnknownAccount where it is void."""
        now, team_id = self._office.now(), invitation.team_id
        if not await tables.people.close_invitation(invitation.id, now):
            raise UnknownAccount(_USED)
        member = await tables.people.member(team_id, person.id)
        if member is None:
            await tables.people.join(team_id, person.id, invitation.roles, now)
        if invitation.operator and not person.operator:
            await tables.people.change_person(person.id, operator=True)
        roles = read_roles(invitation.roles)
        nobody = Caller(person.id, person.name, person.email, team_id, "", roles, frozenset())
        told = f"as {spoken(roles)}, invited by {invitation.created_by or 'the server'}"
        await record(tables, at(nobody, client), Act.JOINED, told, now)

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
        name, now = self._name(name), self._office.now()
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

    async def _look(self, tables: Tables, secret: str) -> tuple[Invitation, Team, Person | None]:
        found = await tables.people.invitation(digest(secret))
        if found is None or found.closed_at is not None or found.expires_at <= self._office.now():
            raise UnknownAccount(_USED)
        team = await tables.people.team(found.team_id)
        assert team is not None
        known = await tables.people.person_of(found.email) if found.email else None
        return found, team, known

    async def _member(self, tables: Tables, caller: Caller, person_id: str) -> Member:
        member = await tables.people.member(caller.team_id, person_id)
        if member is None:
            raise UnknownAccount(f"There is nobody {person_id!r} in the team.")
        return member

    async def _keep_an_admin(self, tables: Tables, caller: Caller, member: Member) -> None:
        members = await tables.people.members(caller.team_id)
        admins = [one.id for one in members if Role.ADMIN in read_roles(one.roles)]
        if admins == [member.id]:
            raise AccountError(
                f"{member.name} is the team's only admin. Make somebody else one first."
            )

    def _invitation(
        self,
        team_id: str,
        email: str,
        roles: Collection[Role],
        by: str,
        operator: bool = False,
    ) -> tuple[Invitation, str]:
        now, secret = self._office.now(), new_secret("invitation")
        until = now + timedelta(hours=self._office.settings.invitation_hours)
        made = Invitation(
            new_id(), team_id, email, write(roles), operator, now, by[:_NAME_LENGTH], until, None
        )
        return made, secret

    def _email(self, typed: str) -> str:
        email = typed.strip().lower()
        if len(email) > 254 or not _EMAIL.fullmatch(email):
            raise AccountError(f"{typed!r} is no e-mail address.")
        domains = self._office.settings.domains
        if domains and email.rpartition("@")[2] not in domains:
            raise AccountError(f"{email}: only addresses of {', '.join(domains)} are allowed here.")
        return email

    def _name(self, typed: str) -> str:
        name = " ".join(typed.split())
        if not name or len(name) > _NAME_LENGTH or not name.isprintable():
            raise AccountError(f"A name has 1 to {_NAME_LENGTH} printable characters.")
        return name


def spoken(roles: Collection[Role]) -> str:
    """Roles as people say them: ``agent and supervisor``."""
    return " and ".join(role.label.lower() for role in Role if role in roles)


def at(caller: Caller, client: Client) -> Caller:
    """The same, seen from where the request comes."""
    return msgspec.structs.replace(caller, address=client.address[:64])
