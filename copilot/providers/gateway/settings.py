"""The keys of ``[mind]`` with ``provider = "gateway"``: routes to models, checked before use."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from copilot.errors import ConfigError
from copilot.providers.registry import options as read_options

_HOW = "write the provider's own name and a colon before it (anthropic:…), or give base_url"


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to one model."""

    model: str
    """With `base_url` as that endpoint calls it, else ``provider:model``."""
    base_url: str = ""
    """An OpenAI-compatible endpoint up to and with ``/v1``; empty: the provider's own."""
    key_env: str = ""
    """The variable that holds the key."""
    key: str = ""
    """The key itself, where a variable will not do."""
    name: str = ""
    """What figures and logs call it; empty: the model."""
    priority: int = 0
    """Routes of the lowest number are used while one of them is well."""
    first_token: float = 2.0
    """Seconds to the first token, and between two of them."""
    timeout: float = 6.0
    """Seconds for the whole answer."""
    requests_per_minute: int = 0
    """0: no limit."""
    tokens_per_day: int = 0
    """In and out together; 0: no limit."""
    teams: tuple[str, ...] = ()
    """Who may use it, by the teams' ids; empty: everybody."""
    trusted: bool = False
    """Self-hosted: what is sent there is not redacted."""

    def serves(self, team_id: str) -> bool:
        return not self.teams or team_id in self.teams

    @property
    def label(self) -> str:
        return self.name or self.model

    @property
    def secret(self) -> str:
        return self.key or os.environ.get(self.key_env, "")


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The section itself."""

    routes: tuple[Route, ...] = ()
    hedge: bool = True
    """Whether a second request goes out where the first is late."""
    hedge_after: float = 0.7
    """Seconds until then while a route's own times are unknown; later their 95th percentile."""
    open_after: int = 3
    """Failures in a row that open a route's circuit."""
    open_seconds: float = 5.0
    """How long it stays open at first; each failed try doubles that, up to a minute."""


def read(given: Mapping[str, object]) -> Options:
    """The options; raises ConfigError that names the route, the key and the remedy."""
    made = read_options("mind", given, Options)
    labels = [route.label for route in made.routes]
    for at, route in enumerate(made.routes):
        _check(f"mind.routes[{at}]", route)
        if labels.count(route.label) > 1:
            raise ConfigError(
                f"mind.routes[{at}].name = {route.label!r}: two routes have it; name one of them"
            )
    if made.hedge_after <= 0 or made.open_seconds <= 0 or made.open_after < 1:
        raise ConfigError("[mind] hedge_after, open_seconds and open_after: give more than 0")
    return made


def _check(where: str, route: Route) -> None:
    if not route.model.strip():
        raise ConfigError(f"{where}.model is empty: {_HOW}")
    if route.base_url:
        _check_url(where, route.base_url)
    elif ":" not in route.model:
        raise ConfigError(f"{where}.model = {route.model!r}: whose model is that? {_HOW}")
    if route.key and route.key_env:
        raise ConfigError(f"{where}: give key or key_env, not both")
    if route.key_env and not os.environ.get(route.key_env):
        raise ConfigError(f"{where}.key_env = {route.key_env!r}: that variable is not set")
    for key in ("first_token", "timeout"):
        if not 0 < getattr(route, key) <= 600:
            raise ConfigError(f"{where}.{key} = {getattr(route, key):g}: give seconds, 0 to 600")
    for key in ("requests_per_minute", "tokens_per_day"):
        if getattr(route, key) < 0:
            raise ConfigError(f"{where}.{key} = {getattr(route, key)}: give 0 (no limit) or more")


def _check_url(where: str, url: str) -> None:
    if "@" in url.partition("://")[2].partition("/")[0]:  # first: the others show the URL
        raise ConfigError(f"{where}.base_url holds a password: give the key as key_env")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{where}.base_url = {url!r}: not a URL as https://host/v1")
