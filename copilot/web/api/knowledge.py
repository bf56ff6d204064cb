"""Knowledge bases, their files and passages, versions, gaps and tries for programs."""

import msgspec
from litestar import Router, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from copilot.retrieval.drafts import About
from copilot.web.access import Me
from copilot.web.api.knowledge_shapes import (
    At,
    Back,
    BaseOut,
    BaseWhole,
    ChangesOut,
    FileTaken,
    GapIn,
    JobOut,
    Line,
    Named,
    PassageIn,
    PassageOut,
    Passages,
    VersionOut,
    Words,
    base_out,
    edit_of,
    file_out,
    job_out,
    passage_out,
    whole_out,
)
from copilot.web.doors import Calls, Shelf
from copilot.web.knowledge import gaps as looking
from copilot.web.knowledge import views
from copilot.web.knowledge.forms import FORM_BYTES, now
from copilot.web.knowledge.gap_pages import WATCH
from copilot.web.knowledge.pages import READ, WRITE, Bases
from copilot.web.knowledge.press import DRAFT
from copilot.web.knowledge.tries import Trials
from copilot.web.pages import AnyRequest
from copilot.web.schema import FileSent


@get("/knowledge", guards=[READ], summary="Knowledge bases of the team")
async def bases(caller: Me, desk: Bases) -> list[BaseOut]:
    """By title."""
    return [base_out(one) for one in await desk.bases(caller)]


@post("/knowledge", guards=[WRITE], summary="Make a knowledge base")
async def make(data: JSONBody[Named], caller: Me, desk: Bases) -> BaseWhole:
    """An empty one; its name comes from its title."""
    pack = await desk.create(caller, About(data.title, data.description, data.language))
    return whole_out(await desk.base(caller, pack))


@get("/knowledge/{pack:str}", guards=[READ], summary="One of them")
async def base(pack: FromPath[str], caller: Me, desk: Bases) -> BaseWhole:
    """With its files and problems."""
    return whole_out(await desk.base(caller, pack))


@patch("/knowledge/{pack:str}", guards=[WRITE], summary="Call it otherwise")
async def describe(
    pack: FromPath[str], data: JSONBody[Named], caller: Me, desk: Bases
) -> BaseWhole:
    """Title, description and language."""
    await desk.describe(caller, pack, About(data.title, data.description, data.language))
    return whole_out(await desk.base(caller, pack))


@delete("/knowledge/{pack:str}", guards=[WRITE], summary="Drop a draft")
async def drop(pack: FromPath[str], caller: Me, desk: Bases) -> None:
    """Only of one that was never published, or whose files are kept elsewhere."""
    await desk.drop(caller, pack)


@post("/knowledge/{pack:str}/adopt", guards=[WRITE], summary="Edit it in the console")
async def adopt(pack: FromPath[str], caller: Me, desk: Bases) -> BaseWhole:
    """Copies a pack that is kept elsewhere."""
    await desk.adopt(caller, pack)
    return whole_out(await desk.base(caller, pack))


@put(
    "/knowledge/{pack:str}/files/{name:str}",
    guards=[WRITE],
    summary="Put a file in",
    operation_class=FileSent,
    request_max_body_size=None,  # bounded by the file's kind as it comes
)
async def put_file(
    request: AnyRequest, pack: FromPath[str], name: FromPath[str], caller: Me, desk: Bases
) -> FileTaken:
    """The body is the file. One with problems is kept, to be mended; they are in the answer."""
    read, replaced = await desk.put_file(caller, pack, name, request.stream())
    return FileTaken(**msgspec.structs.asdict(file_out(read)), replaced=replaced)


@delete("/knowledge/{pack:str}/files/{name:str}", guards=[WRITE], summary="Take a file out")
async def remove_file(pack: FromPath[str], name: FromPath[str], caller: Me, desk: Bases) -> None:
    """With its passages and what was edited in them."""
    await desk.remove_file(caller, pack, name)


@get("/knowledge/{pack:str}/passages", guards=[READ], summary="Its passages")
async def passages(
    pack: FromPath[str],
    caller: Me,
    desk: Bases,
    q: FromQuery[Line] = "",
    show: FromQuery[views.Show] = views.Show.ALL,
    page: FromQuery[At] = 1,
) -> Passages:
    """A page of those that hold every word of `q`."""
    found = await desk.base(caller, pack)
    listed = views.passages(found.draft, q, show, "", page)
    return Passages([passage_out(row) for row in listed.rows], *listed[1:])


@post("/knowledge/{pack:str}/passages", guards=[WRITE], summary="Write a passage")
async def write(
    pack: FromPath[str], data: JSONBody[PassageIn], caller: Me, desk: Bases
) -> PassageOut:
    """In the draft; publishing gives it to calls."""
    id = await desk.write(caller, pack, edit_of(data, caller))
    return await _found(caller, desk, pack, id)


@get("/knowledge/{pack:str}/passages/{path:path}", guards=[READ], summary="One passage")
async def passage(pack: FromPath[str], path: FromPath[str], caller: Me, desk: Bases) -> PassageOut:
    """By its id, with ``#`` as ``%23``, as the draft has it."""
    return await _found(caller, desk, pack, _id(path))


