"""What is left out when ticks take too long: the wish first, then what makes words come early."""

from enum import IntEnum

TICK_S = 0.08
BUSY = 0.85
"""Share of a tick that its work may take before something is left out."""
CALM = 0.6
"""Share under which it is taken up again."""
BUSY_TURNS = 5
"""Busy turns that call for it: one slow turn is nothing, catching up takes care of that."""
CALM_TURNS = 50
"""Calm turns before anything is taken up again, 4 s: it would soon be left out once more."""


class Shed(IntEnum):
    """Each holds what is left out before it as well."""

    NOTHING = 0
    WISH = 1
    """The duplex model hears only calls in which a whisper is being spoken."""
    DETAIL = 2
    """Words are not hurried at the end of speech."""
    NEW_CALLS = 3
    """Nobody else is admitted; those there are stay as they are."""


class Shedding:
    """Fed the seconds of each turn; pure."""

    def __init__(self) -> None:
        self.level = Shed.NOTHING
        self._busy = 0
        self._calm = 0

    def note(self, seconds: float) -> None:
        share = seconds / TICK_S
        self._busy = self._busy + 1 if share > BUSY else 0
        self._calm = self._calm + 1 if share < CALM else 0
        if self._busy >= BUSY_TURNS and self.level < Shed.NEW_CALLS:
            self.level, self._busy = Shed(self.level + 1), 0
        elif self._calm >= CALM_TURNS and self.level > Shed.NOTHING:
            self.level, self._calm = Shed(self.level - 1), 0
