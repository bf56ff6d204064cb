"""The team's people for its admins: invite, give roles, sign out, remove; and all teams."""

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Role, Scope, read_roles
from copilot.accounts.service import Accounts
from copilot.errors import AccountError
from copilot.web.access import Me, Needs
from copilot.web.accounts.signin import Desk, fields
from copilot.web.api.accounts import join_link
from copilot.web.pages import AnyRequest, go, page

READS, WRITES = Needs(Scope.PEOPLE_READ), Needs(Scope.PEOPLE_WRITE)
TEAMS = Needs(Scope.TEAMS_WRITE)
_TOLD = {
    "roles": "The roles are changed. They count from now on, for everything that is open, too.",
    "removed": "They are out of the team, and all that they had open has ended.",
    "signed-out": "All that they had open has ended. They can sign in again.",
    "taken-back": "The invitation is taken back; its link is void.",
    "team": "The team is made, and you are its first admin. Enter it to invite others.",
}


@get("/people", guards=[READS], include_in_schema=False)
async def people(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """Who is in the team, and who is invited."""
    told = _TOLD.get(request.query_params.get("told", ""), "")
    return await _people(request, caller, accounts, told=told)


@post("/people/invitations", guards=[WRITES], include_in_schema=False)
async def invite(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """Make a link and show it, this once."""
    email = (await fields(request)).get("email", "")
    roles = await _roles(request)
    try:
        made, secret = await accounts.people.invite(caller, email, roles)
    except AccountError as error:
        return await _people(
            request, caller, accounts, at="invite", fault=str(error), email=email, chosen=roles
        )
    link = join_link(request, secret)
    return await _people(request, caller, accounts, invited=made.email, link=link)


@post("/people/invitations/{invitation_id:str}/take-back", guards=[WRITES], include_in_schema=False)
async def take_back(invitation_id: FromPath[str], caller: Me, accounts: Desk) -> Redirect:
    """Make a link void."""
    await accounts.people.take_back(caller, invitation_id)
    return go("/people?told=taken-back")


@post("/people/{person_id:str}/roles", guards=[WRITES], include_in_schema=False)
async def set_roles(
    request: AnyRequest, person_id: FromPath[str], caller: Me, accounts: Desk
) -> Response[str] | Redirect:
    """Make somebody something else."""
    try:
        await accounts.people.set_roles(caller, person_id, await _roles(request))
    except AccountError as error:
        return await _people(request, caller, accounts, at=person_id, fault=str(error))
    await accounts.presence.check()
    return go("/people?told=roles")


@post("/people/{person_id:str}/sign-out", guards=[WRITES], include_in_schema=False)
async def sign_out(person_id: FromPath[str], caller: Me, accounts: Desk) -> Redirect:
    """End all that somebody has open in the team."""
    await accounts.people.end_access(caller, person_id)
    await accounts.presence.check()
    return go("/people?told=signed-out")


@post("/people/{person_id:str}/password-link", guards=[WRITES], include_in_schema=False)
async def password_link(
    request: AnyRequest, person_id: FromPath[str], caller: Me, accounts: Desk
) -> Response[str]:
    """A link to a new password, shown this once."""
    try:
        made, secret = await accounts.people.password_link(caller, person_id)
    except AccountError as error:
        return await _people(request, caller, accounts, at=person_id, fault=str(error))
    link = join_link(request, secret)
    return await _people(request, caller, accounts, invited=made.email, link=link)


@post("/people/{person_id:str}/remove", guards=[WRITES], include_in_schema=False)
async def remove(
    request: AnyRequest, person_id: FromPath[str], caller: Me, accounts: Desk
) -> Response[str] | Redirect:
    """Take somebody out of the team."""
    try:
        await accounts.people.remove(caller, person_id)
    except AccountError as error:
        return await _people(request, caller, accounts, at=person_id, fault=str(error))
    await accounts.presence.check()
    return go("/people?told=removed")


@get("/teams", guards=[TEAMS], include_in_schema=False)
async def teams(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """All teams, for operators."""
    told = _TOLD.get(request.query_params.get("told", ""), "")
    return await _teams(request, caller, accounts, told=told)


@post("/teams", guards=[TEAMS], include_in_schema=False)
async def make_team(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str] | Redirect:
    """Make one."""
    name = (await fields(request)).get("name", "")
    try:
        await accounts.people.make_team(caller, name)
    except AccountError as error:
        return await _teams(request, caller, accounts, name=name, fault=str(error))
    return go("/teams?told=team")


async def _roles(request: AnyRequest) -> frozenset[Role]:
    """The roles that are ticked in the form."""
    form = await request.form()
    return read_roles(" ".join(str(one) for one in form.getall("role", [])))


async def _people(
    request: AnyRequest,
    caller: Caller,
    accounts: Accounts,
    at: str = "",
    fault: str = "",
    told: str = "",
    email: str = "",
    chosen: frozenset[Role] = frozenset({Role.AGENT}),
    invited: str = "",
    link: str = "",
) -> Response[str]:
    members = await accounts.people.members(caller)
    return await page(
        request,
        "people.html",
        status=400 if fault else 200,
        members=[(member, read_roles(member.roles)) for member in members],
        invitations=[
            (one, read_roles(one.roles)) for one in await accounts.people.invitations(caller)
        ],
        hours=accounts.office.settings.invitation_hours,
        at=at,
        fault=fault,
        told=told,
        email=email,
        chosen=chosen,
        invited=invited,
        link=link,
    )


async def _teams(
    request: AnyRequest,
    caller: Caller,
    accounts: Accounts,
    name: str = "",
    fault: str = "",
    told: str = "",
) -> Response[str]:
    return await page(
        request,
        "teams.html",
        status=400 if fault else 200,
        teams=await accounts.people.teams(),
        mine={team.id for team in await accounts.sessions.teams(caller)},
        name=name,
        fault=fault,
        told=told,
    )


ROUTES = (people, invite, take_back, set_roles, sign_out, password_link, remove, teams, make_team)
