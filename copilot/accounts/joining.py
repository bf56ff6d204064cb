"""Coming in: by the first admin's link, an invitation, the provider, or a new password."""

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller, at
from copilot.accounts.client import Client
from copilot.accounts.links import (
    NAME_LENGTH,
    USED,
    add_password_link,
    for_password,
    make_link,
    read_email,
    read_name,
)
from copilot.accounts.office import Office
from copilot.accounts.oidc import Identity
from copilot.accounts.roles import Role, read_roles, spoken, write
from copilot.accounts.secrets import digest, new_id
from copilot.accounts.sessions import Sessions
from copilot.errors import AccountError, SignInError, UnknownAccount
from copilot.ports import DEFAULT_TEAM
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Invitation, Person, Team


class Joining:
    """Turns links and identities into people with sessions."""

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
            made, secret = make_link(
                self._office, DEFAULT_TEAM, "", [Role.ADMIN], "", operator=True
            )
            await tables.people.add_invitation(made, digest(secret))
        return secret

    async def anybody(self) -> bool:
        """Whether somebody has become the first admin."""
        async with self._office.tables.read() as tables:
            return await tables.people.has_operator()

    # ---- by a link

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
        email = invitation.email or read_email(self._office, email)
        name = read_name(name)
        if known is not None:
            raise AccountError(f"{email} has an account: sign in with it to accept.")
        kept = await self._office.passwords.hash(password, email, name)
        now = self._office.now()
        async with self._office.tables.write() as tables:
            if await tables.people.person_of(email):
                raise AccountError(f"{email} has an account: sign in with it to accept.")
            person = Person(new_id(), email, name, kept, invitation.operator, None, None, now)
            await tables.people.add_person(person)
            await self._join(tables, invitation, person, client)
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
            await self._join(tables, invitation, person, client)
            await tables.credentials.close(caller.credential_id, self._office.now())
            return await self._sessions.open(
                tables, person, client, "by invitation", invitation.team_id
            )

    # ---- through the provider

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
            email = read_email(self._office, who.email)
        except AccountError as error:
            raise SignInError(str(error)) from None
        now, person = self._office.now(), await tables.people.person_of(email)
        if person is not None and person.subject is not None:
            raise SignInError(f"{email} belongs to somebody else at the provider.")
        found = await tables.people.invitations_for(email, now)
        invitations = [one for one in found if not for_password(one)]
        joins = self._office.settings.oidc.join
        if person is not None:
            known = {"issuer": who.issuer, "subject": who.subject}
            await tables.people.change_person(person.id, **known)
        elif invitations or joins:
            name = " ".join(who.name.split())[:NAME_LENGTH] or email.partition("@")[0]
            person = Person(new_id(), email, name, None, False, who.issuer, who.subject, now)
            await tables.people.add_person(person)
        else:
            raise SignInError(f"{email} has no account here. Ask an admin for an invitation.")
        for invitation in invitations:
            await self._join(tables, invitation, person, client)
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

    # ---- with a forgotten password

    async def password_link_for(self, email: str) -> str:
        """The secret of the same for whoever owns the machine; raises UnknownAccount."""
        server = Caller("", "the server", "", DEFAULT_TEAM, "", frozenset(), frozenset())
        async with self._office.tables.write() as tables:
            person = await tables.people.person_of(email.strip().lower())
            if person is None:
                raise UnknownAccount(f"{email}: nobody has this address; see /people")
            return (await add_password_link(self._office, tables, server, person.email))[1]

    async def set_password(self, secret: str, password: str, client: Client) -> str:
        """By such a link; all that the person has open ends. The secret of a new session.

        Raises UnknownAccount for a link that is void, AccountError for a weak password.
        """
        async with self._office.tables.read() as tables:
            invitation, _, person = await self._look(tables, secret)
        if person is None or not for_password(invitation):
            raise UnknownAccount(USED)
        kept = await self._office.passwords.hash(password, person.email, person.name)
        now = self._office.now()
        async with self._office.tables.write() as tables:
            if not await tables.people.close_invitation(invitation.id, now):
                raise UnknownAccount(USED)
            await tables.people.change_person(person.id, password=kept)
            await tables.credentials.close_all(person.id, now)
            they = Caller(
                person.id, person.name, person.email, invitation.team_id, "", frozenset(),
                frozenset(),
            )  # fmt: skip
            told = f"by a link from {invitation.created_by}"
            await record(tables, at(they, client), Act.PASSWORD_CHANGED, told, now)
            return await self._sessions.open(tables, person, client, "with a new password")

    async def _join(
        self, tables: Tables, invitation: Invitation, person: Person, client: Client
    ) -> None:
        """Put the person into the invitation's team; raises UnknownAccount where it is void."""
        if for_password(invitation):
            raise UnknownAccount(USED)
        now, team_id = self._office.now(), invitation.team_id
        if not await tables.people.close_invitation(invitation.id, now):
            raise UnknownAccount(USED)
        member = await tables.people.member(team_id, person.id)
        if member is None:
            await tables.people.join(team_id, person.id, invitation.roles, now)
        if invitation.operator and not person.operator:
            await tables.people.change_person(person.id, operator=True)
        roles = read_roles(invitation.roles)
        nobody = Caller(person.id, person.name, person.email, team_id, "", roles, frozenset())
        told = f"as {spoken(roles)}, invited by {invitation.created_by or 'the server'}"
        await record(tables, at(nobody, client), Act.JOINED, told, now)

    async def _look(self, tables: Tables, secret: str) -> tuple[Invitation, Team, Person | None]:
        found = await tables.people.invitation(digest(secret))
        if found is None or found.closed_at is not None or found.expires_at <= self._office.now():
            raise UnknownAccount(USED)
        team = await tables.people.team(found.team_id)
        assert team is not None
        known = await tables.people.person_of(found.email) if found.email else None
        return found, team, known
