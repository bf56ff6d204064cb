"""The page on which somebody lets a browser extension act for them."""

from collections.abc import Sequence

from litestar import Response, get, post

from copilot.accounts.roles import Scope, read_scopes
from copilot.accounts.service import Accounts
from copilot.errors import UnknownAccount
from copilot.store.accounts.rows import Device
from copilot.web.access import Me, Needs, limited
from copilot.web.accounts.signin import Desk, fields
from copilot.web.pages import AnyRequest, page

OWN = Needs(Scope.ACCOUNT)


@get("/pair", guards=[OWN], middleware=[limited("pair", 60)], include_in_schema=False)
async def ask(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """Which device asks, once its code is known."""
    return await _pair(request, caller, accounts, request.query_params.get("code", ""))


@post("/pair", guards=[OWN], middleware=[limited("pair", 60)], include_in_schema=False)
async def answer(request: AnyRequest, caller: Me, accounts: Desk) -> Response[str]:
    """Approve or refuse it."""
    given = await fields(request)
    code, said = given.get("code", ""), given.get("answer", "")
    if said not in ("approve", "refuse"):
        return await _pair(request, caller, accounts, code)
    try:
        device = await accounts.devices.answer(caller, code, said == "approve")
    except UnknownAccount as error:
        return await _pair(request, caller, accounts, code, fault=str(error))
    return await _page(request, code=code, answered=said, device=device)


async def _pair(
    request: AnyRequest, caller: Me, accounts: Accounts, code: str, fault: str = ""
) -> Response[str]:
    if not code or fault:
        return await _page(request, code=code, fault=fault)
    try:
        device = await accounts.devices.look(code)
    except UnknownAccount as error:
        return await _page(request, code=code, fault=str(error))
    may = sorted(read_scopes(device.scopes) & caller.scopes)
    return await _page(request, code=device.user_code, device=device, may=may)


async def _page(
    request: AnyRequest,
    code: str = "",
    fault: str = "",
    device: Device | None = None,
    may: Sequence[Scope] = (),
    answered: str = "",
) -> Response[str]:
    return await page(
        request,
        "pair.html",
        status=404 if fault else 200,
        code=code,
        fault=fault,
        device=device,
        may=may,
        answered=answered,
    )


ROUTES = (ask, answer)
