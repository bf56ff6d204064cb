"""What people changed in a pack's passages, beside the files: ``edits.json`` in its folder.

An edit stands over the passage of the same id, whatever kind of file that comes from, so a file
that is replaced keeps the spoken lines that were written for it. A passage written here has no
file under it.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.errors import PackError
from copilot.retrieval.packs.model import (
    MAX_SAY_WORDS,
    Fault,
    iso_date,
    say_problem,
    slug,
)

EDITS_FILE = "edits.json"
WRITTEN = "written"
"""Stands for the file in ids of passages that were written here."""
MOST_CHARACTERS = 20_000
"""Of one passage's text: a hundred times what can be read in a call."""


class Edit(Struct, frozen=True, omit_defaults=True):
    """What a passage says instead of what its file says."""

    title: str = ""
    text: str = ""
    say: str = ""
    entity: str = ""
    valid_until: str = ""
    priority: int = 0
    removed: bool = False
    """The passage is left out."""
    base: str = ""
    """`fingerprint` of the passage under it as it was then; empty: it was written here."""
    by: str = ""
    at: str = ""
    """UTC, as ``2026-11-26T09:30:00+00:00``."""
    asked: str = ""
    """The question that calls asked in vain and this answers; empty: it came from no gap."""
    drafted: bool = False
    """Nobody has read it yet: it is not published."""

    def over(self, id: str) -> Passage:
        """The passage that calls get."""
        return Passage(
            id, self.title, self.text, self.say, 0, self.entity, self.valid_until, self.priority
        )


Edits = Mapping[str, Edit]
"""By the id of the passage."""


class Doubt(StrEnum):
    """Why somebody should look at an edit again; it stands until they do."""

    CHANGED = "changed"
    """Its file says something else than when the edit was made."""
    GONE = "gone"
    """Its file has no such passage any more."""
    DRAFTED = "drafted"
    """It was drafted from a gap; until somebody has read it, it is not published."""


class Edited(Struct, frozen=True):
    """Passages with their edits."""

    passages: tuple[Passage, ...]
    under: dict[str, Passage]
    """What the file says of each passage that was edited or left out."""
    doubts: dict[str, Doubt]

    @property
    def ready(self) -> tuple[Passage, ...]:
        """Those that may be published."""
        return tuple(one for one in self.passages if self.doubts.get(one.id) is not Doubt.DRAFTED)


_decoder = msgspec.json.Decoder(dict[str, Edit])


def fingerprint(passage: Passage) -> str:
    """Another text for a passage that says anything else."""
    body = msgspec.json.encode(msgspec.structs.replace(passage, score=0))
    return hashlib.sha256(body).hexdigest()[:12]


def apply(passages: Iterable[Passage], edits: Edits) -> Edited:
    """Put the edits over the passages of the files; those written here come last."""
    made: list[Passage] = []
    under: dict[str, Passage] = {}
    doubts: dict[str, Doubt] = {}
    for passage in passages:
        edit = edits.get(passage.id)
        if edit is None:
            made.append(passage)
            continue
        under[passage.id] = passage
        if edit.base != fingerprint(passage):
            doubts[passage.id] = Doubt.CHANGED
        if not edit.removed:
            made.append(edit.over(passage.id))
    for id, edit in edits.items():
        if id in under or edit.removed:
            continue
        if edit.base or edit.drafted:
            doubts[id] = Doubt.DRAFTED if edit.drafted else Doubt.GONE
        made.append(edit.over(id))
    return Edited(tuple(made), under, doubts)


def read_edits(folder: Path) -> dict[str, Edit]:
    """The pack's edits; raises PackError where the file cannot be used."""
    file = folder / EDITS_FILE
    try:
        return _decoder.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PackError(
            f"{file}: the edits cannot be read ({error}); restore the file from a backup, or remove"
            " it to go back to what the files say"
        ) from None


def write_edits(folder: Path, edits: Edits) -> None:
    """Keep the edits, all or none; raises PackError."""
    body = msgspec.json.format(msgspec.json.encode(edits), indent=1)
    replace_file(folder / EDITS_FILE, body)


def replace_file(file: Path, body: bytes) -> None:
    """Write a file whole or not at all; raises PackError."""
    part = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    try:
        part.write_bytes(body)
        part.replace(file)
    except OSError as error:
        raise PackError(
            f"{file}: cannot be written ({error.strerror}); see that the disk has room and the"
            " folder is writable"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def problems(edit: Edit) -> dict[str, str]:
    """By field, what is wrong with it and the remedy; empty where it can be used."""
    found: dict[str, str] = {}
    if not slug(edit.title):
        found["title"] = "The question has no words. Write it as customers ask it."
    if not edit.text.strip():
        found["text"] = "The answer is empty. Write two to six sentences."
    elif len(edit.text) > MOST_CHARACTERS:
        found["text"] = (
            f"The answer has {len(edit.text):,} characters, over the limit of"
            f" {MOST_CHARACTERS:,}. Split it into several questions."
        )
    if say_problem(edit.say):
        words = len(edit.say.split())
        found["say"] = f"The line has {words} words. Shorten it to {MAX_SAY_WORDS} at most."
    if edit.valid_until and iso_date(edit.valid_until) is None:
        found["valid_until"] = f"{edit.valid_until!r} is no day. Write it as 2026-12-31."
    if not 0 <= edit.priority <= 100:
        found["priority"] = "The priority is a whole number from 0 to 100."
    return found


def faults(folder: Path, edits: Edits) -> list[Fault]:
    """What is wrong with edits that came into the file by other ways than the console."""
    file = str(folder / EDITS_FILE)
    return [
        Fault(file, 0, f"{id}: {problem}", "edit the passage, or remove it from the file")
        for id, edit in edits.items()
        if not edit.removed and not edit.drafted
        for problem in problems(edit).values()
    ]
