"""Everything that can happen in a call: inputs, effects, log entries and their one codec."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from copilot.core.policy import Policy, Rule
from copilot.core.vocabulary import (
    GapModel,
    Hearing,
    NeedModel,
    Passage,
    Signals,
    Silence,
    Touch,
    TurnText,
)

# ---- inputs ------------------------------------------------------------------------------------


class CallStarted(Struct, frozen=True, tag="call_started"):
    """The first input of every call."""

    call_id: str
    policy: Policy
    packs: tuple[str, ...] = ()
    """Names of the packs in use, each with its version: ``parcel@1f0c9a2e``."""
    version: str = ""
    """Version of the copilot that made the log."""
    consent: bool = True
    """Whether the parties agreed to be assisted; without it no whisper and no stored log."""
    date: str = ""
    """The day of the call, as ``2026-11-26``; empty: unknown, and no passage counts as expired."""
    need: NeedModel | None = None
    """The gate's model of need; None: whatever is found is taken to be needed."""
    gap: GapModel | None = None
    """The model that chooses when and in how many words a line is spoken; None, as in older logs:
    the whole line, in any gap."""
    ruling: int = 0
    """Number of the team's published policy that the call began under; 0: the settings' own."""
    level: str = ""
    """How seasoned the agent is by the team's policy; empty: not told."""
    role: str = ""
    """Who the agent is, in the team's own words; empty: as the server is set."""
    voice: str = ""
    """The voice that the team wants, by its name; empty: as the server is set."""


class Heard(Struct, frozen=True, tag="heard", omit_defaults=True):
    """The ear's answer to one micro-turn; its tick is the core's only clock."""

    tick: int
    agent: Hearing = Hearing()
    customer: Hearing = Hearing()
    wish: int = 0
    """The duplex model's wish to speak, percent; 0 where there is no such model."""
    upcoming: str = ""
    """What the duplex model takes the agent to be saying next; empty where there is none."""


class EvidenceFound(Struct, frozen=True, tag="evidence_found"):
    """Search answered; an empty tuple means that it found nothing."""

    inquiry: int
    revision: int
    """Which search of the inquiry this answers."""
    passages: tuple[Passage, ...]
    """Best first; their score is the probability of being right if any passage is."""
    signals: Signals = Signals()


class Rewritten(Struct, frozen=True, tag="rewritten", omit_defaults=True):
    """The background model has put the customer's words as a question that stands alone, and search
    has answered that."""

    inquiry: int
    revision: int
    """Whose words they were."""
    query: str = ""
    """Empty: it has nothing better, or nothing that the talk and the packs hold."""
    passages: tuple[Passage, ...] = ()
    signals: Signals = Signals()


class DraftReady(Struct, frozen=True, tag="draft_ready", omit_defaults=True):
    """A composer has written a card, or has nothing better than the one that is shown."""

    inquiry: int
    text: str
    """Empty: nothing better."""
    cites: tuple[str, ...]
    checked: bool = False
    """Whether the composer has held each sentence against its passages by meaning; then the core
    asks for fewer of the same words."""


class Failed(Struct, frozen=True, tag="failed"):
    """Background work that did not succeed."""

    inquiry: int
    what: str
    """The effect that failed, by its tag: ``search``, ``rewrite``, ``compose``, ``speak``;
    ``hear``: the ear."""
    error: str
    revision: int = 0
    """Which search of the inquiry it was."""


class WhisperPlayed(Struct, frozen=True, tag="whisper_played"):
    """The earpiece has played a whisper to its end."""

    whisper: int
    ticks: int
    """How long it lasted."""


class CardTouched(Struct, frozen=True, tag="card_touched"):
    """The agent used, opened or dismissed a card."""

    inquiry: int
    how: Touch


class EchoHeard(Struct, frozen=True, tag="echo_heard"):
    """The agent's microphone has sent a whisper on: whom he talks to may have heard it."""

    whisper: int
    delay_ms: int
    """From the earpiece to the microphone and back."""
    level_db: int
    """Against the whisper as it was played."""


class Advised(Struct, frozen=True, tag="advised"):
    """A supervisor sends the agent a line while the call is on."""

    by: str
    """Who, as the agent knows them."""
    text: str


class Snoozed(Struct, frozen=True, tag="snoozed"):
    """The agent wants no card for a while."""

    ticks: int
    """From now on; 0 ends it."""


class EarSwitched(Struct, frozen=True, tag="ear_switched"):
    """The agent switched the earpiece, or its device went or came back."""

    on: bool


class CustomerKnown(Struct, frozen=True, tag="customer_known"):
    """Somebody has said whom the call is with, or what is known of them has changed: how much there
    is to read. What it is stands in the memory alone, so that it can be corrected and erased."""

    facts: int
    calls: int
    """Calls before, whose write-ups an agent has confirmed."""


