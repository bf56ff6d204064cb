"""Credentials, their secrets, and devices that ask for some, in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy import delete as remove
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.store.accounts.rows import Credential, Device, Holder, Kind, Pairing, Secret
from copilot.store.accounts.tables import (
    CredentialTable,
    DeviceTable,
    MembershipTable,
    PersonTable,
    SecretTable,
    TeamTable,
)
from copilot.store.query import changed, columns, every, one, values

_CREDENTIAL = columns(CredentialTable, Credential)
_SECRET = columns(SecretTable, Secret)
_DEVICE = columns(DeviceTable, Device)
_OPEN = CredentialTable.closed_at.is_(None)


class Credentials:
    """What one connection reads and writes of them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, credential: Credential) -> None:
        await self._connection.execute(insert(CredentialTable).values(values(credential)))

    async def holder(self, credential_id: str) -> Holder | None:
        """Who it stands for; None where it is closed, or the person has left its team."""
        return await self._holder(_holders().where(CredentialTable.id == credential_id))

    async def of(self, person_id: str, team_id: str, kind: Kind | None = None) -> list[Credential]:
        """The person's open ones in the team, the latest used first."""
        query = select(*_CREDENTIAL).where(
            CredentialTable.person_id == person_id, CredentialTable.team_id == team_id, _OPEN
        )
        if kind is not None:
            query = query.where(CredentialTable.kind == kind)
        query = query.order_by(CredentialTable.seen_at.desc(), CredentialTable.id)
        return list(await every(self._connection, Credential, query))

    async def close(self, credential_id: str, now: datetime) -> bool:
        """Whether it was open."""
        which = (CredentialTable.id == credential_id) & _OPEN
        return await changed(
            self._connection, update(CredentialTable).where(which).values(closed_at=now)
        )

    async def close_all(
        self, person_id: str, now: datetime, team_id: str | None = None, but: str = ""
    ) -> None:
        """Those of the person, in one team or in all, except one."""
        query = update(CredentialTable).values(closed_at=now)
        query = query.where(
            CredentialTable.person_id == person_id, CredentialTable.id != but, _OPEN
        )
        if team_id is not None:
            query = query.where(CredentialTable.team_id == team_id)
        await self._connection.execute(query)

    async def seen(self, credential_id: str, now: datetime) -> None:
        which = CredentialTable.id == credential_id
        await self._connection.execute(update(CredentialTable).where(which).values(seen_at=now))

    # ---- secrets

    async def proven(self, digest: str) -> tuple[Holder, Secret] | None:
        """The secret and who has it; None where it proves nothing any more."""
        query = select(*_SECRET).where(SecretTable.digest == digest)
        secret = await one(self._connection, Secret, query)
        holder = secret and await self.holder(secret.credential_id)
        return (holder, secret) if holder and secret else None

    async def secret(self, digest: str) -> Secret | None:
        query = select(*_SECRET).where(SecretTable.digest == digest)
        return await one(self._connection, Secret, query)

    async def add_secret(self, secret: Secret) -> None:
        await self._connection.execute(insert(SecretTable).values(values(secret)))

    async def use_secret(self, digest: str, now: datetime) -> bool:
        """Whether nobody had used it: of two that come at once only one has."""
        which = (SecretTable.digest == digest) & SecretTable.used_at.is_(None)
        return await changed(self._connection, update(SecretTable).where(which).values(used_at=now))

    async def forget_secrets(self, now: datetime, credential_id: str) -> None:
        """Of this credential those that have expired."""
        which = (SecretTable.credential_id == credential_id) & (SecretTable.expires_at < now)
        await self._connection.execute(remove(SecretTable).where(which))

    async def tidy(self, before: datetime) -> None:
        """Forget secrets and questions of devices that ended so long ago."""
        closed = select(CredentialTable.id).where(
            or_(CredentialTable.closed_at < before, CredentialTable.expires_at < before)
        )
        gone = SecretTable.credential_id.in_(closed) | (SecretTable.expires_at < before)
        await self._connection.execute(remove(SecretTable).where(gone))
        await self._connection.execute(remove(DeviceTable).where(DeviceTable.expires_at < before))

    # ---- devices that ask

    async def device(self, digest: str) -> Device | None:
        query = select(*_DEVICE).where(DeviceTable.digest == digest)
        return await one(self._connection, Device, query)

    async def device_with(self, user_code: str) -> Device | None:
        query = select(*_DEVICE).where(DeviceTable.user_code == user_code)
        return await one(self._connection, Device, query)

    async def add_device(self, device: Device) -> None:
        await self._connection.execute(insert(DeviceTable).values(values(device)))

    async def asked(self, digest: str, now: datetime) -> None:
        which = DeviceTable.digest == digest
        await self._connection.execute(update(DeviceTable).where(which).values(asked_at=now))

    async def answer(
        self,
        digest: str,
        before: Pairing,
        state: Pairing,
        person_id: str | None = None,
        team_id: str | None = None,
    ) -> bool:
        """Whether the question stood as `before`, so that one answer counts."""
        changes: dict[str, Any] = {"state": state}
        if person_id is not None:
            changes |= {"person_id": person_id, "team_id": team_id}
        which = (DeviceTable.digest == digest) & (DeviceTable.state == before)
        return await changed(self._connection, update(DeviceTable).where(which).values(changes))

    async def _holder(self, query: Select[Any]) -> Holder | None:
        found = (await self._connection.execute(query)).first()
        if found is None:
            return None
        size = len(_CREDENTIAL)
        return Holder(Credential(*found[:size]), *found[size:])


def _holders() -> Select[Any]:
    """Open credentials of people who are still in the team."""
    in_team = (MembershipTable.team_id == CredentialTable.team_id) & (
        MembershipTable.person_id == CredentialTable.person_id
    )
    return (
        select(
            *_CREDENTIAL,
            PersonTable.email,
            PersonTable.name,
            PersonTable.operator,
            TeamTable.name,
            MembershipTable.roles,
        )
        .join(PersonTable, PersonTable.id == CredentialTable.person_id)
        .join(TeamTable, TeamTable.id == CredentialTable.team_id)
        .join(MembershipTable, in_team)
        .where(_OPEN)
    )
