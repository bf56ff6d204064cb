"""What is really said in a scene and when, to the millisecond; lines wait for whispers there."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from copilot.bench.timing.scene import Line, Scene
from copilot.core.vocabulary import Party

PIECE = re.compile(r"<(\d+)>|(\S+)")
_SYLLABLE = re.compile(r"[aeiouy]+")
_RATE = 150
"""Words per minute of `_WORD_MS` and `_SYLLABLE_MS`."""
_WORD_MS, _SYLLABLE_MS = 130, 190
"""An English word of one and a half syllables takes 0.4 s at 150 words a minute."""
BRIDGE_MS = 120
"""Silence between two words that nobody hears as silence."""

LOOKAHEAD_MS = 200
"""How long before its beginning a line is put in its place."""


@dataclass(frozen=True)
class Span:
    """A stretch of time, milliseconds."""

    start: float
    end: float

    def overlap(self, start: float, end: float) -> float:
        return max(0.0, min(self.end, end) - max(self.start, start))


@dataclass(frozen=True)
class Spoken:
    """A word in its place."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Uttered:
    """A line in its place."""

    line: Line
    start: float
    words: tuple[Spoken, ...]
    pauses: tuple[Span, ...]
    end: float

    @property
    def sounding(self) -> tuple[Span, ...]:
        """The stretches in which it is heard."""
        if not self.words:
            return (Span(self.start, self.end),)
        stretches = [Span(self.words[0].start, self.words[0].end)]
        for word in self.words[1:]:
            last = stretches[-1]
            if word.start - last.end <= BRIDGE_MS:
                stretches[-1] = Span(last.start, word.end)
            else:
                stretches.append(Span(word.start, word.end))
        return tuple(stretches)


@dataclass
class Stage:
    """Places a scene's lines as time goes on."""

    scene: Scene
    speak: Callable[[Line, float], Uttered] | None = None
    """Says when the words of a line are; by default each takes what its syllables take."""
    uttered: list[Uttered] = field(default_factory=list)
    skipped: list[Line] = field(default_factory=list)
    """Lines that waited for a whisper in vain."""
    _next: int = 0
    _end: float = 0.0
    """Of everything said so far."""
    _whisper: float | None = None
    """When the whisper began that is heard now or was heard last since the line before."""

    def whispered(self, at: float) -> None:
        """A whisper begins to be heard."""
        self._whisper = at

    def begin(self, at: float) -> None:
        """The first line's time counts from here."""
        self._end = at

    def advance(self, now: float) -> None:
        """Place every line that can be placed by now."""
        while self._next < len(self.scene.lines):
            line = self.scene.lines[self._next]
            start = self._start(line, now)
            if start is None:
                return
            self._next += 1
            if start < 0:
                self.skipped.append(line)
                continue
            placed = (self.speak or utter)(line, start)
            self.uttered.append(placed)
            self._end = max(self._end, placed.end)

    def _start(self, line: Line, now: float) -> float | None:
        """When the line begins; None: not known yet; negative: never."""
        if line.into is None:
            if now < self._end + line.after - LOOKAHEAD_MS:
                return None  # nobody needs to know yet
            self._whisper = None
            return max(0.0, self._end + line.after)
        if self._whisper is not None and self._whisper >= self._begun():
            start, self._whisper = self._whisper + line.into, None
            return max(start, now)
        return -1.0 if now > self._end + line.unless else None

    def _begun(self) -> float:
        """Whispers from before the last line do not count."""
        return self.uttered[-1].start if self.uttered else 0.0

    @property
    def over(self) -> bool:
        return self._next == len(self.scene.lines)

    @property
    def end(self) -> float:
        return self._end + self.scene.tail

    def of(self, party: Party) -> Iterator[Uttered]:
        return (one for one in self.uttered if one.line.party is party)

    def sounding(self, party: Party, start: float, end: float) -> float:
        """For how much of the time the party's words or voices are heard, milliseconds."""
        return sum(
            span.overlap(start, end)
            for one in self.uttered
            if one.line.party is party and one.start < end and one.end > start and one.words
            for span in one.sounding
        )


def utter(line: Line, start: float) -> Uttered:
    """The line with its words from `start` on."""
    if line.sound is not None:
        return Uttered(line, start, (), (), start + line.lasts)
    words: list[Spoken] = []
    pauses: list[Span] = []
    at = start
    for pause, text in PIECE.findall(line.say):
        if pause:
            pauses.append(Span(at, at + int(pause)))
            at += int(pause)
        else:
            end = at + duration(text, line.rate)
            words.append(Spoken(text, at, end))
            at = end
    return Uttered(line, start, tuple(words), tuple(pauses), at)


def duration(word: str, rate: int) -> float:
    """How long a word takes, milliseconds."""
    spoken = word.lower().removesuffix("e") or word
    syllables = max(1, len(_SYLLABLE.findall(spoken)))
    return (_WORD_MS + _SYLLABLE_MS * syllables) * _RATE / rate