class CallEnded(Struct, frozen=True, tag="call_ended"):
    """The last input of every call."""

    reason: str
    """``hang_up``, ``disconnected``, ``stopped``, ``failed``; ``cut``: the log broke off here."""


# ---- effects -----------------------------------------------------------------------------------


class Search(Struct, frozen=True, tag="search"):
    """Ask the knowledge base; a newer one of the same inquiry replaces it."""

    inquiry: int
    revision: int
    query: str
    turns: tuple[TurnText, ...] = ()
    """The lines before the customer's turn, oldest first: what the query may refer to."""


class Compose(Struct, frozen=True, tag="compose"):
    """Ask the background model for a better card."""

    inquiry: int
    query: str
    turns: tuple[TurnText, ...]
    passages: tuple[Passage, ...]


class Rewrite(Struct, frozen=True, tag="rewrite"):
    """Ask the background model for the question behind the words, and search for that as well; a
    newer one replaces it."""

    inquiry: int
    revision: int
    """The search that found too little."""
    query: str
    turns: tuple[TurnText, ...]


class ShowCard(Struct, frozen=True, tag="show_card"):
    """Put a card on the agent's screen, or revise the one of this inquiry."""

    inquiry: int
    revision: int
    """0 for the first text of the card, then counting up."""
    title: str
    text: str
    """The line to say."""
    cites: tuple[str, ...]
    """Ids of the passages it rests on, the first one its source."""
    support: int
    """Calibrated probability that this passage was needed, percent."""
    query: str
    """The words of the customer that it answers."""
    need: int = 100
    """Calibrated probability that anything was needed, percent."""
    by: str = ""
    """The supervisor whose words it shows; empty: the copilot's own card."""


class Ticked(Struct, frozen=True, tag="ticked"):
    """The agent has done what a line of the playbook is about, or broken it."""

    item: str
    """The line's name."""
    rule: Rule
    words: str
    """What the agent said."""


class Speak(Struct, frozen=True, tag="speak"):
    """Say a line in the agent's earpiece."""

    whisper: int
    """The inquiry it belongs to: an inquiry is spoken at most once."""
    text: str


class StopSpeaking(Struct, frozen=True, tag="stop_speaking"):
    """Empty the earpiece at once."""

    whisper: int
    reason: str
    """``agent_speaks``, ``customer_speaks``, ``echo``, ``dismissed``, ``advice``, ``snoozed``,
    ``muted`` or ``call_ended``."""


class EarState(StrEnum):
    """How whispers are heard."""

    OPEN = "open"
    SOFT = "soft"
    """12 dB softer."""
    OFF = "off"


class EarChanged(Struct, frozen=True, tag="ear_changed"):
    """From now on whispers are softer, or there are none; the agent is told why."""

    ear: EarState
    reason: str
    """``echo``."""


class Withheld(Struct, frozen=True, tag="withheld", omit_defaults=True):
    """The copilot decided to stay silent."""

    inquiry: int
    reason: Silence
    query: str
    cites: tuple[str, ...] = ()
    """The passage that was not shown, where there was one."""
    support: int = 0
    need: int = 100
    """Calibrated probability that anything was needed, percent."""


class WithdrawCard(Struct, frozen=True, tag="withdraw_card"):
    """Take a card off the screen."""

    inquiry: int
    reason: str
    """``said``, ``dismissed``, ``snoozed``, ``unsupported``, ``do_not_trigger``, ``expired``,
    ``replaced`` or ``call_ended``."""


Input = (
    CallStarted
    | Heard
    | EvidenceFound
    | Rewritten
    | DraftReady
    | Failed
    | WhisperPlayed
    | CardTouched
    | EchoHeard
    | Advised
    | Snoozed
    | EarSwitched
    | CustomerKnown
    | CallEnded
)
Effect = (
    Search
    | Rewrite
    | Compose
    | ShowCard
    | Speak
    | StopSpeaking
    | EarChanged
    | Withheld
    | WithdrawCard
    | Ticked
)
Event = Input | Effect


class Entry(Struct, frozen=True):
    """One line of a call log."""

    seq: int
    """Position in the log, from 0 and without gaps."""
    tick: int
    """The core's clock when it happened."""
    event: Event


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)
_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def kind(event: Event) -> str:
    """The event's tag, as it stands in logs and on the wire."""
    tag = type(event).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def encode(value: Entry | Event) -> bytes:
    """One line of JSON, without the newline."""
    return _encoder.encode(value)


def decode_entry(line: bytes | str) -> Entry:
    """The entry that ``encode`` wrote; raises ``msgspec.DecodeError`` for anything else."""
    return _decoder.decode(line)


def decode_event(body: bytes | str) -> Event:
    """The event that ``encode`` wrote; raises ``msgspec.DecodeError`` for anything else."""
    return _event_decoder.decode(body)
