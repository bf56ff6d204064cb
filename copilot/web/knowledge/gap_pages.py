"""Pages of gaps: what calls asked in vain, and the draft that one button makes of it."""

from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect

from copilot.accounts.roles import Scope
from copilot.web.access import Me, Needs
from copilot.web.doors import Calls
from copilot.web.knowledge import gaps as looking
from copilot.web.knowledge.forms import fields
from copilot.web.knowledge.pages import WRITE, Bases
from copilot.web.knowledge.versions import WAIT_SECONDS
from copilot.web.pages import AnyRequest, go, page

WATCH = Needs(Scope.ANALYTICS_READ)


@get("/knowledge/gaps", guards=[WATCH], include_in_schema=False)
async def gaps(
    request: AnyRequest, caller: Me, desk: Bases, calls: Calls, anew: FromQuery[bool] = False
) -> Response[str] | Redirect:
    """What calls asked in vain, most asked first."""
    job = looking.look(desk.jobs, desk.embedder, caller, calls, anew)
    if not await job.wait(WAIT_SECONDS):
        return go(f"/jobs/{job.id}?to=/knowledge/gaps")
    if job.failure is not None:
        raise job.failure
    bases = await desk.bases(caller)
    found = job.result if isinstance(job.result, looking.Gaps) else looking.Gaps((), 0, 0)
    return await page(
        request,
        "knowledge/gaps.html",
        found=found,
        answers=looking.answers(found.gaps, bases),
        editable=[base for base in bases if base.editable],
    )


@post("/knowledge/gaps", guards=[WRITE], include_in_schema=False)
async def draft(request: AnyRequest, caller: Me, desk: Bases) -> Redirect:
    """Make a draft of a gap, and open it."""
    form = await fields(request)
    made = await looking.draft(desk, caller, form.get("pack", ""), form.get("question", ""))
    return go(f"/knowledge/{made.pack}/passage?id={quote(made.id, safe='')}")


ROUTES = (gaps, draft)
