"""API tokens: made by a person for a program, shown once, limited to scopes."""

from collections.abc import Collection
from datetime import timedelta

from copilot.accounts.audit import Act, record
from copilot.accounts.caller import Caller
from copilot.accounts.office import Office
from copilot.accounts.roles import GRANTABLE, Scope, write
from copilot.accounts.secrets import digest, new_id, new_secret
from copilot.errors import AccountError
from copilot.store.accounts.rows import Credential, Kind, Proof, Secret

MOST_DAYS = 366
"""The longest that a token can be made for; without a length it holds until it is revoked."""


class Tokens:
    """The caller's own, in the team they act in; they are listed and ended as sessions are."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def make(
        self, caller: Caller, name: str, scopes: Collection[Scope], days: int | None = None
    ) -> tuple[Credential, str]:
        """A token and its secret, which nobody can read again; raises AccountError."""
        name = " ".join(name.split())
        if not name or len(name) > 120 or not name.isprintable():
            raise AccountError("Name the token after what uses it, in 120 characters at most.")
        wanted = frozenset(scopes)
        if not wanted:
            raise AccountError("Choose at least one scope.")
        if beyond := sorted(wanted - (GRANTABLE & caller.scopes)):
            raise AccountError(f"You cannot give {', '.join(beyond)}: you do not have it to give.")
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise AccountError(f"{days} days: a token holds 1 to {MOST_DAYS} days.")
        now, secret = self._office.now(), new_secret("token")
        until = now + timedelta(days=days) if days is not None else None
        made = Credential(
            new_id(), Kind.TOKEN, caller.person_id, caller.team_id, name, write(wanted), now, now,
            until, None,
        )  # fmt: skip
        async with self._office.tables.write() as tables:
            if await tables.people.member(caller.team_id, caller.person_id) is None:
                raise AccountError("Sign-in is off: programs need no token.")
            await tables.credentials.add(made)
            await tables.credentials.add_secret(
                Secret(digest(secret), made.id, Proof.TOKEN, until, None)
            )
            told = f"{name}: {write(wanted)}"
            await record(tables, caller, Act.TOKEN_MADE, told, now)
        return made, secret
