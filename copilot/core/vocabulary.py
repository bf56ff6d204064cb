"""What events are made of: ticks, parties, words, passages, silences, trained weights."""

from enum import StrEnum

from msgspec import Struct

TICK_MS = 80
"""Length of one tick, the only unit of time in a call."""
TICKS_PER_SECOND = 12.5


class Party(StrEnum):
    """Who is heard on a track."""

    AGENT = "agent"
    CUSTOMER = "customer"


class Silence(StrEnum):
    """Why the copilot stayed silent; the order is the gate's."""

    STALE = "stale"
    NO_EVIDENCE = "no_evidence"
    WEAK = "weak"
    EXPIRED = "expired"
    DO_NOT_TRIGGER = "do_not_trigger"
    ALREADY_SAID = "already_said"
    ALREADY_TOLD = "already_told"
    DISMISSED = "dismissed"
    UNGROUNDED = "ungrounded"
    QUIET = "quiet"
    COOLDOWN = "cooldown"
    BUDGET = "budget"
    SNOOZED = "snoozed"
    NO_CONSENT = "no_consent"


class Touch(StrEnum):
    """What the agent did with a card."""

    USED = "used"
    DISMISSED = "dismissed"
    OPENED = "opened"


class Word(Struct, frozen=True):
    """A recognised word."""

    text: str
    start: int
    """First tick of the word."""
    end: int
    """Tick after its last."""


class Hearing(Struct, frozen=True, omit_defaults=True):
    """What the ear made of one party in one tick."""

    speech: int = 0
    """Probability of speech in this tick, percent."""
    pause: int = 0
    """Probability that the party has finished speaking, percent; 0 where the ear cannot tell."""
    words: tuple[Word, ...] = ()
    """Words that became final since the last tick, maybe several ticks back; they never change."""
    partial: str = ""
    """The whole text after the final words as it is guessed now; replaced every tick."""


class Passage(Struct, frozen=True, omit_defaults=True):
    """A piece of knowledge that could help, as search ranked it."""

    id: str
    """``pack/file#heading``, stable across re-indexing."""
    title: str
    """The question it answers."""
    text: str
    say: str
    """The authored spoken line, at most 25 words; empty where there is none."""
    score: int
    """Support in percent: the probability that the passage is the one that answers."""
    entity: str = ""
    """What it is about, as people name it: a product, a branch; empty where it is general."""
    valid_until: str = ""
    """The last day on which it is true, as ``2026-12-31``; empty where it has no end."""
    priority: int = 0
    """During the cool-down only a passage of higher priority may follow."""


class Signals(Struct, frozen=True, omit_defaults=True):
    """What search can tell of whether knowledge is needed at all, each in percent."""

    seeking: int = 0
    """Probability that the words ask for something, whatever the packs hold."""
    title: int = 0
    """Cosine of the query and the nearest passage's question."""
    text: int = 0
    """Cosine of the query and the nearest passage, question and answer."""
    words: int = 0
    """The largest share of the query's information that a passage's words hold."""
    lead: int = 0
    """The first passage's share of the belief, less the best one's that says something else."""
    answerable: int = 100
    """Probability that the packs hold an answer, where they have learned to tell."""
    focus: int = 0
    """How plainly the talk has named what the first passage is about."""


class NeedModel(Struct, frozen=True):
    """Weights of the gate's model of need (``core/need.py``), as trained."""

    weights: dict[str, int]
    """By feature, in thousandths of the log-odds per percent."""
    bias: int
    """In thousandths."""
    calibration: tuple[tuple[int, int], ...]
    """``(score in thousandths, percent)``, both rising."""
    burden: tuple[tuple[int, int], ...] = ()
    """``(percent, unneeded whispers per hour in hundredths)`` that talk of another trade brings at
    most where that much probability is asked for; the percents rise, the burdens fall."""
    version: str = ""


class GapModel(Struct, frozen=True):
    """Weights of the model of gaps (``core/gap.py``), as trained."""

    horizons: tuple[int, ...]
    """Ticks within which the customer may begin to speak, rising."""
    weights: tuple[dict[str, int], ...]
    """Of each horizon, by feature, in thousandths of the log-odds per unit."""
    bias: tuple[int, ...]
    """In thousandths."""
    calibration: tuple[tuple[tuple[int, int], ...], ...]
    """Of each horizon ``(score in thousandths, percent)``, both rising."""
    version: str = ""


class TurnText(Struct, frozen=True):
    """One turn of the rolling transcript, as given to a composer."""

    party: Party
    text: str
