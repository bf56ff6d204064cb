"""What goes into a slot and comes out of it at a tick, and the checks at that door."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.engine.errors import EngineError
from copilot.engine.lm import KEEP, ZERO
from copilot.engine.presets import LmConfig
from copilot.engine.rows import TOP, Layout

Codes = Sequence[int] | NDArray[np.int64]
"""One frame: a code per codebook; of the user's, -1 stands for one that is left out."""

Plan = tuple[int | None, int | None, int | None]
"""The text to be written where the model would take PAD, EPAD, or any other; None lets it."""


class SlotInput(NamedTuple):
    """What a slot is given at a tick, in which it consumes its column p."""

    user: Codes
    """Frame p of the other party; of a recogniser all its codebooks."""
    own: Codes | None = None
    """Frame p of the own voice; None: as the model chose it."""
    onset: int | None = None
    """Codebook 0 of frame p + 1 of the own voice, where that is known already."""
    speaks: bool = False
    """Whether the model chooses what is not given of its own voice; else it is to be given, frame
    by frame, and the depth transformer is not run for it."""
    text: int | Plan | None = None
    """The text of column p + 1; None lets the model choose."""

    @property
    def chooses(self) -> bool:
        """Whether there is something for the depth transformer to choose."""
        return self.speaks and (self.own is None or self.onset is None)


class SlotOutput(NamedTuple):
    """What a slot has to say at a tick, in which it consumed its column p."""

    position: int
    """p."""
    text: int
    """Of column p + 1."""
    choice: int
    """The text the model would have taken."""
    own: tuple[int, ...]
    """Frame p of the own voice."""
    wish: float
    """Probability that the text stream says anything but PAD, 0 … 1."""
    onset: float
    """Probability of EPAD: a word begins at the next tick, 0 … 1."""
    top: tuple[tuple[int, float], ...]
    """The most probable text tokens with their probabilities."""
    pauses: tuple[float, ...]
    """Class 0 of every extra head: that the speaker has finished, 0 … 1."""


class Edge:
    """Packs inputs into lines of `Layout`, and reads the lines that `Rows` tells."""

    def __init__(self, config: LmConfig, layout: Layout) -> None:
        self.config, self.layout = config, layout
        delays = np.array(config.delays[config.user_row :])
        self.heard_now, self.heard_late = np.flatnonzero(delays == 0), np.flatnonzero(delays)
        first = config.user_row
        self.now = layout.column.start + first + self.heard_now
        self.late = layout.following.start + first - 1 + self.heard_late

    def give(self, line: NDArray[np.int64], what: SlotInput, owes: bool, who: str) -> None:
        """Write one line, which was KEEP all over; EngineError where the input does not fit."""
        config, layout = self.config, self.layout
        line[layout.live] = 1
        count = config.rows - config.user_row
        user = self._codes(what.user, count, ZERO, who, "user")
        line[self.now], line[self.late] = user[self.heard_now], user[self.heard_late]
        if what.text is not None:
            line[layout.text] = self.plan(what.text, who)
        if not config.steps:
            self._check_mute(what, who)
            return
        start = layout.following.start
        if what.own is not None:
            own = self._codes(what.own, config.steps, 0, who, "own")
            line[layout.column.start + 1] = own[0]
            line[start + 1 : start + config.steps] = own[1:]
        elif owes or not what.speaks:
            raise EngineError(
                f"{who}: own is missing: a slot that does not speak, or did not at its last tick, "
                "is given its own voice: the agent's codes, or those of silence"
            )
        if what.onset is not None:
            self.check(what.onset, config.card, who, "onset")
            line[start] = what.onset

    def plan(self, text: int | Plan | None, who: str) -> tuple[int, int, int]:
        """Tokens to be forced in the three cases, KEEP where the model is let."""
        plan = text if isinstance(text, tuple) else (text, text, text)
        for token in plan:
            if token is not None:
                self.check(token, self.config.text_card, who, "text")
        first, second, third = (KEEP if token is None else token for token in plan)
        return first, second, third

    def hear(self, line: list[float], position: int) -> SlotOutput | None:
        """One line of `Rows.told`; None where the model computed no numbers."""
        if not np.isfinite(line[0]):
            return None
        steps = self.config.steps
        column, following = line[4 : 5 + steps], line[5 + steps : 6 + 2 * steps]
        rest = 6 + 2 * steps
        tokens, chances = line[rest : rest + TOP], line[rest + TOP : rest + 2 * TOP]
        return SlotOutput(
            position,
            int(following[0]),
            int(line[3]),
            tuple(int(code) for code in (*column[1:2], *following[2:])),
            1 - line[1],
            line[2],
            tuple((int(token), chance) for token, chance in zip(tokens, chances, strict=True)),
            tuple(line[rest + 2 * TOP :]),
        )

    def check(self, token: int, limit: int, who: str, what: str) -> None:
        if not 0 <= token < limit:
            raise EngineError(f"{who}: {what} = {token}: expected 0 to {limit - 1}")

    def _codes(
        self, codes: Codes, count: int, least: int, who: str, what: str
    ) -> NDArray[np.int64]:
        frame = np.asarray(codes)
        if frame.shape != (count,) or frame.dtype.kind not in "iu":
            raise EngineError(
                f"{who}: {what} is {frame.dtype} {list(frame.shape)}: expected {count} codes"
            )
        if frame.min() < least or frame.max() >= self.config.card:
            raise EngineError(
                f"{who}: {what} has codes {frame.min()} to {frame.max()}: expected {least} to "
                f"{self.config.card - 1}"
            )
        return frame

    def _check_mute(self, what: SlotInput, who: str) -> None:
        if what.own is not None or what.onset is not None or what.speaks:
            raise EngineError(f"{who}: a recogniser has no voice; expected no own, onset or speaks")
