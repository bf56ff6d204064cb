"""Sign-in through an OpenID Connect provider: the code flow with PKCE, state and nonce."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError
from joserfc.errors import JoseError
from msgspec import Struct

from copilot.config.sections import Oidc
from copilot.errors import SignInError

_TIMEOUT_SECONDS = 10.0
_FRESH_SECONDS = 3600.0
"""How long what the provider publishes about itself is taken as it was."""
_FAULTS = (AuthlibBaseError, JoseError, HTTPError, ValueError, KeyError, TypeError, RuntimeError)
"""What a provider that cannot be reached, or that answers nonsense, raises in the library."""


class Journey(Struct, frozen=True):
    """What the browser keeps while it is at the provider."""

    state: str
    nonce: str
    verifier: str
    to: str
    """Where it goes on afterwards."""


class Identity(NamedTuple):
    """Whom the provider says that it is."""

    issuer: str
    subject: str
    email: str
    """In lower case."""
    verified: bool
    """Whether the address is theirs."""
    name: str


class _App(AsyncOAuth2Mixin, AsyncOpenIDMixin):  # type: ignore[misc]
    client_cls = AsyncOAuth2Client


class Provider:
    """One provider; what it publishes about itself is read when it is first needed."""

    def __init__(self, settings: Oidc) -> None:
        self._settings = settings
        self._app: _App | None = None
        self._made = 0.0

    async def begin(self, redirect: str, to: str) -> tuple[str, Journey]:
        """The address at the provider to send the browser to; raises SignInError."""
        try:
            app = await self._ready()
            made: Mapping[str, str] = await app.create_authorization_url(redirect)
        except _FAULTS as error:
            raise self._failed(error) from None
        journey = Journey(made["state"], made["nonce"], made["code_verifier"], to)
        return made["url"], journey

    async def finish(self, journey: Journey, redirect: str, query: Mapping[str, str]) -> Identity:
        """Whom the provider has sent back; raises SignInError."""
        if query.get("state", "") != journey.state:
            raise SignInError("This sign-in was begun in another window. Try again.")
        if "error" in query:
            told = "".join(c for c in query["error"][:80] if c.isprintable())
            raise SignInError(f"{self._settings.name} did not sign you in ({told}).")
        try:
            app = await self._ready()
            token = await app.fetch_access_token(
                redirect, code=query.get("code", ""), code_verifier=journey.verifier
            )
            options = {
                "iss": {"essential": True, "values": [self._settings.issuer]},
                "aud": {"essential": True, "values": [self._settings.client_id]},
            }
            claims = await app.parse_id_token(token, journey.nonce, options)
            return self._identity(claims)
        except _FAULTS as error:
            raise self._failed(error) from None

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        verified = claims.get("email_verified", self._settings.trust_email)
        return Identity(
            str(claims["iss"]),
            str(claims["sub"])[:255],
            str(claims.get("email", "")).strip().lower(),
            verified is True or verified == "true",
            str(claims.get("name", "")).strip(),
        )

    async def _ready(self) -> _App:
        """The client, once the provider has told of itself; raises one of `_FAULTS`."""
        now = time.monotonic()
        if self._app is None or now - self._made > _FRESH_SECONDS:
            settings = self._settings
            app = _App(
                None,
                client_id=settings.client_id,
                client_secret=settings.client_secret.get_secret_value() or None,
                server_metadata_url=(
                    f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                ),
                client_kwargs={
                    "scope": "openid email profile",
                    "code_challenge_method": "S256",
                    "timeout": _TIMEOUT_SECONDS,
                    "trust_env": False,  # no proxy that the list of places does not have
                },
            )
            known = await app.load_server_metadata()
            if known.get("issuer") != settings.issuer:
                raise ValueError(f"it calls itself {known.get('issuer')!r}")
            named = "id_token_signing_alg_values_supported"
            # A token that anybody could have written, or that one of its readers could.
            known[named] = [
                alg
                for alg in known.get(named, ["RS256"])
                if alg != "none" and not alg.startswith("HS")
            ]
            self._app, self._made = app, now
        return self._app

    def _failed(self, error: Exception) -> SignInError:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        self._app = None
        return SignInError(
            f"{self._settings.name} at {self._settings.issuer} could not sign you in: {reason}"
        )


def pack(journey: Journey) -> bytes:
    return msgspec.json.encode(journey)


def unpack(kept: bytes) -> Journey:
    """Raises SignInError for what is no journey."""
    try:
        return msgspec.json.decode(kept, type=Journey)
    except msgspec.DecodeError:
        raise SignInError(
            "This sign-in took too long, or cookies are blocked. Try again."
        ) from None
