"""What pages and API show of a knowledge base: rows of passages, faults in their files, words."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.retrieval.drafts import TEXTS
from copilot.retrieval.packs import Fault
from copilot.retrieval.packs.draft import Draft, FileReading
from copilot.retrieval.packs.edits import WRITTEN, Doubt, fingerprint
from copilot.web.knowledge.standing import Base, State
from copilot.web.phrases import Phrase

PAGE = 50
SOON_DAYS = 14
_AROUND = 2
"""Lines shown before and after a faulty one."""
_DIFF_WORDS = 3000
"""Longer texts are shown whole, old and new."""

STATES: dict[State, Phrase] = {
    State.FAULTY: Phrase("Has problems", "Something must be put right before it can be published."),
    State.EMPTY: Phrase("Empty", "Add files, or write the first passage."),
    State.NEW: Phrase("Not published", "Calls do not get it until it is published."),
    State.CHANGED: Phrase("Changes not published", "Calls still get the version before."),
    State.CURRENT: Phrase("Published", "Calls get what you see here."),
    State.RETIRED: Phrase(
        "Retired", "Calls do not get it. Publish it, or roll back, to return it."
    ),
    State.GONE: Phrase("Published, files gone", "Calls get it from its stored version."),
}
FIELDS = {
    "title": "Question",
    "text": "Answer",
    "say": "Line to say",
    "entity": "About",
    "valid_until": "Valid until",
    "priority": "Priority",
}


class Show(StrEnum):
    """Which passages are listed."""

    ALL = "all"
    DOUBTS = "doubts"
    EDITED = "edited"
    EXPIRED = "expired"
    NO_LINE = "no-line"
    LEFT_OUT = "left-out"

    @property
    def label(self) -> str:
        return {
            Show.ALL: "All",
            Show.DOUBTS: "To look at again",
            Show.EDITED: "Edited here",
            Show.EXPIRED: "Out of date, or soon",
            Show.NO_LINE: "Without a line to say",
            Show.LEFT_OUT: "Left out",
        }[self]


class Row(Struct, frozen=True):
    """A passage in a list."""

    passage: Passage
    file: str
    """Where it comes from; empty: written here."""
    edited: bool
    doubt: Doubt | None
    expired: bool
    soon: bool
    """Whether it will be out of date within two weeks."""
    fingerprint: str


class Page(NamedTuple):
    """One page of a list."""

    rows: list[Row]
    total: int
    page: int
    pages: int


class Excerpt(NamedTuple):
    """The lines of a file around a fault."""

    fault: Fault
    lines: list[tuple[int, str, bool]]
    """Number, text, and whether it is the faulty one."""


def passages(
    draft: Draft | None, query: str = "", show: Show = Show.ALL, file: str = "", page: int = 1
) -> Page:
    """The passages that hold every word of the query, a page of them."""
    if draft is None:
        return Page([], 0, 1, 1)
    wanted = query.casefold().split()
    today = datetime.now(UTC).date()
    soon = (today + timedelta(days=SOON_DAYS)).isoformat()
    some: Iterable[Passage] = draft.passages
    if show is Show.LEFT_OUT:
        left = [id for id, edit in draft.edits.items() if edit.removed]
        some = [draft.edited.under[id] for id in left if id in draft.edited.under]
    found = [
        one
        for one in some
        if _shown(one, draft, show, soon)
        and (not file or _file(one.id) == file)
        and (not wanted or _holds(one, wanted))
    ]
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(1, page), pages)
    part = found[(page - 1) * PAGE : page * PAGE]
    return Page([row(one, draft) for one in part], len(found), page, pages)


def row(passage: Passage, draft: Draft) -> Row:
    """The passage as a list shows it."""
    today = datetime.now(UTC).date()
    until = passage.valid_until
    expired = bool(until) and until < today.isoformat()
    soon = (today + timedelta(days=SOON_DAYS)).isoformat()
    return Row(
        passage,
        source(passage.id, draft),
        passage.id in draft.edits,
        draft.edited.doubts.get(passage.id),
        expired,
        bool(until) and not expired and until <= soon,
        fingerprint(passage),
    )


def source(id: str, draft: Draft | None) -> str:
    """The file that a passage comes from; empty where it was written here.

    Markdown files are named in an id without their ending.
    """
    name = _file(id)
    if name == WRITTEN:
        return ""
    file = file_of(draft, id) if draft else None
    return file.name if file else name


def file_of(draft: Draft, id: str) -> FileReading | None:
    """The file that the passage comes from."""
    name = _file(id)
    return next((one for one in draft.files if one.name in (name, f"{name}.md")), None)


def short(fault: Fault) -> str:
    """The file's name, without the folders before it."""
    return PurePosixPath(fault.file).name


def can_mend(name: str) -> bool:
    """Whether the file's text can be edited in the browser."""
    return PurePosixPath(name).suffix.lower() in TEXTS


def excerpts(text: str, faults: Sequence[Fault]) -> list[Excerpt]:
    """Each fault with the lines around its place."""
    lines = text.splitlines()
    made = []
    for fault in faults:
        around: list[tuple[int, str, bool]] = []
        if 0 < fault.line <= len(lines):
            first = max(1, fault.line - _AROUND)
            last = min(len(lines), fault.line + _AROUND)
            around = [(n, lines[n - 1][:300], n == fault.line) for n in range(first, last + 1)]
        made.append(Excerpt(fault, around))
    return made


def words(old: str, new: str) -> Iterator[tuple[str, str]]:
    """How one text became another: ``same``, ``gone`` or ``come``, with its words."""
    before, after = old.split(), new.split()
    if len(before) + len(after) > _DIFF_WORDS:
        yield "gone", old
        yield "come", new
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield "same", " ".join(before[a:b])
            continue
        if b > a:
            yield "gone", " ".join(before[a:b])
        if d > c:
            yield "come", " ".join(after[c:d])


def steps(base: Base) -> list[tuple[str, bool]]:
    """The way from nothing to calls that get it, and how far it has come."""
    return [
        ("Add files or write", base.passages > 0),
        ("Put problems right", base.passages > 0 and not base.faults),
        ("Publish", bool(base.version)),
    ]


def _shown(passage: Passage, draft: Draft, show: Show, soon: str) -> bool:
    match show:
        case Show.DOUBTS:
            return passage.id in draft.edited.doubts
        case Show.EDITED:
            return passage.id in draft.edits
        case Show.EXPIRED:
            return bool(passage.valid_until) and passage.valid_until <= soon
        case Show.NO_LINE:
            return not passage.say
        case _:
            return True


def _holds(passage: Passage, wanted: Sequence[str]) -> bool:
    text = f"{passage.title}\n{passage.text}\n{passage.say}\n{passage.entity}".casefold()
    return all(word in text for word in wanted)


def _file(id: str) -> str:
    return id.partition("/")[2].partition("#")[0]
