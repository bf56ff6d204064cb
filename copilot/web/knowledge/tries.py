"""Pages that try knowledge on words and recordings, and that show how far work is."""

import re
import tempfile
from pathlib import Path

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import Redirect

from copilot.errors import AudioError, UserError
from copilot.evaluate.listen import lines_of
from copilot.evaluate.spoken import transcript_of
from copilot.web import phrases
from copilot.web.access import Me
from copilot.web.doors import Calls, Shelf, TeamShelf
from copilot.web.jobs import Job
from copilot.web.knowledge.files import chunks
from copilot.web.knowledge.forms import FORM_BYTES, fields
from copilot.web.knowledge.pages import READ, Bases
from copilot.web.knowledge.receiving import receive
from copilot.web.knowledge.trying import MOST_BYTES, MOST_SECONDS, SOUNDS, Trial, Tried
from copilot.web.knowledge.versions import WAIT_SECONDS
from copilot.web.pages import AnyRequest, go, page

Trials = NamedDependency[SkipValidation[Trial]]
"""How a handler asks for ``trial``."""
_LOCAL = re.compile(r"/(?:knowledge|try)[\w/.%-]*")


@get("/try/words", guards=[READ], include_in_schema=False)
async def words(
    request: AnyRequest,
    shelf: Shelf,
    calls: Calls,
    text: FromQuery[str] = "",
    pack: FromQuery[str] = "",
    call: FromQuery[str] = "",
) -> Response[str]:
    """Where words are typed, or those of a past call are tried anew."""
    if call:
        text = transcript_of(lines_of(await calls.read(call)))
    return await _words(request, shelf, text[:100_000], (pack,) if pack else ())


@post("/try/words", guards=[READ], include_in_schema=False, request_max_body_size=FORM_BYTES)
async def try_words(
    request: AnyRequest, caller: Me, shelf: Shelf, trial: Trials
) -> Response[str] | Redirect:
    """What the copilot would have done on them."""
    form = await fields(request)
    text, swap = form.get("text", ""), "swap" in form
    packs = (form["pack"],) if form.get("pack") else ()
    try:
        job = await trial.words(caller, text, shelf.names(packs), swap)
    except UserError as error:
        return await _words(request, shelf, text, packs, swap, fault=str(error), status=422)
    return await _to_result(job)


@get("/try/recording", guards=[READ], include_in_schema=False)
async def recording(request: AnyRequest, shelf: Shelf) -> Response[str]:
    """Where a recording is chosen."""
    return await _recording(request, shelf)


@post(
    "/try/recording",
    guards=[READ],
    include_in_schema=False,
    request_max_body_size=MOST_BYTES + FORM_BYTES,
)
async def try_recording(
    request: AnyRequest, caller: Me, shelf: Shelf, trial: Trials
) -> Response[str] | Redirect:
    """What the copilot would have done in that call."""
    form = await request.form()
    upload = form.get("recording")
    pack = form.get("pack")
    packs = (pack,) if isinstance(pack, str) and pack else ()
    try:
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise AudioError("Choose a recording first.")
        names = shelf.names(packs)
        name = upload.filename.replace("\\", "/").rpartition("/")[2][:120]
        handle, made = tempfile.mkstemp(suffix=_ending(name))
        file = Path(made)
        with open(handle, "wb"):  # noqa: PTH123, ASYNC230 - a descriptor
            pass
        try:
            await receive(chunks(upload), file, MOST_BYTES)
        except HTTPException:
            file.unlink()  # noqa: ASYNC240 - a moment
            raise
        job = await trial.recording(caller, file, name, names, "swap" in form)
    except UserError as error:
        return await _recording(request, shelf, packs, str(error), 422)
    return await _to_result(job)


@get("/try/result/{job_id:str}", guards=[READ], include_in_schema=False)
async def result(
    request: AnyRequest, job_id: FromPath[str], caller: Me, desk: Bases, shelf: Shelf
) -> Response[str] | Redirect:
    """The call, line by line, with each decision and why."""
    job = desk.jobs.get(caller.team_id, job_id)
    if not job.over:
        return go(f"/jobs/{job.id}?to=/try/result/{job.id}")
    if job.failure is not None or not isinstance(job.result, Tried):
        raise job.failure or UserError(job.error or "There is nothing to show.")
    drafts = await desk.bases(caller)
    return await page(
        request,
        "knowledge/result.html",
        tried=job.result,
        told=job.result.told,
        shelf=shelf,
        silences=phrases.SILENCES,
        editable=[one for one in drafts if one.editable],
    )


@get("/jobs/{job_id:str}", guards=[READ], include_in_schema=False)
async def job(
    request: AnyRequest, job_id: FromPath[str], caller: Me, desk: Bases, to: FromQuery[str] = ""
) -> Response[str] | Redirect:
    """How far it is; on to `to` when it is done. A script is given the picture alone."""
    found = desk.jobs.get(caller.team_id, job_id)
    to = to if _LOCAL.fullmatch(to) else "/knowledge"
    part = "hx-request" in request.headers
    await found.wait(WAIT_SECONDS if part else 0.05)
    if found.over and not found.error:
        if not part:
            return go(to)
        return Response("", headers={"HX-Redirect": to})
    return await page(
        request, "knowledge/_job.html" if part else "knowledge/job.html", job=found, to=to
    )


async def _to_result(job: Job) -> Redirect:
    await job.wait(WAIT_SECONDS)
    return go(f"/try/result/{job.id}")


async def _words(
    request: AnyRequest,
    shelf: TeamShelf,
    text: str,
    packs: tuple[str, ...] = (),
    swap: bool = False,
    fault: str = "",
    status: int = 200,
) -> Response[str]:
    return await page(
        request,
        "knowledge/words.html",
        status=status,
        packs=shelf.packs,
        chosen=packs[0] if packs else "",
        text=text,
        swap=swap,
        fault=fault,
    )


async def _recording(
    request: AnyRequest,
    shelf: TeamShelf,
    packs: tuple[str, ...] = (),
    fault: str = "",
    status: int = 200,
) -> Response[str]:
    return await page(
        request,
        "knowledge/recording.html",
        status=status,
        packs=shelf.packs,
        chosen=packs[0] if packs else "",
        fault=fault,
        sounds=SOUNDS,
        minutes=MOST_SECONDS // 60,
        mebibytes=MOST_BYTES // 2**20,
    )


def _ending(name: str) -> str:
    ending = Path(name).suffix.lower()
    return ending if ending in SOUNDS else ".wav"


ROUTES = (words, try_words, recording, try_recording, result, job)
