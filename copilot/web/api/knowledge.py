"""Knowledge bases, their files and passages, versions, gaps and tries for programs."""

from typing import Annotated, Any

import msgspec
from litestar import Router, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from copilot.core.events import Passage
from copilot.errors import UserError
from copilot.evaluate.why import Explained
from copilot.retrieval.changes import Changed
from copilot.retrieval.conflicts import Conflict
from copilot.retrieval.drafts import About
from copilot.retrieval.packs import Fault, Pack
from copilot.retrieval.packs.draft import FileReading
from copilot.retrieval.packs.edits import Doubt, Edit, fingerprint
from copilot.retrieval.packs.model import MAX_PRIORITY
from copilot.web.access import Me
from copilot.web.doors import Calls, Shelf
from copilot.web.jobs import Job, Stage
from copilot.web.knowledge import gaps as looking
from copilot.web.knowledge import views
from copilot.web.knowledge.desk import DRAFT, Base, State
from copilot.web.knowledge.forms import FORM_BYTES, now
from copilot.web.knowledge.pages import READ, WRITE, Bases
from copilot.web.knowledge.tries import WATCH, Trials
from copilot.web.knowledge.trying import Tried
from copilot.web.pages import AnyRequest
from copilot.web.schema import FileSent

Text = Annotated[str, Meta(max_length=100_000)]
Line = Annotated[str, Meta(max_length=1000)]
At = Annotated[int, Meta(ge=1, le=1_000_000)]


class BaseOut(Struct, frozen=True):
    """A knowledge base."""

    name: str
    title: str
    description: str
    language: str
    state: State
    editable: bool
    passages: int
    faults: int
    doubts: int
    expired: int
    version: str
    """What calls get; empty: nothing."""
    published_at: str
    """UTC; empty where it never was."""


class FaultOut(Struct, frozen=True):
    """Something that must be put right."""

    file: str
    line: int
    problem: str
    remedy: str


class FileOut(Struct, frozen=True):
    """A file of a knowledge base."""

    name: str
    size: int
    passages: int
    faults: list[FaultOut]


class FileTaken(FileOut, frozen=True):
    """A file as it came in."""

    replaced: bool


class BaseWhole(BaseOut, frozen=True):
    """A knowledge base with its files and all that is wrong."""

    files: list[FileOut]
    problems: list[FaultOut]


class PassageOut(Struct, frozen=True):
    """A passage as it would be published."""

    id: str
    title: str
    text: str
    say: str
    entity: str
    valid_until: str
    priority: int
    file: str
    edited: bool
    doubt: Doubt | None
    fingerprint: str
    """To be sent back with a change, so that nobody's is lost."""


class Passages(Struct, frozen=True):
    """A page of passages."""

    passages: list[PassageOut]
    total: int
    page: int
    pages: int


class PassageIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What a passage is to say."""

    title: Line
    text: Text
    say: Line = ""
    entity: Line = ""
    valid_until: Annotated[str, Meta(max_length=10)] = ""
    priority: Annotated[int, Meta(ge=0, le=MAX_PRIORITY)] = 0
    fingerprint: Annotated[str, Meta(max_length=64)] = ""
    """Of the passage as it was read; not for a new one."""


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """What a knowledge base is called."""

    title: Annotated[str, Meta(min_length=1, max_length=120)]
    description: Line = ""
    language: Annotated[str, Meta(min_length=2, max_length=20)] = "en"


class VersionOut(Struct, frozen=True):
    """A line of the history."""

    at: str
    what: str
    version: str
    passages: int
    by: str


class ChangesOut(Struct, frozen=True):
    """From one version to another."""

    old: str
    new: str
    added: list[Passage]
    removed: list[Passage]
    changed: list[Changed]


class Back(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to roll back to."""

    version: Annotated[str, Meta(max_length=64)] = ""
    """Empty: the one before."""


