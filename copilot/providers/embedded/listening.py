"""Both parties of a call cut into utterances: what every ear on Silero begins with."""

from collections.abc import Mapping
from typing import NamedTuple

from copilot.audio.frames import MicroTurn
from copilot.core.vocabulary import Party
from copilot.providers.embedded.endpoint import Endpointer, Manner, Piece
from copilot.providers.embedded.speech import RATE, Channel, Speech

TICK_SAMPLES = RATE * 80 // 1000


class Cut(NamedTuple):
    """One party's share of a tick."""

    speech: int
    """Highest probability of speech in the tick, percent."""
    pause: int
    """Probability that the party has finished, percent."""
    pieces: list[Piece]
    """What the recogniser is to be told."""


class Listening:
    """One call's two channels."""

    def __init__(self, speech: Speech, manner: Manner) -> None:
        self._speech = speech
        self._channels = {party: Channel() for party in Party}
        self._endpointers = {party: Endpointer(manner) for party in Party}
        self._next: int | None = None
        speech.calls += 1

    async def hear(self, turn: MicroTurn) -> Mapping[Party, Cut]:
        """Cut one micro-turn; where ticks are missing, open utterances end before it."""
        sounds = {Party.AGENT: turn.agent, Party.CUSTOMER: turn.customer}
        channels = [self._channels[party] for party in sounds]
        found = await self._speech.hear(channels, list(sounds.values()))
        broken = self._next is not None and turn.tick != self._next
        self._next = turn.tick + 1
        cuts = {}
        for (party, samples), windows in zip(sounds.items(), found, strict=True):
            endpointer = self._endpointers[party]
            pieces = endpointer.finish() if broken else []
            pieces += endpointer.feed(turn.tick * TICK_SAMPLES, samples, windows)
            cuts[party] = Cut(round(100 * max(windows, default=0.0)), endpointer.pause, pieces)
        return cuts

    def close(self) -> None:
        self._speech.calls -= 1
