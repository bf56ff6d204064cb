"""Signing in and out, and joining by a link."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from copilot.accounts.caller import Caller
from copilot.accounts.links import for_password
from copilot.accounts.roles import read_roles, spoken
from copilot.accounts.service import Accounts
from copilot.errors import AccountError, SignInError, TooOften
from copilot.web import access
from copilot.web.access import FORM, SIGNED_IN, Me, limited
from copilot.web.pages import AnyRequest, go, page

Desk = NamedDependency[SkipValidation[Accounts]]
Visitor = NamedDependency[SkipValidation[Caller | None]]


@get("/sign-in", guards=[FORM], include_in_schema=False)
async def form(request: AnyRequest, caller: Visitor, accounts: Desk) -> Response[str] | Redirect:
    """The form; who is signed in already goes on."""
    to = local(request.query_params.get("next", "/"))
    if caller is not None:
        return go(to)
    return await sign_in_page(request, accounts, to)


@post("/sign-in", guards=[FORM], middleware=[limited("sign-in", 60)], include_in_schema=False)
async def sign_in(request: AnyRequest, caller: Visitor, accounts: Desk) -> Response[str] | Redirect:
    """A new session, whatever the browser had before."""
    given = await fields(request)
    to, email = local(given.get("next", "/")), given.get("email", "")
    try:
        secret = await accounts.sessions.sign_in(
            email, given.get("password", ""), access.client(request)
        )
    except (SignInError, TooOften) as error:
        status = 429 if isinstance(error, TooOften) else 401
        return await sign_in_page(
            request, accounts, to, email=email, fault=str(error), status=status
        )
    if caller is not None:
        await accounts.sessions.end(caller)
        await accounts.presence.check()
    return go(to, access.signed_in(request, secret, accounts))


@post("/sign-out", guards=[SIGNED_IN], include_in_schema=False)
async def sign_out(request: AnyRequest, caller: Me, accounts: Desk) -> Redirect:
    """The session ends, and what it has open with it."""
    await accounts.sessions.end(caller)
    await accounts.presence.check()
    return go("/sign-in", access.signed_out(request))


@get("/join/{secret:str}", guards=[FORM], middleware=[limited("join", 60)], include_in_schema=False)
async def invited(
    request: AnyRequest, secret: FromPath[str], caller: Visitor, accounts: Desk
) -> Response[str]:
    """What the link leads to."""
    return await _invited(request, secret, caller, accounts)


@post(
    "/join/{secret:str}", guards=[FORM], middleware=[limited("join", 60)], include_in_schema=False
)
async def join(
    request: AnyRequest, secret: FromPath[str], caller: Visitor, accounts: Desk
) -> Response[str] | Redirect:
    """Into the team, with a new account or with the one that is signed in."""
    given = await fields(request)
    email, name = given.get("email", ""), given.get("name", "")
    client = access.client(request)
    try:
        if "password" in given and "name" not in given:
            session = await accounts.joining.set_password(secret, given["password"], client)
            await accounts.presence.check()
        elif caller is not None and caller.kind is not None:
            session = await accounts.joining.accept_as(caller, secret, client)
            await accounts.presence.check()
        else:
            session = await accounts.joining.accept(
                secret, email, name, given.get("password", ""), client
            )
    except AccountError as error:
        return await _invited(
            request, secret, caller, accounts, email=email, name=name, fault=str(error), status=400
        )
    return go("/", access.signed_in(request, session, accounts))


def local(to: str) -> str:
    """A path of this site to go on to; anything else becomes the first page."""
    parts = urlsplit(to)
    ours = to.startswith("/") and not to.startswith("//") and "\\" not in to and to.isprintable()
    return to if ours and not parts.scheme and not parts.netloc else "/"


async def fields(request: AnyRequest) -> dict[str, str]:
    """The text fields of a form; of one that is there twice the last."""
    form = await request.form()
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def sign_in_page(
    request: AnyRequest,
    accounts: Accounts,
    to: str,
    email: str = "",
    fault: str = "",
    status: int = 200,
    cookies: Sequence[Cookie] = (),
) -> Response[str]:
    """The form, again with what went wrong."""
    oidc = accounts.office.settings.oidc
    return await page(
        request,
        "sign-in.html",
        status=status,
        cookies=cookies,
        to=to,
        email=email,
        fault=fault,
        provider=oidc.name if oidc.issuer else "",
        empty=not await accounts.joining.anybody(),
    )


async def _invited(
    request: AnyRequest,
    secret: str,
    caller: Caller | None,
    accounts: Accounts,
    email: str = "",
    name: str = "",
    fault: str = "",
    status: int = 200,
) -> Response[str]:
    invitation, team, known = await accounts.joining.look(secret)
    oidc = accounts.office.settings.oidc
    return await page(
        request,
        "join.html",
        status=status,
        secret=secret,
        invitation=invitation,
        resets=for_password(invitation),
        team=team,
        known=known,
        what=spoken(read_roles(invitation.roles)),
        email=email,
        name=name,
        fault=fault,
        provider=oidc.name if oidc.issuer and invitation.email else "",
    )


ROUTES = (form, sign_in, sign_out, invited, join)
