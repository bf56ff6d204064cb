"""The duplex model in the agent's chair: of every call it hears the agent as its own voice and the
customer as the other one's, says how much it wishes to speak and what would come next, and whispers
from a fork.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from copilot.engine.duplex import Duplex, Frame
from copilot.engine.duplex import Heard as Listened
from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.engine.sampling import Sampling
from copilot.engine.script import words
from copilot.engine.slots import Persona, Slots
from copilot.providers.moshi.models import Models
from copilot.providers.moshi.plan import kept

EARLY = 8
"""It may roll over once less than one in so many of the window is left, and nobody speaks."""
RECENT = 12
"""Ticks of which the model's own words count as what the agent is about to say, about 1 s."""
LIKELY = 0.1
"""Probability from which the best next piece is added to them."""

Codes = NDArray[np.int64]
History = NDArray[np.int32]
"""``[rows, frames]``: text, the agent's codes, the customer's, as the model heard them."""


class Told(NamedTuple):
    """What the model gives of one call at a tick."""

    wish: float
    """Probability that it would speak at the next tick, 0 … 1."""
    upcoming: str
    """What it takes the agent to be saying next."""
    spoken: tuple[int, ...] | None
    """Codes of one frame of the whisper."""
    whispering: bool
    """Whether more of it may come."""
    text: int
    """Of the frame that was heard."""


@dataclass
class _Seat:
    persona: Persona | None
    prompt: Prompt | None
    slot: int
    position: int
    text: int
    """Of the frame that comes next."""
    pieces: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))


class Chair:
    """Calls by their seat. Raises EngineError where `calls` and `whispers` do not fit in memory."""

    def __init__(self, models: Models, calls: int, whispers: int) -> None:
        self.config, self._pieces = models.lm.config, models.pieces
        self.slots = Slots(
            models.lm,
            calls + whispers + 1,  # one is free for a call that rolls over
            window=models.window,
            kv=models.kv,
        )
        self._duplex = Duplex(self.slots)
        self._seats: dict[int, _Seat] = {}

    def __contains__(self, seat: int) -> bool:
        return seat in self._seats

    @property
    def window(self) -> int:
        return self.slots.window

    @property
    def kept(self) -> int:
        """Frames that a call takes along when it rolls over or is admitted again."""
        return kept(self.window)

    def prepare(self, prompt: Prompt) -> Persona:
        """For calls to share; raises EngineError where it leaves them too little room."""
        persona = self.slots.prepare(prompt)
        if persona.length > self.window // 2:
            raise EngineError(
                f"a prompt of {persona.length} frames ({len(prompt.role)} of them the role): at "
                f"most half of the window of {self.window} may be taken; shorten the role or the "
                "voice's recording"
            )
        return persona

    def open(
        self, seat: int, persona: Persona | None, prompt: Prompt | None, history: History | None
    ) -> None:
        """Begin to hear a call, or with `history` go on; `persona` was prepared from `prompt`."""
        start = persona
        if history is not None and history.shape[1]:
            recent = torch.from_numpy(history[:, -self.kept :]).long()
            whole = Prompt(gap=1) if prompt is None else prompt
            start = self.slots.prepare(
                Prompt(whole.voice, whole.role, gap=whole.gap, history=recent)
            )
        pad = self.config.existing_text_padding_id
        slot = self._duplex.open(start, silent=True)
        length = 1 if start is None else start.length
        self._seats[seat] = _Seat(persona, prompt, slot, length, pad)

    def close(self, seat: int) -> None:
        """Hear the call no more; its whisper ends at once."""
        made = self._seats.pop(seat, None)
        if made is not None:
            self._duplex.close(made.slot)

    def speak(self, seat: int, text: str, sampling: Sampling | None = None) -> None:
        """Whisper from the next tick on. Raises EngineError where there is no fork to be had, or
        `text` has no word."""
        self._duplex.say(self._seats[seat].slot, words(text, self._pieces, self.config), sampling)

    def stop(self, seat: int) -> None:
        """End the whisper, if there is one, after one more frame at most."""
        if seat in self._seats:
            self._duplex.stop(self._seats[seat].slot)

    def whispering(self, seat: int) -> bool:
        return seat in self._seats and self._duplex.whispering(self._seats[seat].slot)

    def hear(self, frames: Mapping[int, tuple[Codes, Codes, bool]]) -> dict[int, Told]:
        """One step: of each seat the agent's codes, the customer's, and whether the agent is
        silent: then silence is heard of him, and the text is kept at PAD.

        Of a seat of which the model computes no numbers it begins anew, and nothing is told.
        """
        given = {
            self._seats[seat].slot: Frame(other, None if quiet else own)
            for seat, (own, other, quiet) in frames.items()
        }
        said = self._duplex.hear(given)
        told = {}
        for seat, (_, _, quiet) in frames.items():
            made = self._seats[seat]
            one = said.get(made.slot)
            if one is None:
                self.close(seat)
                self.open(seat, made.persona, made.prompt, None)
            else:
                told[seat] = self._told(made, one, quiet)
        return told

    def frame(self, own: Codes, other: Codes, quiet: bool, said: Told | None) -> History:
        """``[rows]``: the tick as the model remembers it; with PAD where it was not asked."""
        text = self.config.existing_text_padding_id if said is None else said.text
        forced = np.array(self.config.silence_tokens) if quiet else own
        return np.concatenate(([text], forced, other)).astype(np.int32)

    def _told(self, made: _Seat, one: Listened, quiet: bool) -> Told:
        written = made.text
        made.text = self.config.existing_text_padding_id if quiet else one.choice
        made.position += 1
        made.pieces.append(made.text)
        whispering = self._duplex.whispering(made.slot)
        return Told(one.wish, self._upcoming(made, one), one.spoken, whispering, written)

    def _upcoming(self, made: _Seat, one: Listened) -> str:
        silent = (
            self.config.existing_text_padding_id,
            self.config.existing_text_end_padding_id,
        )
        pieces = [piece for piece in made.pieces if piece not in silent]
        best = [piece for piece, chance in one.top if chance >= LIKELY and piece not in silent]
        if best and (not made.pieces or made.pieces[-1] != best[0]):
            pieces.append(best[0])
        return self._pieces.decode(pieces)

    def roll_over(self, calm: Mapping[int, bool]) -> int | None:
        """Let one call of those named begin a fresh window, if one is due; its seat.

        `calm`: nobody is in mid-word; without that a call waits until its window is full. One at a
        time, so that what a fresh window costs falls on no tick twice.
        """
        late = self.window - self.window // EARLY
        last = max(late, self.window - len(self._seats))  # all may be due at once
        due = [
            (made.position, seat)
            for seat, made in self._seats.items()
            if seat in calm and made.position >= (late if calm[seat] else last)
        ]
        if not due:
            return None
        seat = max(due)[1]
        made = self._seats[seat]
        length = 1 if made.persona is None else made.persona.length
        self.slots.roll_over(made.slot, made.persona, self.kept)
        made.position = length + self.kept
        return seat
