"""A scripted call: who says what and when, and the questions that it asks."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Party
from copilot.errors import ConfigError
from copilot.evaluate.questions import Expected, Expects, Question, Targets

SAMPLE = Path(__file__).with_name("sample.yaml")
TAIL_MS = 2500
"""Silence after the last line: the last end of turn is heard, too."""


class Manner(Struct, frozen=True, forbid_unknown_fields=True):
    """How a party speaks, in the voice's own options."""

    voice: str
    words_per_minute: int
    pitch: int = 50


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What a good copilot does about a line."""

    expects: Expects
    passages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.expects is Expects.CARD and not self.passages:
            raise ValueError("a question that expects a card needs its passages")


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing said."""

    party: Party
    text: str
    after: int = 400
    """Milliseconds from the end of everything said so far; negative where it overlaps."""
    rate: int | None = None
    """Words per minute, where it differs from the party's."""
    question: Asked | None = None


class Parties(Struct, frozen=True, forbid_unknown_fields=True):
    """Both parties' manners of speaking."""

    agent: Manner
    customer: Manner


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scripted call."""

    title: str
    parties: Parties
    lines: tuple[Line, ...]
    packs: tuple[str, ...] = ()
    targets: Targets = Targets()

    def manner(self, line: Line) -> Manner:
        """How `line` is said."""
        own = self.parties.agent if line.party is Party.AGENT else self.parties.customer
        return (
            own if line.rate is None else msgspec.structs.replace(own, words_per_minute=line.rate)
        )

    def text(self, party: Party) -> str:
        """All that the party says, for a word error rate."""
        return " ".join(line.text for line in self.lines if line.party is party)


class Placed(Struct, frozen=True):
    """A line in its place."""

    line: Line
    start_ms: int
    end_ms: int


def load(path: Path = SAMPLE) -> Script:
    """The script in `path`; raises ConfigError that names the file and the fault."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Script)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give another file") from None
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a script of a call ({error})") from None


def place(lines: Sequence[Line], lengths_ms: Sequence[int]) -> tuple[Placed, ...]:
    """Each line at its time, given how long it takes to say.

    Raises ConfigError where a party would talk over itself.
    """
    placed: list[Placed] = []
    end = 0
    free = dict.fromkeys(Party, 0)
    for line, length in zip(lines, lengths_ms, strict=True):
        start = max(0, end + line.after)
        if start < free[line.party]:
            raise ConfigError(
                f"{line.text!r}: the {line.party} still speaks {free[line.party] - start} ms "
                f"into it; make its 'after' larger than {line.after}"
            )
        placed.append(Placed(line, start, start + length))
        free[line.party] = start + length
        end = max(end, start + length)
    return tuple(placed)


def duration_ms(placed: Sequence[Placed]) -> int:
    """Length of the whole call."""
    return max(one.end_ms for one in placed) + TAIL_MS


def expected(placed: Sequence[Placed], targets: Targets) -> Expected:
    """The questions with the times at which they are asked."""
    return Expected(
        questions=tuple(
            Question(
                asks=one.line.text,
                start_ms=one.start_ms,
                at_ms=one.end_ms,
                expects=one.line.question.expects,
                passages=one.line.question.passages,
            )
            for one in placed
            if one.line.question is not None
        ),
        targets=targets,
    )
