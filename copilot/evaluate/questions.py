"""What a good copilot would do in a scripted call, question by question, for a log to be judged by.

Times are milliseconds of call audio from the start of tick 0, passages are ids of the packs.
"""

from enum import StrEnum

from msgspec import Struct

QUESTION_MS = 12_000
"""How long before its end a question starts where it does not say."""
ANSWER_MS = 12_000
"""How long after its end a card still belongs to a question."""


class Expects(StrEnum):
    """What the copilot should do about a question."""

    CARD = "card"
    """Show one of its passages."""
    SILENCE = "silence"
    """Nothing: the packs cannot answer it."""
    SAID = "said"
    """Nothing: the agent answers it without help."""


class Question(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question of a call and what should come of it."""

    asks: str
    """The question's words, for the reader."""
    at_ms: int
    """End of the question."""
    expects: Expects
    passages: tuple[str, ...] = ()
    """Ids of the passages that answer it, any of them right."""
    start_ms: int | None = None
    """Start of the question; None: `QUESTION_MS` before its end."""

    @property
    def window(self) -> tuple[int, int]:
        """First and last millisecond at which a card can belong to the question."""
        start = self.at_ms - QUESTION_MS if self.start_ms is None else self.start_ms
        return start, self.at_ms + ANSWER_MS


class Targets(Struct, frozen=True, forbid_unknown_fields=True):
    """What a call must reach to pass."""

    right: int | None = None
    """Questions that must get the right card; None: three of four, rounded up."""
    delay_ms: int = 1000
    """Median from the end of a question to its right card, at most."""
    unneeded: int = 1
    """Cards that belong to no question, at most."""


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """What one call asks, and what it must reach."""

    questions: tuple[Question, ...]
    targets: Targets = Targets()
