"""What the API of knowledge bases takes and answers."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from copilot.core.vocabulary import Passage
from copilot.errors import UserError
from copilot.evaluate.why import Explained
from copilot.retrieval.changes import Changed
from copilot.retrieval.conflicts import Conflict
from copilot.retrieval.packs import Fault, Pack
from copilot.retrieval.packs.draft import FileReading
from copilot.retrieval.packs.edits import Doubt, Edit, fingerprint
from copilot.retrieval.packs.model import MAX_PRIORITY
from copilot.web.access import Me
from copilot.web.jobs import Job, Stage
from copilot.web.knowledge import gaps as looking
from copilot.web.knowledge import views
from copilot.web.knowledge.forms import now
from copilot.web.knowledge.standing import Base, State
from copilot.web.knowledge.trying import Tried

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


class GapIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A gap, and where its answer goes."""

    question: Line
    """The gap's name."""
    pack: Line


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


def base_out(one: Base) -> BaseOut:
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


def whole_out(one: Base) -> BaseWhole:
    draft = one.draft
    files = [file_out(file) for file in draft.files] if draft else []
    problems = [fault_out(fault) for fault in draft.faults] if draft else []
    return BaseWhole(**_about(one), files=files, problems=problems)


def file_out(file: FileReading) -> FileOut:
    faults = [fault_out(fault) for fault in file.faults]
    return FileOut(file.name, file.size, len(file.passages), faults)


def fault_out(fault: Fault) -> FaultOut:
    """Without the path of this machine."""
    return FaultOut(views.short(fault), fault.line, fault.problem, fault.remedy)


def passage_out(row: views.Row) -> PassageOut:
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


def edit_of(data: PassageIn, caller: Me) -> Edit:
    return Edit(
        data.title,
        data.text,
        data.say,
        data.entity,
        data.valid_until,
        data.priority,
        by=caller.known_as,
        at=now(),
    )


def job_out(job: Job) -> JobOut:
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
