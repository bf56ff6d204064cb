"""Calls that are listened to, mostly, and whispers that are spoken from a copy of them.

A listening slot is given its own voice: the human agent's, or silence. What it would say is read,
not said, and the depth transformer is not run. To say something the slot is forked: the copy writes
the given text on its own rhythm and makes the sound to it; the listening slot never hears that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from copilot.engine.edge import Codes, SlotInput, SlotOutput
from copilot.engine.errors import EngineError
from copilot.engine.presets import LmConfig
from copilot.engine.prompt import Prompt
from copilot.engine.sampling import GREEDY, Sampling
from copilot.engine.script import Script, Word
from copilot.engine.slots import Persona, Slots


class Frame(NamedTuple):
    """One tick of a call."""

    user: Codes
    """The other party's codes."""
    own: Codes | None = None
    """The agent's; None: silence, and the text is kept at PAD."""


class Heard(NamedTuple):
    """What a call gives at a tick."""

    wish: float
    """Probability that the model would say something at the next tick, 0 … 1."""
    onset: float
    """Probability that it would begin a word at the tick after that, 0 … 1."""
    choice: int
    """The text it would write."""
    top: tuple[tuple[int, float], ...]
    """The most probable texts with their probabilities: with the agent's voice as its own, a guess
    of what the agent is about to say."""
    spoken: tuple[int, ...] | None
    """Codes of one frame of the whisper; None where there is none."""
    begun: int
    """Words of the whisper that have been begun."""


class Phase(Enum):
    """Of a text that is being said."""

    ONSET = "its first frame is the next"
    SPEAKING = "its frames come one a tick"
    CUT = "one more frame, that is complete, and then silence"
    OVER = "silent"


class Speech:
    """Inputs of a slot that says a script, from its first tick to the silence after it."""

    def __init__(self, script: Script, silence: Sequence[int]) -> None:
        self.script = script
        self.silence = tuple(silence)
        self.phase = Phase.ONSET

    def stop(self) -> None:
        """Fall silent as soon as may be: at most one more frame is heard.

        What sounds in that frame was fixed a tick ago by its codebook 0; the others complete it.
        Everything after it is silence, from codebook 0 on.
        """
        if self.phase is Phase.ONSET:
            self.phase = Phase.OVER
        elif self.phase is Phase.SPEAKING:
            self.phase = Phase.CUT

    def input(self, user: Codes, own: Codes | None) -> SlotInput:
        """For the next tick; `own` is the voice the slot listened with, for its last frame."""
        quiet, pad = self.silence, self.script.pad
        match self.phase:
            case Phase.ONSET:
                own = quiet if own is None else own
                return SlotInput(user, own, speaks=True, text=self.script.plan)
            case Phase.SPEAKING:
                return SlotInput(user, speaks=True, text=self.script.plan)
            case Phase.CUT:
                return SlotInput(user, onset=quiet[0], speaks=True, text=pad)
            case Phase.OVER:
                return SlotInput(user, quiet, quiet[0], text=pad)

    def heard(self, said: SlotOutput) -> tuple[int, ...] | None:
        """Codes of a frame to be played, from what that tick gave; None where it is silent."""
        match self.phase:
            case Phase.ONSET:
                self.phase = Phase.SPEAKING
                self.script.written(said.text, said.wish)
                return None
            case Phase.SPEAKING:
                self.script.written(said.text, said.wish)
                if self.script.over:
                    self.phase = Phase.CUT
                return said.own
            case Phase.CUT:
                self.phase = Phase.OVER
                return said.own
            case Phase.OVER:
                return None


@dataclass
class _Whisper:
    slot: int
    speech: Speech


class Duplex:
    """Calls over one batch of slots; a whisper takes a slot of its own while it lasts."""

    def __init__(self, slots: Slots) -> None:
        config: LmConfig = slots.config
        if not config.steps or not config.silence_tokens:
            raise EngineError(
                "this model has no voice of its own, or no silence_tokens in its config; give a "
                "model of the Moshi family with both"
            )
        self.slots = slots
        self.silence = config.silence_tokens
        self.pad = config.existing_text_padding_id
        self._whispers: dict[int, _Whisper] = {}

    def open(self, prompt: Prompt | Persona | None = None, *, silent: bool = False) -> int:
        """A call that is listened to from now on; its number. Raises EngineError as `Slots`.

        `silent`: its frames will hold no voice of the agent.
        """
        return self.slots.admit(prompt, GREEDY, text=self.pad if silent else None)

    def close(self, call: int) -> None:
        self._drop(call)
        self.slots.free(call)

    def say(self, call: int, text: Sequence[Word], sampling: Sampling | None = None) -> None:
        """Whisper from the next tick on; a whisper that is under way ends at once.

        Raises EngineError where no slot is free.
        """
        self._drop(call)
        speech = Speech(Script(text, self.slots.config), self.silence)
        slot = self.slots.fork(call, sampling or Sampling())
        self._whispers[call] = _Whisper(slot, speech)

    def stop(self, call: int) -> None:
        """End the call's whisper, if there is one, after one more frame at most."""
        if call in self._whispers:
            self._whispers[call].speech.stop()

    def whispering(self, call: int) -> bool:
        return call in self._whispers

    def hear(self, frames: Mapping[int, Frame]) -> dict[int, Heard]:
        """One tick of the calls that are named, and of their whispers, in one step.

        Raises EngineError as `Slots.step`; a call of which the model computes no numbers is left
        out of the answer.
        """
        inputs = {call: self._listening(frame) for call, frame in frames.items()}
        whispers = {call: self._whispers[call] for call in frames if call in self._whispers}
        for call, whisper in whispers.items():
            inputs[whisper.slot] = whisper.speech.input(*frames[call])
        said = self.slots.step(inputs)
        return {call: self._heard(call, said) for call in frames if call in said}

    def _listening(self, frame: Frame) -> SlotInput:
        if frame.own is None:
            return SlotInput(frame.user, self.silence, self.silence[0], text=self.pad)
        return SlotInput(frame.user, frame.own)

    def _heard(self, call: int, said: Mapping[int, SlotOutput]) -> Heard:
        told, whisper = said[call], self._whispers.get(call)
        spoken, begun = None, 0
        if whisper is not None:
            begun = whisper.speech.script.begun
            if whisper.slot in said:
                spoken = whisper.speech.heard(said[whisper.slot])
                begun = whisper.speech.script.begun
            if whisper.slot not in said or whisper.speech.phase is Phase.OVER:
                self._drop(call)
        return Heard(told.wish, told.onset, told.choice, told.top, spoken, begun)

    def _drop(self, call: int) -> None:
        whisper = self._whispers.pop(call, None)
        if whisper is not None:
            self.slots.free(whisper.slot)
