"""Who asks: the person, the team they act in, and what they may do there."""

import msgspec
from msgspec import Struct

from copilot.accounts.client import Client
from copilot.accounts.roles import GRANTABLE, Role, Scope, read_roles, read_scopes, scopes_of
from copilot.ports import DEFAULT_TEAM, Owner
from copilot.store.accounts.rows import Holder, Kind

LOCAL = "local"
"""Id of whoever sits at the machine while sign-in is off."""


class Caller(Struct, frozen=True):
    """Somebody who has shown who they are."""

    person_id: str
    name: str
    email: str
    team_id: str
    team: str
    """The team's name."""
    roles: frozenset[Role]
    scopes: frozenset[Scope]
    """What they may do, by their roles and as far as the credential reaches."""
    operator: bool = False
    credential_id: str = ""
    kind: Kind | None = None
    """None: sign-in is off."""
    address: str = ""
    """Network address that the request came from."""

    @property
    def owner(self) -> Owner:
        """Whose the calls are that they place."""
        return Owner(self.team_id, self.person_id)

    @property
    def known_as(self) -> str:
        """How records name them."""
        return self.email or self.name

    @property
    def sees_team(self) -> bool:
        """Whether they see all calls of the team, not only their own."""
        return Scope.CALLS_WATCH in self.scopes

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


def everybody(address: str = "") -> Caller:
    """The local admin, which everybody is while sign-in is off."""
    return Caller(
        LOCAL,
        "Local admin",
        "",
        DEFAULT_TEAM,
        DEFAULT_TEAM,
        frozenset({Role.ADMIN}),
        frozenset(Scope),
        operator=True,
        address=address,
    )


def caller_of(holder: Holder, address: str = "") -> Caller:
    """Whom a credential stands for now: roles count as they are, not as they were."""
    credential = holder.credential
    roles = read_roles(holder.roles)
    scopes = scopes_of(roles, holder.operator)
    if credential.kind != Kind.SESSION:
        scopes &= GRANTABLE & read_scopes(credential.scopes)
    return Caller(
        credential.person_id,
        holder.name,
        holder.email,
        credential.team_id,
        holder.team,
        roles,
        scopes,
        holder.operator,
        credential.id,
        Kind(credential.kind),
        address,
    )


def at(caller: Caller, client: Client) -> Caller:
    """The same, seen from where the request comes."""
    return msgspec.structs.replace(caller, address=client.address[:64])
