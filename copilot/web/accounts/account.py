"""One's own account: team, password, sessions, devices, tokens."""

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from copilot.accounts.roles import GRANTABLE, Scope, read_scopes
from copilot.accounts.service import Accounts
from copilot.errors import AccountError, SignInError, TooOften
from copilot.store.accounts.rows import Kind
from copilot.web import access
from copilot.web.access import Me, Needs, limited
from copilot.web.accounts.signin import Desk, fields
from copilot.web.pages import AnyRequest, go, page

OWN = Needs(Scope.ACCOUNT)
_TOLD = {
    "password": "The password is changed. Your other sessions and devices have ended.",
    "ended": "It has ended.",
    "team": "You are in another team now.",
}


@get("/account", guards=[OWN], include_in_schema=False)
async def account(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """All about oneself."""
    told = _TOLD.get(request.query_params.get("told", ""), "")
    return await _account(request, caller, accounts, told=told)


@post(
    "/account/password", guards=[OWN], middleware=[limited("password", 20)], include_in_schema=False
)
async def change_password(
    request: AnyRequest, caller: Me, accounts: Desk
) -> Response[str] | Redirect:
    """Other sessions end, this one goes on under a new secret."""
    given = await fields(request)
    try:
        secret = await accounts.sessions.change_password(
            caller, given.get("current", ""), given.get("password", ""), access.client(request)
        )
    except (AccountError, SignInError, TooOften) as error:
        return await _account(request, caller, accounts, at="password", fault=str(error))
    await accounts.presence.check()
    return go("/account?told=password", access.signed_in(request, secret, accounts))


@post("/account/team", guards=[OWN], include_in_schema=False)
async def enter(request: AnyRequest, caller: Me, accounts: Desk) -> Redirect:
    """Into another of one's teams, with a session of its own."""
    team_id = (await fields(request)).get("team", "")
    secret = await accounts.sessions.enter(caller, team_id, access.client(request))
    await accounts.presence.check()
    return go("/account?told=team", access.signed_in(request, secret, accounts))


@post("/account/credentials/{token_id:str}/end", guards=[OWN], include_in_schema=False)
async def end(request: AnyRequest, token_id: FromPath[str], caller: Me, accounts: Desk) -> Redirect:
    """End a session, a device or a token of one's own."""
    await accounts.sessions.close(caller, token_id)
    await accounts.presence.check()
    return go("/account?told=ended")


@post("/account/tokens", guards=[OWN], include_in_schema=False)
async def make_token(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """Make one and show it, this once."""
    form = await request.form()
    scopes = read_scopes(" ".join(str(one) for one in form.getall("scope", [])))
    days = str(form.get("days", ""))
    try:
        made, secret = await accounts.tokens.make(
            caller, str(form.get("name", "")), scopes, int(days) if days.isdecimal() else None
        )
    except AccountError as error:
        return await _account(request, caller, accounts, at="token", fault=str(error))
    return await _account(request, caller, accounts, made=made.name, secret=secret)


async def _account(
    request: AnyRequest,
    caller: Me,
    accounts: Accounts,
    at: str = "",
    fault: str = "",
    told: str = "",
    made: str = "",
    secret: str = "",
) -> Response[str]:
    return await page(
        request,
        "account.html",
        status=400 if fault else 200,
        teams=await accounts.sessions.teams(caller),
        has_password=await accounts.sessions.has_password(caller),
        sessions=await accounts.sessions.of(caller, Kind.SESSION),
        devices=await accounts.sessions.of(caller, Kind.DEVICE),
        tokens=await accounts.sessions.of(caller, Kind.TOKEN),
        scopes=sorted(caller.scopes & GRANTABLE),
        at=at,
        fault=fault,
        told=told,
        made=made,
        secret=secret,
    )


ROUTES = (account, change_password, enter, end, make_token)
