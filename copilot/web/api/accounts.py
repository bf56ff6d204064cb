"""People, invitations, tokens, teams and the audit log for programs."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation
from msgspec import Meta, Struct

from copilot.accounts.roles import Role, Scope, read_roles, read_scopes
from copilot.accounts.service import Accounts
from copilot.store.accounts.rows import Credential, Deed, Invitation, Kind, Member, Team
from copilot.web.access import SIGNED_IN, Me, Needs
from copilot.web.pages import AnyRequest

Desk = NamedDependency[SkipValidation[Accounts]]
"""How a handler asks for ``accounts``."""


class MeOut(Struct, frozen=True):
    """Who asks."""

    name: str
    email: str
    team: str
    roles: list[Role]
    scopes: list[Scope]
    sign_in: bool
    """False: everybody is the local admin."""


class PersonOut(Struct, frozen=True):
    """Somebody in the team."""

    id: str
    email: str
    name: str
    roles: list[Role]
    joined_at: datetime


class InvitationOut(Struct, frozen=True):
    """A link into the team that can still be used."""

    id: str
    email: str
    roles: list[Role]
    created_at: datetime
    created_by: str
    expires_at: datetime


class InvitationMade(InvitationOut, frozen=True):
    """The same, once, with the link."""

    link: str


class Invite(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to invite as what."""

    email: Annotated[str, Meta(max_length=254)]
    roles: Annotated[list[Role], Meta(min_length=1)]


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody is from now on."""

    roles: Annotated[list[Role], Meta(min_length=1)]


class TokenOut(Struct, frozen=True):
    """One of the caller's own tokens, without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime | None


class TokenMade(TokenOut, frozen=True):
    """The same, once, with the secret."""

    token: str


class TokenAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    scopes: Annotated[list[Scope], Meta(min_length=1)]
    days: Annotated[int, Meta(ge=1, le=366)] | None = None
    """Until it runs out; null: never."""


class TeamOut(Struct, frozen=True):
    """A tenant."""

    id: str
    name: str
    created_at: datetime


class TeamAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """A team to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]


class DeedOut(Struct, frozen=True):
    """One line of the audit log."""

    id: int
    at: datetime
    who: str
    act: str
    what: str
    address: str


@get("/me", guards=[SIGNED_IN], summary="Who asks")
async def me(caller: Me, accounts: Desk) -> MeOut:
    """Name, team, roles and scopes of the caller."""
    return described(caller, accounts)


@get("/people", guards=[Needs(Scope.PEOPLE_READ)], summary="People of the team")
async def people(caller: Me, accounts: Desk) -> list[PersonOut]:
    """By name."""
    return [_person(member) for member in await accounts.people.members(caller)]


@get("/people/{person_id:str}", guards=[Needs(Scope.PEOPLE_READ)], summary="One of them")
async def person(person_id: FromPath[str], caller: Me, accounts: Desk) -> PersonOut:
    """404 for somebody who is not in the team."""
    return _person(await accounts.people.member(caller, person_id))


@patch("/people/{person_id:str}", guards=[Needs(Scope.PEOPLE_WRITE)], summary="Change roles")
async def set_roles(
    person_id: FromPath[str], data: JSONBody[Roles], caller: Me, accounts: Desk
) -> PersonOut:
    """From the next request on; streams and calls that need a lost role end at once."""
    changed = await accounts.people.set_roles(caller, person_id, set(data.roles))
    await accounts.presence.check()
    return _person(changed)


@delete("/people/{person_id:str}", guards=[Needs(Scope.PEOPLE_WRITE)], summary="Remove somebody")
async def remove(person_id: FromPath[str], caller: Me, accounts: Desk) -> None:
    """All that they have open in the team ends at once."""
    await accounts.people.remove(caller, person_id)
    await accounts.presence.check()


@get("/invitations", guards=[Needs(Scope.PEOPLE_READ)], summary="Open invitations")
async def invitations(caller: Me, accounts: Desk) -> list[InvitationOut]:
    """Newest first."""
    return [_invitation(one) for one in await accounts.people.invitations(caller)]


@post("/invitations", guards=[Needs(Scope.PEOPLE_WRITE)], summary="Invite somebody")
async def invite(
    data: JSONBody[Invite], caller: Me, accounts: Desk, request: AnyRequest
) -> InvitationMade:
    """The link is in the answer and nowhere else: pass it on."""
    made, secret = await accounts.people.invite(caller, data.email, set(data.roles))
    values = msgspec.structs.asdict(_invitation(made))
    return InvitationMade(**values, link=join_link(request, secret))


@delete(
    "/invitations/{invitation_id:str}",
    guards=[Needs(Scope.PEOPLE_WRITE)],
    summary="Take an invitation back",
)
async def take_back(invitation_id: FromPath[str], caller: Me, accounts: Desk) -> None:
    """Its link is void from now on."""
    await accounts.people.take_back(caller, invitation_id)


@get("/tokens", guards=[SIGNED_IN], summary="One's own tokens")
async def tokens(caller: Me, accounts: Desk) -> list[TokenOut]:
    """The latest used first."""
    return [_token(one) for one in await accounts.sessions.of(caller, Kind.TOKEN)]


@post("/tokens", guards=[Needs(Scope.ACCOUNT)], summary="Make a token")
async def make_token(data: JSONBody[TokenAsked], caller: Me, accounts: Desk) -> TokenMade:
    """Needs a session: no token makes another. The secret is in the answer and nowhere else."""
    made, secret = await accounts.tokens.make(caller, data.name, data.scopes, data.days)
    return TokenMade(**msgspec.structs.asdict(_token(made)), token=secret)


@delete("/tokens/{token_id:str}", guards=[Needs(Scope.ACCOUNT)], summary="Revoke a token")
async def revoke_token(token_id: FromPath[str], caller: Me, accounts: Desk) -> None:
    """What it has open ends at once."""
    await accounts.sessions.close(caller, token_id)
    await accounts.presence.check()


@get("/teams", guards=[Needs(Scope.TEAMS_WRITE)], summary="All teams")
async def teams(accounts: Desk) -> list[TeamOut]:
    """For operators, by name."""
    return [_team(team) for team in await accounts.people.teams()]


@post("/teams", guards=[Needs(Scope.TEAMS_WRITE)], summary="Make a team")
async def make_team(data: JSONBody[TeamAsked], caller: Me, accounts: Desk) -> TeamOut:
    """Its first admin is the caller, who invites others from within it."""
    return _team(await accounts.people.make_team(caller, data.name))


@get("/audit", guards=[Needs(Scope.AUDIT_READ)], summary="The team's audit log")
async def audit(
    caller: Me,
    accounts: Desk,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    before: FromQuery[int | None] = None,
) -> list[DeedOut]:
    """Newest first; `before` is the id of the last one that is known."""
    return [_deed(deed) for deed in await accounts.audit.page(caller, limit, before)]


def described(caller: Me, accounts: Accounts) -> MeOut:
    """The caller as programs see them."""
    return MeOut(
        caller.name,
        caller.email,
        caller.team,
        sorted(caller.roles),
        sorted(caller.scopes),
        accounts.required,
    )


def join_link(request: AnyRequest, secret: str) -> str:
    """Where an invitation is accepted."""
    return f"{str(request.base_url).rstrip('/')}/join/{secret}"


def _person(member: Member) -> PersonOut:
    roles = sorted(read_roles(member.roles))
    return PersonOut(member.id, member.email, member.name, roles, member.joined_at)


def _invitation(one: Invitation) -> InvitationOut:
    roles = sorted(read_roles(one.roles))
    return InvitationOut(one.id, one.email, roles, one.created_at, one.created_by, one.expires_at)


def _token(one: Credential) -> TokenOut:
    scopes = sorted(read_scopes(one.scopes))
    return TokenOut(one.id, one.name, scopes, one.created_at, one.seen_at, one.expires_at)


def _team(team: Team) -> TeamOut:
    return TeamOut(team.id, team.name, team.created_at)


def _deed(deed: Deed) -> DeedOut:
    return DeedOut(deed.id, deed.at, deed.who, deed.act, deed.what, deed.address)


router = Router(
    "/api/v1",
    route_handlers=[
        me,
        people,
        person,
        set_roles,
        remove,
        invitations,
        invite,
        take_back,
        tokens,
        make_token,
        revoke_token,
        teams,
        make_team,
        audit,
    ],
    tags=["accounts"],
)
