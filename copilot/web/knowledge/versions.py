"""Pages of a knowledge base's versions: publishing after a look, history, roll-back, duplicates."""

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from copilot.errors import PackError
from copilot.retrieval.packs import PackFaults
from copilot.retrieval.published import current
from copilot.web.access import Me
from copilot.web.jobs import Job
from copilot.web.knowledge.forms import fields
from copilot.web.knowledge.pages import READ, WRITE, Bases, base_page
from copilot.web.knowledge.press import DRAFT
from copilot.web.pages import AnyRequest, go

MOST = 100
"""Changes or conflicts of a kind that a page shows."""
WAIT_SECONDS = 1.0
"""How long a page waits for what is nearly done before it shows how far that is."""


@get("/knowledge/{pack:str}/versions", guards=[READ], include_in_schema=False)
async def versions(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str]:
    """The history, newest first."""
    found = await desk.base(caller, pack)
    history = await desk.press.history(caller, pack)
    return await base_page(
        request,
        "knowledge/versions.html",
        found,
        "versions",
        history=history,
        now=current(tuple(reversed(history))),
    )


@get("/knowledge/{pack:str}/changes", guards=[READ], include_in_schema=False)
async def changes(
    request: AnyRequest,
    pack: FromPath[str],
    caller: Me,
    desk: Bases,
    old: FromQuery[str] = "",
    new: FromQuery[str] = DRAFT,
) -> Response[str]:
    """What differs between two versions; without any named, what publishing would change."""
    found = await desk.base(caller, pack)
    before = after = told = None
    fault = ""
    try:
        before, after, told = await desk.press.changes(caller, pack, old, new)
    except PackFaults:
        fault = "Put its problems right first: then it can be published."
    except PackError as error:
        if found.draft is not None and (old or new != DRAFT):
            raise
        fault = str(error)
    return await base_page(
        request,
        "knowledge/changes.html",
        found,
        "changes" if new == DRAFT and not old else "versions",
        before=before,
        after=after,
        told=told,
        fault=fault,
        most=MOST,
        publishing=new == DRAFT and (not old or old == found.version),
        waiting=found.passages - len(found.draft.edited.ready) if found.draft else 0,
    )


@post("/knowledge/{pack:str}/publish", guards=[WRITE], include_in_schema=False)
async def publish(pack: FromPath[str], caller: Me, desk: Bases) -> Redirect:
    """Give the draft to new calls."""
    return await _on(await desk.press.publish(caller, pack), f"/knowledge/{pack}/versions")


@post("/knowledge/{pack:str}/roll-back", guards=[WRITE], include_in_schema=False)
async def roll_back(request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases) -> Redirect:
    """Give new calls an earlier version."""
    version = (await fields(request)).get("version") or None
    return await _on(
        await desk.press.roll_back(caller, pack, version), f"/knowledge/{pack}/versions"
    )


@post("/knowledge/{pack:str}/retire", guards=[WRITE], include_in_schema=False)
async def retire(pack: FromPath[str], caller: Me, desk: Bases) -> Redirect:
    """Give new calls nothing of it."""
    await desk.press.retire(caller, pack)
    return go(f"/knowledge/{pack}/versions")


@get("/knowledge/{pack:str}/check", guards=[READ], include_in_schema=False)
async def check(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str] | Redirect:
    """Duplicates and contradictions of the draft."""
    found = await desk.base(caller, pack)
    job = await desk.press.conflicts(caller, pack)
    if not await job.wait(WAIT_SECONDS):
        return go(f"/jobs/{job.id}?to=/knowledge/{pack}/check")
    if job.failure is not None:
        raise job.failure
    passages = {one.id: one for one in found.draft.passages} if found.draft else {}
    conflicts = job.result if isinstance(job.result, tuple) else ()
    return await base_page(
        request,
        "knowledge/check.html",
        found,
        "check",
        conflicts=[one for one in conflicts if {one.first, one.second} <= passages.keys()],
        passages=passages,
        most=MOST,
    )


async def _on(job: Job, to: str) -> Redirect:
    """To the page that shows how far it is, unless it is done at once."""
    if await job.wait(WAIT_SECONDS):
        if job.failure is not None:
            raise job.failure
        return go(to)
    return go(f"/jobs/{job.id}?to={to}")


ROUTES = (versions, changes, publish, roll_back, retire, check)
