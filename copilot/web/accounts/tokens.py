"""The token endpoints of the browser extension: device grant, refresh, revocation, who I am.

Names and bodies are those of OAuth (RFC 6749, 7009 and 8628): forms in, JSON out.
"""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.types import ExceptionHandlersMap

from copilot.accounts.devices import (
    ACCESS_SECONDS,
    CODE_SECONDS,
    POLL_SECONDS,
    Devices,
    Pair,
    Refused,
)
from copilot.accounts.service import Accounts
from copilot.web.access import ANYBODY, SIGNED_IN, Me, client, limited
from copilot.web.api.accounts import MeOut, described
from copilot.web.pages import AnyRequest

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_HEADERS = {"Cache-Control": "no-store"}
Desk = NamedDependency[SkipValidation[Accounts]]


@post(
    "/auth/device",
    status_code=200,
    guards=[ANYBODY],
    middleware=[limited("device", 60)],
    include_in_schema=False,
)
async def device(request: AnyRequest, accounts: Desk) -> Response[dict[str, Any]]:
    """A device asks to be paired; the person types its code at ``/pair``."""
    form = await _form(request)
    asked = await accounts.devices.ask(
        form.get("client_id", ""), form.get("scope", ""), client(request)
    )
    pair = f"{str(request.base_url).rstrip('/')}/pair"
    body = {
        "device_code": asked.device_code,
        "user_code": asked.user_code,
        "verification_uri": pair,
        "verification_uri_complete": f"{pair}?code={asked.user_code}",
        "expires_in": CODE_SECONDS,
        "interval": POLL_SECONDS,
    }
    return Response(body, headers=_HEADERS)


@post(
    "/auth/token",
    status_code=200,
    guards=[ANYBODY],
    middleware=[limited("token", 300)],
    include_in_schema=False,
)
async def token(request: AnyRequest, accounts: Desk) -> Response[dict[str, Any]]:
    """Tokens for a device that was approved, or the next ones."""
    form = await _form(request)
    try:
        pair = await _exchange(accounts.devices, form)
    finally:
        await accounts.presence.check()  # a token that was copied ends its family
    who = pair.caller
    body = {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "refresh_token": pair.refresh,
        "user": {
            "name": who.name,
            "email": who.email,
            "team": who.team,
            "roles": sorted(who.roles),
        },
    }
    return Response(body, headers=_HEADERS)


@post(
    "/auth/revoke",
    status_code=200,
    guards=[ANYBODY],
    middleware=[limited("token", 300)],
    include_in_schema=False,
)
async def revoke(request: AnyRequest, accounts: Desk) -> Response[None]:
    """End a device's whole family, and what it has open; 200 whatever the token was."""
    await accounts.devices.revoke((await _form(request)).get("token", ""))
    await accounts.presence.check()
    return Response(None, headers=_HEADERS)


@get("/auth/me", guards=[SIGNED_IN], include_in_schema=False)
async def me(caller: Me, accounts: Desk) -> Response[MeOut]:
    """Who the token or the session stands for; without sign-in, the local admin."""
    return Response(described(caller, accounts), headers=_HEADERS)


def refused(request: AnyRequest, error: Refused) -> Response[dict[str, str]]:
    """The error as RFC 6749, section 5.2, has it."""
    body = {"error": error.error, "error_description": error.description}
    return Response(body, status_code=400, headers=_HEADERS)


async def _exchange(devices: Devices, form: dict[str, str]) -> Pair:
    match form.get("grant_type", ""):
        case "":
            raise Refused("invalid_request", "grant_type is missing")
        case grant if grant == DEVICE_GRANT:
            return await devices.exchange(form.get("client_id", ""), form.get("device_code", ""))
        case "refresh_token":
            return await devices.refresh(form.get("refresh_token", ""))
        case grant:
            raise Refused("unsupported_grant_type", f"grant_type = {grant!r} is not supported")


async def _form(request: AnyRequest) -> dict[str, str]:
    """The fields of the body; one that is there twice is refused (RFC 6749, section 3.2)."""
    form = await request.form()
    fields = {name: form.getall(name) for name in form}
    if any(len(values) > 1 for values in fields.values()):
        raise Refused("invalid_request", "a parameter is there twice")
    return {name: value for name, [value] in fields.items() if isinstance(value, str)}


HANDLERS: ExceptionHandlersMap = {Refused: refused}
ROUTES = (device, token, revoke, me)
