"""What a call whose process died has left in its log: enough to go on with it."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from copilot.core.call import enter
from copilot.core.events import CallStarted, Entry, Input, ShowCard, WithdrawCard
from copilot.core.state import CallState


class Left(NamedTuple):
    """A call as its log has it."""

    started: CallStarted
    state: CallState
    card: ShowCard | None
    """The card that was up."""

    @property
    def packs(self) -> tuple[str, ...]:
        """Names of the packs it searches: ``parcel`` of ``parcel@1f0c9a2e``."""
        return tuple(ref.partition("@")[0] for ref in self.started.packs)


def left(entries: Sequence[Entry]) -> Left:
    """The state after the log's inputs, which are run again; pure, and slow for a long call."""
    started = entries[0].event
    assert isinstance(started, CallStarted), "a log begins with CallStarted"
    state, card = CallState(), None
    for entry in entries:
        match entry.event:
            case ShowCard() as shown:
                card = shown
            case WithdrawCard():
                card = None
            case event if isinstance(event, Input):
                state, _ = enter(state, event)
    return Left(started, replace(state, seq=len(entries)), card)
