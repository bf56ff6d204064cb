"""Pages of a knowledge base's files: dropping them in, their problems in place, mending texts."""

import asyncio
from collections.abc import AsyncIterator

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from copilot.accounts.audit import Act
from copilot.errors import PackError
from copilot.retrieval.drafts import MAX_PACK_BYTES, Clash, Unknown
from copilot.retrieval.filing import digest
from copilot.retrieval.packs.draft import FileReading
from copilot.web.access import Me
from copilot.web.knowledge import views
from copilot.web.knowledge.forms import FORM_BYTES, fields
from copilot.web.knowledge.pages import READ, WRITE, Bases, base_page, files_page
from copilot.web.knowledge.standing import Base
from copilot.web.pages import AnyRequest, go


@get("/knowledge/{pack:str}/files", guards=[READ], include_in_schema=False)
async def files(request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases) -> Response[str]:
    """All files with what is wrong in each."""
    return await files_page(request, await desk.base(caller, pack))


@post(
    "/knowledge/{pack:str}/files",
    guards=[WRITE],
    include_in_schema=False,
    request_max_body_size=MAX_PACK_BYTES,
)
async def upload(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str] | Redirect:
    """Files from a form, where no script sends them one by one."""
    await desk.mine(caller, pack)
    form = await request.form()
    given = [one for one in form.getall("files", []) if isinstance(one, UploadFile)]
    refused: list[object] = []
    for one in given:
        if not one.filename:
            continue
        try:
            await desk.put_file(caller, pack, one.filename, chunks(one))
        except PackError as error:
            refused.append(str(error))
    if refused:
        return await files_page(request, await desk.base(caller, pack), refused, 422)
    return go(f"/knowledge/{pack}/files")


@get("/knowledge/{pack:str}/file", guards=[READ], include_in_schema=False)
async def file(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases, name: FromQuery[str] = ""
) -> Response[str] | Redirect:
    """One file: its problems in place, and its text to mend."""
    found = await desk.base(caller, pack)
    if not name:
        return go(f"/knowledge/{pack}/files")
    return await _file(request, desk, found, name)


@post(
    "/knowledge/{pack:str}/file",
    guards=[WRITE],
    include_in_schema=False,
    request_max_body_size=8 * FORM_BYTES,
)
async def change(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str] | Redirect:
    """Save the mended text, or take the file out."""
    await desk.mine(caller, pack)
    form = await fields(request)
    name = form.get("name", "")
    if form.get("do") == "remove":
        await desk.remove_file(caller, pack, name)
        return go(f"/knowledge/{pack}/files")
    text = form.get("text", "")
    try:
        read = await asyncio.to_thread(desk.drafts.write, pack, name, text, form.get("seen", ""))
    except Clash as error:
        found = await desk.base(caller, pack)
        return await _file(request, desk, found, name, text, str(error), 409)
    await desk.note(caller, Act.KNOWLEDGE_CHANGED, f"{pack}: {name}")
    if read.faults:
        found = await desk.base(caller, pack)
        return await _file(request, desk, found, name, status=422)
    return go(f"/knowledge/{pack}/files")


async def _file(
    request: AnyRequest,
    desk: Bases,
    found: Base,
    name: str,
    typed: str | None = None,
    clash: str = "",
    status: int = 200,
) -> Response[str]:
    reading = _reading(found, name)
    text = ""
    if views.can_mend(name) and found.editable:
        text = await asyncio.to_thread(desk.drafts.text, found.name, name)
    return await base_page(
        request,
        "knowledge/file.html",
        found,
        "files",
        status=status,
        file=reading,
        text=text,
        seen=digest(text),
        typed=typed,
        clash=clash,
        excerpts=views.excerpts(text, reading.faults),
    )


def _reading(found: Base, name: str) -> FileReading:
    files = found.draft.files if found.draft else ()
    reading = next((one for one in files if one.name == name), None)
    if reading is None:
        raise Unknown(f"There is no file {name[:80]!r} in this knowledge base.")
    return reading


async def chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(2**16):
        yield chunk


ROUTES = (files, upload, file, change)
