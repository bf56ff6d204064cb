"""The page of webhooks: who is told of calls, and what became of each message."""

from collections.abc import Sequence

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.errors import SettingError
from copilot.mind.webhooks import EVENTS
from copilot.web import hooks
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form
from copilot.web.customers import background
from copilot.web.doors import MOST, Number
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

READS, WRITES = Needs(Scope.SETTINGS_READ), Needs(Scope.SETTINGS_WRITE)
PAGE = 25
"""Deliveries on one page of the log."""
_TOLD = {
    "removed": "The webhook is removed.",
    "tested": "A test message is on its way: the log below has what becomes of it.",
    "replayed": "The message is sent again, with the same id.",
}


@get("/webhooks", guards=[READS], include_in_schema=False)
async def webhooks(
    request: AnyRequest,
    services: Given,
    caller: Me,
    before: FromQuery[int] = 0,
    told: FromQuery[str] = "",
) -> Response[str]:
    """All of the team's, and the newest messages, or those before a number."""
    before = before if 0 < before <= MOST else 0
    return await _page(request, services, caller, before, told=_TOLD.get(told, ""))


@post("/webhooks", guards=[WRITES], include_in_schema=False)
async def add(request: AnyRequest, services: Given, caller: Me) -> Response[str]:
    """Add one and show its secret, this once."""
    form = await Form.of(request)
    url, events = form.text("url"), form.all("events")
    try:
        made = await hooks.add(services, caller, url, events)
    except SettingError as error:
        return await _page(
            request, services, caller, fault=str(error), url=url, chosen=frozenset(events)
        )
    return await _page(request, services, caller, secret=made.secret, added=made.url)


@post("/webhooks/{hook_id:int}/remove", guards=[WRITES], include_in_schema=False)
async def remove(hook_id: Number, services: Given, caller: Me) -> Redirect:
    """Take one away."""
    await hooks.remove(services, caller, hook_id)
    return go("/webhooks?told=removed")


@post("/webhooks/{hook_id:int}/test", guards=[WRITES], include_in_schema=False)
async def test(hook_id: Number, services: Given, caller: Me) -> Redirect:
    """Try one."""
    await hooks.test(services, caller, hook_id)
    return go("/webhooks?told=tested#deliveries-title")


@post("/webhooks/deliveries/{delivery_id:int}/replay", guards=[WRITES], include_in_schema=False)
async def replay(delivery_id: Number, services: Given, caller: Me) -> Redirect:
    """Send a message again."""
    await hooks.replay(services, caller, delivery_id)
    return go("/webhooks?told=replayed#deliveries-title")


async def _page(
    request: AnyRequest,
    services: Services,
    caller: Caller,
    before: int = 0,
    told: str = "",
    fault: str = "",
    url: str = "",
    chosen: frozenset[str] = frozenset(EVENTS),
    secret: str = "",
    added: str = "",
) -> Response[str]:
    board = background(services).webhooks
    found = await services.store.mind.deliveries(caller.team_id, PAGE + 1, before)
    return await page(
        request,
        "webhooks.html",
        status=400 if fault else 200,
        fixed=board.fixed(caller.team_id),
        hooks=await board.added(caller.team_id),
        deliveries=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else 0,
        first_page=not before,
        events=EVENTS,
        chosen=chosen,
        told=told,
        fault=fault,
        url=url,
        secret=secret,
        added=added,
        writes=caller.may(Scope.SETTINGS_WRITE),
    )


ROUTES: Sequence[ControllerRouterHandler] = (webhooks, add, remove, test, replay)
