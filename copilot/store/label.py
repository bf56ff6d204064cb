"""What people think of what a call's inquiries came to: labels, and which of them stand."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Text = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")]
"""PostgreSQL refuses the one character that is left out."""
NOTHING = "none"
"""In place of a passage's id: no passage of the packs answers."""
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*\Z")]


class Verdict(StrEnum):
    """What a card or a silence was worth."""

    RIGHT = "right"
    """A card was needed, and the right one came."""
    WRONG = "wrong"
    """A card was needed, and only cards of other passages came."""
    MISSED = "missed"
    """A card was needed, and none came."""
    SILENT = "silent"
    """No card was needed, and none came."""
    UNNEEDED = "unneeded"
    """A card came that was not needed, even one that soon went because the agent had said it."""

    @property
    def needed(self) -> bool:
        """Whether a card was needed."""
        return self in (Verdict.RIGHT, Verdict.WRONG, Verdict.MISSED)

    @property
    def shown(self) -> bool:
        """Whether it is about a card, not about a silence."""
        return self in (Verdict.RIGHT, Verdict.WRONG, Verdict.UNNEEDED)


class Label(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One person's verdict on one inquiry of a call."""

    call_id: Name
    inquiry: Annotated[int, Meta(ge=1, lt=2**31)]
    verdict: Verdict
    by: Name
    """Who says so."""
    at: Annotated[datetime, Meta(tz=True)]
    passage: Text = ""
    """The passage that would have been right, or NOTHING, where the verdict leaves it open."""
    note: Text = ""


def standing(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Of one call's labels the newest of each person on each inquiry, oldest first."""
    newest: dict[tuple[str, int], Label] = {}
    for label in sorted(labels, key=lambda label: label.at):
        newest.pop((label.by, label.inquiry), None)
        newest[label.by, label.inquiry] = label
    return tuple(newest.values())
