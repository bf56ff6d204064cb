"""Who a request comes from, and what each route needs of them: declared there, enforced here."""

import ipaddress
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.params import SkipValidation

from copilot.accounts.caller import Caller, everybody
from copilot.accounts.client import Client
from copilot.accounts.roles import Scope
from copilot.accounts.secrets import derive, new_secret, same
from copilot.accounts.service import Accounts
from copilot.store.accounts.rows import Proof
from copilot.web.again import keep
from copilot.web.pages import AnyRequest, Visit
from copilot.web.phrases import SCOPES
from copilot.web.services import Services

COOKIE = "copilot"
VISIT = "copilot-visit"
"""Of a browser that is not signed in: what the forms there are bound to."""
HEADER = "X-CSRF-Token"
FIELD = "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIES = frozenset({Proof.SESSION})
_BEARERS = frozenset({Proof.TOKEN, Proof.ACCESS})

AnyConnection = ASGIConnection[Any, Any, Any, Any]
Me = NamedDependency[SkipValidation[Caller]]
"""How a handler asks for ``caller``."""


class Needs:
    """A guard: who may use the route it stands at.

    A session's requests that change something must carry its CSRF token, in the header
    ``X-CSRF-Token`` or the form field ``csrf``. Requests with a Bearer token need none: no browser
    sends one by itself. The caller is in ``request.user`` from here on.
    """

    def __init__(
        self, scope: Scope | None = None, *, anybody: bool = False, form: bool = False
    ) -> None:
        """Without a scope: anyone who is signed in."""
        self.scope = scope
        self.anybody = anybody
        """Also those who are not signed in."""
        self.form = form
        """The route shows or takes a form that is filled in before one is signed in."""

    async def __call__(self, connection: AnyConnection, _: BaseRouteHandler) -> None:
        request = connection
        assert isinstance(request, Request)
        caller, secret = await _identify(request, self.anybody)
        visit = _visit(request, secret, self.form)
        request.scope["user"], request.scope["auth"] = caller, visit
        if caller is None and not self.anybody:
            if request.method not in _SAFE:
                await keep(request)
            raise NotAuthorizedException("Sign in first.", headers={"WWW-Authenticate": "Bearer"})
        if caller is not None and self.scope is not None and not caller.may(self.scope):
            raise PermissionDeniedException(
                f"In team {caller.team} you may not {SCOPES[self.scope]} ({self.scope.value})."
            )
        if request.method not in _SAFE and visit.csrf:
            await _check_csrf(request, visit.csrf)


SIGNED_IN = Needs()
ANYBODY = Needs(anybody=True)
FORM = Needs(anybody=True, form=True)


def declared(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """A guard of the whole application: a route that does not say what it needs is nobody's."""
    if needs_of(handler) is None:
        raise PermissionDeniedException("This route does not say who may use it.")


def needs_of(handler: BaseRouteHandler) -> Needs | None:
    """What the route declares; the nearest to it counts."""
    found = [guard for guard in handler.resolve_guards() if isinstance(guard, Needs)]
    return found[-1] if found else None


def limited(name: str, per_minute: int) -> DefineMiddleware:
    """How often one network address may use a route; those of one name count together."""

    def key(request: AnyRequest) -> str:
        return f"{name} {address(request)}"

    return RateLimitConfig(("minute", per_minute), identifier_for_request=key).middleware


# ---- cookies


def signed_in(request: AnyRequest, secret: str, accounts: Accounts) -> list[Cookie]:
    """The cookies of a session that begins: a new secret, whatever the browser had before."""
    life = accounts.office.settings.session_hours * 3600
    return [cookie(request, COOKIE, secret, life), cookie(request, VISIT, "", 0)]


def signed_out(request: AnyRequest) -> list[Cookie]:
    return [cookie(request, COOKIE, "", 0)]


def secure(request: AnyRequest) -> bool:
    """Whether the browser talks https; a proxy in front says so in X-Forwarded-Proto."""
    return request.scope["scheme"] == "https"


def cookie_name(request: AnyRequest, name: str) -> str:
    """Over https no other host of the domain can set it (RFC 6265bis, section 4.1.3.2)."""
    return f"__Host-{name}" if secure(request) else name


def cookie(request: AnyRequest, name: str, value: str, life: int | None) -> Cookie:
    """One that no script reads; for `life` seconds, None: until the browser is closed."""
    return Cookie(
        key=cookie_name(request, name),
        value=value,
        max_age=life,
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure(request),
    )


# ---- who it is


def address(request: AnyRequest) -> str:
    """Network address of the client, as the server or the proxy in front sees it."""
    return request.client.host if request.client else ""


def client(request: AnyRequest) -> Client:
    return Client(address(request), request.headers.get("user-agent", ""))


async def _identify(request: AnyRequest, anybody: bool) -> tuple[Caller | None, str]:
    """The caller, and the secret of the session that the browser showed, if it did."""
    services: Services = request.app.state.services
    accounts, where = services.accounts, address(request)
    if not accounts.required:
        _check_local(where)
        return everybody(where), ""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        known = scheme.lower() == "bearer"
        caller = await accounts.sessions.caller(token.strip(), _BEARERS, where) if known else None
        if caller is None and not anybody:
            told = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise NotAuthorizedException("The token is not good (any more).", headers=told)
        return caller, ""
    secret = request.cookies.get(cookie_name(request, COOKIE), "")
    caller = await accounts.sessions.caller(secret, _COOKIES, where) if secret else None
    return caller, secret if caller else ""


def _check_local(where: str) -> None:
    """Without sign-in nobody is served through a proxy: they would be the admin, too."""
    try:
        local = ipaddress.ip_address(where).is_loopback
    except ValueError:
        local = where == ""
    if not local:
        raise PermissionDeniedException(
            f"Sign-in is off, which is for this machine only, and this comes from {where}: set "
            "accounts.required = true in the settings."
        )


# ---- CSRF


def _visit(request: AnyRequest, secret: str, form: bool) -> Visit:
    """What forms carry: bound to the session, else to a cookie of a browser's visit."""
    services: Services = request.app.state.services
    if secret:
        return Visit(derive(secret, "csrf"))
    if not form or not services.accounts.required:
        return Visit()
    kept = request.cookies.get(cookie_name(request, VISIT), "")
    if kept:
        return Visit(derive(kept, "csrf"))
    made = new_secret("visit")
    return Visit(derive(made, "csrf"), cookie(request, VISIT, made, None))


async def _check_csrf(request: AnyRequest, wanted: str) -> None:
    shown = request.headers.get(HEADER.lower(), "")
    if not shown:
        typed = (await request.form()).get(FIELD, "")
        shown = typed if isinstance(typed, str) else ""
    if not same(shown, wanted):
        await keep(request)
        raise PermissionDeniedException(
            "The form is out of date, perhaps because you signed in or out in another tab. "
            "Go back, reload the page and try again."
        )
