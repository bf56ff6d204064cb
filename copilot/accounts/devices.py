"""Pairing of the browser extension: the device grant (RFC 8628) and its family of tokens."""

from datetime import datetime, timedelta
from typing import NamedTuple

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller, caller_of
from copilot.accounts.client import Client
from copilot.accounts.office import Office
from copilot.accounts.roles import EXTENSION, GRANTABLE, read_scopes, write
from copilot.accounts.secrets import digest, new_code, new_id, new_secret, read_code
from copilot.errors import AccountError, UnknownAccount
from copilot.store.accounts.database import Tables
from copilot.store.accounts.rows import Credential, Device, Kind, Pairing, Proof, Secret

CLIENT = "extension"
CODE_SECONDS = 600
POLL_SECONDS = 2
ACCESS_SECONDS = 900
REFRESH_DAYS = 30
"""Without a refresh for so long the device must be paired again."""
FAMILY_DAYS = 180
"""After so long it must be paired again whatever happens."""
GRACE_SECONDS = 30
"""A refresh token may be used again for so long: the first answer may have been lost."""


class Refused(Exception):
    """An error of RFC 6749 or 8628, by its name there."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Asked(NamedTuple):
    """What a device that asks is told."""

    device_code: str
    user_code: str


class Pair(NamedTuple):
    """Tokens, and for whom."""

    access: str
    refresh: str
    caller: Caller


class Devices:
    """Devices ask, people answer, tokens are exchanged and revoked."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def ask(self, client_id: str, scope: str, client: Client) -> Asked:
        """Begin a pairing; raises Refused."""
        _check_client(client_id)
        wanted = read_scopes(scope) & GRANTABLE if scope else EXTENSION
        if not wanted:
            raise Refused("invalid_scope", f"scope = {scope!r} names nothing that can be given")
        now, secret, code = self._office.now(), new_secret("device"), new_code()
        until = now + timedelta(seconds=CODE_SECONDS)
        made = Device(
            digest(secret), code, client.name, client.address[:64], write(wanted), Pairing.OPEN,
            now, until, None, None, None,
        )  # fmt: skip
        async with self._office.tables.write() as tables:
            await tables.credentials.tidy(now - timedelta(days=1))
            await tables.credentials.add_device(made)
        return Asked(secret, code)

    async def look(self, user_code: str) -> Device:
        """The device that shows this code and waits; raises UnknownAccount."""
        async with self._office.tables.read() as tables:
            return await self._look(tables, user_code)

    async def answer(self, caller: Caller, user_code: str, approve: bool) -> Device:
        """Let the device act for the caller in their team, or not; raises UnknownAccount.

        Raises AccountError where nobody signs in.
        """
        if caller.kind is None:
            raise AccountError("Sign-in is off: nothing needs to be paired.")
        now = self._office.now()
        act, state = (
            (Act.DEVICE_PAIRED, Pairing.APPROVED)
            if approve
            else (Act.DEVICE_REFUSED, Pairing.REFUSED)
        )
        async with self._office.tables.write() as tables:
            device = await self._look(tables, user_code)
            answered = await tables.credentials.answer(
                device.digest, Pairing.OPEN, state, caller.person_id, caller.team_id
            )
            if not answered:
                raise UnknownAccount(_NO_CODE)
            told = f"{device.name} at {device.address}, code {device.user_code}"
            await record(tables, caller, act, told, now)
        return device

    async def exchange(self, client_id: str, device_code: str) -> Pair:
        """Tokens for a device that was approved; raises Refused while it is not."""
        _check_client(client_id)
        now = self._office.now()
        async with self._office.tables.write() as tables:
            device = await tables.credentials.device(digest(device_code))
            if device is None:
                raise Refused("invalid_grant", "no such device_code: begin again")
            if device.expires_at <= now:
                raise Refused("expired_token", "the code is out of date: begin again")
            early = _early(device, now)
            await tables.credentials.asked(device.digest, now)
            if device.state == Pairing.APPROVED:
                return await self._begin(tables, device)
        raise _waiting(device, early)

    async def refresh(self, token: str) -> Pair:
        """The next pair of a family; raises Refused, and ends a family whose token was copied."""
        now = self._office.now()
        async with self._office.tables.write() as tables:
            found = await tables.credentials.proven(digest(token))
            if found is None or found[1].kind != Proof.REFRESH:
                raise Refused("invalid_grant", "the refresh token is not good any more: pair again")
            holder, secret = found
            family = holder.credential
            if _over(secret.expires_at, now) or _over(family.expires_at, now):
                raise Refused("invalid_grant", "the refresh token is out of date: pair again")
            copied = secret.used_at is not None and (
                now - secret.used_at > timedelta(seconds=GRACE_SECONDS)
            )
            if not copied:
                await tables.credentials.use_secret(secret.digest, now)
                await tables.credentials.seen(family.id, now)
                return await self._pair(tables, family, now)
            await tables.credentials.close(family.id, now)
            caller = caller_of(holder)
            await record(tables, caller, Act.DEVICE_TOKEN_REUSED, family.name, now)
        raise Refused("invalid_grant", "the refresh token was used twice: pair again")

    async def revoke(self, token: str) -> None:
        """End the whole family of a token; one that is none is passed over (RFC 7009)."""
        now = self._office.now()
        async with self._office.tables.write() as tables:
            found = await tables.credentials.proven(digest(token))
            if found is None or found[1].kind == Proof.SESSION:
                return
            holder, _ = found
            if await tables.credentials.close(holder.credential.id, now):
                act = Act.DEVICE_REVOKED
                if holder.credential.kind == Kind.TOKEN:
                    act = Act.TOKEN_REVOKED
                await record(tables, caller_of(holder), act, holder.credential.name, now)

    async def _begin(self, tables: Tables, device: Device) -> Pair:
        """The family of a device that was approved just now; raises Refused."""
        now = self._office.now()
        if not await tables.credentials.answer(device.digest, Pairing.APPROVED, Pairing.USED):
            raise Refused("invalid_grant", "the device_code has been used: begin again")
        assert device.person_id is not None
        assert device.team_id is not None
        family = Credential(
            new_id(), Kind.DEVICE, device.person_id, device.team_id, device.name, device.scopes,
            now, now, now + timedelta(days=FAMILY_DAYS), None,
        )  # fmt: skip
        await tables.credentials.add(family)
        return await self._pair(tables, family, now)

    async def _pair(self, tables: Tables, family: Credential, now: datetime) -> Pair:
        holder = await tables.credentials.holder(family.id)
        if holder is None:
            raise Refused("access_denied", "the person is not in the team any more")
        access, refresh = new_secret("access"), new_secret("refresh")
        await tables.credentials.forget_secrets(now, family.id)
        for secret, proof, life in (
            (access, Proof.ACCESS, timedelta(seconds=ACCESS_SECONDS)),
            (refresh, Proof.REFRESH, timedelta(days=REFRESH_DAYS)),
        ):
            made = Secret(digest(secret), family.id, proof, now + life, None)
            await tables.credentials.add_secret(made)
        return Pair(access, refresh, caller_of(holder))

    async def _look(self, tables: Tables, user_code: str) -> Device:
        device = await tables.credentials.device_with(read_code(user_code))
        gone = device is None or device.state != Pairing.OPEN
        if device is None or gone or device.expires_at <= self._office.now():
            raise UnknownAccount(_NO_CODE)
        return device


_NO_CODE = "No device waits with that code. Codes hold ten minutes; begin again on the device."


def _check_client(client_id: str) -> None:
    if client_id != CLIENT:
        raise Refused("invalid_client", f"client_id = {client_id!r}: write {CLIENT}")


def _early(device: Device, now: datetime) -> bool:
    asked = device.asked_at
    # A tenth less than told: clocks and networks are not exact.
    return asked is not None and (now - asked).total_seconds() < 0.9 * POLL_SECONDS


def _waiting(device: Device, early: bool) -> Refused:
    match device.state:
        case Pairing.REFUSED:
            return Refused("access_denied", "the person refused the device")
        case Pairing.OPEN if early:
            return Refused("slow_down", f"ask every {POLL_SECONDS} s")
        case Pairing.OPEN:
            return Refused("authorization_pending", "nobody has answered yet")
        case _:
            return Refused("invalid_grant", "the device_code has been used: begin again")


def _over(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
