"""The rolling transcript of both parties."""

from msgspec import Struct
from msgspec.structs import replace

from copilot.core.vocabulary import Hearing, Party, TurnText, Word

_KEPT = 40
"""Turns kept; older ones are in the log."""
_GAP = 12
"""Ticks between two words of a party after which a new line begins."""


class Line(Struct, frozen=True):
    """Words of one party without a long break."""

    party: Party
    words: tuple[Word, ...]

    @property
    def start(self) -> int:
        return self.words[0].start

    @property
    def end(self) -> int:
        return self.words[-1].end

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class Transcript(Struct, frozen=True):
    """Final words as lines in order of their start, and what is being guessed now."""

    lines: tuple[Line, ...] = ()
    agent_partial: str = ""
    customer_partial: str = ""

    def words_since(self, party: Party, tick: int) -> list[str]:
        """The party's final words that end after `tick`."""
        return [
            word.text
            for line in self.lines
            if line.party is party and line.end > tick
            for word in line.words
            if word.end > tick
        ]

    def since(self, party: Party, tick: int) -> str:
        """The party's text from `tick` on, its partial included."""
        words = self.words_since(party, tick)
        partial = self.agent_partial if party is Party.AGENT else self.customer_partial
        return " ".join((*words, partial) if partial else words)

    def before(self, tick: int, count: int) -> tuple[TurnText, ...]:
        """The last lines that began before `tick`, oldest first."""
        lines = [line for line in self.lines if line.start < tick]
        return tuple(TurnText(line.party, line.text) for line in lines[-count:])

    def last(self, count: int) -> tuple[TurnText, ...]:
        """The last lines, oldest first."""
        return tuple(TurnText(line.party, line.text) for line in self.lines[-count:])


def hear(transcript: Transcript, agent: Hearing, customer: Hearing) -> Transcript:
    """The transcript with what one tick brought."""
    lines = transcript.lines
    if agent.words:
        lines = _append(lines, Party.AGENT, agent.words)
    if customer.words:
        lines = _append(lines, Party.CUSTOMER, customer.words)
    unchanged = (
        lines is transcript.lines
        and agent.partial == transcript.agent_partial
        and customer.partial == transcript.customer_partial
    )
    if unchanged:
        return transcript
    return Transcript(lines, agent.partial, customer.partial)


def _append(lines: tuple[Line, ...], party: Party, words: tuple[Word, ...]) -> tuple[Line, ...]:
    """Words go to the party's last line, or begin a new one; lines stay in order of their start."""
    own = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].party is party), None)
    if own is not None and words[0].start - lines[own].end < _GAP:
        line = replace(lines[own], words=lines[own].words + words)
        return (*lines[:own], line, *lines[own + 1 :])
    ordered = sorted((*lines, Line(party, words)), key=lambda line: line.start)
    return tuple(ordered[-_KEPT:])
