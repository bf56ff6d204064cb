"""All calls of an engine: one tick of those that have a frame, through codec, recogniser and
duplex model. Seats are fixed numbers; what a call hears does not depend on who sits beside it.

Each party is encoded once: the recogniser hears all codebooks, the duplex model the first of them.
Nothing here knows of sockets, processes or clocks, or needs more than the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.engine.sampling import Sampling
from copilot.engine.slots import Persona, Slots
from copilot.engine.stt import Recognised, Recogniser
from copilot.providers.moshi import chair
from copilot.providers.moshi.chair import Chair, Codes, History
from copilot.providers.moshi.codec import Codec, Pcm
from copilot.providers.moshi.models import Models
from copilot.providers.moshi.shedding import Shed

QUICK = 8
"""Longest delay of a recogniser, in ticks, that is passed in silence when speech has ended: the
published trick is for the model of 0.5 s only."""

NOTHING = Recognised((), "", ())


class Sound(NamedTuple):
    """One call in one tick; pairs are of agent and customer."""

    agent: Pcm
    """float32 [1920] within ±1."""
    customer: Pcm
    quiet: tuple[bool, bool] = (False, False)
    """Who has been silent for a while: such an agent is heard as silence, text and all."""
    ended: tuple[bool, bool] = (False, False)
    """Whose speech has just ended: the words on their way are fetched at once."""


class Told(NamedTuple):
    """What one call gives at a tick."""

    agent: Recognised
    customer: Recognised
    frame: History
    """``[rows]``: the tick as the duplex model remembers it, or would have."""
    wish: float = 0.0
    """Probability that the duplex model would speak, 0 … 1; 0 where it was not asked."""
    upcoming: str = ""
    """What it takes the agent to be saying next."""
    spoken: Pcm | None = None
    """One frame of the whisper."""
    whispering: bool = False
    """Whether more of it may come."""
    rolled: bool = False
    """Its window was begun anew after this tick."""


@dataclass
class _Seat:
    parties: tuple[int, int]
    """Slots of the recogniser."""
    mouth: int | None = None


class Calls:
    """At most `seats` calls, `whispers` of them whispering at once.

    Raises EngineError where they do not fit in memory.
    """

    def __init__(self, models: Models, seats: int, whispers: int) -> None:
        self.models = models
        self.seats, self.whispers = seats, whispers
        self.chair = Chair(models, seats, whispers)
        self.recogniser_slots = Slots(models.stt, 2 * seats)
        self._recogniser = Recogniser(
            self.recogniser_slots, models.letters, np.array(models.silence)
        )
        self._hurries = models.stt.config.delay_ticks <= QUICK
        self._codebooks = models.lm.config.steps
        self._codec = Codec(models.codec, 2 * seats, whispers, self._codebooks)
        self._open: dict[int, _Seat] = {}
        self.shed = Shed.NOTHING

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, seat: int) -> bool:
        return seat in self._open

    def open(
        self,
        seat: int,
        persona: Persona | None = None,
        prompt: Prompt | None = None,
        listens: bool = True,
    ) -> None:
        """Seat a call; `listens`: the duplex model too, else it takes its chair later.

        `persona` was prepared from `prompt`. Raises EngineError where the seat is taken.
        """
        if seat in self._open:
            raise EngineError(f"seat {seat}: taken; close it first")
        for row in self._ears(seat):
            self._codec.renew_ear(row)
        self._open[seat] = _Seat((self._recogniser.open(), self._recogniser.open()))
        if listens:
            self.chair.open(seat, persona, prompt, None)

    def close(self, seat: int) -> None:
        for party in self._open.pop(seat).parties:
            self._recogniser.close(party)
        self.chair.close(seat)

    def speak(self, seat: int, text: str, sampling: Sampling | None = None) -> None:
        """Whisper from the next tick on; raises EngineError where no fork can be had, or `text`
        has no word."""
        if seat not in self.chair:
            raise EngineError(f"seat {seat}: the engine is too busy to speak")
        taken = {one.mouth for number, one in self._open.items() if number != seat}
        mouth = next((row for row in range(self.whispers) if row not in taken), None)
        if mouth is None:
            raise EngineError(f"all {self.whispers} whispers are taken: raise ear.whispers")
        self.chair.speak(seat, text, sampling)
        self._codec.renew_mouth(mouth)
        self._open[seat].mouth = mouth

    def stop(self, seat: int) -> None:
        """End the whisper, if there is one, after one more frame at most."""
        self.chair.stop(seat)

    @torch.no_grad()
    def tick(self, sounds: Mapping[int, Sound]) -> dict[int, Told]:
        """One tick of the calls that are named; the others do not move."""
        frames: dict[int, Pcm] = {}
        for seat, sound in sounds.items():
            frames |= dict(zip(self._ears(seat), (sound.agent, sound.customer), strict=True))
        codes = self._codec.encode(frames)
        heard = self._recognise(sounds, codes)
        pairs = {
            seat: (codes[own][: self._codebooks], codes[other][: self._codebooks])
            for seat in sounds
            for own, other in (self._ears(seat),)
        }
        said = self.chair.hear(
            {seat: (*pairs[seat], sounds[seat].quiet[0]) for seat in sounds if seat in self.chair}
        )
        spoken = self._sound(said)
        rolled = self.chair.roll_over({seat: _calm(sounds[seat], heard[seat]) for seat in said})
        told = {}
        for seat, sound in sounds.items():
            one = said.get(seat)
            frame = self.chair.frame(*pairs[seat], sound.quiet[0], one)
            told[seat] = Told(*heard[seat], frame)
            if one is not None:
                told[seat] = told[seat]._replace(
                    wish=one.wish,
                    upcoming=one.upcoming,
                    spoken=spoken.get(seat),
                    whispering=one.whispering,
                    rolled=seat == rolled,
                )
        return told

    def _ears(self, seat: int) -> tuple[int, int]:
        return seat, self.seats + seat

    def _recognise(
        self, sounds: Mapping[int, Sound], codes: Mapping[int, Codes]
    ) -> dict[int, tuple[Recognised, Recognised]]:
        given: dict[int, Codes] = {}
        ended: set[int] = set()
        for seat, sound in sounds.items():
            for party, row, over in zip(
                self._open[seat].parties, self._ears(seat), sound.ended, strict=True
            ):
                given[party] = codes[row]
                ended |= {party} if over else set()
        heard = self._recogniser.hear(given)
        if self._hurries and self.shed < Shed.DETAIL:
            for party, late in self._recogniser.flush(ended & heard.keys()).items():
                both = (*heard[party].words, *late.words)
                heard[party] = Recognised(both, late.partial, heard[party].pauses)
        return {seat: self._pair(self._open[seat], heard) for seat in sounds}

    def _pair(self, made: _Seat, heard: Mapping[int, Recognised]) -> tuple[Recognised, Recognised]:
        """A party of which the model computed no numbers begins anew."""
        agent, customer = made.parties
        told = heard.get(agent, NOTHING), heard.get(customer, NOTHING)
        made.parties = (self._mended(agent, heard), self._mended(customer, heard))
        return told

    def _mended(self, party: int, heard: Mapping[int, Recognised]) -> int:
        if party in heard:
            return party
        self._recogniser.close(party)
        return self._recogniser.open()

    def _sound(self, said: Mapping[int, chair.Told]) -> dict[int, Pcm]:
        mouths = {}
        for seat, one in said.items():
            made = self._open[seat]
            if made.mouth is not None and one.spoken is not None:
                mouths[made.mouth] = seat, one.spoken
            if not one.whispering:
                made.mouth = None
        if not mouths:
            return {}
        pcm = self._codec.decode({mouth: codes for mouth, (_, codes) in mouths.items()})
        return {seat: pcm[mouth] for mouth, (seat, _) in mouths.items()}


def _calm(sound: Sound, heard: tuple[Recognised, Recognised]) -> bool:
    """Whether nobody is in mid-word."""
    return all(quiet or not one.partial for quiet, one in zip(sound.quiet, heard, strict=True))
