"""Every place outside this process that the settings let it talk to, and what goes there."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from copilot.config import Settings
from copilot.ports import Mind


class Destination(Struct, frozen=True):
    """One place."""

    where: str
    """Scheme, host and port; no path, no password."""
    what: str
    """What goes there."""
    masked: tuple[str, ...] = ()
    """Kinds that are masked before it does."""


def destinations(
    settings: Settings, mind: Mind | None, added: Sequence[str] = ()
) -> list[Destination]:
    """All of them; with the default settings there are none. `added`: URLs of the webhooks that
    admins have added in the console."""
    return list(dict.fromkeys(_all(settings, mind, added)))


def _all(settings: Settings, mind: Mind | None, added: Sequence[str]) -> Iterator[Destination]:
    masked = tuple(settings.privacy.egress)
    if mind is not None:
        for url in mind.destinations:
            yield Destination(place(url), "questions, passages and lines of calls", masked)
    for part, what in ((settings.embedder, "passages and queries"), (settings.voice, "whispers")):
        if url := str(part.options.get("base_url", "")):
            yield Destination(place(url), what, () if part.options.get("trusted") else masked)
    for url in (*(hook.url for hook in settings.webhooks), *added):
        yield Destination(place(url), "write-ups of calls", masked)
    for tool in settings.tools:
        where = (
            place(tool.url) if tool.url else f"program {tool.command[0]}" if tool.command else ""
        )
        yield Destination(where, "arguments of tools", () if tool.trusted else masked)
    if settings.accounts.oidc.issuer:
        yield Destination(place(settings.accounts.oidc.issuer), "codes of sign-ins")
    if settings.chroma.url:
        yield Destination(place(settings.chroma.url), "vectors of passages and of queries")
    if not settings.database_url.startswith("sqlite"):
        yield Destination(place(settings.database_url), "logs of calls, labels, memory")


def place(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme.partition('+')[0]}://{parts.hostname or ''}{port}"
