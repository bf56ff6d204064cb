"""A server's accounts as the extension meets them: the device grant, rotation, revocation.

A stand-in only for who is who: what lies behind it is the real application.
"""

import secrets
import time
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

USER = {"name": "Ada Sample", "email": "ada@example.com", "team": "support", "roles": ["agent"]}
OPEN = ("/health", "/ready", "/test/")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Accounts:
    """Lets in who has a token, where `required`; otherwise everybody is the local admin."""

    def __init__(self, app: ASGIApp, required: bool, seconds: int, heard: dict[str, int]) -> None:
        """`heard` is told to whoever asks for the state."""
        self.app = app
        self.required = required
        self.seconds = seconds
        self.devices: dict[str, str] = {}
        """State by device code: ``pending``, ``approved`` or ``refused``."""
        self.passes: dict[str, float] = {}
        """When a token ends."""
        self.refreshes: set[str] = set()
        self.scopes: list[str] = []
        self.heard = heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] is ScopeType.HTTP or str(scope["type"]) == "http"
        path = scope["path"]
        given = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        known = not self.required or self.passes.get(given, 0) > time.monotonic()
        if path == "/auth/me":
            me = USER if self.required else {**USER, "name": "Local admin", "team": "default"}
            return await _say(send, 200 if known else 401, {**me, "scopes": []} if known else {})
        if path.startswith(("/auth/", "/test/")):
            form = dict(parse_qsl((await _body(receive)).decode()))
            status, answer = self.answer(path, form)
            return await _say(send, status, answer)
        if not known and not path.startswith(OPEN):
            return await _say(send, 401, {"title": "Unauthorized", "detail": "Sign in first."})
        return await self.app(scope, receive, send)

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        match path:
            case "/auth/device":
                self.scopes.append(form.get("scope", ""))
                code = secrets.token_hex(8)
                self.devices[code] = "pending"
                pair = "http://127.0.0.1/pair"
                return 200, {
                    "device_code": code,
                    "user_code": "WDJB-MJHT",
                    "verification_uri": pair,
                    "verification_uri_complete": f"{pair}?code=WDJB-MJHT",
                    "expires_in": 600,
                    "interval": 1,
                }
            case "/auth/token" if form.get("grant_type") == DEVICE:
                return self._device(form.get("device_code", ""))
            case "/auth/token":
                return self._refresh(form.get("refresh_token", ""))
            case "/auth/revoke":
                self._revoke()
                return 200, {}
            case "/test/decide":  # what a person does on the page /pair
                self.devices = dict.fromkeys(self.devices, form["as"])
                return 200, {}
            case "/test/state":
                refreshes = len(self.refreshes)
                return 200, {"refreshes": refreshes, "scopes": self.scopes, "heard": self.heard}
            case "/test/forget":  # what an admin does who ends somebody's sessions
                self._revoke()
                return 200, {}
        return 404, {}

    def _device(self, code: str) -> tuple[int, dict[str, Any]]:
        match self.devices.get(code):
            case "approved":
                del self.devices[code]
                return self._grant()
            case "pending":
                return 400, {"error": "authorization_pending"}
            case "refused":
                return 400, {"error": "access_denied"}
        return 400, {"error": "expired_token"}

    def _refresh(self, token: str) -> tuple[int, dict[str, Any]]:
        if token not in self.refreshes:
            return 400, {"error": "invalid_grant", "error_description": "Sign in again."}
        self.refreshes.discard(token)
        return self._grant()

    def _grant(self) -> tuple[int, dict[str, Any]]:
        token, refresh = secrets.token_hex(8), secrets.token_hex(8)
        self.passes[token] = time.monotonic() + self.seconds
        self.refreshes.add(refresh)
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.seconds,
            "refresh_token": refresh,
            "user": USER,
        }

    def _revoke(self) -> None:
        self.passes.clear()
        self.refreshes.clear()


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message["body"], message["more_body"]
    return body


async def _say(send: Send, status: int, answer: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send(
        {"type": "http.response.body", "body": msgspec.json.encode(answer), "more_body": False}
    )
