"""Words from the text stream of a recogniser, which lags the audio by a fixed number of ticks.

Each party of a call is a slot. The rule of words and times is the public server's: text 0 is a
boundary, PAD (3) says nothing, and any other token joins the word that is pending.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import torch

from copilot.engine.edge import Codes, SlotInput, SlotOutput
from copilot.engine.errors import EngineError
from copilot.engine.mimi import Mimi
from copilot.engine.presets import FRAME_RATE, LmConfig
from copilot.engine.prompt import Tokenizer
from copilot.engine.sampling import GREEDY, Sampling
from copilot.engine.slots import Slots

SILENCES = 64
"""Silences that are told apart; no word is older, and a call without end takes no more memory."""

SETTLED = 25
"""Frames of zeros after which a codec's codes of silence no longer change much, 2 s."""


class Spelled(NamedTuple):
    """A word is complete."""

    tokens: tuple[int, ...]
    start: int
    """Tick of the boundary before it."""


class Ended(NamedTuple):
    """A boundary; the words before it, since the last one, have ended."""

    stop: int
    """Its tick."""


@dataclass
class Speller:
    """Tokens to words, for one stream."""

    delay: int
    """Ticks by which the text lags."""
    pad: int = 3
    boundary: int = 0
    pending: list[int] = field(default_factory=list)
    """Of the word that is not complete."""
    _last: int = 0
    _open: bool = False

    def push(self, count: int, token: int) -> tuple[Spelled | Ended, ...]:
        """The token that the model took at its forward number `count`, from 1."""
        if count < self.delay:
            return ()
        if token not in (self.pad, self.boundary):
            self.pending.append(token)
            return ()
        told: list[Spelled | Ended] = []
        if self.pending:
            told.append(Spelled(tuple(self.pending), self._last))
            self.pending.clear()
            self._open = True
        if token == self.boundary:
            self._last = count - self.delay
            if self._open:
                told.append(Ended(self._last))
            self._open = False
        return tuple(told)


class Word(NamedTuple):
    """A word, with the ticks of the audio in which it was spoken."""

    text: str
    start: int
    end: int


class Recognised(NamedTuple):
    """What one party gives at a tick."""

    words: tuple[Word, ...]
    """Complete with this tick."""
    partial: str
    """Of the word that is being spoken."""
    pauses: tuple[float, ...]
    """Probabilities that the speaker has finished, by horizon; none without such heads."""


@dataclass
class Clock:
    """From ticks of the model to those of the audio, which silence in between has set apart."""

    silences: deque[tuple[int, int]] = field(default_factory=deque)
    """Model ticks [from, to) that were no audio, in order: the latest of them."""
    before: int = 0
    """Ticks of those that are no longer told apart."""

    def skip(self, start: int, count: int) -> None:
        self.silences.append((start, start + count))
        if len(self.silences) > SILENCES:
            first, stop = self.silences.popleft()
            self.before += stop - first

    def audio(self, tick: int) -> int:
        """What was heard inside a silence was heard as it began."""
        lost = self.before
        for start, stop in self.silences:
            if tick <= start:
                break
            lost += min(tick, stop) - start
        return max(0, tick - lost)


@dataclass
class _Party:
    speller: Speller
    clock: Clock
    heard: int
    """Frames that the model has been given."""


class Recogniser:
    """Parties that are listened to, one slot each.

    `silence` is a frame of it in codes, see `silence_codes`. Raises EngineError where the model is
    no recogniser, or the tokenizer is not its own.
    """

    def __init__(
        self,
        slots: Slots,
        tokenizer: Tokenizer,
        silence: Codes,
        sampling: Sampling = GREEDY,
    ) -> None:
        config: LmConfig = slots.config
        if config.steps:
            raise EngineError("this model has a voice of its own: expected a recogniser, dep_q = 0")
        self.slots, self.config, self.tokenizer = slots, config, tokenizer
        self.silence, self.sampling = silence, sampling
        self.prefix = ceil(config.audio_silence_prefix_seconds * FRAME_RATE)
        self._parties: dict[int, _Party] = {}

    def open(self) -> int:
        """A party that begins to be heard with the next tick; its number."""
        party = self.slots.admit(sampling=self.sampling)
        speller = Speller(
            self.config.delay_ticks,
            self.config.existing_text_padding_id,
            self.config.existing_text_end_padding_id,
        )
        self._parties[party] = _Party(speller, Clock(), 0)
        self._pass({party}, self.prefix)
        return party

    def close(self, party: int) -> None:
        self.slots.free(party)
        del self._parties[party]

    def hear(self, frames: Mapping[int, Codes]) -> dict[int, Recognised]:
        """One tick of the parties that are named.

        Raises EngineError as `Slots.step`; a party of which the model computes no numbers is left
        out of the answer.
        """
        return self._feed(frames)

    def flush(self, parties: Collection[int]) -> dict[int, Recognised]:
        """Have the words that are still on their way, where speech has ended.

        The text's delay is passed in silence, as fast as the model can. The parties can be heard
        further; ticks of later words are those of their audio.
        """
        told = self._pass(parties, self.config.delay_ticks + 1)
        return {party: _together(parts) for party, parts in told.items() if parts}

    def _pass(self, parties: Collection[int], ticks: int) -> dict[int, list[Recognised]]:
        """Silence that is not on the clock of the audio."""
        for party in parties:
            state = self._parties[party]
            state.clock.skip(state.heard, ticks)
        told: dict[int, list[Recognised]] = {party: [] for party in parties}
        for _ in range(ticks):
            for party, one in self._feed(dict.fromkeys(parties, self.silence)).items():
                told[party].append(one)
        return told

    def _feed(self, frames: Mapping[int, Codes]) -> dict[int, Recognised]:
        said = self.slots.step({party: SlotInput(codes) for party, codes in frames.items()})
        return {party: self._heard(self._parties[party], one) for party, one in said.items()}

    def _heard(self, party: _Party, said: SlotOutput) -> Recognised:
        party.heard += 1
        now = said.position + 1
        words = tuple(
            self._word(party, event, now - party.speller.delay)
            for event in party.speller.push(now, said.text)
            if isinstance(event, Spelled)
        )
        return Recognised(words, self.tokenizer.decode(party.speller.pending), said.pauses)

    def _word(self, party: _Party, word: Spelled, end: int) -> Word:
        start = party.clock.audio(word.start)
        return Word(self.tokenizer.decode(list(word.tokens)), start, party.clock.audio(end))


def silence_codes(codec: Mimi) -> tuple[int, ...]:
    """A frame of zeros as the codec hears it after a while."""
    stream = codec.encoder_stream(1)
    zeros = torch.zeros(1, 1, codec.config.frame_size, device=stream.offset.device)
    for _ in range(SETTLED):
        codes = codec.encode(zeros, stream)
    return tuple(codes[0, :, 0].tolist())


def _together(parts: Sequence[Recognised]) -> Recognised:
    words = tuple(word for part in parts for word in part.words)
    return Recognised(words, parts[-1].partial, parts[-1].pauses)
