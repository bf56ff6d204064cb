"""A scripted ear for a stage: hears what is said there with a recogniser's delays and mistakes."""

import random
import re

from copilot.audio.frames import MicroTurn
from copilot.bench.timing.scene import Sound
from copilot.bench.timing.stage import Span, Spoken, Stage
from copilot.core.events import Heard
from copilot.core.vocabulary import TICK_MS, Hearing, Party, Word

GUESS_MS = 160
"""After its end a word is part of the guess."""
FINAL_MS = 480
"""After its end a word is final, as where 300 ms of silence end an utterance."""
SPEECH, NEARLY = 95, 40
WINDOW_MS = 32
"""A voice detector looks at so much at once: less of speech in a tick goes unnoticed."""
_OTHERS = "the a of to and parcel house there this in for three or they were more other".split()
_LETTERS = re.compile(r"[^\w'£€$%.:-]+|[.:,;-]+$")
_STARTS = {Sound.MUSIC: 12, Sound.NOISE: 3, Sound.VOICES: 60}
"""How often, in percent of ticks, a sound is taken for speech."""


class StageEar:
    """Hears one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._dice = random.Random(stage.scene.name)
        self._final = dict.fromkeys(Party, 0)
        self._heard: dict[tuple[int, int], str] = {}
        self._late: dict[int, int] = {}

    async def hear(self, turn: MicroTurn) -> Heard:
        agent, customer = (self._hearing(party, turn.tick) for party in Party)
        if self._stage.scene.swapped:
            agent, customer = customer, agent
        return Heard(turn.tick, agent, customer)

    async def close(self) -> None:
        """Nothing to give back."""

    def _hearing(self, party: Party, tick: int) -> Hearing:
        start, end = tick * TICK_MS, (tick + 1) * TICK_MS
        speech = self._speech(party, start, end)
        lost = self._dice.random() * 100 < self._stage.scene.loss
        words, partial = self._words(party, end)
        return Hearing(min(speech, NEARLY) if lost else speech, words=words, partial=partial)

    def _speech(self, party: Party, start: float, end: float) -> int:
        if self._stage.sounding(party, start, end) >= WINDOW_MS:
            return SPEECH
        sounds = [
            one.line.sound
            for one in self._stage.of(party)
            if one.line.sound is not None and Span(one.start, one.end).overlap(start, end)
        ]
        taken = max((_STARTS[sound] for sound in sounds if sound), default=0)
        return SPEECH if self._dice.random() * 100 < taken else 0

    def _words(self, party: Party, now: float) -> tuple[tuple[Word, ...], str]:
        """Words that are final now, and the guess at those after them."""
        spoken = [
            (number, place, word)
            for number, one in enumerate(self._stage.uttered)
            if one.line.party is party
            for place, word in enumerate(one.words)
        ]
        first = self._final[party]
        count = first
        while count < len(spoken) and self._due(spoken[count]) <= now:
            count += 1
        self._final[party] = count
        final = [
            Word(text, int(one[2].start // TICK_MS), -int(-one[2].end // TICK_MS))
            for one in spoken[first:count]
            if (text := self._text(one))
        ]
        guess = [self._text(one) for one in spoken[count:] if one[2].end + GUESS_MS <= now]
        return tuple(final), " ".join(filter(None, guess))

    def _due(self, one: tuple[int, int, Spoken]) -> float:
        number, _, word = one
        jitter = self._stage.scene.jitter
        if number not in self._late:
            self._late[number] = self._dice.randint(0, jitter) * TICK_MS if jitter else 0
        return word.end + FINAL_MS + self._late[number]

    def _text(self, one: tuple[int, int, Spoken]) -> str:
        """What is recognised: now and then another word, the same every time it is asked."""
        number, place, word = one
        if (number, place) not in self._heard:
            wrong = self._dice.random() * 100 < self._stage.scene.errors
            text = self._dice.choice(_OTHERS) if wrong else _LETTERS.sub("", word.text.lower())
            self._heard[number, place] = text
        return self._heard[number, place]
