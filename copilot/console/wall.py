"""The calls that are on, as a supervisor sees them at a glance."""

from collections.abc import Callable

from msgspec import Struct

from copilot.core.policy import Rule
from copilot.core.state import CallState
from copilot.core.vocabulary import TICKS_PER_SECOND, Party
from copilot.store.models import CallRow

HELD_TICKS = 100
"""Eight seconds in which nobody speaks: the call is on hold, or somebody looks for something."""
LATE_MS = 200
"""Lag from which the copilot hears a call too late to be of help."""
LINES = 2
"""Lines of talk on the wall."""
LINE_WORDS = 18


class Said(Struct, frozen=True):
    """The end of a line of talk."""

    party: Party
    text: str
    guessed: bool = False


class Shown(Struct, frozen=True):
    """The card on the agent's screen."""

    title: str
    text: str
    advice: bool
    spoken: bool


class Seat(Struct, frozen=True):
    """One call on the wall."""

    call: CallRow
    agent: str
    """Name of the agent; empty: not known."""
    state: str
    """``live``, ``held``, ``silent`` (no sound arrives) or ``elsewhere`` (another process has it:
    of its talk nothing is known here until it is opened)."""
    quiet_s: int
    """Seconds in which nobody has spoken."""
    lag_ms: int
    lines: tuple[Said, ...]
    card: Shown | None
    ticked: tuple[str, ...]
    """Lines of the playbook that are done, or broken."""
    playbook: int
    """Lines that it has."""
    shadow: bool = False

    @property
    def late(self) -> bool:
        return self.lag_ms >= LATE_MS


def seat(
    call: CallRow,
    state: CallState,
    agent: str,
    lag_ms: float,
    heard: bool,
    title: str,
    clean: Callable[[str], str] = str,
) -> Seat:
    """A call as it stands; `heard`: sound is arriving; `title` is its card's."""
    quiet = _quiet(state)
    playbook = state.policy.playbook if state.started else ()
    return Seat(
        call,
        agent,
        "silent" if not heard else "held" if quiet >= HELD_TICKS else "live",
        round(quiet / TICKS_PER_SECOND),
        round(lag_ms),
        _lines(state, clean),
        _card(state, title),
        tuple(sorted(state.ticked)),
        sum(item.rule is not Rule.MUST_NOT_SAY for item in playbook),
        bool(state.started and state.policy.shadow),
    )


def _quiet(state: CallState) -> int:
    floor = state.floor
    if floor.agent.speaking or floor.customer.speaking:
        return 0
    return min(state.tick, state.tick - max(floor.agent.end, floor.customer.end, 0))


def _lines(state: CallState, clean: Callable[[str], str]) -> tuple[Said, ...]:
    lines = [Said(line.party, line.text) for line in state.transcript.lines[-LINES:]]
    for party, partial in (
        (Party.AGENT, state.transcript.agent_partial),
        (Party.CUSTOMER, state.transcript.customer_partial),
    ):
        if partial:
            lines.append(Said(party, partial, guessed=True))
    return tuple(Said(one.party, _end(clean(one.text)), one.guessed) for one in lines[-LINES:])


def _end(text: str) -> str:
    words = text.split()
    return text if len(words) <= LINE_WORDS else "… " + " ".join(words[-LINE_WORDS:])


def _card(state: CallState, title: str) -> Shown | None:
    card = state.card
    return None if card is None else Shown(title, card.text, card.advice, card.spoken)
