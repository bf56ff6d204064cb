"""Past calls: found by words and outcome, judged moment by moment, flagged, erased."""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from copilot.errors import LabelError
from copilot.evaluate.labels import Labelled
from copilot.store.console.rows import Wanted
from copilot.store.console.search import terms
from copilot.store.label import NOTHING, Label, Verdict
from copilot.store.models import CallRow

AROUND = 70
"""Characters of talk that an excerpt shows on either side of what was found."""


class Excerpt(Struct, frozen=True):
    """A stretch of a call around the first thing that was found in it."""

    before: str
    found: str
    after: str


class Hit(Struct, frozen=True):
    """One call of a search."""

    call: CallRow
    excerpt: Excerpt | None = None


def hits(rows: Sequence[CallRow], words: dict[str, str], wanted: Wanted) -> list[Hit]:
    """The calls with the place where their words were found."""
    pattern = pattern_of(wanted.words)
    return [Hit(row, excerpt(words.get(row.id, ""), pattern) if pattern else None) for row in rows]


def pattern_of(words: str) -> re.Pattern[str] | None:
    """What finds the terms of a search in text; None where nothing is looked for."""
    asked = terms(words)
    if not asked:
        return None
    parts = [
        r"[\W_]+".join(map(re.escape, one)) + (r"\w*" if len(one) == 1 else "") for one in asked
    ]
    return re.compile(rf"\b(?:{'|'.join(parts)})", re.IGNORECASE)


def excerpt(text: str, pattern: re.Pattern[str]) -> Excerpt | None:
    """The talk around the first place that is found; None where none is."""
    found = pattern.search(text)
    if found is None:
        return None
    start, end = found.span()
    left, right = max(0, start - AROUND), min(len(text), end + AROUND)
    before, after = text[left:start], text[end:right]
    before = before.split("\n")[-1] if left == 0 or "\n" in before else _from_word(before)
    after = after.split("\n")[0] if "\n" in after else after if right == len(text) else (
        after.rpartition(" ")[0] + " …"
    )  # fmt: skip
    return Excerpt(before, found.group(), after)


def _from_word(text: str) -> str:
    return "… " + text.partition(" ")[2]


def judge(
    cases: Sequence[Labelled],
    call_id: str,
    inquiry: int,
    verdict: str,
    by: str,
    at: datetime,
    passage: str = "",
    note: str = "",
) -> Label:
    """A label that fits its inquiry; raises LabelError with what may be said instead."""
    case = next((one.case for one in cases if one.case.inquiry == inquiry), None)
    if case is None:
        raise LabelError(f"inquiry {inquiry}: this call has no such moment")
    allowed = [one.value for one in Verdict if one.shown == case.shown]
    if verdict not in allowed:
        what = "it had a card" if case.shown else "it had no card"
        raise LabelError(f"inquiry {inquiry}: {what}; say {' or '.join(allowed)}")
    if verdict == Verdict.RIGHT and passage == NOTHING:
        raise LabelError(
            f"inquiry {inquiry}: right, though nothing answers? Leave the passage out, or say wrong"
        )
    if verdict == Verdict.WRONG and passage and passage == case.passage:
        raise LabelError(
            f"inquiry {inquiry}: {passage!r} is the one that was shown; say right, or name another"
        )
    values = {
        "call_id": call_id,
        "inquiry": inquiry,
        "verdict": verdict,
        "by": by,
        "at": at,
        "passage": passage,
        "note": note,
    }
    try:
        return msgspec.convert(values, Label)
    except msgspec.ValidationError as error:
        raise LabelError(f"this judgement cannot be kept: {error}") from None