class JobOut(Struct, frozen=True):
    """Work that goes on."""

    id: str
    label: str
    stage: Stage
    doing: str
    done: int
    of: int
    error: str
    result: Any = None
    """What came of it: a pack's version, conflicts, gaps, or a call that was tried."""


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said: one utterance, or lines that begin with ``Agent:`` or ``Customer:``."""

    text: Annotated[str, Meta(min_length=1, max_length=200_000)]
    packs: Annotated[list[Line], Meta(max_length=50)] = []
    swap: bool = False


@get("/knowledge", guards=[READ], summary="Knowledge bases of the team")
async def bases(caller: Me, desk: Bases) -> list[BaseOut]:
    """By title."""
    return [_base(one) for one in await desk.bases(caller)]


@post("/knowledge", guards=[WRITE], summary="Make a knowledge base")
async def make(data: JSONBody[Named], caller: Me, desk: Bases) -> BaseWhole:
    """An empty one; its name comes from its title."""
    pack = await desk.create(caller, About(data.title, data.description, data.language))
    return _whole(await desk.base(caller, pack))


@get("/knowledge/{pack:str}", guards=[READ], summary="One of them")
async def base(pack: FromPath[str], caller: Me, desk: Bases) -> BaseWhole:
    """With its files and problems."""
    return _whole(await desk.base(caller, pack))


@patch("/knowledge/{pack:str}", guards=[WRITE], summary="Call it otherwise")
async def describe(
    pack: FromPath[str], data: JSONBody[Named], caller: Me, desk: Bases
) -> BaseWhole:
    """Title, description and language."""
    await desk.describe(caller, pack, About(data.title, data.description, data.language))
    return _whole(await desk.base(caller, pack))


@delete("/knowledge/{pack:str}", guards=[WRITE], summary="Drop a draft")
async def drop(pack: FromPath[str], caller: Me, desk: Bases) -> None:
    """Only of one that was never published, or whose files are kept elsewhere."""
    await desk.drop(caller, pack)


@post("/knowledge/{pack:str}/adopt", guards=[WRITE], summary="Edit it in the console")
async def adopt(pack: FromPath[str], caller: Me, desk: Bases) -> BaseWhole:
    """Copies a pack that is kept elsewhere."""
    await desk.adopt(caller, pack)
    return _whole(await desk.base(caller, pack))


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
    return FileTaken(**msgspec.structs.asdict(_file(read)), replaced=replaced)


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
    return Passages([_passage(row) for row in listed.rows], *listed[1:])


@post("/knowledge/{pack:str}/passages", guards=[WRITE], summary="Write a passage")
async def write(
    pack: FromPath[str], data: JSONBody[PassageIn], caller: Me, desk: Bases
) -> PassageOut:
    """In the draft; publishing gives it to calls."""
    id = await desk.write(caller, pack, _edit(data, caller))
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
    await desk.save(caller, pack, _id(path), _edit(data, caller), data.fingerprint)
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
        for one in await desk.history(caller, pack)
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
    before, after, found = await desk.changes(caller, pack, old, new)
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
    return _job(await desk.publish(caller, pack))


@post("/knowledge/{pack:str}/roll-back", guards=[WRITE], status_code=202, summary="Roll back")
async def roll_back(pack: FromPath[str], data: JSONBody[Back], caller: Me, desk: Bases) -> JobOut:
    """Gives new calls an earlier version."""
    return _job(await desk.roll_back(caller, pack, data.version or None))


@post("/knowledge/{pack:str}/retire", guards=[WRITE], status_code=204, summary="Retire")
async def retire(pack: FromPath[str], caller: Me, desk: Bases) -> None:
    """New calls get nothing of it."""
    await desk.retire(caller, pack)


@get("/knowledge/{pack:str}/conflicts", guards=[READ], summary="Duplicates, contradictions")
async def conflicts(pack: FromPath[str], caller: Me, desk: Bases) -> JobOut:
    """Ask again until the job is done; its result is then the list."""
    job = await desk.conflicts(caller, pack)
    await job.wait(1)
    return _job(job)


@get("/gaps", guards=[WATCH], summary="What calls asked in vain")
async def gaps(caller: Me, desk: Bases, calls: Calls, anew: FromQuery[bool] = False) -> JobOut:
    """Of the last four weeks; ask again until the job is done."""
    job = looking.look(desk.jobs, desk.embedder, caller, calls, anew)
    await job.wait(1)
    return _job(job)


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
    return _job(job)


@get("/jobs/{job_id:str}", guards=[READ], summary="How far work is")
async def job(job_id: FromPath[str], caller: Me, desk: Bases) -> JobOut:
    """With its result when it is done."""
    return _job(desk.jobs.get(caller.team_id, job_id))


def _base(one: Base) -> BaseOut:
    return BaseOut(**_about(one))


def _about(one: Base) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "description": one.description,
        "language": one.language,
        "state": one.state,
        "editable": one.editable,
        "passages": one.passages,
        "faults": one.faults,
        "doubts": one.doubts,
        "expired": one.expired,
        "version": one.version,
        "published_at": one.last.at if one.last else "",
    }


def _whole(one: Base) -> BaseWhole:
    draft = one.draft
    files = [_file(file) for file in draft.files] if draft else []
    problems = [_fault(fault) for fault in draft.faults] if draft else []
    return BaseWhole(**_about(one), files=files, problems=problems)


def _file(file: FileReading) -> FileOut:
    faults = [_fault(fault) for fault in file.faults]
    return FileOut(file.name, file.size, len(file.passages), faults)


def _fault(fault: Fault) -> FaultOut:
    """Without the path of this machine."""
    return FaultOut(views.short(fault), fault.line, fault.problem, fault.remedy)


def _passage(row: views.Row) -> PassageOut:
    one = row.passage
    return PassageOut(
        one.id,
        one.title,
        one.text,
        one.say,
        one.entity,
        one.valid_until,
        one.priority,
        row.file,
        row.edited,
        row.doubt,
        fingerprint(one),
    )


def _id(path: str) -> str:
    return path.removeprefix("/")


async def _found(caller: Me, desk: Bases, pack: str, id: str) -> PassageOut:
    found, one = await desk.passage(caller, pack, id)
    assert found.draft is not None
    return _passage(views.row(one, found.draft))


def _edit(data: PassageIn, caller: Me) -> Edit:
    return Edit(
        data.title,
        data.text,
        data.say,
        data.entity,
        data.valid_until,
        data.priority,
        by=caller.email or caller.name,
        at=now(),
    )


def _job(job: Job) -> JobOut:
    result: object = None
    if job.stage is Stage.DONE:
        result = _result(job.result)
    if isinstance(job.failure, UserError) and job.over and job.kind == "try":
        raise job.failure
    return JobOut(job.id, job.label, job.stage, job.doing, job.done, job.of, job.error, result)


def _result(made: object) -> object:
    match made:
        case Pack():
            return {"version": made.version, "passages": len(made.passages)}
        case Tried():
            return made.told
        case Explained() | looking.Gaps():
            return made
        case tuple():
            return [one for one in made if isinstance(one, Conflict)]
        case _:
            return None


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
        try_words,
        job,
    ],
    tags=["knowledge"],
)
