"""Sign-in, and what a request shows of who it comes from."""

import time
from datetime import datetime, timedelta

import msgspec

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller, caller_of
from copilot.accounts.client import Client
from copilot.accounts.limits import Limit
from copilot.accounts.office import Office
from copilot.accounts.secrets import digest, new_id, new_secret
from copilot.errors import AccountError, SignInError, UnknownAccount
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Credential, Holder, Kind, Person, Proof, Secret, Team

SEEN_SECONDS = 60
"""How exactly it is known when a credential was used last."""
_TRIES, _TRIES_SECONDS = 10, 900
"""Wrong passwords for one address until it must wait."""
_WRONG = "The address or the password is wrong."


class Sessions:
    """Who somebody is, from their password, their cookie or their token."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._wrong = Limit(_TRIES, _TRIES_SECONDS)

    # ---- every request

    async def caller(self, secret: str, proofs: frozenset[Proof], address: str) -> Caller | None:
        """Whom the secret stands for; None where it stands for nobody (any more)."""
        now = self._office.now()
        async with self._office.tables.read() as tables:
            found = await tables.credentials.proven(digest(secret))
        if found is None or found[1].kind not in proofs:
            return None
        holder, proof = found
        if _over(proof.expires_at, now) or not self._lasts(holder.credential, now):
            return None
        if (now - holder.credential.seen_at).total_seconds() >= SEEN_SECONDS:
            async with self._office.tables.write() as tables:
                await tables.credentials.seen(holder.credential.id, now)
        return caller_of(holder, address)

    async def again(self, credential_id: str) -> Caller | None:
        """Whom the credential stands for now."""
        async with self._office.tables.read() as tables:
            holder = await tables.credentials.holder(credential_id)
        if holder is None or not self._lasts(holder.credential, self._office.now()):
            return None
        return caller_of(holder)

    def _lasts(self, credential: Credential, now: datetime) -> bool:
        idle = timedelta(minutes=self._office.settings.idle_minutes)
        if credential.kind == Kind.SESSION and now - credential.seen_at >= idle:
            return False
        return not _over(credential.expires_at, now)

    # ---- signing in and out

    async def sign_in(self, email: str, password: str, client: Client) -> str:
        """The secret of a new session; raises SignInError or TooOften."""
        email = email.replace("\0", "").strip().lower()
        self._wrong.check(email, time.monotonic())
        async with self._office.tables.read() as tables:
            person = await tables.people.person_of(email)
        fits = await self._office.passwords.fits(password, person.password if person else None)
        if person is None or not fits:
            self._wrong.count(email, time.monotonic())
            await self._note_failure(person, email, client)
            raise SignInError(_WRONG)
        self._wrong.forget(email)
        if person.password and self._office.passwords.is_weak(person.password):
            changed = await self._office.passwords.hash(password)
            async with self._office.tables.write() as tables:
                await tables.people.change_person(person.id, password=changed)
        async with self._office.tables.write() as tables:
            return await self.open(tables, person, client, "with a password")

    async def open(
        self, tables: Tables, person: Person, client: Client, how: str, team_id: str = ""
    ) -> str:
        """Begin a session in the named team, else in the person's first; raises SignInError."""
        teams = await tables.people.teams_of(person.id)
        team = next((one for one in teams if team_id in ("", one.id)), None)
        if team is None:
            raise SignInError("You are in no team any more. Ask an admin for an invitation.")
        secret, credential = await self._begin(tables, person.id, team, client.name)
        holder = Holder(credential, person.email, person.name, person.operator, team.name, "")
        caller = caller_of(holder, client.address)
        await record(tables, caller, Act.SIGNED_IN, f"{how}, {client.name}", self._office.now())
        return secret

    async def end(self, caller: Caller) -> None:
        """Sign out."""
        async with self._office.tables.write() as tables:
            if await tables.credentials.close(caller.credential_id, self._office.now()):
                await record(tables, caller, Act.SIGNED_OUT, "", self._office.now())

    async def enter(self, caller: Caller, team_id: str, client: Client) -> str:
        """Another team, with a session of its own instead of this one; raises UnknownAccount."""
        now = self._office.now()
        async with self._office.tables.write() as tables:
            teams = {team.id: team for team in await tables.people.teams_of(caller.person_id)}
            if team_id not in teams:
                raise UnknownAccount("You are not in that team.")
            before = await tables.credentials.holder(caller.credential_id)
            until = before.credential.expires_at if before else None
            await tables.credentials.close(caller.credential_id, now)
            team = teams[team_id]
            secret, _ = await self._begin(tables, caller.person_id, team, client.name, until)
            return secret

    async def change_password(self, caller: Caller, current: str, new: str, client: Client) -> str:
        """All other sessions end, this one goes on under the secret that is returned.

        Raises SignInError where `current` is not the password, AccountError for a weak new one.
        """
        self._wrong.check(caller.email, time.monotonic())
        async with self._office.tables.read() as tables:
            person = await tables.people.person(caller.person_id)
        kept = person.password if person else None
        if kept is None:
            raise AccountError("You sign in without a password here; there is none to change.")
        if not await self._office.passwords.fits(current, kept):
            self._wrong.count(caller.email, time.monotonic())
            raise SignInError("The current password is wrong.")
        changed = await self._office.passwords.hash(new, caller.email, caller.name)
        now = self._office.now()
        async with self._office.tables.write() as tables:
            await tables.people.change_person(caller.person_id, password=changed)
            await tables.credentials.close_all(caller.person_id, now)
            await record(tables, caller, Act.PASSWORD_CHANGED, "", now)
            team = await tables.people.team(caller.team_id)
            assert team is not None
            secret, _ = await self._begin(tables, caller.person_id, team, client.name)
            return secret

    # ---- what somebody is signed in with

    async def of(self, caller: Caller, kind: Kind) -> list[Credential]:
        """The caller's own in this team that have not run out, the latest used first."""
        now = self._office.now()
        async with self._office.tables.read() as tables:
            found = await tables.credentials.of(caller.person_id, caller.team_id, kind)
        return [one for one in found if self._lasts(one, now)]

    async def close(self, caller: Caller, credential_id: str) -> None:
        """End one of the caller's own; raises UnknownAccount."""
        async with self._office.tables.write() as tables:
            mine = await tables.credentials.of(caller.person_id, caller.team_id)
            found = next((one for one in mine if one.id == credential_id), None)
            if found is None:
                raise UnknownAccount(f"There is no session, token or device {credential_id!r}.")
            await tables.credentials.close(found.id, self._office.now())
            await record(tables, caller, _ENDED[Kind(found.kind)], found.name, self._office.now())

    async def teams(self, caller: Caller) -> list[Team]:
        """Those that the caller may enter."""
        async with self._office.tables.read() as tables:
            return list(await tables.people.teams_of(caller.person_id))

    async def has_password(self, caller: Caller) -> bool:
        async with self._office.tables.read() as tables:
            person = await tables.people.person(caller.person_id)
        return person is not None and person.password is not None

    async def _begin(
        self,
        tables: Tables,
        person_id: str,
        team: Team,
        name: str,
        until: datetime | None = None,
    ) -> tuple[str, Credential]:
        now, secret = self._office.now(), new_secret("session")
        until = until or now + timedelta(hours=self._office.settings.session_hours)
        made = Credential(
            new_id(), Kind.SESSION, person_id, team.id, name, "", now, now, until, None
        )
        await tables.credentials.add(made)
        await tables.credentials.add_secret(
            Secret(digest(secret), made.id, Proof.SESSION, until, None)
        )
        return secret, made

    async def _note_failure(self, person: Person | None, email: str, client: Client) -> None:
        """In the log of the person's teams; of nobody's where there is no such person."""
        who = email.replace("\0", "")[:254]
        async with self._office.tables.write() as tables:
            teams = await tables.people.teams_of(person.id) if person else ()
            for team_id in [team.id for team in teams] or [""]:
                person_id = person.id if person else ""
                nobody = Caller(person_id, who, who, team_id, "", frozenset(), frozenset())
                told = msgspec.structs.replace(nobody, address=client.address)
                await record(tables, told, Act.SIGN_IN_FAILED, "wrong password", self._office.now())


_ENDED = {
    Kind.SESSION: Act.SESSION_ENDED,
    Kind.TOKEN: Act.TOKEN_REVOKED,
    Kind.DEVICE: Act.DEVICE_REVOKED,
}
"""How the end of each kind of credential is written down."""


def _over(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
