"""The team's audit log as a page."""

from litestar import Response, get
from litestar.params import FromQuery

from copilot.accounts.audit import Act
from copilot.accounts.roles import Scope
from copilot.web.access import Me, Needs
from copilot.web.accounts.signin import Desk
from copilot.web.pages import AnyRequest, page

_PAGE = 50


@get("/audit", guards=[Needs(Scope.AUDIT_READ)], include_in_schema=False)
async def audit(
    request: AnyRequest,
    caller: Me,
    accounts: Desk,
    before: FromQuery[int | None] = None,
    act: FromQuery[str] = "",
) -> Response[str]:
    """Newest first, a page at a time; of one act where it is named."""
    known = act if act in set(Act) else ""
    found = await accounts.audit.page(caller, _PAGE + 1, before, known)
    return await page(
        request,
        "audit.html",
        deeds=found[:_PAGE],
        labels={one.value: one.label for one in Act},
        act=known,
        older=found[_PAGE - 1].id if len(found) > _PAGE else None,
        first_page=before is None,
    )


ROUTES = (audit,)
