"""Who holds the floor: speech with hysteresis, pauses, turns, backchannels and overlap."""

from msgspec import Struct
from msgspec.structs import replace

from copilot.core.events import Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party

NEVER = -1_000_000
"""A tick before every call."""


class Speech(Struct, frozen=True):
    """One party's speech up to now."""

    speaking: bool = False
    rising: int = 0
    """Ticks in a row over the start threshold while not yet speaking."""
    start: int = NEVER
    """First tick of the present or last stretch of speech."""
    end: int = NEVER
    """Tick after the last speech."""
    turn: int | None = None
    """First tick of the open turn."""

    def silent_for(self, tick: int) -> int:
        """Ticks since the last speech; 0 while speaking."""
        return 0 if self.speaking else tick - self.end + 1


class Turn(Struct, frozen=True):
    """A turn that is over."""

    party: Party
    start: int
    end: int
    """Tick after its last speech."""
    backchannel: bool
    """Short, and inside the other party's turn."""


class Floor(Struct, frozen=True):
    """Both parties' speech."""

    agent: Speech = Speech()
    customer: Speech = Speech()

    @property
    def overlap(self) -> bool:
        return self.agent.speaking and self.customer.speaking

    def holder(self) -> Party | None:
        """Whose open turn began first; None in a gap."""
        agent, customer = self.agent.turn, self.customer.turn
        if agent is None or customer is None:
            return (
                Party.AGENT
                if agent is not None
                else Party.CUSTOMER
                if customer is not None
                else None
            )
        return Party.AGENT if agent <= customer else Party.CUSTOMER


def advance(floor: Floor, heard: Heard, policy: Policy) -> tuple[Floor, tuple[Turn, ...]]:
    """The floor one tick on, and the turns that ended with it."""
    agent = _hear(floor.agent, heard.agent.speech, heard.tick, policy)
    customer = _hear(floor.customer, heard.customer.speech, heard.tick, policy)
    over = []
    if _is_over(agent, customer, heard.tick, policy):
        over.append(_turn(Party.AGENT, agent, customer, policy))
        agent = replace(agent, turn=None)
    if _is_over(customer, agent, heard.tick, policy):
        over.append(_turn(Party.CUSTOMER, customer, agent, policy))
        customer = replace(customer, turn=None)
    return Floor(agent, customer), tuple(over)


def _hear(speech: Speech, probability: int, tick: int, policy: Policy) -> Speech:
    if speech.speaking:
        if probability >= policy.speech_off:
            return replace(speech, end=tick + 1)
        return replace(speech, speaking=False, rising=0)
    rising = speech.rising + 1 if probability >= policy.speech_on else 0
    if rising < policy.speech_on_ticks:
        return replace(speech, rising=rising)
    start = tick - rising + 1
    turn = start if speech.turn is None else speech.turn
    return Speech(speaking=True, rising=0, start=start, end=tick + 1, turn=turn)


def _is_over(own: Speech, other: Speech, tick: int, policy: Policy) -> bool:
    if own.turn is None or own.speaking:
        return False
    silent = own.silent_for(tick)
    taken = other.speaking and tick - other.start >= policy.backchannel_ticks
    return silent >= policy.end_of_turn_ticks or (taken and silent >= policy.pause_ticks)


def _turn(party: Party, own: Speech, other: Speech, policy: Policy) -> Turn:
    assert own.turn is not None
    short = own.end - own.turn <= policy.backchannel_ticks
    inside = other.turn is not None and other.turn < own.turn
    return Turn(party, own.turn, own.end, backchannel=short and inside)
