"""Pages of one passage: reading it, editing it over its file, writing a new one."""

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from copilot.retrieval.drafts import Clash, Unusable
from copilot.retrieval.packs.edits import Edit
from copilot.web.access import Me
from copilot.web.knowledge import views
from copilot.web.knowledge.forms import FORM_BYTES, edit_of, fields, now
from copilot.web.knowledge.pages import READ, WRITE, Bases, base_page
from copilot.web.knowledge.standing import Base
from copilot.web.pages import AnyRequest, go


@get("/knowledge/{pack:str}/passage", guards=[READ], include_in_schema=False)
async def passage(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases, id: FromQuery[str] = ""
) -> Response[str] | Redirect:
    """The passage as it would be published, to be edited."""
    if not id:
        await desk.base(caller, pack)
        return go(f"/knowledge/{pack}")
    found, one = await desk.passage(caller, pack, id)
    given = Edit(one.title, one.text, one.say, one.entity, one.valid_until, one.priority)
    return await _page(request, found, one.id, given)


@post(
    "/knowledge/{pack:str}/passage",
    guards=[WRITE],
    include_in_schema=False,
    request_max_body_size=FORM_BYTES,
)
async def change(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str] | Redirect:
    """Save, leave out, restore, or confirm."""
    form = await fields(request)
    id = form.get("id", "")
    match form.get("do"):
        case "leave-out":
            await desk.leave_out(caller, pack, id, now())
        case "restore":
            await desk.restore(caller, pack, id)
        case "stand":
            await desk.stand(caller, pack, id)
        case _:
            edit = edit_of(form, caller)
            try:
                await desk.save(caller, pack, id, edit, form.get("seen", ""))
            except Unusable as error:
                found = await desk.base(caller, pack)
                return await _page(request, found, id, edit, faults=error.fields, status=422)
            except Clash as error:
                found = await desk.base(caller, pack)
                return await _page(request, found, id, edit, clash=str(error), status=409)
    return go(_back(pack, form))


@get("/knowledge/{pack:str}/write", guards=[WRITE], include_in_schema=False)
async def write(
    request: AnyRequest,
    pack: FromPath[str],
    caller: Me,
    desk: Bases,
    question: FromQuery[str] = "",
) -> Response[str]:
    """A new passage, maybe with the question that nothing answered."""
    await desk.mine(caller, pack)
    found = await desk.base(caller, pack)
    return await _page(request, found, "", Edit(title=question[:300]))


@post(
    "/knowledge/{pack:str}/write",
    guards=[WRITE],
    include_in_schema=False,
    request_max_body_size=FORM_BYTES,
)
async def add(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str] | Redirect:
    """Keep it in the draft."""
    edit = edit_of(await fields(request), caller)
    try:
        await desk.write(caller, pack, edit)
    except Unusable as error:
        found = await desk.base(caller, pack)
        return await _page(request, found, "", edit, faults=error.fields, status=422)
    return go(f"/knowledge/{pack}")


async def _page(
    request: AnyRequest,
    found: Base,
    id: str,
    given: Edit,
    *,
    faults: dict[str, str] | None = None,
    clash: str = "",
    status: int = 200,
) -> Response[str]:
    draft = found.draft
    known = {one.id: one for one in draft.passages} if draft else {}
    one = known.get(id)
    return await base_page(
        request,
        "knowledge/passage.html",
        found,
        "passages",
        status=status,
        id=id,
        row=views.row(one, draft) if one and draft else None,
        file=views.file_of(draft, id) if draft and id else None,
        under=draft.edited.under.get(id) if draft else None,
        edit=draft.edits.get(id) if draft else None,
        given=given,
        faults=faults or {},
        clash=clash,
    )


def _back(pack: str, form: dict[str, str]) -> str:
    """To the list as it was, which is a path of this pack and nothing else."""
    back = form.get("back", "")
    return back if back.startswith(f"/knowledge/{pack}?") else f"/knowledge/{pack}"


ROUTES = (passage, change, write, add)
