"""What a call remembers between two inputs."""

from msgspec import Struct

from copilot.core.events import CallStarted, EarState
from copilot.core.floor import NEVER, Floor
from copilot.core.gate import HOUR
from copilot.core.inquiry import Inquiry, Span
from copilot.core.policy import Policy
from copilot.core.transcript import Transcript
from copilot.core.vocabulary import GapModel, NeedModel


class Card(Struct, frozen=True):
    """The card on the screen."""

    inquiry: int
    passage: str
    text: str
    support: int
    asked: int
    """First tick of the turn that called for it."""
    shown: int
    revision: int = 0
    composed: str = ""
    """The question that a composer was given; empty: none was asked."""
    used: bool = False
    spoken: bool = False
    advice: bool = False
    """Whether it shows a supervisor's words."""


class Playing(Struct, frozen=True):
    """The whisper in the earpiece."""

    whisper: int
    agent_over: int = 0
    """Ticks in a row in which the agent has spoken over it."""
    customer_over: int = 0
    passage: str = ""


class Told(Struct, frozen=True):
    """A card that was shown."""

    passage: str
    tick: int
    cost: int


class CallState(Struct, frozen=True):
    """One call, whole: the only thing that `step` reads beside its input."""

    started: CallStarted | None = None
    ended: bool = False
    tick: int = 0
    wish: int = 0
    """The duplex model's wish to speak, as heard last."""
    upcoming: str = ""
    """What it takes the agent to be saying next, as heard last."""
    finished: int = 0
    """The ear's probability that the customer has finished, as heard last; 0: it cannot tell."""
    seq: int = 0
    """Entries logged so far."""
    floor: Floor = Floor()
    transcript: Transcript = Transcript()
    turn: Span | None = None
    """The customer's latest turn that was no backchannel."""
    inquiry: Inquiry | None = None
    """The newest need; None when it is closed."""
    inquiries: int = 0
    """Inquiries opened so far."""
    card: Card | None = None
    playing: Playing | None = None
    told: tuple[Told, ...] = ()
    """Cards of the last hour."""
    dismissed: frozenset[str] = frozenset()
    echo: EarState = EarState.OPEN
    """What became of the ear because the agent's microphone heard whispers."""
    cut: frozenset[str] = frozenset()
    """Passages whose whisper was cut."""
    whispered: int = NEVER
    """Tick of the last whisper."""
    whispered_priority: int = 0
    """The priority of its passage."""
    ticked: frozenset[str] = frozenset()
    """Lines of the playbook that the agent has done or broken."""
    snoozed: int = 0
    """Tick from which cards are wanted again."""
    ear: bool = True
    """Whether the agent's earpiece is on."""

    @property
    def policy(self) -> Policy:
        assert self.started is not None, "a call begins with CallStarted"
        return self.started.policy

    @property
    def need(self) -> NeedModel | None:
        return self.started.need if self.started is not None else None

    @property
    def hears(self) -> bool:
        """Whether whispers may be heard: the earpiece is on, and no microphone passes it on."""
        return self.ear and self.echo is not EarState.OFF

    @property
    def gap(self) -> GapModel | None:
        return self.started.gap if self.started is not None else None

    @property
    def consent(self) -> bool:
        return self.started is not None and self.started.consent

    def spent(self) -> int:
        """Budget spent in the last hour."""
        return sum(told.cost for told in self.told if self.tick - told.tick < HOUR)
