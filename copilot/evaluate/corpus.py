"""Calls to evaluate, one at a time: from log files, or from the database with their labels."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.core.events import CallStarted, Entry
from copilot.core.vocabulary import TICK_MS
from copilot.errors import LabelError
from copilot.evaluate.labels import Labelled, labels_of
from copilot.evaluate.logs import read
from copilot.evaluate.questions import Expected
from copilot.store.label import Label
from copilot.store.log import Store
from copilot.store.models import State

PAGE = 100
"""Calls listed at once."""
HOUR_MS = 3_600_000


class Stored(Struct, frozen=True):
    """A call's log with what people say about it."""

    name: str
    """The call's id, or its file."""
    entries: tuple[Entry, ...]
    labels: tuple[Label, ...] = ()
    expected: Expected | None = None
    """The questions of a scripted call."""
    day: date | None = None
    """When it was; None where neither the log nor the database tells."""

    @property
    def started(self) -> CallStarted:
        first = self.entries[0].event
        assert isinstance(first, CallStarted), "a log begins with call_started"
        return first

    @property
    def hours(self) -> float:
        return (self.entries[-1].tick + 1) * TICK_MS / HOUR_MS

    def labelled(self) -> tuple[Labelled, ...]:
        """What its inquiries teach."""
        return labels_of(self.entries, self.labels, self.expected)


async def from_files(paths: Iterable[Path], labels: Sequence[Label] = ()) -> AsyncIterator[Stored]:
    """The calls of log files, with the questions in a ``CALL.questions.json`` beside each.

    Raises LogError or LabelError with the file and the fault.
    """
    for path in paths:
        entries = tuple(read(path))
        beside = path.with_suffix(".questions.json")
        call = Stored(str(path), entries, expected=_expected(beside))
        own = tuple(label for label in labels if label.call_id == call.started.call_id)
        yield msgspec.structs.replace(call, labels=own, day=_day(call.started.date))


async def from_store(
    store: Store, since: datetime | None = None, packs: Sequence[str] = ()
) -> AsyncIterator[Stored]:
    """The ended calls of the database, newest first, as far back as `since`.

    With `packs`, only calls that used one of them.
    """
    before: str | None = None
    while page := await store.calls(PAGE, before):
        for row in page:
            if since is not None and row.started_at < since:
                return
            used = {ref.split("@")[0] for ref in row.packs}
            if row.state is State.LIVE or (packs and not used & set(packs)):
                continue
            entries = tuple(await store.read(row.id))
            labels = tuple(await store.labels.of(row.id))
            yield Stored(row.id, entries, labels, day=row.started_at.date())
        before = page[-1].id


def read_labels(path: Path) -> list[Label]:
    """The labels of a file of JSON lines; raises LabelError with the line at fault."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(msgspec.json.decode(line, type=Label))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LabelError(
                f"{path}, line {number}: not a label ({error}); `copilot labels export` shows how "
                "one is written"
            ) from None
    return found


def write_labels(labels: Iterable[Label]) -> bytes:
    """The labels as `read_labels` takes them."""
    return b"".join(msgspec.json.encode(label) + b"\n" for label in labels)


def _expected(path: Path) -> Expected | None:
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Expected)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LabelError(f"{path}: not the questions of a call ({error})") from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