@put("/knowledge/{pack:str}/passages/{path:path}", guards=[WRITE], summary="Edit a passage")
async def edit(
    pack: FromPath[str], path: FromPath[str], data: JSONBody[PassageIn], caller: Me, desk: Bases
) -> PassageOut:
    """409 where somebody else has changed it since it was read."""
    await desk.save(caller, pack, _id(path), edit_of(data, caller), data.fingerprint)
    return await _found(caller, desk, pack, _id(path))


@delete("/knowledge/{pack:str}/passages/{path:path}", guards=[WRITE], summary="Leave one out")
async def leave_out(pack: FromPath[str], path: FromPath[str], caller: Me, desk: Bases) -> None:
    """Its file keeps it; `restored` brings it back."""
    await desk.leave_out(caller, pack, _id(path), now())


@post("/knowledge/{pack:str}/restored/{path:path}", guards=[WRITE], summary="Undo its edit")
async def restore(pack: FromPath[str], path: FromPath[str], caller: Me, desk: Bases) -> PassageOut:
    """The passage says what its file says."""
    await desk.restore(caller, pack, _id(path))
    return await _found(caller, desk, pack, _id(path))


@get("/knowledge/{pack:str}/versions", guards=[READ], summary="Its history")
async def versions(pack: FromPath[str], caller: Me, desk: Bases) -> list[VersionOut]:
    """Newest first."""
    return [
        VersionOut(one.at, str(one.what), one.version, one.passages, one.by)
        for one in await desk.press.history(caller, pack)
    ]


@get("/knowledge/{pack:str}/changes", guards=[READ], summary="What differs")
async def changes(
    pack: FromPath[str],
    caller: Me,
    desk: Bases,
    old: FromQuery[Line] = "",
    new: FromQuery[Line] = DRAFT,
) -> ChangesOut:
    """Between two versions; without any named, what publishing would change."""
    before, after, found = await desk.press.changes(caller, pack, old, new)
    return ChangesOut(
        before.version,
        after.version,
        list(found.added),
        list(found.removed),
        list(found.changed),
    )


@post("/knowledge/{pack:str}/publish", guards=[WRITE], status_code=202, summary="Publish")
async def publish(pack: FromPath[str], caller: Me, desk: Bases) -> JobOut:
    """Gives the draft to new calls; 422 with every problem where it has any."""
    return job_out(await desk.press.publish(caller, pack))


@post("/knowledge/{pack:str}/roll-back", guards=[WRITE], status_code=202, summary="Roll back")
async def roll_back(pack: FromPath[str], data: JSONBody[Back], caller: Me, desk: Bases) -> JobOut:
    """Gives new calls an earlier version."""
    return job_out(await desk.press.roll_back(caller, pack, data.version or None))


@post("/knowledge/{pack:str}/retire", guards=[WRITE], status_code=204, summary="Retire")
async def retire(pack: FromPath[str], caller: Me, desk: Bases) -> None:
    """New calls get nothing of it."""
    await desk.press.retire(caller, pack)


@get("/knowledge/{pack:str}/conflicts", guards=[READ], summary="Duplicates, contradictions")
async def conflicts(pack: FromPath[str], caller: Me, desk: Bases) -> JobOut:
    """Ask again until the job is done; its result is then the list."""
    job = await desk.press.conflicts(caller, pack)
    await job.wait(1)
    return job_out(job)


@get("/gaps", guards=[WATCH], summary="What calls asked in vain")
async def gaps(caller: Me, desk: Bases, calls: Calls, anew: FromQuery[bool] = False) -> JobOut:
    """Of the last four weeks; ask again until the job is done."""
    job = looking.look(desk.jobs, desk.embedder, caller, calls, anew)
    await job.wait(1)
    return job_out(job)


@post("/gaps/drafts", guards=[WRITE], summary="Draft the answer to a gap")
async def draft_gap(data: JSONBody[GapIn], caller: Me, desk: Bases) -> PassageOut:
    """A passage of what was asked and what came nearest; unpublished until it is edited.

    Where there is one already, that one.
    """
    made = await looking.draft(desk, caller, data.pack, data.question)
    return await _found(caller, desk, made.pack, made.id)


@post(
    "/try",
    guards=[READ],
    status_code=200,
    summary="Try words",
    request_max_body_size=FORM_BYTES,
)
async def try_words(data: JSONBody[Words], caller: Me, shelf: Shelf, trial: Trials) -> JobOut:
    """What the copilot would have done in a call of these words, and what would change it."""
    job = await trial.words(caller, data.text, shelf.names(data.packs), data.swap)
    await job.wait(10)
    return job_out(job)


@get("/jobs/{job_id:str}", guards=[READ], summary="How far work is")
async def job(job_id: FromPath[str], caller: Me, desk: Bases) -> JobOut:
    """With its result when it is done."""
    return job_out(desk.jobs.get(caller.team_id, job_id))


def _id(path: str) -> str:
    return path.removeprefix("/")


async def _found(caller: Me, desk: Bases, pack: str, id: str) -> PassageOut:
    found, one = await desk.passage(caller, pack, id)
    assert found.draft is not None
    return passage_out(views.row(one, found.draft))


router = Router(
    "/api/v1",
    route_handlers=[
        bases,
        make,
        base,
        describe,
        drop,
        adopt,
        put_file,
        remove_file,
        passages,
        write,
        passage,
        edit,
        leave_out,
        restore,
        versions,
        changes,
        publish,
        roll_back,
        retire,
        conflicts,
        gaps,
        draft_gap,
        try_words,
        job,
    ],
    tags=["knowledge"],
)
