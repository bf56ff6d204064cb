"""Webhooks for programs; the settings' own are read, not changed."""

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from copilot.accounts.roles import Scope
from copilot.mind.webhooks import EVENTS
from copilot.store.mind.rows import Hook
from copilot.web import hooks
from copilot.web.access import Me, Needs
from copilot.web.customers import background
from copilot.web.doors import Number
from copilot.web.services import Given

READS, WRITES = Needs(Scope.SETTINGS_READ), Needs(Scope.SETTINGS_WRITE)


class HookIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to tell, of what."""

    url: Annotated[str, Meta(min_length=1, max_length=500)]
    """``https://…``, an address of the internet."""
    events: tuple[str, ...] = EVENTS


class HookOut(Struct, frozen=True):
    """A webhook that was added."""

    id: int
    url: str
    events: list[str]
    at: datetime
    by: str


class HookMade(HookOut, frozen=True):
    """The same, once, with the secret that its messages are signed with."""

    secret: str


@get("/webhooks", guards=[READS], summary="Webhooks of the team")
async def listed(services: Given, caller: Me) -> list[HookOut]:
    """Those that were added; the settings file may have others."""
    found = await background(services).webhooks.added(caller.team_id)
    return [HookOut(one.id, one.url, one.events.split(), one.at, one.by) for one in found]


@post("/webhooks", guards=[WRITES], summary="Add a webhook")
async def add(data: JSONBody[HookIn], services: Given, caller: Me) -> HookMade:
    """The secret is told this once."""
    made: Hook = await hooks.add(services, caller, data.url, data.events)
    return HookMade(made.id, made.url, made.events.split(), made.at, made.by, made.secret)


@delete("/webhooks/{hook_id:int}", guards=[WRITES], summary="Remove a webhook")
async def remove(hook_id: Number, services: Given, caller: Me) -> None:
    """What is still to be sent to it fails."""
    await hooks.remove(services, caller, hook_id)


@post("/webhooks/{hook_id:int}/test", guards=[WRITES], status_code=202, summary="Try a webhook")
async def test(hook_id: Number, services: Given, caller: Me) -> None:
    """Send it a message that says nothing; ``GET /deliveries`` has what came of it."""
    await hooks.test(services, caller, hook_id)


router = Router("/api/v1", route_handlers=[listed, add, remove, test], tags=["background"])
