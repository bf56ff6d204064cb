"""After the call: its write-up, which counts once somebody has read and confirmed it."""

from collections.abc import Sequence

from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from copilot.accounts.roles import Scope
from copilot.mind.background import Written
from copilot.mind.recap import MOST_PARTS, Recap
from copilot.store.models import CallRow, State
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form
from copilot.web.customers import background, who
from copilot.web.doors import Calls
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

READS, PLACES = Needs(Scope.CALLS_READ), Needs(Scope.CALLS_PLACE)
LONGEST = 2000
"""Characters of one part of a write-up."""


@get("/calls/{call_id:str}/after", guards=[READS], include_in_schema=False)
async def after(
    request: AnyRequest, call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> Response[str]:
    """The draft, or what was made of it; a call that is on has none yet."""
    row = await calls.call(call_id)
    live = row.state is State.LIVE
    written = None if live else await background(services).write_up(row)
    return await page(
        request,
        "after.html",
        call=row,
        written=written,
        most=MOST_PARTS,
        longest=LONGEST,
        writes=caller.may(Scope.CALLS_PLACE),
    )


@post("/calls/{call_id:str}/after", guards=[PLACES], include_in_schema=False)
async def confirm(
    request: AnyRequest, call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> Redirect:
    """What the form says counts from now on."""
    row = await calls.call(call_id)
    recap = typed(await Form.of(request))
    await background(services).confirm(row, recap, who(caller))
    return go(f"/calls/{call_id}/after")


def typed(form: Form) -> Recap:
    """The write-up of the page's form; raises ValidationException for a part that is too long."""
    texts = {name: form.text(name) for name in ("summary", "reason", "outcome")}
    lists = {name: form.lines(name) for name in ("promised", "gaps")}
    for name, text in (*texts.items(), *((n, one) for n, found in lists.items() for one in found)):
        if len(text) > LONGEST:
            raise ValidationException(f"{name}: {len(text)} characters; {LONGEST} at most")
    for name, found in lists.items():
        if len(found) > MOST_PARTS:
            raise ValidationException(f"{name}: {len(found)} lines; {MOST_PARTS} at most")
    return Recap(
        texts["summary"], texts["reason"], texts["outcome"], lists["promised"], lists["gaps"]
    )


async def written_of(services: Services, row: CallRow) -> Written | None:
    """The write-up of a past call as it stands, for the call's own page."""
    if services.background is None:
        return None
    return await services.background.written(row.team_id, row.id)


ROUTES: Sequence[ControllerRouterHandler] = (after, confirm)
