"""What a pack is once it is read, and what its author must put right where it cannot be."""

import datetime
import re
from collections.abc import Sequence

from msgspec import Struct

from copilot.core.vocabulary import Passage
from copilot.errors import PackError

MAX_SAY_WORDS = 25
MAX_PRIORITY = 100


class Fault(Struct, frozen=True, order=True):
    """Something in a pack that its author must put right."""

    file: str
    line: int
    """From 1, in a spreadsheet the row; 0 where the whole file is meant."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.problem}; {self.remedy}"


class PackFaults(PackError):
    """Every fault of the packs at once, so that an author needs one run to see them all."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class Pack(Struct, frozen=True):
    """A validated pack."""

    name: str
    title: str
    description: str
    language: str
    version: str
    """First 8 hex digits of the SHA-256 over all that search can return."""
    passages: tuple[Passage, ...]
    """In the order of files and headings; their score is 0 until a search sets it."""

    @property
    def ref(self) -> str:
        """Name and version, as logs cite them: ``parcel@1f0c9a2e``."""
        return f"{self.name}@{self.version}"


class Reading(Struct, frozen=True):
    """What reading a knowledge folder gave."""

    packs: tuple[Pack, ...]
    """The packs without a fault."""
    faults: tuple[Fault, ...]


def slug(heading: str) -> str:
    """The heading's part of a passage id: lower-case words joined by hyphens, or nothing."""
    return re.sub(r"[\W_]+", "-", heading.casefold()).strip("-")


def say_problem(say: str) -> str:
    """Why a spoken line cannot be used; empty where it can."""
    words = len(say.split())
    return f"spoken line has {words} words" if words > MAX_SAY_WORDS else ""


def iso_date(text: str) -> str | None:
    """`text` where it is a day as ``2026-12-31``, else None."""
    try:
        return datetime.date.fromisoformat(text).isoformat() if len(text) == 10 else None
    except ValueError:
        return None


def priority_of(text: str) -> int | None:
    """The priority that a whole number from 0 to 100 gives, else None."""
    number = int(text) if re.fullmatch("[0-9]{1,3}", text) else MAX_PRIORITY + 1
    return number if number <= MAX_PRIORITY else None
