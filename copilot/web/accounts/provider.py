"""The way to the OpenID provider and back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from copilot.accounts.oidc import Journey, Provider, pack, unpack
from copilot.accounts.service import Accounts
from copilot.errors import SignInError
from copilot.web import access
from copilot.web.access import FORM, limited
from copilot.web.accounts.signin import Desk, Visitor, local, sign_in_page
from copilot.web.pages import AnyRequest, go

JOURNEY = "copilot-journey"
_SECONDS = 600
"""How long somebody may take at the provider."""
_BACK = "/sign-in/oidc/callback"


@get("/sign-in/oidc", guards=[FORM], middleware=[limited("oidc", 60)], include_in_schema=False)
async def leave(request: AnyRequest, accounts: Desk) -> Response[str] | Redirect:
    """To the provider."""
    to = local(request.query_params.get("next", "/"))
    try:
        url, journey = await _provider(accounts).begin(_redirect(request), to)
    except SignInError as error:
        return await sign_in_page(request, accounts, to, fault=str(error), status=502)
    kept = urlsafe_b64encode(pack(journey)).decode()
    cookie = access.cookie(request, JOURNEY, kept, _SECONDS)
    return Redirect(url, status_code=303, cookies=[cookie])


@get(_BACK, guards=[FORM], middleware=[limited("oidc", 60)], include_in_schema=False)
async def come_back(
    request: AnyRequest, caller: Visitor, accounts: Desk
) -> Response[str] | Redirect:
    """From the provider, with a new session where it says who it is."""
    gone = access.cookie(request, JOURNEY, "", 0)
    to = "/"
    try:
        journey = _journey(request)
        to = journey.to
        who = await _provider(accounts).finish(
            journey, _redirect(request), dict(request.query_params)
        )
        secret = await accounts.joining.accept_from(who, access.client(request))
    except SignInError as error:
        return await sign_in_page(
            request, accounts, to, fault=str(error), status=400, cookies=[gone]
        )
    if caller is not None:
        await accounts.sessions.end(caller)
        await accounts.presence.check()
    return go(to, [*access.signed_in(request, secret, accounts), gone])


def _journey(request: AnyRequest) -> Journey:
    kept = request.cookies.get(access.cookie_name(request, JOURNEY), "")
    try:
        return unpack(urlsafe_b64decode(kept.encode()))
    except ValueError:
        raise SignInError(
            "This sign-in took too long, or cookies are blocked. Try again."
        ) from None


def _redirect(request: AnyRequest) -> str:
    return f"{str(request.base_url).rstrip('/')}{_BACK}"


def _provider(accounts: Accounts) -> Provider:
    if accounts.provider is None:
        raise NotFoundException("No provider is set up; accounts.oidc in the settings names one.")
    return accounts.provider


ROUTES = (leave, come_back)
