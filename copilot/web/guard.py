"""Who may talk to the web server, and the headers that hold browsers to it."""

import ipaddress
from collections.abc import Set
from urllib.parse import urlsplit

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import (
    HTTPException,
    NotFoundException,
    PermissionDeniedException,
)
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


class MisdirectedException(HTTPException):
    """The request names a host that this server does not answer for."""

    status_code = 421


class Guard(ASGIMiddleware):
    """Refuses foreign host names (DNS rebinding) and state changes that other sites ask for."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, hosts: Set[str], origins: Set[str]) -> None:
        self.hosts = hosts
        """Names under which the server may be reached, beside addresses and localhost."""
        self.origins = origins
        """Foreign origins that may change state."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        headers = Headers.from_scope(scope)
        host = headers.get("host", "")
        if not _is_ours(host, self.hosts):
            raise MisdirectedException(
                f"Host {host!r} is not a name of this server; open it by its address, or add the "
                "name to server.hosts in the settings."
            )
        if "\0" in scope["path"]:
            raise NotFoundException("There is nothing at this address.")
        if scope.get("method") not in _SAFE:
            self._check_origin(scope["scheme"], host, headers.get("origin"))
        await next_app(scope, receive, send)

    def _check_origin(self, scheme: str, host: str, origin: str | None) -> None:
        """Clients other than browsers send no Origin; browsers always do when state may change."""
        if origin is None or origin in self.origins or origin == f"{scheme}://{host}":
            return
        raise PermissionDeniedException(
            f"A page of {origin} may not do this here; only pages of {scheme}://{host} may."
        )


async def harden(message: Message, scope: Scope) -> None:
    """Put the security headers on every answer."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders(message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def _is_ours(host: str, names: Set[str]) -> bool:
    """Addresses cannot be rebound, so any address is good; names must be known."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
