"""The page of what is remembered of customers: found by the id that their own system gives them.

The id itself is in no address and no log: pages are found by its keyed hash.
"""

from collections.abc import Sequence

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.errors import MindError, UnknownFact
from copilot.web import customers
from copilot.web.access import Me, Needs
from copilot.web.api.mind import known_out
from copilot.web.console.forms import Form
from copilot.web.customers import background
from copilot.web.doors import Number
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

RULES = Needs(Scope.SETTINGS_WRITE)
_TOLD = {
    "erased": "The customer is forgotten, with all calls.",
    "unlearned": "The customer is forgotten, with all calls, and what was learned from them: "
    "run copilot learn again, and restart.",
    "corrected": "The fact is corrected. Nothing is kept of what was wrong.",
    "forgotten": "The fact is forgotten.",
}


@get("/memory", guards=[RULES], include_in_schema=False)
async def memory(request: AnyRequest, told: FromQuery[str] = "") -> Response[str]:
    """Where a customer is looked up."""
    return await page(request, "memory.html", told=_TOLD.get(told, ""), fault="", missing=False)


@post("/memory", guards=[RULES], include_in_schema=False)
async def find(request: AnyRequest, services: Given, caller: Me) -> Response[str] | Redirect:
    """Look somebody up."""
    typed = (await Form.of(request)).text("external_id")
    try:
        customer = background(services).memory.customer(caller.team_id, typed)
    except MindError as error:
        return await page(
            request, "memory.html", status=400, told="", fault=str(error), missing=False
        )
    if await _kept(services, caller, customer):
        return go(f"/memory/{customer}")
    return await page(request, "memory.html", told="", fault="", missing=True)


@get("/memory/{customer_id:str}", guards=[RULES], include_in_schema=False)
async def customer(
    request: AnyRequest,
    customer_id: FromPath[str],
    services: Given,
    caller: Me,
    told: FromQuery[str] = "",
) -> Response[str]:
    """What is kept of one; reading it is written down."""
    return await _page(request, services, caller, customer_id, told=_TOLD.get(told, ""))


@post("/memory/{customer_id:str}/facts/{fact_id:int}", guards=[RULES], include_in_schema=False)
async def correct(
    request: AnyRequest, customer_id: FromPath[str], fact_id: Number, services: Given, caller: Me
) -> Response[str] | Redirect:
    """Put a fact right."""
    text = (await Form.of(request)).text("text")
    await _check(services, caller, customer_id, fact_id)
    try:
        await customers.correct(services, caller, fact_id, text)
    except MindError as error:
        return await _page(request, services, caller, customer_id, fault=str(error), at=fact_id)
    return go(f"/memory/{customer_id}?told=corrected")


@post(
    "/memory/{customer_id:str}/facts/{fact_id:int}/forget", guards=[RULES], include_in_schema=False
)
async def forget(
    customer_id: FromPath[str], fact_id: Number, services: Given, caller: Me
) -> Redirect:
    """Forget a fact."""
    await _check(services, caller, customer_id, fact_id)
    await customers.forget(services, caller, fact_id)
    left = await _kept(services, caller, customer_id)
    return go(f"/memory/{customer_id}?told=forgotten" if left else "/memory?told=forgotten")


@get("/memory/{customer_id:str}/export", guards=[RULES], include_in_schema=False)
async def export(customer_id: FromPath[str], services: Given, caller: Me) -> Response[bytes]:
    """All of it as JSON."""
    if not await _kept(services, caller, customer_id):
        raise NotFoundException("Nothing is kept under this address.")
    known = known_out(await customers.export(services, caller, customer_id))
    return Response(
        msgspec.json.format(msgspec.json.encode(known)),
        media_type="application/json",
        headers={
            "Content-Disposition": 'attachment; filename="customer.json"',
            "Cache-Control": "no-store",
        },
    )


@post("/memory/{customer_id:str}/erase", guards=[RULES], include_in_schema=False)
async def erase(
    request: AnyRequest, customer_id: FromPath[str], services: Given, caller: Me
) -> Response[str] | Redirect:
    """Forget a customer for good, once their id has been typed again."""
    typed = (await Form.of(request)).text("external_id")
    board = background(services).memory
    if not await _kept(services, caller, customer_id):
        raise NotFoundException("Nothing is kept under this address.")
    try:
        same = board.customer(caller.team_id, typed) == customer_id
    except MindError:
        same = False
    if not same:
        fault = "That is not this customer's id: nothing was erased."
        return await _page(request, services, caller, customer_id, erasing=fault)
    try:
        gone = await customers.erase(services, caller, customer_id)
    except MindError as error:
        return await _page(request, services, caller, customer_id, erasing=str(error))
    return go(f"/memory?told={'unlearned' if gone.learned else 'erased'}")


async def _check(services: Services, caller: Caller, customer_id: str, fact_id: int) -> None:
    """Raises UnknownFact for a fact that is not this customer's."""
    known = await background(services).memory.export(caller.team_id, customer_id)
    if fact_id not in [one.id for one in known.facts]:
        raise UnknownFact(f"fact {fact_id}: there is none of that number")


async def _kept(services: Services, caller: Caller, customer: str) -> bool:
    """Whether anything is kept under the hash."""
    board = background(services).memory
    known = await board.export(caller.team_id, customer)
    return bool(known.facts) or bool(await board.calls(caller.team_id, customer))


async def _page(
    request: AnyRequest,
    services: Services,
    caller: Caller,
    customer_id: str,
    told: str = "",
    fault: str = "",
    at: int = 0,
    erasing: str = "",
) -> Response[str]:
    known = await customers.read(services, caller, customer_id)
    if known is None:
        raise NotFoundException("Nothing is kept under this address.")
    return await page(
        request,
        "customer.html",
        status=400 if fault or erasing else 200,
        customer=customer_id,
        known=known_out(known),
        calls=await background(services).memory.calls(caller.team_id, customer_id),
        told=told,
        fault=fault,
        at=at,
        erasing=erasing,
    )


ROUTES: Sequence[ControllerRouterHandler] = (
    memory, find, customer, correct, forget, export, erase,
)  # fmt: skip
