"""An OpenID provider of the tests' own on this machine: code flow, PKCE, signed tokens."""

import asyncio
import hashlib
import secrets
import socket
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from litestar import Litestar, Request, Response, get, post
from litestar.response import Redirect

CLIENT_ID, CLIENT_SECRET = "copilot-at-work", "between us"
AnyRequest = Request[Any, Any, Any]


class Provider:
    """Signs in whoever comes as `claims` say; each fault can be switched on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, object] = {
            "sub": "0815",
            "email": "ann@example.com",
            "email_verified": True,
            "name": "Ann Lee",
        }
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self.signing: RSAKey | None = None
        """Another key than the published one."""
        self.issuer = url
        """What it calls itself."""
        self.nonce: str | None = None
        """Instead of the one that it was sent."""
        self.audience = CLIENT_ID
        self.refuses = ""
        self.asked: dict[str, dict[str, str]] = {}
        """By code, what the browser was sent with."""

    def app(self) -> Litestar:
        return Litestar(self._routes(), openapi_config=None, logging_config=None)

    def _routes(self) -> list[Any]:
        @get("/.well-known/openid-configuration")
        async def configuration() -> dict[str, object]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }

        @get("/jwks")
        async def jwks() -> dict[str, object]:
            return {"keys": [self.key.as_dict(private=False)]}

        @get("/authorize")
        async def authorize(request: AnyRequest) -> Redirect:
            query = {name: str(value) for name, value in request.query_params.items()}
            assert query["response_type"] == "code"
            assert query["client_id"] == CLIENT_ID
            assert query["code_challenge_method"] == "S256"
            code = secrets.token_hex(8)
            self.asked[code] = query
            told = {"error": self.refuses} if self.refuses else {"code": code}
            back = urlencode({**told, "state": query["state"]})
            return Redirect(f"{query['redirect_uri']}?{back}", status_code=302)

        @post("/token", status_code=200)
        async def token(request: AnyRequest) -> Response[dict[str, object]]:
            form = await request.form()
            kind, _, basic = request.headers.get("authorization", "").partition(" ")
            asked = self.asked.pop(str(form.get("code", "")), None)
            known = f"{CLIENT_ID}:{CLIENT_SECRET}".replace(" ", "+")
            given = b64decode(basic).decode().replace("%20", "+").replace(" ", "+")
            digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
            challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
            good = (
                kind == "Basic"
                and given == known
                and asked is not None
                and asked["redirect_uri"] == form.get("redirect_uri")
                and asked["code_challenge"] == challenge
            )
            if asked is None or not good:
                return Response({"error": "invalid_grant"}, status_code=400)
            now = int(time.time())
            claims: dict[str, Any] = {
                "iss": self.issuer,
                "aud": self.audience,
                "iat": now,
                "exp": now + 60,
                "nonce": self.nonce or asked["nonce"],
                **self.claims,
            }
            signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signing or self.key)
            return Response({"access_token": "unused", "token_type": "Bearer", "id_token": signed})

        return [configuration, jwks, authorize, token]


@asynccontextmanager
async def serving() -> AsyncIterator[Provider]:
    listening = socket.create_server(("127.0.0.1", 0))
    provider = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(provider.app(), log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield provider
    finally:
        server.should_exit = True
        await task
