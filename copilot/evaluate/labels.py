"""What a good copilot would do in a scripted call, as labels, and the file they are kept in.

`copilot.evaluate.judge` judges a log by them. They stand in a YAML file beside the call's script.
Times are milliseconds of call audio from the start of tick 0, passages are ids of the packs::

    questions:
      - asks: My tracking has not moved for three days, is it lost?
        start_ms: 31250          # where the question starts; left out: 12 s before its end
        at_ms: 34800             # where it ends
        expects: card            # the copilot should show one of these passages
        passages: [parcel/tracking#my-tracking-has-not-moved]
      - asks: Do you sponsor the cycling team?
        at_ms: 71200
        expects: silence         # the packs cannot answer it
      - asks: Can I pay on delivery?
        at_ms: 98400
        expects: said            # the agent answers it without help
        passages: [parcel/payment#paying-on-delivery]
    targets:                     # the whole section and each of its keys may be left out
      right: 3                   # questions that must get their card; left out: 3 of 4, rounded up
      delay_ms: 1000             # median from the end of a question to its card, at most
      unneeded: 1                # cards that nobody needed, at most
"""

from enum import StrEnum
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

from copilot.errors import LabelError

QUESTION_MS = 12_000
"""How long before its end a question starts where its label does not say."""
ANSWER_MS = 12_000
"""How long after its end a card still belongs to a question."""


class Expects(StrEnum):
    """What the copilot should do about a question."""

    CARD = "card"
    SILENCE = "silence"
    SAID = "said"


class Label(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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


class Labels(Struct, frozen=True, forbid_unknown_fields=True):
    """The labels of one call."""

    questions: tuple[Label, ...]
    targets: Targets = Targets()


def load_labels(path: Path) -> Labels:
    """The labels of a call, in the order of their times.

    Raises LabelError that names the file, the place in it and the remedy.
    """
    try:
        labels = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Labels)
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabelError(f"{path}: not a YAML file ({error})") from None
    except msgspec.ValidationError as error:
        raise LabelError(f"{path}: {error}") from None
    for label in labels.questions:
        _check(label, path)
    ordered = sorted(labels.questions, key=lambda label: label.at_ms)
    return Labels(tuple(ordered), labels.targets)


def _check(label: Label, path: Path) -> None:
    if label.expects is Expects.CARD and not label.passages:
        raise LabelError(f"{path}: {label.asks!r} expects a card; name its passages")
    if label.start_ms is not None and label.start_ms >= label.at_ms:
        raise LabelError(
            f"{path}: {label.asks!r} starts at {label.start_ms} ms and ends at {label.at_ms} ms; "
            "start_ms must come before at_ms"
        )
