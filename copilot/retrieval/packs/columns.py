"""The columns of a question list, by the names that people give them."""

import re
from collections.abc import Sequence

COLUMNS = {
    "question": ("question", "questions", "q", "faq", "customer question"),
    "answer": ("answer", "answers", "a", "reply", "response"),
    "say": ("say", "spoken line", "spoken answer", "short answer"),
    "entity": ("entity", "product", "branch", "about"),
    "valid_until": ("valid until", "valid to", "valid through", "expires", "expiry date"),
    "priority": ("priority",),
}
"""Each column's names; capitals, underscores, hyphens and marks do not matter."""
WANTED = ("question", "answer")
_NAMES = {name: column for column, names in COLUMNS.items() for name in names}


def find_columns(head: Sequence[str]) -> dict[str, int]:
    """Where each known column stands; the first of two that mean the same."""
    found: dict[str, int] = {}
    for place, name in enumerate(head):
        column = _NAMES.get(re.sub(r"[\W_]+", " ", name.casefold()).strip())
        if column is not None:
            found.setdefault(column, place)
    return found
